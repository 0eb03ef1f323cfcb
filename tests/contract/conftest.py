"""One platform of each kind per test process, shared by the tests, each of which uses names of its own."""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.workshop import MISSING, POOL, SERVERS, TinyArtefacts, server

from plantroom.platforms.contract import DatabasePoolSpec, Platform
from plantroom.platforms.local.balancer import LocalPorts
from plantroom.platforms.local.platform import LocalPlatform
from plantroom.platforms.sim import SimPlatform


class Home:
    """A directory that PostgreSQL's account can reach, and ports for a balancer."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(dir="/tmp", prefix="pr-"))
        self.path.chmod(0o711)
        self.ports = LocalPorts(*_free_ports(2))

    def platform(self) -> LocalPlatform:
        return LocalPlatform(self.path, TinyArtefacts(), self.ports)

    def end(self) -> None:
        asyncio.run(self._end())

    async def _end(self) -> None:
        platform = self.platform()
        for seen in await platform.machines.observe():
            await platform.machines.destroy(seen.name)
        await platform.shutdown()
        shutil.rmtree(self.path)


async def _furnish(platform: Platform) -> None:
    for name in SERVERS:
        await platform.machines.create(server(name))
    await platform.databases.create_pool(DatabasePoolSpec(POOL, "north"))


@pytest.fixture
def new_home() -> Iterator[Home]:
    """A home of one's own, for tests that kill what others would share."""
    home = Home()
    yield home
    home.end()


@pytest.fixture(scope="session")
def home() -> Iterator[Home]:
    home = Home()
    try:
        asyncio.run(_start(home.platform()))
        yield home
    finally:
        home.end()


@pytest.fixture
def local(home: Home) -> LocalPlatform:
    return home.platform()


@pytest.fixture(params=["sim", pytest.param("local", marks=pytest.mark.embedded)])
def platform(request: pytest.FixtureRequest) -> Platform:
    if request.param == "local":
        found: LocalPlatform = request.getfixturevalue("local")
        return found
    simulated = SimPlatform()
    simulated.workloads.missing.add(MISSING)
    asyncio.run(_furnish(simulated))
    return simulated


async def _start(platform: LocalPlatform) -> None:
    await platform.revive()
    await _furnish(platform)


def _free_ports(count: int) -> list[int]:
    listeners = [socket.socket() for _ in range(count)]
    try:
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [int(listener.getsockname()[1]) for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()
