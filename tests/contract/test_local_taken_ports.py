"""A balancer whose port somebody else has: HAProxy would share it without a word, and requests would go to either."""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from plantroom.kernel.errors import EngineError
from plantroom.platforms.local import balancer
from plantroom.platforms.local.balancer import LocalPorts
from plantroom.platforms.local.traffic import LocalTraffic
from plantroom.runtime.engines import free_ports

pytestmark = pytest.mark.embedded


@pytest.fixture
def home() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="pr-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@contextmanager
def ended(traffic: LocalTraffic) -> Iterator[None]:
    try:
        yield
    finally:
        traffic.shutdown()


@pytest.mark.parametrize("shares", [False, True], ids=["taken", "shared"])
@pytest.mark.parametrize("which", ["http", "https"])
async def test_haproxy_is_not_started_where_somebody_else_listens(
    home: Path, which: str, shares: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as other:
        if shares:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        traffic = LocalTraffic(home, home / "run", replace(LocalPorts(*free_ports(2)), **{which: port}))
        with monkeypatch.context() as patched, ended(traffic):
            patched.setattr(balancer, "_STOP_S", 0.3)
            with pytest.raises(EngineError) as told:
                traffic.revive()
            assert traffic.state() == (None, False)
    assert (told.value.code, told.value.subject) == ("PR814", "HAProxy")
    assert told.value.value == f"did not start: somebody else listens on 127.0.0.1:{port}"
    assert told.value.remedy == f"Choose another port with PLANTROOM_{which.upper()}_PORT"
    with ended(traffic):
        assert traffic.revive() == ["haproxy"], "as soon as the port is free"


async def test_a_port_that_is_free_in_a_moment_is_waited_for(home: Path) -> None:
    """As that of an HAProxy that was killed, whose workers live a moment longer."""
    ports = LocalPorts(*free_ports(2))
    traffic = LocalTraffic(home, home / "run", ports)
    with socket.socket() as leaving, ended(traffic):
        # Listens beside HAProxy already, as workers of an earlier one do.
        traffic.revive()
        leaving.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        leaving.bind(("127.0.0.1", ports.http))
        leaving.listen()
        traffic.shutdown()
        asyncio.get_running_loop().call_later(0.5, leaving.close)
        assert await asyncio.to_thread(traffic.revive) == ["haproxy"]
        assert leaving.fileno() == -1
