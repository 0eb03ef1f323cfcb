"""Clients that an apply takes out of Plantroom's hands while a train is under way: it changes them no more."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from tests.house import tiny_estate

from plantroom.estate.model import Management
from plantroom.platforms.contract import TrafficCount
from plantroom.rollout import store

CLIENTS = {"alder": "pilot", "birch": "early", "cedar": "general"}


def estate(**changed: dict[str, Any]) -> dict[str, Any]:
    """With a soak to meddle in, and with these keys of these clients changed."""
    made = tiny_estate(CLIENTS)
    for ring in made["rings"]:
        ring["soak"] = "1h"
    for client, keys in changed.items():
        made["clients"][client].update(keys)
    return made


async def until_state(world: Any, client: str, state: str) -> None:
    async def so() -> bool:
        return bool((await world.states("two"))[client] == state)

    await world.until(so)


async def on_its_way(world: Any) -> None:
    """Train two, which has brought 2.0 to alder and soaks there."""
    await world.apply()
    await world.release("2.0", "two")
    await until_state(world, "alder", "done")


async def told(world: Any, client: str) -> dict[str, Any]:
    (found,) = (await world.core.trains.why(client))["environments"]
    return dict(found)


async def releases(world: Any) -> dict[str, str]:
    return {one["environment"].split("/")[0]: one["release"] for one in await world.core.tenancy.environments()}


async def outcomes(world: Any, verb: str, client: str) -> list[dict[str, Any]]:
    subject = f"train/two/{client}/production"
    entries = [item.entry for item in await world.core.ledger.all()]
    found = [one for one in entries if (one.verb, one.subject, one.phase.value) == (verb, subject, "outcome")]
    return [one.payload["data"] for one in found]


def erring(world: Any, monkeypatch: pytest.MonkeyPatch, client: str) -> None:
    """From now on this client gets nothing but errors on release 2.0."""
    original = world.platform.traffic.count

    async def count(environment: str) -> TrafficCount:
        if environment == f"{client}/production" and (await world.running()).get(client) == {"2.0"}:
            world.platform.traffic.routes[environment].requests += 100
            world.platform.traffic.routes[environment].errors_5xx += 100
        seen: TrafficCount = await original(environment)
        return seen

    monkeypatch.setattr(world.platform.traffic, "count", count)


@pytest.mark.parametrize("management", ["observed", "external"])
async def test_a_client_that_is_not_managed_any_more_when_its_turn_comes_leaves(simulate: Any, management: str) -> None:
    async with simulate(CLIENTS, soak="1h") as world:
        await on_its_way(world)
        world.declare(estate(cedar={"management": management}))
        assert (await told(world, "cedar"))["next"].startswith("train two brings 2.0"), "nothing is applied yet"
        await world.apply()
        assert (await told(world, "cedar"))["next"] == f"train two goes on without it: it is {management}"
        assert (await world.ended("two"))["state"] == "done"
        assert await world.states("two") == {"alder": "done", "birch": "done", "cedar": "left"}
        assert await world.running() == {"alder": {"2.0"}, "birch": {"2.0"}, "cedar": {"1.0"}}
        why = f"it is {management} since the train began"
        assert await outcomes(world, "train.board", "cedar") == [{"left": why}]
        cedar = await told(world, "cedar")
        assert cedar["history"] == [f"train two (2.0) went on without it: {why}"]
        assert cedar["next"] == f"no train takes it along while it is {management}"


async def test_an_environment_counts_with_its_own_management(simulate: Any) -> None:
    async with simulate(CLIENTS, soak="1h") as world:
        await on_its_way(world)
        meanwhile = estate()
        meanwhile["clients"]["cedar"]["environments"]["production"]["management"] = "observed"
        world.declare(meanwhile)
        await world.apply()
        await world.ended("two")
        assert (await world.states("two"))["cedar"] == "left"


async def test_a_client_that_is_managed_again_when_its_turn_comes_goes_along(simulate: Any) -> None:
    async with simulate(CLIENTS, soak="1h") as world:
        await on_its_way(world)
        world.declare(estate(cedar={"management": "observed"}))
        await world.apply()
        world.declare(estate())
        await world.apply()
        await world.ended("two")
        assert await world.running() == {client: {"2.0"} for client in CLIENTS}


async def test_a_client_that_no_file_declares_any_more_and_that_may_not_go_leaves(simulate: Any) -> None:
    """No new train would take it along either."""
    async with simulate(CLIENTS, soak="1h") as world:
        await on_its_way(world)
        meanwhile = estate()
        del meanwhile["clients"]["cedar"]
        world.declare(meanwhile)
        await world.apply()
        await world.ended("two")
        assert (await world.states("two"))["cedar"] == "left"
        assert (await world.running())["cedar"] == {"1.0"}
        assert (await told(world, "cedar"))["history"] == [
            "train two (2.0) went on without it: it is not declared since the train began"
        ]


async def test_who_boards_while_an_apply_is_written_waits_for_what_it_says(simulate: Any) -> None:
    """Board has asked already, and is about to open its change: it asks again under the lock that the apply holds."""
    async with simulate(CLIENTS) as world:
        await world.apply()
        managed = {f"{client}/production": Management.MANAGED for client in CLIENTS}
        async with world.core.database.transaction() as apply:
            await store.set_managements(apply, managed | {"birch/production": Management.OBSERVED})
            await world.release("2.0", "two")

            async def waits() -> bool:
                asked = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
                async with world.core.database.reading() as connection:
                    return bool((await connection.execute(asked)).scalar_one())

            await world.until(waits)
            assert await world.states("two") == {"alder": "done", "birch": "waiting", "cedar": "waiting"}
        await until_state(world, "cedar", "done")
        assert await world.running() == {"alder": {"2.0"}, "birch": {"1.0"}, "cedar": {"2.0"}}
        assert await outcomes(world, "train.board", "birch") == [{"left": "it is observed since the train began"}]


async def test_a_train_on_its_way_back_leaves_what_is_not_managed_any_more_as_it_is(
    simulate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulate(CLIENTS, soak="1h") as world:
        erring(world, monkeypatch, "cedar")
        await on_its_way(world)
        world.declare(estate(alder={"management": "observed"}))
        await world.apply()
        ended = await world.ended("two")
        assert ended["state"] == "stopped"
        why = "it is observed since the train began"
        assert [(one["state"], one["now"], one["why"]) for one in ended["targets"]] == [
            ("left", "2.0", why),
            ("back", "1.0", ""),
            ("back", "1.0", ""),
        ]
        assert await world.running() == {"alder": {"2.0"}, "birch": {"1.0"}, "cedar": {"1.0"}}
        assert await outcomes(world, "train.board-back", "alder") == [{"left": why}]
        alder = await told(world, "alder")
        assert alder["because"].startswith("train two brought release 2.0 on")
        assert alder["history"][0] == f"train two brought it to 2.0 and did not take it back: {why}"
        assert alder["next"] == "no train takes it along while it is observed"


async def test_a_train_on_its_way_back_takes_back_what_no_file_declares(
    simulate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may not retire, so it is repaired by every apply; nobody else would take it off a release that failed."""
    async with simulate(CLIENTS, soak="1h") as world:
        erring(world, monkeypatch, "cedar")
        await on_its_way(world)
        meanwhile = estate()
        del meanwhile["clients"]["alder"]
        world.declare(meanwhile)
        await world.apply()
        assert (await world.ended("two"))["state"] == "stopped"
        assert await world.states("two") == dict.fromkeys(CLIENTS, "back")
        assert await releases(world) == dict.fromkeys(CLIENTS, "1.0")


async def test_what_is_not_managed_any_more_is_not_judged(simulate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What others do to it meanwhile says nothing of the release."""
    async with simulate(CLIENTS, soak="1h") as world:
        await on_its_way(world)
        erring(world, monkeypatch, "alder")
        world.declare(estate(alder={"management": "external"}))
        await world.apply()
        assert (await world.ended("two"))["state"] == "done"
        assert await world.states("two") == dict.fromkeys(CLIENTS, "done")
