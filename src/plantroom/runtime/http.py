"""Both ends of the API's Unix socket: who calls, how errors travel, and the client that commands use."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

from plantroom.kernel.errors import AccessError, EngineError, PlantroomError

SOCKET = "api.sock"


class PeerProtocol(H11Protocol):
    """HTTP on a Unix socket on which the kernel says who the other end is (SO_PEERCRED, unix(7))."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        end = transport.get_extra_info("socket")
        raw = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, uid, _ = struct.unpack("3i", raw)
        self.app_state = {**self.app_state, "uid": uid}
        super().connection_made(transport)


def bind(path: Path, group: int | None) -> socket.socket:
    """A listening socket that only its owner may use, or its owner and one declared group."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    if group is not None:
        os.chown(path, -1, group)
        path.chmod(0o660)
    listener.listen(128)
    return listener


def caller(request: Request) -> str:
    """The named person who calls, as the kernel and the estate say. A FastAPI dependency."""
    actor = getattr(request.state, "actor", None)
    if not actor:
        raise AccessError("PR601", "caller", value="is not known")
    return str(actor)


class Client:
    """The API, for commands. Raises what the API raised, as PlantroomError; EngineError when nobody answers."""

    def __init__(self, socket_path: Path) -> None:
        self._path = socket_path
        transport = httpx.HTTPTransport(uds=str(socket_path))
        self._http = httpx.Client(
            transport=transport, base_url="http://plantroom", timeout=httpx.Timeout(600, connect=5)
        )

    def get(self, path: str, **params: Any) -> Any:
        return self._ask("GET", path, params={name: value for name, value in params.items() if value is not None})

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._ask("POST", path, json=body)

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        with self._reached():
            answer = self._http.request(method, path, **more)
        try:
            data = answer.json()
        except json.JSONDecodeError as error:
            raise EngineError("PR803", "the API", value=f"answered {answer.status_code} without JSON") from error
        if answer.is_success:
            return data
        raise error_from(data, answer.status_code)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise EngineError(
                "PR801",
                "Plantroom",
                value=f"does not answer at {self._path}",
                remedy="Start it with `plantroom up`, or name its directory with --home",
            ) from error


class RemoteError(PlantroomError):
    """An error that the API answered with; `details` are its mistakes or its plan, where it has them."""

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__(
            str(data.get("code", "PR803")),
            str(data.get("subject", "the API")),
            value=str(data.get("value", "")),
            limit=str(data.get("limit", "")),
            remedy=str(data.get("remedy", "")),
        )
        self.details: dict[str, Any] = dict(data.get("details", {}))

    def as_data(self) -> dict[str, Any]:
        return super().as_data() | ({"details": self.details} if self.details else {})


def error_from(data: Any, status: int) -> RemoteError:
    error = data.get("error") if isinstance(data, dict) else None
    return RemoteError(error if isinstance(error, dict) else {"value": f"answered {status}: {json.dumps(data)[:500]}"})


def error_body(error: PlantroomError, details: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"error": error.as_data() | ({"details": details} if details else {})}
