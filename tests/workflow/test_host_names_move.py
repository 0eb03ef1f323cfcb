"""Host names that move from one client to another, while one of the two fails or is being changed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from tests.house import tiny_estate

from plantroom.delivery.tenancy import policy
from plantroom.estate.changes import Action, ObjectKind
from plantroom.platforms.contract import InstanceSpec, RouteSpec

CLIENTS = {"alder": "pilot", "birch": "pilot", "cedar": "general"}
NAME = "wood.tiny.test"


def with_names(soak: str = "0s", **names: list[str]) -> dict[str, Any]:
    made = tiny_estate(CLIENTS)
    for ring in made["rings"]:
        ring["soak"] = soak
    for client, more in names.items():
        made["clients"][client]["environments"]["production"]["hosts"] += more
    return made


async def hosts(world: Any) -> dict[str, set[str]]:
    return {route.environment.split("/")[0]: set(route.hosts) for route in await world.platform.traffic.observe()}


async def applied(world: Any) -> dict[str, Any]:
    digest = (await world.core.tenancy.plan()).plan.digest
    await world.core.tenancy.apply(digest, "tester")

    async def over() -> bool:
        return bool((await world.core.tenancy.status(digest))["state"] == "ended")

    await world.until(over)
    found: dict[str, Any] = await world.core.tenancy.status(digest)
    return found


def policy_spec(routes: Any, client: str, names: list[str]) -> RouteSpec:
    return RouteSpec(f"{client}/production", tuple(names), routes[f"{client}/production"].spec.health_path, False)


def unhealthy(spec: InstanceSpec) -> str | None:
    return "it says so" if spec.variables.get("GREETING") == "bad" else None


async def test_one_that_fails_comes_back_without_the_name_that_another_has_by_now(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        world.declare(with_names(alder=[NAME]))
        await world.apply()
        before = {one.id for one in await world.platform.workloads.observe() if one.environment == "alder/production"}
        made = with_names(birch=[NAME])
        made["clients"]["alder"]["environments"]["production"]["values"] = {"GREETING": "bad"}
        world.declare(made)
        world.platform.workloads.unhealthy = unhealthy
        ended = await applied(world)
        assert [one.split(":")[0] for one in ended["failed"]] == ["alder/production"]
        assert "not back" not in ended["failed"][0]
        there = [one for one in await world.platform.workloads.observe() if one.environment == "alder/production"]
        assert {one.id for one in there} == before
        assert all(one.state.value == "running" for one in there)
        assert await hosts(world) == {
            "alder": {"alder.tiny.test"},
            "birch": {"birch.tiny.test", NAME},
            "cedar": {"cedar.tiny.test"},
        }
        planned = await world.core.tenancy.plan()
        assert planned.recorded["alder/production"].hosts == ("alder.tiny.test",)
        assert policy.drift(planned.plan) == ()
        assert {one.environment for one in planned.plan.effective} == {"alder/production"}


async def test_a_train_passes_over_a_name_that_was_taken_before_its_step_and_the_record_follows(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        world.declare(with_names(alder=[NAME]))
        await world.apply()
        routes = world.platform.traffic.routes
        taken = [False]
        route = world.platform.traffic.route

        async def steals(specs: Any) -> None:
            if not taken[0] and any(spec.environment == "alder/production" for spec in specs):
                taken[0] = True
                await route([policy_spec(routes, "alder", ["alder.tiny.test"])])
                await route([policy_spec(routes, "birch", ["birch.tiny.test", NAME])])
            await route(specs)

        world.platform.traffic.route = steals
        await world.release("2.0", "two")
        assert (await world.ended("two"))["state"] == "done"
        assert taken == [True]
        assert (await hosts(world))["alder"] == {"alder.tiny.test"}
        assert (await world.core.tenancy.plan()).recorded["alder/production"].hosts == ("alder.tiny.test",)


async def test_who_is_to_have_a_name_waits_for_the_change_of_the_one_who_has_it(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        world.declare(with_names(alder=[NAME]))
        await world.apply()
        held = asyncio.Event()
        stop = world.platform.workloads.stop

        async def slow(instance: str) -> None:
            await held.wait()
            await stop(instance)

        world.platform.workloads.stop = slow
        await world.release("2.0", "two")

        async def changing() -> bool:
            return bool((await world.states("two"))["alder"] == "changing")

        await world.until(changing)
        # Alder gives its name to birch, and birch its own to cedar.
        made = with_names(birch=[NAME], cedar=["birch.tiny.test"])
        made["clients"]["birch"]["environments"]["production"]["hosts"].remove("birch.tiny.test")
        world.declare(made)
        plan = (await world.core.tenancy.plan()).plan
        assert plan.effective == () or {one.kind for one in plan.effective} == {ObjectKind.ESTATE}
        said = {one.name: one.reason for one in plan.changes if one.kind is ObjectKind.ENVIRONMENT}
        assert said["alder/production"].startswith("a change is under way")
        assert (
            said["birch/production"] == f"waits for {NAME}, which alder/production has until its own change has ended"
        )
        assert said["cedar/production"].startswith("waits for birch.tiny.test, which birch/production has")
        assert all(one.action is Action.UNCHANGED for one in plan.changes if one.environment)
        held.set()
        world.declare(with_names(alder=[NAME]))
        assert (await world.ended("two"))["state"] == "done"
        world.declare(made)
        await world.apply()
        assert await hosts(world) == {
            "alder": {"alder.tiny.test"},
            "birch": {NAME},
            "cedar": {"cedar.tiny.test", "birch.tiny.test"},
        }


async def test_what_was_changed_by_hand_is_drift_although_the_files_want_something_else_by_now(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        (worker,) = [
            one.id
            for one in await world.platform.workloads.observe()
            if (one.environment, one.process) == ("alder/production", "worker")
        ]
        await world.platform.workloads.stop(worker)
        made = with_names()
        made["clients"]["alder"]["environments"]["production"]["values"] = {"GREETING": "good"}
        world.declare(made)
        (change,) = policy.drift((await world.core.tenancy.plan()).plan)
        assert (change.name, change.action) == ("alder/production/worker/1", Action.CREATED)
        await world.apply()
        assert policy.drift((await world.core.tenancy.plan()).plan) == ()


async def test_an_instance_that_is_not_the_recorded_one_is_drift_although_it_is_of_the_same_release(
    simulate: Any,
) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        instances = world.platform.machines.instances
        (worker,) = [
            one
            for one in instances.values()
            if (one.spec.environment, one.spec.process.name) == ("alder/production", "worker")
        ]
        other = replace(worker.spec, id=f"{worker.spec.id[:-8]}00000000")
        await world.platform.workloads.stop(worker.spec.id)
        await world.platform.workloads.start(other)
        (change,) = policy.drift((await world.core.tenancy.plan()).plan)
        assert (change.action, change.reason) == (Action.UPDATED, f"is {other.id}, recorded is {worker.spec.id}")
        await world.apply()
        plan = (await world.core.tenancy.plan()).plan
        assert (plan.effective, policy.drift(plan)) == ((), ())
        assert worker.spec.id in instances


def renamed(**allowed: list[str]) -> dict[str, Any]:
    """Alder is called willow now, and is to have the name that it had."""
    made = tiny_estate({"willow": "pilot", "birch": "pilot", "cedar": "general"})
    made["clients"]["willow"]["environments"]["production"]["hosts"] = ["alder.tiny.test"]
    made["estate"]["allow"] |= allowed
    return made


async def test_who_is_to_have_the_name_of_one_that_stays_is_refused_in_the_plan(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        world.declare(renamed())
        plan = (await world.core.tenancy.plan()).plan
        assert {one.kind for one in plan.effective} == {ObjectKind.ESTATE}
        [willow] = [
            one for one in plan.refused if one.name == "willow/production" and one.kind is ObjectKind.ENVIRONMENT
        ]
        assert willow.reason == "it is to have host name alder.tiny.test of alder/production, which keeps it"
        assert await hosts(world) == {client: {f"{client}.tiny.test"} for client in CLIENTS}


async def test_who_is_to_have_the_name_of_one_that_goes_comes_after_it(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        name = ["alder/production"]
        made = renamed(delete_environments=[*name], delete_databases=[*name], delete_file_stores=[*name])
        made["estate"]["bounds"] = {"max_deletions": 10, "max_deletions_percent": 100}
        world.declare(made)
        await world.apply()
        assert await hosts(world) == {
            "willow": {"alder.tiny.test"},
            "birch": {"birch.tiny.test"},
            "cedar": {"cedar.tiny.test"},
        }
        assert (await world.core.tenancy.plan()).plan.effective == ()


async def test_who_retires_makes_room_in_the_same_apply(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        made = with_names(birch=["alder.tiny.test"])
        alder = made["clients"]["alder"]["environments"]["production"]
        alder["state"] = "retired"
        world.declare(made | {"estate": made["estate"] | {"bounds": {"max_deletions_percent": 100}}})
        await world.apply()
        assert (await hosts(world))["birch"] == {"birch.tiny.test", "alder.tiny.test"}
