"""A server goes on when its disk is full: its supervisor, its instances, and those that have to be started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.conftest import Home
from tests.contract.workshop import environment, instance, server, until

from plantroom.platforms.contract import ProcessKind, ProcessSpec
from plantroom.platforms.local.platform import LocalPlatform

pytestmark = pytest.mark.embedded

CHATTY = ProcessSpec(
    "worker",
    ProcessKind.WORKER,
    ("{python}", "-S", "-u", "-c", "import time\nwhile True:\n print('x' * 5000)\n time.sleep(0.01)"),
)


@pytest.fixture
def small_disk() -> Iterator[Home]:
    """A home's directory of servers on a file system of its own, of 4 MB."""
    home = Home()
    servers = home.path / "servers"
    servers.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(servers)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        shutil.rmtree(home.path)
        pytest.skip("only root can make a disk that is small")
    try:
        yield home
    finally:
        try:
            asyncio.run(_end(home.platform()))
        finally:
            subprocess.run(["umount", str(servers)], check=True)
            home.end()


async def _end(platform: LocalPlatform) -> None:
    for seen in await platform.machines.observe():
        await platform.machines.destroy(seen.name)


def _pid(platform: LocalPlatform) -> int:
    (pid,) = (one.pid for one in platform.engines() if one.name.startswith("server "))
    assert pid is not None
    return pid


async def _running(platform: LocalPlatform, *names: str) -> None:
    async def healthy() -> bool:
        return [await platform.workloads.healthy(name) for name in names] == [None] * len(names)

    await until(healthy, 20)


async def _instances(platform: LocalPlatform) -> tuple[str, str]:
    await platform.machines.create(server())
    web, chatty = instance(environment()), instance(environment(), CHATTY)
    for spec in (web, chatty):
        await platform.workloads.start(spec)
    await _running(platform, web.id, chatty.id)
    return web.id, chatty.id


async def _go_on(platform: LocalPlatform, names: tuple[str, str], pid: int) -> None:
    """For a while, in which much is written and one instance has to come back."""
    await asyncio.sleep(2)
    (one,) = platform.machines.servers()
    worker = (await one.call("supervisor.getProcessInfo", names[1]))["pid"]
    os.kill(worker, signal.SIGKILL)
    await asyncio.sleep(0.5)
    await _running(platform, *names)
    assert _pid(platform) == pid


def _fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert shutil.disk_usage(filler.parent).free == 0


async def test_a_full_disk_ends_nobody(small_disk: Home) -> None:
    platform = small_disk.platform()
    names = await _instances(platform)
    pid = _pid(platform)
    filler = small_disk.path / "servers" / "filler"
    _fill(filler)
    await _go_on(platform, names, pid)
    log = small_disk.path / "servers" / server().name / "logs" / f"{names[1]}.log"
    filler.unlink()
    size = log.stat().st_size

    async def written() -> bool:
        return log.stat().st_size not in (0, size)

    await until(written)


async def test_logs_that_cannot_be_written_end_nobody(new_home: Home) -> None:
    """The same without root: from now on the supervisor can make no file longer."""
    platform = new_home.platform()
    names = await _instances(platform)
    pid = _pid(platform)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    await _go_on(platform, names, pid)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
