"""An HAProxy that the user runs takes the place of the embedded one by its socket alone."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from plantroom.platforms.contract import Admission, RouteSpec
from plantroom.platforms.local.balancer import LocalPorts, haproxy_binary
from plantroom.platforms.local.traffic import LocalTraffic
from plantroom.runtime.engines import free_ports
from plantroom.runtime.processes import wait_until


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


def hello(port: int) -> bytes:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Host": "a.test.example"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: bytes = answer.read()
        return found


async def test_an_haproxy_of_ones_own_is_configured_and_reloaded_but_never_started_or_ended(
    home: Path, application: int
) -> None:
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
        await traffic.route([RouteSpec("a/production", ("a.test.example",), "/")])
        await traffic.admit("a/production", "a-1", "127.0.0.1", application)
        (route,) = await traffic.observe()
        assert [(one.instance, one.admission) for one in route.members] == [("a-1", Admission.ADMITTED)]
        assert await asyncio.to_thread(hello, http) == b"hello"
        traffic.shutdown()
        assert mine.returncode is None
    finally:
        mine.terminate()
        await asyncio.wait_for(mine.wait(), 10)
    assert traffic.state() == (None, False)
