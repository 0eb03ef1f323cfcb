"""HTTP routes of plan, apply and drift."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from plantroom.delivery.tenancy import policy
from plantroom.delivery.tenancy.service import TenancyService
from plantroom.estate.changes import as_data, change_data
from plantroom.runtime.peers import caller

Actor = Annotated[str, Depends(caller)]


class Apply(BaseModel):
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")


def router(service: TenancyService) -> APIRouter:
    routes = APIRouter(tags=["estate"])

    @routes.get("/plan")
    async def plan() -> dict[str, Any]:
        """What an apply would do now, and what the clients are called."""
        planned = await service.plan()
        return as_data(planned.plan) | {"titles": policy.titles(planned.loaded.estate)}

    @routes.get("/drift")
    async def drift() -> dict[str, Any]:
        """What was changed behind Plantroom's back."""
        planned = await service.plan()
        return {
            "digest": planned.plan.digest,
            "drift": [change_data(change) for change in policy.drift(planned.plan)],
        }

    @routes.post("/applies", status_code=202)
    async def apply(body: Apply, actor: Actor) -> dict[str, Any]:
        """Apply the plan of exactly this digest."""
        return await service.apply(body.digest, actor)

    @routes.get("/applies/{digest}")
    async def status(digest: str) -> dict[str, Any]:
        return await service.status(digest)

    @routes.get("/environments")
    async def environments() -> list[dict[str, Any]]:
        return await service.environments()

    return routes
