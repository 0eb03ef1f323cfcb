"""A server that is declared no more goes in the same apply as what runs on it, and is never drift by that. One that is
declared elsewhere stays where it is, and takes nobody who may not be there."""

from __future__ import annotations

from typing import Any

from tests.house import tiny_estate

from plantroom.delivery.tenancy import policy
from plantroom.estate.changes import Action, ObjectKind

CLIENTS = {"alder": "pilot", "birch": "pilot", "cedar": "pilot"}


def with_servers(count: int, **changed: Any) -> dict[str, Any]:
    made = tiny_estate(CLIENTS)
    made["server_pools"]["main"]["servers"] = count
    made["clients"]["alder"]["environments"]["production"].update(changed)
    return made


async def on_the_third(world: Any) -> set[str]:
    return {one.environment for one in await world.platform.workloads.observe() if one.server == "main-3"}


async def test_a_server_goes_with_the_apply_that_empties_it(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        world.declare(with_servers(3))
        await world.apply()
        assert await on_the_third(world), "nothing runs there, so nothing was shown"
        world.declare(with_servers(2))
        await world.apply()
        assert set(world.platform.machines.servers) == {"main-1", "main-2"}
        plan = (await world.core.tenancy.plan()).plan
        assert (plan.effective, policy.drift(plan)) == ((), ())


async def test_a_server_stays_while_what_is_on_it_may_not_leave_and_that_is_no_drift(simulate: Any) -> None:
    async with simulate({"alder": "pilot"}) as world:
        world.declare(with_servers(3) | {"clients": {"alder": with_servers(3)["clients"]["alder"]}})
        await world.apply()
        assert await on_the_third(world) == {"alder/production"}
        made = with_servers(2, database_pool="more")
        made["database_pools"]["more"] = {"region": "here"}
        del made["clients"]["birch"], made["clients"]["cedar"]
        world.declare(made)
        await world.apply()
        assert "main-3" in world.platform.machines.servers
        plan = (await world.core.tenancy.plan()).plan
        (server,) = [one for one in plan.changes if one.kind is ObjectKind.SERVER and one.name == "main-3"]
        assert (server.action, plan.effective, policy.drift(plan)) == (Action.UNCHANGED, (), ())
        assert "which this one does not" in server.reason


async def test_a_client_is_not_put_where_servers_and_pool_only_are_by_their_declaration(simulate: Any) -> None:
    async with simulate({"alder": "pilot"}) as world:
        await world.apply()
        made = tiny_estate({"alder": "pilot", "birch": "pilot"})
        made["regions"]["there"] = {}
        made["server_pools"]["main"]["region"] = made["database_pools"]["data"]["region"] = "there"
        made["clients"]["birch"]["residency"] = ["there"]
        world.declare(made)
        before = dict(world.platform.effects.done)
        await world.apply()
        assert world.platform.effects.done == before
        refused = {one.name: one.reason for one in (await world.core.tenancy.plan()).plan.refused}
        assert set(refused) == {"main-1", "main-2", "data", "birch/production"}
        assert refused["birch/production"] == "its database pool data is in here, outside of its client's residency"
        made["clients"]["birch"]["environments"]["production"]["database_pool"] = None
        world.declare(made)
        refused = {one.name: one.reason for one in (await world.core.tenancy.plan()).plan.refused}
        assert refused["birch/production"].startswith(
            "no server of main is in its client's residency: main-1 is in here"
        )
