"""An artefact that was altered where it was unpacked is never run: not by a start, not by a supervisor that starts an
instance again."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.contract.conftest import Home
from tests.contract.workshop import TINY, environment, instance, server, until

from plantroom.delivery.artefacts import archive
from plantroom.delivery.artefacts.layout import Layout
from plantroom.delivery.artefacts.model import Artefact, ArtefactKind
from plantroom.platforms.contract import InstanceSeen
from plantroom.platforms.local.platform import LocalPlatform

pytestmark = pytest.mark.embedded


@pytest.fixture
def platform(new_home: Home, caplog: pytest.LogCaptureFixture) -> LocalPlatform:
    caplog.set_level(logging.WARNING)
    return LocalPlatform(new_home.path, Layout(new_home.path / "artefacts"), new_home.ports)


def kept(home: Path) -> str:
    """The digest of an artefact that serves HTTP."""
    layout = Layout(home / "artefacts")
    with layout.staging() as scratch:
        (scratch / "tiny.py").write_text(TINY)
        with (scratch / "layer.tar").open("wb") as stream:
            archive.pack({"tiny.py": scratch / "tiny.py"}, stream)
        artefact = Artefact("", "tiny", "1.0", ArtefactKind.FILES, "any", "", "", ())
        return layout.add(artefact, [("app", scratch / "layer.tar")]).digest


def altered(home: Path) -> Path:
    """By a hand that may: another answer, of the same length, with the time put back."""
    (file,) = (home / "servers").rglob("tiny.py")
    before = file.stat()
    file.chmod(0o644)
    file.write_text(TINY.replace("os.getcwd()", "'altered!!'"))
    file.chmod(0o444)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    return file


async def about(platform: LocalPlatform, seen: InstanceSeen) -> dict[str, Any]:
    async def holds() -> bool:
        return await platform.workloads.healthy(seen.id) is None

    await until(holds)
    async with httpx.AsyncClient(verify=False, trust_env=False) as client:
        found: dict[str, Any] = (await client.get(f"http://{seen.address}:{seen.port}/")).json()
    return found


async def test_a_start_unpacks_it_anew(
    new_home: Home, platform: LocalPlatform, caplog: pytest.LogCaptureFixture
) -> None:
    digest = kept(new_home.path)
    await platform.machines.create(server())
    first = await platform.workloads.start(instance(environment(), artefact=digest))
    root = (await about(platform, first))["directory"]
    file = altered(new_home.path)
    second = await platform.workloads.start(instance(environment(), artefact=digest))
    assert (await about(platform, second))["directory"] == root
    assert file.read_text() == TINY
    assert "tiny.py was altered; set aside" in caplog.text
    (aside,) = (new_home.path / "servers").rglob(".*.altered/tiny.py")
    assert aside.read_text() != TINY


async def test_a_supervisor_does_not_start_it_again(new_home: Home, platform: LocalPlatform) -> None:
    digest = kept(new_home.path)
    await platform.machines.create(server())
    spec = instance(environment(), artefact=digest)
    seen = await platform.workloads.start(spec)
    before = await about(platform, seen)
    altered(new_home.path)
    os.kill(before["pid"], signal.SIGKILL)

    async def refused() -> bool:
        return "was altered: tiny.py was altered" in (await platform.workloads.healthy(spec.id) or "")

    await until(refused)
    assert (await platform.workloads.start(spec)).port == seen.port
    after = await about(platform, seen)
    assert after["directory"] == before["directory"]
    assert after["pid"] != before["pid"]
