"""HTTP routes of calendars."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from plantroom.rollout.almanac import Almanac


def router(almanac: Almanac) -> APIRouter:
    routes = APIRouter(tags=["calendars"])

    @routes.get("/calendar")
    async def calendar(
        months: Annotated[int, Query(ge=1, le=24)] = 3, client: str | None = None, pool: str | None = None
    ) -> dict[str, Any]:
        """When changes of each client and each pool may start in the next months."""
        return await almanac.show(months, client, pool)

    return routes
