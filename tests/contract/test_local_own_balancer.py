"""An HAProxy that the user runs takes the place of the embedded one by its socket alone."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from plantroom.platforms.contract import Admission, RouteSpec
from plantroom.platforms.local.balancer import LocalPorts, haproxy_binary
from plantroom.platforms.local.traffic import LocalTraffic
from plantroom.runtime.engines import free_ports
from plantroom.runtime.processes import wait_until

ROUTE = RouteSpec("a/production", ("a.test.example",), "/")


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def home() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="pr-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def application() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Hello)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def hello(port: int, timeout_s: float = 10) -> bytes:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Host": "a.test.example"})
    with urllib.request.urlopen(request, timeout=timeout_s) as answer:
        found: bytes = answer.read()
        return found


@dataclass(frozen=True)
class Own:
    """An HAProxy that was started by hand, and Plantroom's side of it."""

    traffic: LocalTraffic
    socket: Path
    http: int
    process: asyncio.subprocess.Process

    async def by_hand(self, command: str) -> str:
        """To the worker that listens."""
        reader, writer = await asyncio.open_unix_connection(self.socket)
        writer.write(f"@1 {command}\n".encode())
        writer.write_eof()
        answer = (await reader.read()).decode()
        writer.close()
        return answer

    async def admissions(self) -> list[Admission]:
        (route,) = await self.traffic.observe()
        return [one.admission for one in route.members]


@pytest.fixture
async def own(home: Path) -> AsyncIterator[Own]:
    http, https = free_ports(2)
    socket = home / "mine.sock"
    traffic = LocalTraffic(home, home / "run", LocalPorts(http, https), own=socket)
    assert traffic.revive() == []
    assert traffic.state() == (None, False)
    where = ["-S", f"{socket},mode,600", "-C", str(home / "balancer"), "-f", "haproxy.cfg"]
    with (home / "haproxy.log").open("wb") as log:
        mine = await asyncio.create_subprocess_exec(str(haproxy_binary()), "-W", *where, stdout=log, stderr=log)
    try:
        assert wait_until(lambda: traffic.state()[1], 15)
        yield Own(traffic, socket, http, mine)
    finally:
        mine.terminate()
        await asyncio.wait_for(mine.wait(), 10)
    assert traffic.state() == (None, False)


async def test_an_haproxy_of_ones_own_is_configured_and_reloaded_but_never_started_or_ended(
    own: Own, application: int
) -> None:
    await own.traffic.route([ROUTE])
    await own.traffic.admit(ROUTE.environment, "a-1", "127.0.0.1", application)
    assert await own.admissions() == [Admission.ADMITTED]
    assert await asyncio.to_thread(hello, own.http) == b"hello"
    own.traffic.shutdown()
    assert own.process.returncode is None


@pytest.mark.parametrize("by_hand", ["disable frontend web", "shutdown frontend web"])
async def test_while_nothing_listens_nobody_serves(own: Own, application: int, by_hand: str) -> None:
    await own.traffic.route([ROUTE])
    await own.traffic.admit(ROUTE.environment, "a-1", "127.0.0.1", application)
    await own.by_hand(by_hand)
    with pytest.raises(OSError, match=r"refused|timed out"):
        await asyncio.to_thread(hello, own.http, 1)
    assert await own.admissions() == [Admission.DRAINING]
    await own.traffic.admit(ROUTE.environment, "a-1", "127.0.0.1", application)
    assert await own.admissions() == [Admission.ADMITTED]
    assert await asyncio.to_thread(hello, own.http) == b"hello"
