"""HTTP routes of trains."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from plantroom.delivery.trains.model import NEWEST
from plantroom.delivery.trains.service import TrainService
from plantroom.runtime.peers import caller

Actor = Annotated[str, Depends(caller)]


class Start(BaseModel):
    version: str
    train: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")
    application: str | None = None
    stage: str = "production"


class Override(BaseModel):
    why: Annotated[str, Field(min_length=3, max_length=500)]
    hours: Annotated[int, Field(ge=1, le=168)] = 12


def router(service: TrainService) -> APIRouter:
    routes = APIRouter(tags=["releases"])

    @routes.post("/trains", status_code=201)
    async def start(body: Start, actor: Actor) -> dict[str, Any]:
        """Start a release night."""
        return await service.start(
            version=body.version, name=body.train, application=body.application, stage=body.stage, actor=actor
        )

    @routes.get("/gates")
    async def gates(
        actor: Actor, version: str, application: str | None = None, stage: str = "production"
    ) -> dict[str, Any]:
        """What each gate says of a release night that the caller would start now."""
        return await service.gates(version=version, application=application, stage=stage, actor=actor)

    @routes.get("/trains")
    async def trains() -> list[dict[str, Any]]:
        return await service.trains()

    @routes.get(f"/trains/{NEWEST}")
    async def newest() -> dict[str, Any]:
        return await service.status(None)

    @routes.get("/trains/{name}")
    async def status(name: str) -> dict[str, Any]:
        return await service.status(name)

    @routes.post("/trains/{name}/abort")
    async def abort(name: str, actor: Actor) -> dict[str, Any]:
        return await service.abort(name, actor)

    @routes.post("/trains/{name}/override", status_code=201)
    async def override(name: str, body: Override, actor: Actor) -> dict[str, Any]:
        """Ask that the train may start changes for a while whatever calendars say; it takes a second person."""
        return await service.override(name, body.why, body.hours, actor)

    @routes.post("/trains/{name}/override/confirm")
    async def confirm(name: str, actor: Actor) -> dict[str, Any]:
        """Be the second person."""
        return await service.confirm(name, actor)

    @routes.get("/why/{client:path}")
    async def why(client: str) -> dict[str, Any]:
        """Whatever is asked for is a client's name: an empty one, and one with a slash, are of none that there is."""
        return await service.why(client)

    return routes
