"""What is said of a client: of a release that was taken back, of an apply that failed, of a train that passes it by."""

from __future__ import annotations

from typing import Any

import pytest
from tests.house import tiny_estate

from plantroom.kernel.errors import PlatformError
from plantroom.platforms.contract import InstanceSpec
from plantroom.platforms.sim import SimPlatform

CLIENTS = {"alder": "pilot", "birch": "early", "cedar": "general"}


def estate(soak: str = "0s", **changed: dict[str, Any]) -> dict[str, Any]:
    made = tiny_estate(CLIENTS, bounds={"max_deletions": 1, "max_deletions_percent": 50})
    for ring in made["rings"]:
        ring["soak"] = soak
    for client, keys in changed.items():
        made["clients"][client]["environments"]["production"].update(keys)
    return made


async def told(world: Any, client: str) -> dict[str, Any]:
    (found,) = (await world.core.trains.why(client))["environments"]
    return dict(found)


def unwell_on(release: str, client: str) -> SimPlatform:
    def unwell(spec: InstanceSpec) -> str | None:
        bad = spec.environment == f"{client}/production" and spec.variables["PLANTROOM_RELEASE"] == release
        return "it cannot bear the data" if bad else None

    return SimPlatform(unhealthy=unwell)


async def test_a_release_that_was_taken_back_is_told_with_its_train_and_its_reason(simulate: Any) -> None:
    async with simulate(CLIENTS, unwell_on("3.0", "birch")) as world:
        await world.apply()
        await world.release("2.0", "two")
        await world.ended("two")
        await world.release("3.0", "three")
        ended = await world.ended("three")
        assert ended["state"] == "stopped"
        alder = await told(world, "alder")
        taken = "train three brought release 3.0 and took it back to 2.0, asked for by tester"
        assert alder["because"] == f"{taken}: {ended['why']}"
        assert "it cannot bear the data" in alder["because"]
        assert (await told(world, "cedar"))["because"].startswith("train two brought release 2.0 on")
        world.declare(estate(alder={"values": {"GREETING": "good evening"}}))
        await world.apply()
        because = (await told(world, "alder"))["because"]
        assert because.startswith(f"{taken}: {ended['why']}; apply ")
        assert because.endswith("has changed it since, asked for by tester")


async def test_a_first_apply_that_failed_is_told_with_its_reason(simulate: Any) -> None:
    async with simulate(CLIENTS, unwell_on("1.0", "birch")) as world:
        planned = await world.core.tenancy.plan()
        assert (await told(world, "birch"))["because"] == "it was not applied yet"
        await world.core.tenancy.apply(planned.plan.digest, "tester")

        async def over() -> bool:
            return bool((await world.core.tenancy.status(planned.plan.digest))["state"] == "ended")

        await world.until(over)
        birch = await told(world, "birch")
        assert birch["status"] == "declared"
        assert "asked for by tester, could not make it: " in birch["because"]
        assert "it cannot bear the data" in birch["because"]


async def test_an_apply_that_ended_before_it_came_to_a_client_is_told_with_its_reason(
    simulate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulate(CLIENTS) as world:

        async def no_room(spec: Any) -> None:
            raise PlatformError("PR405", "the servers", value="there is no room")

        monkeypatch.setattr(world.platform.machines, "create", no_room)
        planned = await world.core.tenancy.plan()
        await world.core.tenancy.apply(planned.plan.digest, "tester")

        async def over() -> bool:
            return bool((await world.core.tenancy.status(planned.plan.digest))["state"] == "ended")

        await world.until(over)
        because = (await told(world, "alder"))["because"]
        assert "asked for by tester, ended before it: main-1: PR405 the servers: there is no room" in because


@pytest.mark.parametrize("state", ["suspended", "retired"])
async def test_a_train_that_passes_a_client_by_is_not_said_to_come(simulate: Any, state: str) -> None:
    async with simulate(CLIENTS, soak="1h") as world:
        world.declare(estate("1h"))
        await world.apply()
        await world.release("2.0", "two")

        async def alder_is_done() -> bool:
            return bool((await world.states("two"))["alder"] == "done")

        await world.until(alder_is_done)
        assert (await told(world, "cedar"))["next"].startswith("train two brings 2.0")
        world.declare(estate("1h", cedar={"state": state}))
        await world.apply()
        coming = {
            "suspended": "train two goes on without it: it is suspended",
            "retired": "nothing: it is retired",
        }
        assert (await told(world, "cedar"))["next"] == coming[state]
