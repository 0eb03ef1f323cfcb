"""The client's end of the API's Unix socket, and how errors travel over it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from plantroom.kernel.errors import EngineError, PlantroomError


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
