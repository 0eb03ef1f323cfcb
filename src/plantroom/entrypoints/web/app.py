"""The API: FastAPI on a Unix socket. Every caller is one of the estate's people, named by the kernel."""

from __future__ import annotations

import asyncio
import logging
import os
import pwd
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from temporalio.service import RPCError

from plantroom import __version__
from plantroom.bootstrap import Core
from plantroom.delivery.schema import api as schema_api
from plantroom.delivery.tenancy import api as tenancy_api
from plantroom.delivery.tenancy.service import StalePlanError
from plantroom.delivery.trains import api as trains_api
from plantroom.estate.changes import as_data
from plantroom.estate.errors import EstateError
from plantroom.estate.loader import load
from plantroom.kernel.errors import AccessError, EngineError, LedgerError, PlantroomError, PlatformError, RequestError
from plantroom.ledger import api as ledger_api
from plantroom.rollout import api as rollout_api
from plantroom.runtime.http import error_body

log = logging.getLogger("plantroom.api")

_FORMS = {
    "digest": "`sha256:` and 64 hexadecimal digits, as `plantroom plan` prints it",
    "train": "small letters, digits, dots and hyphens, at most 63 of them, a letter or digit first",
    "limit": "a whole number from 1 to 10000",
}
"""What is wanted, in words, where the words of the library that checks are for programmers."""

_STATUS: tuple[tuple[type[PlantroomError], int], ...] = (
    (AccessError, 403),
    (EstateError, 422),
    (EngineError, 503),
    (PlatformError, 503),
    (LedgerError, 409),
    (RequestError, 422),
    (PlantroomError, 409),
)


class People:
    """Who may call: the people of the estate's files, by local account. Kept until a file changes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stamp: tuple[tuple[str, int, int], ...] = ()
        self._accounts: dict[str, str] | None = None

    async def actor(self, uid: int) -> str:
        """The name of the person with this user id. Raises AccessError PR602 for everybody else.

        While the files cannot be read, the people of the last ones that could be are the people; before there were any,
        only the owner of this process is told what is wrong with the files.
        """
        try:
            account = pwd.getpwuid(uid).pw_name
        except KeyError:
            account = str(uid)
        try:
            accounts = await asyncio.to_thread(self._read)
        except EstateError:
            if self._accounts is None:
                if uid == os.geteuid():
                    raise
                accounts = {}
            else:
                accounts = self._accounts
        if account not in accounts:
            raise AccessError(
                "PR602",
                f"local account {account}",
                value="is not one of the estate's people",
                remedy="One of them can add `people: {NAME: {name: …, account: " + account + "}}` to the estate",
            )
        return accounts[account]

    def _read(self) -> dict[str, str]:
        stamp = tuple(
            _stamp(path) for path in sorted((*self._directory.rglob("*.yaml"), *self._directory.rglob("*.yml")))
        )
        if self._accounts is None or stamp != self._stamp:
            people = load(self._directory).estate.people
            self._accounts = {person.account: name for name, person in people.items()}
            self._stamp = stamp
        return self._accounts


def _stamp(path: Path) -> tuple[str, int, int]:
    """What changes with a file's content. Of one that is not there, as behind a link that leads nowhere, its name: what
    is wrong with it is for the loader to say."""
    try:
        there = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), there.st_mtime_ns, there.st_size


def build(core: Core, estate: Path) -> FastAPI:
    app = FastAPI(
        title="Plantroom", version=__version__, summary="Operations for software that is hosted once per client"
    )
    people = People(estate)

    @app.middleware("http")
    async def who(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        uid = getattr(request.state, "uid", None)
        try:
            if uid is None:
                raise AccessError(
                    "PR601", "caller", value="is not known", limit="the API listens on a Unix socket only"
                )
            request.state.actor = await people.actor(uid)
        except PlantroomError as error:
            return _answer(error)
        return await go_on(request)

    @app.exception_handler(PlantroomError)
    async def told(request: Request, error: PlantroomError) -> JSONResponse:
        return _answer(error)

    @app.exception_handler(RequestValidationError)
    async def not_understood(request: Request, error: RequestValidationError) -> JSONResponse:
        return _answer(_unfit(error))

    @app.exception_handler(HTTPException)
    async def no_such_path(request: Request, error: HTTPException) -> JSONResponse:
        asked = f"{request.method} {request.url.path}"
        remedy = "A name in it may be empty or misspelt; `plantroom --help` lists the commands"
        return _answer(RequestError("PR902", asked, value=str(error.detail).lower(), remedy=remedy), error.status_code)

    @app.exception_handler(OperationalError)
    async def no_database(request: Request, error: OperationalError) -> JSONResponse:
        return _answer(EngineError("PR802", "PostgreSQL", value="does not answer", remedy="See `plantroom status`"))

    @app.exception_handler(RPCError)
    async def no_temporal(request: Request, error: RPCError) -> JSONResponse:
        log.warning("temporal: %s", error)
        return _answer(EngineError("PR806", "Temporal", value="does not answer", remedy="See `plantroom status`"))

    @app.get("/me", tags=["people"])
    async def me(request: Request) -> dict[str, Any]:
        """Who the kernel says is calling."""
        return {"actor": request.state.actor, "version": __version__, "estate": str(estate)}

    app.include_router(tenancy_api.router(core.tenancy))
    app.include_router(trains_api.router(core.trains))
    app.include_router(schema_api.router(core.schemas))
    app.include_router(rollout_api.router(core.almanac))
    app.include_router(ledger_api.router(core.ledger))
    return app


def _unfit(error: RequestValidationError) -> RequestError:
    """All that does not fit, in the words of one error."""
    said = []
    for one in error.errors():
        name = str(one["loc"][-1])
        wanted = _FORMS.get(name, one["msg"])
        said.append((name, f"{one.get('input')!r:.80}", wanted))
    about = ", ".join(name for name, _, _ in said)
    return RequestError(
        "PR901",
        about,
        value=", ".join(value for _, value, _ in said),
        limit="; ".join(wanted for _, _, wanted in said),
        remedy="Correct it and ask again; nothing was done",
    )


def _answer(error: PlantroomError, status: int = 0) -> JSONResponse:
    status = status or next(status for kind, status in _STATUS if isinstance(error, kind))
    details: dict[str, Any] = {}
    if isinstance(error, EstateError):
        details["mistakes"] = [str(mistake) for mistake in error.mistakes]
    if isinstance(error, StalePlanError):
        details["plan"] = as_data(error.plan)
    return JSONResponse(error_body(error, details), status_code=status)
