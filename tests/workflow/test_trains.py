"""Trains over hours of soaking, with aborts, unknowns and faults, on the simulated platform."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.house import tiny_estate

from plantroom.kernel.errors import PlatformError
from plantroom.platforms.contract import InstanceSpec, TrafficCount
from plantroom.platforms.sim import SimPlatform
from plantroom.platforms.sim.faults import seeded

CLIENTS = {"alder": "pilot", "birch": "early", "cedar": "general", "dogwood": "general"}
DONE = dict.fromkeys(CLIENTS, "done")


async def test_a_train_soaks_for_hours_and_reaches_everyone(simulate: Any) -> None:
    async with simulate(CLIENTS, soak="6h") as world:
        await world.apply()
        await world.release("2.0", "two")
        ended = await world.ended("two")
        assert (ended["state"], await world.states("two")) == ("done", DONE)
        assert await world.running() == {client: {"2.0"} for client in CLIENTS}


async def test_a_train_passes_by_what_is_only_observed(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        estate = tiny_estate(CLIENTS)
        estate["clients"]["birch"]["management"] = "observed"
        estate["clients"]["cedar"]["environments"]["production"]["hosts"] = ["new.tiny.test"]
        world.declare(estate)
        await world.apply()
        await world.release("2.0", "two")
        assert (await world.ended("two"))["state"] == "done"
        assert await world.running() == {client: {"1.0" if client == "birch" else "2.0"} for client in CLIENTS}


async def test_an_abort_in_a_soak_leaves_later_rings_alone(simulate: Any) -> None:
    async with simulate(CLIENTS, soak="6h") as world:
        await world.apply()
        await world.release("2.0", "two")

        async def alder_is_done() -> bool:
            return bool((await world.states("two"))["alder"] == "done")

        await world.until(alder_is_done)
        await world.core.trains.abort("two", "tester")
        ended = await world.ended("two")
        assert (ended["state"], ended["why"]) == ("aborted", "aborted by tester")
        assert await world.states("two") == DONE | dict.fromkeys(("birch", "cedar", "dogwood"), "waiting")
        assert (await world.running())["birch"] == {"1.0"}


async def test_no_data_holds_the_ring_and_stops_it_at_its_deadline(
    simulate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulate(CLIENTS, soak="1h", unknown_deadline="20s") as world:
        await world.apply()

        async def silent(environment: str) -> TrafficCount:
            raise PlatformError("PR404", "the balancer", value="does not answer")

        monkeypatch.setattr(world.platform.traffic, "count", silent)
        await world.release("2.0", "two")
        ended = await world.ended("two")
        assert ended["state"] == "stopped"
        assert "still unknown after 20 s" in ended["why"]
        assert (await world.states("two"))["alder"] == "back"
        assert await world.running() == {client: {"1.0"} for client in CLIENTS}


async def test_too_many_errors_in_a_soak_take_every_ring_back_the_newest_first(simulate: Any) -> None:
    async with simulate(CLIENTS, soak="1h") as world:
        await world.apply()
        original = world.platform.traffic.count

        async def count(environment: str) -> TrafficCount:
            seen = await original(environment)
            bad = environment == "cedar/production" and (await world.running())["cedar"] == {"2.0"}
            world.platform.traffic.routes[environment].requests += 100
            world.platform.traffic.routes[environment].errors_5xx += 50 if bad else 0
            return seen

        world.platform.traffic.count = count
        await world.release("2.0", "two")
        ended = await world.ended("two")
        assert ended["state"] == "stopped"
        assert "answers were errors" in ended["why"]
        assert await world.running() == {client: {"1.0"} for client in CLIENTS}
        back = [subject.split("/")[2] for verb, subject in await world.verbs() if verb == "train.board-back"]
        assert list(dict.fromkeys(back)) == ["dogwood", "cedar", "birch", "alder"]


async def test_a_worker_that_ends_again_and_again_is_not_well(simulate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        find = world.platform.workloads.find

        async def found(instance: str) -> Any:
            seen = await find(instance)
            ends = seen is not None and seen.process == "worker" and seen.environment == "birch/production"
            return replace(seen, started=9) if ends else seen

        monkeypatch.setattr(world.platform.workloads, "find", found)
        await world.release("2.0", "two")
        ended = await world.ended("two")
        assert (ended["state"], "2 of 3 instances are healthy" in ended["why"]) == ("stopped", True), ended["why"]
        assert await world.running() == {client: {"1.0"} for client in CLIENTS}


async def test_a_release_that_is_never_healthy_somewhere_is_admitted_nowhere_there(simulate: Any) -> None:
    def unwell(spec: InstanceSpec) -> str | None:
        bad = spec.environment == "birch/production" and spec.variables["PLANTROOM_RELEASE"] == "3.0"
        return "it cannot bear the data" if bad else None

    async with simulate(CLIENTS, SimPlatform(unhealthy=unwell)) as world:
        await world.apply()
        await world.release("3.0", "three")
        ended = await world.ended("three")
        assert ended["state"] == "stopped"
        assert await world.states("three") == {
            "alder": "back",
            "birch": "failed",
            "cedar": "waiting",
            "dogwood": "waiting",
        }
        assert await world.running() == {client: {"1.0"} for client in CLIENTS}
        admitted = {
            target for (verb, target) in world.platform.effects.done if verb == "admit" and "birch" in str(target)
        }
        assert len(admitted) == 2, "only the two that were admitted when the client was provisioned"


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_goes_wrong_on_the_way_the_night_ends_right_and_nothing_happens_twice(
    simulate: Any, seed: int
) -> None:
    platform = SimPlatform(faults=seeded(seed, 15, 15, times=2))
    async with simulate({"alder": "pilot", "birch": "general"}, platform) as world:
        await world.apply()
        await world.release("2.0", "two")
        ended = await world.ended("two")
        assert ended["state"] == "done"
        assert platform.effects.struck, "no fault struck, so nothing was shown"
        assert await world.running() == {"alder": {"2.0"}, "birch": {"2.0"}}
        starts = {target: count for (verb, target), count in platform.effects.done.items() if verb == "start"}
        assert set(starts.values()) == {1}, starts
        planned = await world.core.tenancy.plan()
        assert planned.plan.effective == ()
