"""The web application: routes, health, and what becomes of errors."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from psycopg import InterfaceError, OperationalError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workorders import api, pages
from workorders.attachments import Attachments
from workorders.database import make_pool
from workorders.errors import Refusal
from workorders.features import discover
from workorders.health import examine
from workorders.orders import Orders
from workorders.settings import Settings


def make_app(settings: Settings) -> ASGIApp:
    """The application, which starts although its database does not answer: its health then says so."""
    features = discover()
    pool = make_pool(settings.database_url)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await pool.open(wait=False)
        yield
        await pool.close(timeout=2)

    routes = [
        Route("/health", health, methods=["GET"]),
        Route("/version", version, methods=["GET"]),
        *api.routes,
        *pages.routes,
        *(route for feature in features for route in feature.routes),
    ]
    handlers = {Refusal: refused, HTTPException: not_found, OperationalError: unavailable, InterfaceError: unavailable}
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)
    app.state.settings = settings
    app.state.features = features
    app.state.pool = pool
    app.state.orders = Orders(pool, [choice for feature in features for choice in feature.choices])
    app.state.attachments = Attachments(pool, settings.file_store)
    return _Named(app, settings.release)


class _Named:
    """Every answer says which release gave it, in the header `X-Release`."""

    def __init__(self, app: ASGIApp, release: str) -> None:
        self.app = app
        self.header = (b"x-release", release.encode("latin-1", "replace"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), self.header]
            await send(message)

        await self.app(scope, receive, named if scope["type"] == "http" else send)


async def health(request: Request) -> Response:
    state = request.app.state
    checks = [check for feature in state.features for check in feature.checks]
    result = await examine(state.pool, state.settings.file_store, checks)
    well = all(value == "ok" for value in result.values())
    data = {"status": "ok" if well else "failing", "release": state.settings.release, "checks": result}
    return api.answer(data, 200 if well else 503)


async def version(request: Request) -> Response:
    settings: Settings = request.app.state.settings
    data = {"release": settings.release, "client": settings.client, "environment": settings.environment}
    return api.answer(data)


async def refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return _error(request, error.status, error.reason)


async def not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(request, error.status_code, error.detail)


async def unavailable(request: Request, _: Exception) -> Response:
    response = _error(request, 503, "the database does not answer; try again in a moment")
    response.headers["Retry-After"] = "1"
    return response


def _error(request: Request, status: int, reason: str) -> Response:
    if request.url.path.startswith("/api/"):
        return api.answer({"error": reason}, status)
    return pages.page(request, "error.html", status, code=status, reason=reason)
