"""Assets are found by their code, in upper or lower case."""

from __future__ import annotations

from psycopg import sql
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from workorders.api import answer
from workorders.database import Pool
from workorders.errors import Refusal
from workorders.features import Feature

_FIND = sql.SQL("SELECT code, name, location FROM assets WHERE lower(code) = lower(%s)")
_TWINS = sql.SQL(
    "SELECT string_agg(code, ' and ' ORDER BY code) AS codes FROM assets "
    "GROUP BY lower(code) HAVING count(*) > 1 ORDER BY 1 LIMIT 3"
)


async def find_asset(request: Request) -> Response:
    async with request.app.state.pool.connection() as connection:
        row = await (await connection.execute(_FIND, (request.path_params["code"],))).fetchone()
    if row is None:
        raise Refusal(404, "there is no asset with that code")
    return answer(row)


async def codes_are_distinct(pool: Pool) -> str | None:
    """The lookup gives one asset only if no two codes differ just in case."""
    async with pool.connection() as connection:
        twins = await (await connection.execute(_TWINS)).fetchall()
    if not twins:
        return None
    pairs = "; ".join(str(row["codes"]) for row in twins)
    return f"asset codes differ only in case: {pairs}. The lookup by code cannot tell them apart"


feature = Feature(
    routes=(Route("/api/assets/{code}", find_asset, methods=["GET"]),),
    checks=(("asset codes", codes_are_distinct),),
)
