"""A Plantroom of its own for the bench `rollout`: engines, an estate of many small clients, and the worker in here."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from bench.rollout_timing import TimedPlatform

from plantroom import bootstrap
from plantroom.platforms.local.platform import LocalPlatform
from plantroom.runtime.engines import Engines, EngineState
from plantroom.runtime.settings import Settings
from plantroom.runtime.temporal import connect, worker

INSTANT = Path(__file__).parent / "instant"
ACTOR = "bench"
_LOOK_S = 0.2
_NEWS_S = 5.0


def estate(clients: int, concurrency: int) -> dict[str, Any]:
    """One ring, no soak; every client has two `web` instances, one on each server, and a database."""
    return {
        "estate": {"name": "bench", "drain_timeout": "5s", "concurrency": concurrency, "allow": {"dirty_tree": True}},
        "people": {ACTOR: {"name": "Bench", "account": getpass.getuser()}},
        "stages": {"production": {}},
        "regions": {"here": {}},
        "server_pools": {"main": {"region": "here", "servers": 2, "memory_mib": 65536, "cpus": 64}},
        "database_pools": {"data": {"region": "here"}},
        "applications": {
            "instant": {"release": "1.0", "processes": {"web": {"instances": 2, "memory_mib": 32, "cpus": 0.05}}}
        },
        "rings": [{"name": "all", "concurrency": concurrency, "soak": "0s"}],
        "clients": {
            f"c{number:02}": {
                "ring": "all",
                "environments": {
                    "production": {
                        "application": "instant",
                        "database_pool": "data",
                        "hosts": [f"c{number:02}.bench.test"],
                    }
                },
            }
            for number in range(clients)
        },
    }


def build(settings: Settings, sources: Path, *versions: str) -> None:
    """Artefacts of the instant application, the same code under each version."""
    for version in versions:
        source = sources / version
        shutil.copytree(INSTANT, source, ignore=shutil.ignore_patterns("__pycache__"))
        definition = source / "plantroom.app.yaml"
        text = definition.read_text().replace("VERSION", version).replace("PYTHON", sys.executable)
        definition.write_text(text if version == "1.0" else f'{text}  from: "1.0"\n')
        bootstrap.artefacts(settings).build(source)


@dataclass(frozen=True, slots=True)
class House:
    settings: Settings
    core: bootstrap.Core
    platform: LocalPlatform
    timed: TimedPlatform
    engines: Engines

    def parts(self) -> list[EngineState]:
        return [*self.engines.states(), *self.platform.engines()]

    async def provision(self, say: Callable[[str], None]) -> None:
        """Apply the estate, and wait until every environment is live."""
        planned = await self.core.tenancy.plan()
        digest = planned.plan.digest
        status = await self.core.tenancy.apply(digest, ACTOR)
        news = time.monotonic()
        while status["state"] != "ended":
            await asyncio.sleep(_LOOK_S)
            status = await self.core.tenancy.status(digest)
            if time.monotonic() - news > _NEWS_S:
                news = time.monotonic()
                done = sum(one["state"] == "done" for one in status["changes"])
                say(f"provisioned {done} of {status['environments']}")
        if status["failed"]:
            raise RuntimeError(f"not provisioned: {status['failed'][:3]}")

    async def release(self, version: str, say: Callable[[str], None]) -> float:
        """Seconds from asking for a train to its end. RuntimeError when it did not reach everybody."""
        began = time.monotonic()
        status = await self.core.trains.start(
            version=version, name=f"to-{version}", application=None, stage="production", actor=ACTOR
        )
        news = time.monotonic()
        while not status["over"]:
            await asyncio.sleep(_LOOK_S)
            status = await self.core.trains.status(status["train"])
            if time.monotonic() - news > _NEWS_S:
                news = time.monotonic()
                done = sum(one["state"] == "done" for one in status["targets"])
                say(f"{version}: {done} of {len(status['targets'])} after {news - began:.0f} s")
        # To the end as written down, not to when it was seen.
        took = time.monotonic() - began
        if status["state"] != "done" or {one["now"] for one in status["targets"]} != {version}:
            raise RuntimeError(f"release {version} ended {status['state']}: {status['why']}")
        return took


@contextlib.asynccontextmanager
async def house(clients: int, concurrency: int, *versions: str) -> AsyncIterator[House]:
    """Everything is ended and removed afterwards, also when something fails."""
    home = Path(tempfile.mkdtemp(prefix="pb-", dir="/tmp"))
    # The databases' owner and the balancer's workers are other users.
    os.chmod(home, 0o755)
    engines = Engines(Settings(home))
    try:
        settings = await engines.start()
        directory = home / "estate"
        directory.mkdir()
        (directory / "estate.yaml").write_text(yaml.safe_dump(estate(clients, concurrency), sort_keys=False))
        await asyncio.to_thread(build, settings, home / "source", *versions)
        core = bootstrap.core(settings, directory)
        platform = bootstrap.platform(settings)
        try:
            await platform.revive()
            timed = TimedPlatform(platform)
            hands = bootstrap.hands(core, timed.as_platform())
            assert settings.temporal_address is not None
            client = await connect(settings.temporal_address, settings.temporal_namespace, settings.temporal_key)
            activities = [*hands.rollout.all(), *hands.tenancy.all(), *hands.trains.all()]
            async with worker(client, bootstrap.WORKFLOWS, activities):
                yield House(settings, core, platform, timed, engines)
        finally:
            await core.database.close()
            await platform.shutdown()
    finally:
        await engines.stop()
        for parent, _, _ in os.walk(home):
            os.chmod(parent, 0o700)
        shutil.rmtree(home, ignore_errors=True)
