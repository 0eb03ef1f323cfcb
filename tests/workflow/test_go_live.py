"""A client that is declared today and goes live on its day, by itself."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from tests.house import tiny_estate

from plantroom.delivery.tenancy import steps
from plantroom.estate.changes import Action
from plantroom.rollout import store

CLIENTS = {"alder": "pilot", "birch": "pilot"}


def with_day(day: str | None) -> dict[str, Any]:
    estate = tiny_estate(CLIENTS)
    if day is not None:
        estate["clients"]["birch"]["environments"]["production"]["go_live"] = day
    return estate


async def environments(world: Any) -> set[str]:
    """Those that are live."""
    return {one["environment"] for one in await world.core.tenancy.environments() if one["status"] == "live"}


async def actions(world: Any) -> dict[str, Action]:
    plan = (await world.core.tenancy.plan()).plan
    return {one.name: one.action for one in plan.changes if one.action is not Action.UNCHANGED}


async def test_a_client_goes_live_on_its_day_and_not_before(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        day = (world.clock.at + timedelta(days=30)).date()
        world.declare(with_day(day.isoformat()))
        await world.apply()
        assert await environments(world) == {"alder/production"}
        assert await actions(world) == {}, "an applied estate plans to nothing, one that waits included"
        world.clock.at += timedelta(days=31)
        await go_live_in(world, timedelta(seconds=3))
        assert await environments(world) == {"alder/production"}

        async def live() -> bool:
            return "birch/production" in await environments(world)

        await world.until(live)
        assert (await world.running())["birch"] == {"1.0"}
        assert await actions(world) == {}


async def test_a_later_apply_takes_the_place_of_what_waited(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        first = (world.clock.at + timedelta(days=30)).date().isoformat()
        later = (world.clock.at + timedelta(days=60)).date().isoformat()
        world.declare(with_day(first))
        await world.apply()
        (replaced,) = await waiting_changes(world)
        world.declare(with_day(later))
        assert await actions(world) == {"birch/production": Action.UPDATED}
        await world.apply()
        world.clock.at += timedelta(days=31)
        await go_live_in(world, timedelta(), replaced)
        assert await world.environment.client.get_workflow_handle(f"soon-{replaced}").result() is False
        assert await environments(world) == {"alder/production"}
        world.declare(with_day(None))
        await world.apply()
        assert await environments(world) == {"alder/production", "birch/production"}


async def test_one_that_is_declared_no_more_never_goes_live(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        world.declare(with_day((world.clock.at + timedelta(days=30)).date().isoformat()))
        await world.apply()
        world.declare(tiny_estate({"alder": "pilot"}))
        assert await actions(world) == {"birch/production": Action.DELETED}
        await world.apply()
        assert await actions(world) == {}
        world.clock.at += timedelta(days=31)
        await world.core.tenancy.resume()
        assert await environments(world) == {"alder/production"}


async def test_one_that_is_only_observed_now_never_goes_live(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        day = (world.clock.at + timedelta(days=30)).date().isoformat()
        world.declare(with_day(day))
        await world.apply()
        observed = with_day(day)
        observed["clients"]["birch"]["management"] = "observed"
        world.declare(observed)
        assert await actions(world) == {"birch/production": Action.DELETED}
        await world.apply()
        assert await waiting_changes(world) == []
        assert await actions(world) == {"birch/production": Action.OBSERVED}
        assert await environments(world) == {"alder/production"}


async def test_a_day_that_comes_before_a_later_apply_has_begun_is_not_kept(simulate: Any) -> None:
    """What that apply says of the client has been written, and nobody has come to act on it yet."""
    async with simulate(CLIENTS) as world:
        day = (world.clock.at + timedelta(days=30)).date().isoformat()
        world.declare(with_day(day))
        await world.apply()
        (waiting,) = await waiting_changes(world)
        observed = with_day(day)
        observed["clients"]["birch"]["management"] = "observed"
        world.declare(observed)
        start, sent = world.core.courier.start, []

        async def later(*given: Any) -> None:
            sent.append(given)

        world.core.courier.start = later
        planned = (await world.core.tenancy.plan()).plan.digest
        await world.core.tenancy.apply(planned, "tester")
        world.core.courier.start = start
        world.clock.at += timedelta(days=31)
        await go_live_in(world, timedelta(), waiting)
        await asyncio.sleep(2)
        assert await waiting_changes(world) == [waiting]
        for given in sent:
            await start(*given)
        assert await world.environment.client.get_workflow_handle(f"soon-{waiting}").result() is False
        assert await waiting_changes(world) == []
        assert await environments(world) == {"alder/production"}


async def test_a_go_live_that_nobody_asked_for_does_nothing(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        world.declare(with_day((world.clock.at + timedelta(days=30)).date().isoformat()))
        await world.apply()
        (waiting,) = await waiting_changes(world)
        # Somebody speaks to Temporal, and says that the day was yesterday.
        forged = steps.GoLiveInput(waiting, "2020-01-01T00:00:00.000000Z")
        await world.core.courier.start(steps.GO_LIVE_WORKFLOW, forged, "forged")
        assert await world.environment.client.get_workflow_handle("forged").result() is False
        assert await environments(world) == {"alder/production"}


async def go_live_in(world: Any, time: timedelta, change: str | None = None) -> None:
    """Send off a go-live whose day comes this soon by Temporal's clock; a month of it would take minutes to skip."""
    at = await world.environment.get_current_time() + time
    change = change or (await waiting_changes(world))[0]
    given = steps.GoLiveInput(change, at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    await world.core.courier.start(steps.GO_LIVE_WORKFLOW, given, f"soon-{change}")


async def waiting_changes(world: Any) -> list[str]:
    async with world.core.database.transaction() as connection:
        return [one.key for one in await store.waiting(connection)]
