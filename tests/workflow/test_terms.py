"""How an environment is changed is what the estate says that was applied last: its ring, and how long a drain lasts."""

from __future__ import annotations

from typing import Any

from tests.house import tiny_estate

from plantroom.rollout import store
from plantroom.rollout.model import Target

CLIENTS = {"alder": "pilot", "birch": "early"}


async def target(world: Any) -> Target:
    async with world.core.database.reading() as connection:
        found = await store.target(connection, "alder/production")
    assert found is not None
    return found


def estate(ring: str, drain: str) -> dict[str, Any]:
    made = tiny_estate(CLIENTS)
    made["clients"]["alder"]["ring"] = ring
    made["estate"] |= {"drain_timeout": drain, "lock_timeout_ms": 700}
    return made


async def test_what_an_apply_says_holds_for_what_comes_next(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        world.declare(estate("pilot", "8s"))
        await world.apply()
        before = await target(world)
        assert (before.ring, before.drain_timeout_s, before.lock_timeout_ms) == ("pilot", 8, 700)
        world.declare(estate("early", "40s"))
        await world.apply()
        now = await target(world)
        assert (now.ring, now.drain_timeout_s, now.revision) == ("early", 40, before.revision)
        assert {one["ring"] for one in await world.core.tenancy.environments()} == {"early"}
        await world.release("2.0", "two")
        assert (await world.ended("two"))["state"] == "done"
        after = await target(world)
        assert (after.release, after.ring, after.drain_timeout_s) == ("2.0", "early", 40)


async def test_what_is_applied_while_a_change_is_open_is_not_undone_by_its_end(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        world.declare(estate("pilot", "8s"))
        await world.apply()
        old = await target(world)
        async with world.core.database.transaction() as connection:
            await store.set_terms(connection, {"alder/production": {"drain_timeout_s": 40, "ring": "early"}})
            await store.keep(connection, old, "another", "2026-11-26T00:00:00Z")
        now = await target(world)
        assert (now.ring, now.drain_timeout_s, now.lock_timeout_ms) == ("early", 40, 700)
