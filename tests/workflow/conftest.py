"""Plantroom's own workflows on a simulated platform, in Temporal's time-skipping server, with a real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from tests.house import build_tiny, tiny_estate

from plantroom import bootstrap
from plantroom.platforms.sim import SimPlatform
from plantroom.runtime.seal import converter
from plantroom.runtime.settings import Settings
from plantroom.runtime.temporal import TemporalCourier, worker

LONGEST_S = 90
"""Of real time that is waited for anything, on a busy machine too."""
_SLEEPER_S = 5

TEST_SERVER = Path(sys.executable).parent / "temporal-test-server"


@dataclass
class Clock:
    """Plantroom's clock in a test; Temporal's own runs ahead by itself."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        self.at += timedelta(microseconds=1)
        return self.at


@dataclass
class Simulated:
    core: bootstrap.Core
    platform: SimPlatform
    environment: WorkflowEnvironment
    estate: Path
    clock: Clock
    activities: list[Callable[..., Any]]
    workers: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def work(self) -> None:
        """A worker, from now on. No cache: every task replays its history from the start, which finds what is not
        deterministic."""
        await self.workers.enter_async_context(
            worker(self.environment.client, bootstrap.WORKFLOWS, self.activities, cached=0)
        )

    async def without_worker(self, skip: timedelta) -> None:
        """Nobody works for so long; then there is a worker again."""
        began = await self.environment.get_current_time()

        async def over() -> bool:
            return await self.environment.get_current_time() >= began + skip

        await self.workers.aclose()
        await self.until(over, skip / 4)
        await self.work()

    def declare(self, estate: Mapping[str, Any]) -> None:
        self.estate.mkdir(exist_ok=True)
        (self.estate / "estate.yaml").write_text(yaml.safe_dump(dict(estate), sort_keys=False))

    async def apply(self) -> None:
        planned = await self.core.tenancy.plan()
        await self.core.tenancy.apply(planned.plan.digest, "tester")
        if planned.plan.effective:
            await self.until(lambda: self._applied(planned.plan.digest))

    async def _applied(self, digest: str) -> bool:
        status = await self.core.tenancy.status(digest)
        assert not status["failed"], status
        return bool(status["state"] == "ended")

    async def until(self, holds: Callable[[], Awaitable[bool]], skip: timedelta | None = None) -> None:
        """Look until it holds, for a while of real time; between two looks, Temporal's time goes on by `skip`."""
        ends = time.monotonic() + LONGEST_S
        while not await holds():
            assert time.monotonic() < ends, "waited in vain"
            # Long enough for what is under way: time that jumps takes a task from its worker, as if it had died.
            await asyncio.sleep(0.02 if skip is None else 0.2)
            if skip is not None:
                # While a task is held the server may keep a sleeper waiting; then it is asked again.
                with contextlib.suppress(TimeoutError, RPCError):
                    async with asyncio.timeout(_SLEEPER_S):
                        await self.environment.sleep(skip)
                        self.clock.at += skip

    async def release(self, version: str, name: str) -> None:
        await self.core.trains.start(version=version, name=name, application=None, stage="production", actor="tester")

    async def ended(self, name: str) -> dict[str, Any]:
        """The train, once its workflow has ended; time is skipped meanwhile."""

        async def over() -> bool:
            return bool((await self.core.trains.status(name))["over"])

        await self.until(over, timedelta(minutes=10))
        return await self.core.trains.status(name)

    async def states(self, name: str) -> dict[str, str]:
        status = await self.core.trains.status(name)
        return {one["environment"].split("/")[0]: one["state"] for one in status["targets"]}

    async def running(self) -> dict[str, set[str]]:
        """The releases that each client's instances run."""
        found: dict[str, set[str]] = {}
        releases = {(await self.core.catalogue.find("tiny", version)): version for version in ("1.0", "2.0", "3.0")}
        for one in await self.platform.workloads.observe():
            found.setdefault(one.environment.split("/")[0], set()).add(releases[one.artefact])
        return found

    async def verbs(self) -> list[tuple[str, str]]:
        return [(item.entry.verb, item.entry.subject) for item in await self.core.ledger.all()]


Make = Callable[..., Any]


@pytest.fixture
def simulate(database_url: str, tmp_path: Path) -> Make:
    """An asynchronous context manager: `async with simulate(clients, platform) as world`."""

    @asynccontextmanager
    async def make(
        clients: Mapping[str, str], platform: SimPlatform | None = None, **rings: Any
    ) -> AsyncIterator[Simulated]:
        home = tmp_path / "home"
        platform = platform or SimPlatform()
        clock = Clock()
        async with await WorkflowEnvironment.start_time_skipping(
            test_server_existing_path=str(TEST_SERVER), data_converter=converter(home / "temporal.key")
        ) as environment:
            courier = TemporalCourier("", "default", home / "temporal.key", environment.client)
            settings = Settings(home, database_url, "unused")
            core = bootstrap.core(settings, tmp_path / "estate", courier, clock)
            build_tiny(home, tmp_path / "source", "1.0", "2.0", "3.0")
            hands = bootstrap.hands(core, platform, clock)
            activities = [*hands.rollout.all(), *hands.tenancy.all(), *hands.trains.all()]
            world = Simulated(core, platform, environment, tmp_path / "estate", clock, activities)
            estate = tiny_estate(clients)
            for ring in estate["rings"]:
                ring.update(rings)
            world.declare(estate)
            try:
                # Time goes on only when a test says so, not whenever something waits for a result.
                with environment.auto_time_skipping_disabled():
                    await world.work()
                    async with world.workers:
                        yield world
            finally:
                await core.database.close()

    return make
