"""A plan that is made while a change ends: what was seen half-way is nobody's drift."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from plantroom.delivery.tenancy import policy
from plantroom.estate.changes import Action

CLIENTS = {"alder": "pilot", "birch": "pilot"}


@pytest.mark.parametrize("begins", ["before it is looked", "while it is looked"])
async def test_a_change_that_ends_between_the_look_and_the_records_is_no_drift(
    simulate: Any, monkeypatch: pytest.MonkeyPatch, begins: str
) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        half_way, let_go = asyncio.Event(), asyncio.Event()
        stop, look = world.platform.workloads.stop, world.core.tenancy._look

        async def slow(instance: str) -> None:
            half_way.set()
            await let_go.wait()
            await stop(instance)

        async def over() -> bool:
            return bool((await world.core.trains.status("two"))["over"])

        async def until_half_way() -> None:
            await world.release("2.0", "two")
            await half_way.wait()

        async def looked() -> Any:
            if begins == "while it is looked":
                await until_half_way()
            seen = await look()
            assert len(seen.instances) > 6, "nothing was seen half-way, so nothing was shown"
            let_go.set()
            await world.until(over)
            return seen

        monkeypatch.setattr(world.platform.workloads, "stop", slow)
        monkeypatch.setattr(world.core.tenancy, "_look", looked)
        if begins == "before it is looked":
            await until_half_way()
        plan = (await world.core.tenancy.plan()).plan
        assert (plan.effective, policy.drift(plan)) == ((), ())
        told = {one.name: one.reason for one in plan.changes if one.action is Action.UNCHANGED and one.reason}
        assert told["alder/production"] == "a change is under way, asked for by tester"
