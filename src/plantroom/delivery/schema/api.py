"""HTTP routes of the fleet's schemas."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from plantroom.delivery.schema.service import SchemaService
from plantroom.runtime.peers import caller

Actor = Annotated[str, Depends(caller)]
Fingerprint = Annotated[str, Field(pattern=r"^[0-9a-f]{6,64}$")]


class Accept(BaseModel):
    fingerprint: Fingerprint
    why: Annotated[str, Field(min_length=3, max_length=500)]


class Approve(BaseModel):
    what: Annotated[str, Field(min_length=1, max_length=100)]
    application: str | None = None
    why: Annotated[str, Field(min_length=3, max_length=500)]


class Repair(BaseModel):
    fingerprint: Fingerprint
    allow: list[Literal["loses data", "changes values", "fails with rows"]] = []


class Apply(BaseModel):
    what: Annotated[str, Field(min_length=1, max_length=100)]
    application: str | None = None
    stage: str = "production"
    canaries: Annotated[int, Field(ge=0, le=1000)] = 1
    per_pool: Annotated[int, Field(ge=1, le=64)] = 4
    stop_at: Annotated[int, Field(ge=1, le=10000)] = 1


def router(service: SchemaService) -> APIRouter:
    routes = APIRouter(tags=["schemas"])

    @routes.get("/schemas")
    async def status() -> dict[str, Any]:
        """Every database of the fleet, looked at now, by fingerprint."""
        return await service.status()

    @routes.post("/schemas/accepted", status_code=201)
    async def accept(body: Accept, actor: Actor) -> dict[str, Any]:
        """What these databases have, they may have."""
        return await service.accept(body.fingerprint, body.why, actor)

    @routes.post("/schemas/repairs", status_code=201)
    async def repair(body: Repair, actor: Actor) -> dict[str, Any]:
        """A proven way back for databases that have drifted. Nothing is changed yet."""
        return await service.repair(body.fingerprint, body.allow)

    @routes.post("/schemas/approvals", status_code=201)
    async def approve(body: Approve, actor: Actor) -> dict[str, Any]:
        """Say yes, as the second person, to the scripts of a release or of a repair."""
        return await service.approve(body.what, body.application, body.why, actor)

    @routes.post("/schemas/runs", status_code=201)
    async def apply(body: Apply, actor: Actor) -> dict[str, Any]:
        """Bring databases to a release's schema, or back."""
        return await service.apply(
            body.what,
            actor=actor,
            application=body.application,
            stage=body.stage,
            canaries=body.canaries,
            per_pool=body.per_pool,
            stop_at=body.stop_at,
        )

    @routes.get("/schemas/runs/newest")
    async def newest() -> dict[str, Any]:
        return await service.run(None)

    @routes.get("/schemas/runs/{name}")
    async def run(name: str) -> dict[str, Any]:
        return await service.run(name)

    return routes
