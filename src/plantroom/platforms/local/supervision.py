"""What is said to a server's supervisor: its configuration, and XML-RPC over its Unix socket.

Supervisor's documentation, "Configuration File" and "XML-RPC API Documentation" (supervisord.org).
"""

from __future__ import annotations

import asyncio
import shlex
import xmlrpc.client
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

from plantroom.kernel.errors import PlatformError

RPC_TIMEOUT_S = 10.0
"""An answer takes milliseconds; this is for a machine that is out of breath."""

ENDLESS_RETRIES = 1_000_000
"""The pause between two tries grows by a second each time, so this is never reached; with the default of 3 an instance
whose database is away for a minute would be given up."""


BAD_NAME = 10
"""The supervisor's code for a program that it does not know (supervisor/xmlrpc.py)."""

SUPERVISED = "plantroom.platforms.local.supervised"
"""What runs as a server's supervisor. By name, since importing it would bring the whole supervisor in here."""


class ProcessState(IntEnum):
    """Codes of supervisor/states.py."""

    STOPPED = 0
    STARTING = 10
    RUNNING = 20
    BACKOFF = 30
    STOPPING = 40
    EXITED = 100
    FATAL = 200
    UNKNOWN = 1000


ENDED = frozenset({ProcessState.STOPPED, ProcessState.EXITED, ProcessState.FATAL, ProcessState.UNKNOWN})
"""No process, and none will come by itself."""


class SupervisorFault(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Away(Exception):
    """Nobody listens on the socket."""


def server_config(directory: Path, socket: Path) -> str:
    """Of one server's supervisor. Its own output would repeat its log without an end, so it is silent."""
    return f"""\
[unix_http_server]
file = {_escaped(socket)}
chmod = 0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[rpcinterface:plantroom]
supervisor.rpcinterface_factory = {SUPERVISED}:make

[supervisord]
nodaemon = true
silent = true
pidfile = {_escaped(directory / "supervisord.pid")}
logfile = {_escaped(directory / "logs" / "supervisord.log")}
logfile_maxbytes = 1MB
logfile_backups = 2
childlogdir = {_escaped(directory / "logs")}
minfds = 1024
umask = 077

[include]
files = instances/*.conf
"""


def program_config(name: str, command: Sequence[str], directory: Path, stop_grace_s: int) -> str:
    """Of one instance: started with its server, and again whenever it ends, until it is stopped."""
    return f"""\
[program:{name}]
command = {_escaped(shlex.join(command))}
directory = {_escaped(directory)}
autostart = true
autorestart = true
startsecs = 1
startretries = {ENDLESS_RETRIES}
stopsignal = TERM
stopwaitsecs = {max(1, stop_grace_s)}
stopasgroup = true
killasgroup = true
redirect_stderr = true
stdout_logfile = {_escaped(directory / "logs" / f"{name}.log")}
stdout_logfile_maxbytes = 1MB
stdout_logfile_backups = 1
"""


async def call(socket: Path, method: str, *arguments: Any) -> Any:
    """One XML-RPC call, such as `supervisor.getState`, on a connection of its own.

    Raises SupervisorFault for the supervisor's own answer of failure, Away when nobody listens, and PlatformError PR404
    when the answer does not come.
    """
    body = xmlrpc.client.dumps(arguments, method).encode()
    try:
        async with asyncio.timeout(RPC_TIMEOUT_S):
            answer = await _post(socket, body)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise Away(str(socket)) from error
    except (OSError, TimeoutError) as error:
        raise PlatformError("PR404", f"supervisor at {socket}", value=f"no answer to {method}: {error}") from error
    head, _, content = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise PlatformError("PR404", f"supervisor at {socket}", value=f"cut off its answer to {method}: {head[:80]!r}")
    try:
        return xmlrpc.client.loads(content)[0][0]
    except xmlrpc.client.Fault as fault:
        raise SupervisorFault(fault.faultCode, fault.faultString) from fault


async def _post(socket: Path, body: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(socket))
    try:
        head = "POST /RPC2 HTTP/1.0\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: "
        writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        return await reader.read()
    finally:
        writer.close()


def _escaped(value: Path | str) -> str:
    """Supervisor expands `%(name)s` in every value."""
    return str(value).replace("%", "%%")
