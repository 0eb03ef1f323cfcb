"""The embedded engines of the control plane: where they listen, and what they leave behind."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from plantroom.kernel.errors import EngineError
from plantroom.runtime import engines as runtime_engines
from plantroom.runtime import logs
from plantroom.runtime.engines import Engines, free_ports, port_free
from plantroom.runtime.settings import Settings, remove_sockets, socket_directory
from plantroom.runtime.temporal import connect


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.fixture
def settings(short_dir: Path, database_url: str) -> Settings:
    """Of a home of its own, with a PostgreSQL that is there."""
    home = short_dir / uuid4().hex[:8]
    home.mkdir()
    return Settings(home, database_url)


@pytest.fixture
async def engines(settings: Settings) -> AsyncIterator[Engines]:
    made = Engines(settings)
    yield made
    await made.stop()


def ports(settings: Settings) -> dict[str, int]:
    found: dict[str, int] = json.loads((settings.home / "ports.json").read_text())
    return found


async def test_temporal_goes_to_another_port_when_somebody_else_has_its_own(
    settings: Settings, engines: Engines, taken: int
) -> None:
    http, https = free_ports(2)
    (settings.home / "ports.json").write_text(json.dumps({"temporal": taken, "http": http, "https": https}))
    found = await engines.start()
    chosen = ports(settings)
    assert chosen["temporal"] != taken
    assert (chosen["http"], chosen["https"]) == (http, https), "clients' addresses stay"
    assert found.temporal_address == f"127.0.0.1:{chosen['temporal']}"
    await connect(found.temporal_address, "default", settings.temporal_key, patience_s=30)

    # Its own port is taken by itself: the next one to start finds it there.
    pid = engines.states()[0].pid
    again = Engines(settings)
    assert await again.start() == found
    assert (ports(settings), again.states()[0].pid) == (chosen, pid)
    await engines.stop()
    assert await asyncio.to_thread(port_free, chosen["temporal"])
    assert Engines(settings).addresses().temporal_address == found.temporal_address, "and where it was it comes back"


@pytest.mark.parametrize("shares", [False, True])
def test_a_port_is_not_free_while_anybody_listens_on_it(shares: bool) -> None:
    (port,) = free_ports(1)
    assert port_free(port)
    with socket.socket() as other:
        # As every server does.
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shares:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        assert not port_free(port)
        with socket.create_connection(("127.0.0.1", port)) as client, other.accept()[0] as answered:
            answered.shutdown(socket.SHUT_RDWR)
            assert client.recv(1) == b""
    # What is left of a connection that ended does not count.
    assert port_free(port)


async def test_whoever_watches_the_engines_keeps_their_logs_short(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LONGEST_LOG", 10)
    grown = [settings.home / "engines/postgres/postgres.log", settings.home / "logs/worker.log"]
    for log in grown:
        log.parent.mkdir(parents=True)
        log.write_text("more than a little\n")
    given = Settings(settings.home, settings.database_url, "127.0.0.1:1")
    assert await Engines(given).revive() == []
    assert [log.read_text() for log in grown] == ["", ""]
    assert [log.with_name(f"{log.name}.1").read_text() for log in grown] == ["more than a little\n"] * 2


@pytest.mark.parametrize("answers", [False, True], ids=["nobody", "somebody else"])
async def test_a_temporal_of_one_s_own_is_asked_before_anything_is_started(
    settings: Settings, taken: int, monkeypatch: pytest.MonkeyPatch, answers: bool
) -> None:
    monkeypatch.setattr(runtime_engines, "_OWN_PATIENCE_S", 0.5)
    address = f"127.0.0.1:{taken if answers else free_ports(1)[0]}"
    engines = Engines(Settings(settings.home, temporal_address=address))
    with pytest.raises(EngineError, match=f"PR806 Temporal: does not answer at {address}") as told:
        await engines.start()
    assert "PLANTROOM_TEMPORAL_ADDRESS" in told.value.remedy
    assert not engines.states()[0].running, "the embedded PostgreSQL"


async def test_a_database_that_is_none_leaves_no_temporal_running(settings: Settings) -> None:
    engines = Engines(Settings(settings.home, database_url="foo"))
    with pytest.raises(EngineError, match="PR804"):
        await engines.start()
    assert [one.running for one in engines.states()] == [False]


def test_sockets_below_tmp_go_with_what_has_ended(short_dir: Path, tmp_path: Path) -> None:
    near, far = short_dir / uuid4().hex[:8], tmp_path / ("long" * 20)
    for home in (near, far):
        run = socket_directory(home)
        (run / "pg-control").mkdir()
        (run / "pg-control" / "socket").touch()
        remove_sockets(home)
        assert run.exists() == (home == near)
    assert run.parent == Path("/tmp")
