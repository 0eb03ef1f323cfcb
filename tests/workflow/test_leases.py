"""A drain's lease ends with the drain: when its instance is stopped, and when it serves again."""

from __future__ import annotations

from typing import Any

import pytest

from plantroom.kernel.errors import PlatformError
from plantroom.platforms.sim import SimPlatform
from plantroom.rollout import store

LATER = "9999-12-31T00:00:00Z"


async def test_an_instance_that_serves_again_after_a_take_back_has_no_lease(
    simulate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = SimPlatform()
    stop = platform.workloads.stop
    drained: list[str] = []

    async def stays(instance: str) -> None:
        """The first old instance that is to end, once it is drained, does not."""
        if not drained or drained == [instance]:
            drained[:] = [instance]
            raise PlatformError("PR405", instance, value="does not end")
        await stop(instance)

    async with simulate({"alder": "pilot"}, platform) as world:
        await world.apply()
        monkeypatch.setattr(platform.workloads, "stop", stays)
        await world.release("2.0", "two")
        ended = await world.ended("two")
        assert ended["state"] == "stopped"
        assert await world.running() == {"alder": {"1.0"}}
        (route,) = await platform.traffic.observe()
        assert drained[0] in [member.instance for member in route.members]
        async with world.core.database.transaction() as connection:
            assert await store.lapsed_leases(connection, LATER) == []
        verbs = await world.verbs()
        assert ("rollout.drain", f"alder/production/{drained[0]}") in verbs
