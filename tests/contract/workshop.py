"""What the contract suite needs: a tiny artefact that serves HTTP, and specifications with names of their own."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path

import psycopg

from plantroom.kernel.errors import ArtefactError
from plantroom.platforms.contract import (
    DatabaseSpec,
    InstanceSpec,
    Platform,
    ProcessKind,
    ProcessSpec,
    RouteSpec,
    Script,
    SecretRef,
    ServerSpec,
)
from plantroom.platforms.local.databases import database_name
from plantroom.platforms.local.platform import LocalPlatform
from plantroom.platforms.sim import SimPlatform
from plantroom.runtime import tree

ARTEFACT = "sha256:" + "a" * 64
MISSING = "sha256:" + "0" * 64
POOL = "main"
SERVERS = ("one-1", "one-2")

WEB = ProcessSpec("web", ProcessKind.WEB, ("{python}", "-S", "{app}/tiny.py", "{port}"), "/health", 10, 2)
WORKER = ProcessSpec("worker", ProcessKind.WORKER, ("{python}", "-S", "-c", "import time; time.sleep(600)"))
CRASHING = ProcessSpec("worker", ProcessKind.WORKER, ("{python}", "-S", "-c", "raise SystemExit(3)"))

TINY = """\
import http.server, json, os, sys, time


class Tiny(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, content):
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        if self.path.startswith("/slow"):
            time.sleep(float(self.path.partition("=")[2] or 1))
        about = {"variables": dict(os.environ), "directory": os.getcwd(), "pid": os.getpid()}
        self.answer(json.dumps(about).encode())

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *about):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Tiny).serve_forever()
"""

_numbers = itertools.count(1)


class TinyArtefacts:
    """An ArtefactSource with one artefact."""

    async def unpack(self, digest: str, destination: Path) -> None:
        if digest == MISSING:
            raise ArtefactError("PR310", digest, value="is not in the layout")
        await asyncio.to_thread(_write, destination)


def _write(destination: Path) -> None:
    if not destination.is_dir():
        destination.mkdir(parents=True)
        (destination / "tiny.py").write_text(TINY)
        destination.chmod(0o555)
        root = str(destination)
        tree.write(tree.list_of(root), tree.describe(root), {})


def environment() -> str:
    """A name that no other test has."""
    return f"client-{next(_numbers)}/production"


def server(name: str = SERVERS[0], pool: str = "one", region: str = "north") -> ServerSpec:
    return ServerSpec(name, pool, region, memory_mib=512, cpu_milli=1000)


def instance(
    of: str,
    process: ProcessSpec = WEB,
    *,
    on: str = SERVERS[0],
    artefact: str = ARTEFACT,
    variables: dict[str, str] | None = None,
    secrets: dict[str, SecretRef] | None = None,
    template: dict[str, str] | None = None,
) -> InstanceSpec:
    name = f"{of.replace('/', '-')}-{process.name}-{next(_numbers)}"
    given = variables or {}, secrets or {}, template or {}
    return InstanceSpec(name, of, process, 0, on, artefact, 64, 100, *given)


def route(of: str, *, suspended: bool = False, hosts: tuple[str, ...] = ()) -> RouteSpec:
    return RouteSpec(of, hosts or (f"{of.replace('/', '-')}.example.test",), "/health", suspended)


def database(of: str) -> DatabaseSpec:
    return DatabaseSpec(POOL, of)


def script(release: str, sql: str) -> Script:
    return Script(release, hashlib.sha256(sql.encode()).hexdigest(), sql)


def spoil(platform: Platform, of: str) -> None:
    """By somebody else's hand: a database's role may create roles."""
    if isinstance(platform, SimPlatform):
        platform.databases.wrong[of] = ("its role may create roles",)
        return
    assert isinstance(platform, LocalPlatform)
    with psycopg.connect(superuser(platform, "postgres"), autocommit=True) as connection:
        connection.execute(f'ALTER ROLE "{database_name(of)}" CREATEROLE'.encode())


def superuser(platform: LocalPlatform, name: str) -> str:
    """The address of a database in the first pool, as superuser."""
    return platform.databases.pools()[0].cluster.url("plantroom", name)


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    """Fails when it does not come to hold in time."""
    async with asyncio.timeout(seconds):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.02)
