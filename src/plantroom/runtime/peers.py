"""The server's end of the API's Unix socket: who calls, as the kernel says, and who may connect at all."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from pathlib import Path

from fastapi import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

from plantroom.kernel.errors import AccessError


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
