"""How long a step that does not answer is tried, and what of it is nobody's fault."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from temporalio.service import RPCError

from plantroom.delivery.trains import store
from plantroom.kernel.errors import PlatformError
from plantroom.platforms.contract import InstanceSeen
from plantroom.rollout import steps

CLIENTS = {"alder": "pilot"}


class Silent:
    """A platform whose servers do not say what runs on them, until they are let."""

    def __init__(self, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self.silent = True
        self._observe = world.platform.workloads.observe
        monkeypatch.setattr(world.platform.workloads, "observe", self.observe)

    async def observe(self) -> Sequence[InstanceSeen]:
        self.asked += 1
        if self.silent:
            raise PlatformError("PR404", "the servers", value="do not answer")
        found: Sequence[InstanceSeen] = await self._observe()
        return found


async def ordinary_activities(world: Any) -> list[str]:
    """Those that the change of alder's environment has scheduled so far."""
    async with world.core.database.transaction() as connection:
        aboard = await store.target(connection, "two", "alder/production")
    if aboard is None or not aboard.change:
        return []
    try:
        history = await world.environment.client.get_workflow_handle(aboard.change).fetch_history()
    except RPCError:
        return []
    return [
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]


async def test_no_worker_for_longer_than_patience_is_nobody_s_failure(
    simulate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        servers = Silent(world, monkeypatch)
        await world.release("2.0", "two")

        async def asked() -> bool:
            return servers.asked > 0

        await world.until(asked)
        await world.without_worker(2 * steps.PATIENCE)
        servers.asked = 0
        await world.until(asked, timedelta(seconds=5))
        servers.silent = False
        ended = await world.ended("two")
        assert (ended["state"], ended["why"]) == ("done", "")
        assert await world.running() == {"alder": {"2.0"}}


async def test_a_worker_that_ends_in_the_middle_of_a_wait_is_followed_by_one_that_waits_on(
    simulate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        healthy = world.platform.workloads.healthy
        well = False
        looks = 0

        async def not_yet(instance: str) -> str | None:
            nonlocal looks
            looks += 1
            found: str | None = await healthy(instance)
            return found if well else "it still reads its data"

        monkeypatch.setattr(world.platform.workloads, "healthy", not_yet)
        await world.release("2.0", "two")

        async def waits() -> bool:
            return steps.AWAIT_HEALTHY in await ordinary_activities(world)

        async def looked_again() -> bool:
            return looks > 0

        await world.until(waits)
        for _ in range(2):
            await world.without_worker(2 * steps.PATIENCE)
            looks = 0
            await world.until(looked_again, timedelta(seconds=1))
        well = True
        assert (await world.ended("two"))["state"] == "done"
        assert await world.running() == {"alder": {"2.0"}}


async def test_what_does_not_answer_while_a_worker_asks_uses_patience_up(
    simulate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "PATIENCE", timedelta(seconds=10))
    async with simulate(CLIENTS) as world:
        await world.apply()
        servers = Silent(world, monkeypatch)
        await world.release("2.0", "two")

        async def tried() -> bool:
            return servers.asked > 1

        await world.until(tried, timedelta(seconds=1))
        servers.silent = True
        ended = await world.ended("two")
        assert ended["state"] == "stopped"
        assert "rollout.prepare did not end: PlatformError: PR404 the servers: do not answer" in ended["why"]
        # Some going forward, some going back: 0.2 s, then twice as long each time up to 5 s, 10 s in all.
        assert 4 <= servers.asked <= 16
