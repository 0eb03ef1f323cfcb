"""A client's file store and database come and go as they are declared, and what runs is told of it."""

from __future__ import annotations

from typing import Any

from tests.house import tiny_estate

from plantroom.delivery.tenancy import policy
from plantroom.estate.changes import Action, ObjectKind
from plantroom.platforms.contract import DatabaseSpec

CLIENTS = {"alder": "pilot"}
ALDER = "alder/production"
BOUNDS = {"max_deletions": 1, "max_deletions_percent": 100}


def estate(allow: tuple[str, ...] = (), **changed: Any) -> dict[str, Any]:
    made = tiny_estate(CLIENTS, bounds=BOUNDS)
    made["estate"]["allow"].update({key: [ALDER] for key in allow})
    made["clients"]["alder"]["environments"]["production"].update(changed)
    return made


def told(world: Any) -> set[bool]:
    """Whether alder's instances know of a file store."""
    return {"FILE_STORE" in one.spec.variables for one in world.platform.machines.instances.values()}


async def test_a_file_store_comes_and_goes_with_its_declaration_and_its_instances_know(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        world.declare(estate(file_store=False))
        await world.apply()
        assert (told(world), world.platform.files.stores) == ({False}, {})
        world.declare(estate(file_store=True))
        await world.apply()
        assert (told(world), set(world.platform.files.stores)) == ({True}, {ALDER})
        world.declare(estate(("delete_file_stores",), file_store=False))
        await world.apply()
        assert (told(world), world.platform.files.stores) == ({False}, {})
        assert (await world.core.tenancy.plan()).plan.effective == ()


async def test_a_second_database_of_a_client_goes_when_it_is_allowed_and_its_own_stays(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        made = estate()
        made["database_pools"]["more"] = {"region": "here"}
        world.declare(made)
        await world.apply()
        await world.platform.databases.create(DatabaseSpec("more", ALDER))
        (stray,) = policy.drift((await world.core.tenancy.plan()).plan)
        assert (stray.action, stray.kind, stray.name) == (Action.REFUSED, ObjectKind.DATABASE, f"{ALDER}@more")
        made["estate"]["allow"]["delete_databases"] = [ALDER]
        made["estate"]["bounds"] = BOUNDS
        world.declare(made)
        await world.apply()
        assert [one.pool for one in await world.platform.databases.observe()] == ["data"]
        assert (await world.core.tenancy.plan()).plan.effective == ()


async def test_a_client_whose_data_may_not_all_go_stays_as_it_is_and_the_plan_says_so(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        before = dict(world.platform.effects.done)
        gone = estate(("delete_environments", "delete_databases"))
        gone["clients"] = {}
        world.declare(gone)
        await world.apply()
        plan = (await world.core.tenancy.plan()).plan
        assert plan.effective == ()
        assert world.platform.effects.done == before
        held = [one for one in plan.refused if one.held_by]
        assert {one.kind for one in held} == set(ObjectKind) - {
            ObjectKind.ESTATE,
            ObjectKind.SERVER,
            ObjectKind.DATABASE_POOL,
            ObjectKind.FILE_STORE,
        }
        assert {one.held_by for one in held} == {f"file store {ALDER}"}
        assert all("only with alder/production in estate.allow.delete_file_stores" in one.reason for one in held)
        assert policy.drift(plan) == ()


async def test_what_somebody_did_to_a_client_is_repaired_while_another_wish_for_it_is_refused(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        made = estate(database_pool="more")
        made["database_pools"]["more"] = {"region": "here"}
        world.declare(made)
        await world.platform.workloads.stop(next(iter(world.platform.machines.instances)))
        assert any("never" in one.reason or "move of data" in one.reason for one in await refused(world))
        await world.apply()
        plan = (await world.core.tenancy.plan()).plan
        assert plan.effective == ()
        assert [one.kind for one in plan.refused] == [ObjectKind.ENVIRONMENT]
        assert len(world.platform.machines.instances) == 3


async def refused(world: Any) -> list[Any]:
    return list((await world.core.tenancy.plan()).plan.refused)
