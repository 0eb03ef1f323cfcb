"""A release passes the stages in their order, each with the same artefact."""

from __future__ import annotations

from typing import Any

import pytest
from tests.house import tiny_estate

from plantroom.kernel.errors import ReleaseError


def with_uat() -> dict[str, Any]:
    made = tiny_estate({"alder": "pilot", "birch": "pilot"})
    made["stages"] = {"uat": {}, "production": {"after": "uat"}}
    hosts = {"hosts": ["uat.alder.tiny.test"]}
    alder = made["clients"]["alder"]["environments"]
    alder["uat"] = alder["production"] | hosts
    return made


async def test_what_was_made_on_an_artefact_does_not_count_for_it(simulate: Any) -> None:
    async with simulate({"alder": "pilot"}) as world:
        await world.apply()
        made = with_uat()
        made["applications"]["tiny"]["release"] = "2.0"
        world.declare(made)
        await world.apply()
        found = await world.core.trains.gates(version="2.0", application=None, stage="production", actor="tester")
        assert not found["open"]


async def test_what_was_never_at_the_stage_before_does_not_leave_for_the_next_one(simulate: Any) -> None:
    async with simulate({"alder": "pilot"}) as world:
        world.declare(with_uat())
        await world.apply()
        asked = {"version": "2.0", "application": None, "actor": "tester"}
        found = await world.core.trains.gates(stage="production", **asked)
        assert not found["open"]
        [shut] = [one for one in found["gates"] if one["verdict"] != "allowed"]
        assert shut["gate"] == "stages"
        assert "production comes after uat" in shut["reason"]
        with pytest.raises(ReleaseError, match=r"PR710 release 2\.0: stages: production comes after uat"):
            await world.release("2.0", "early")
        assert await world.core.trains.trains() == []
        await world.core.trains.start(name="uat", stage="uat", **asked)
        assert (await world.ended("uat"))["state"] == "done"
        assert (await world.core.trains.gates(stage="production", **asked))["open"]
        await world.release("2.0", "two")
        assert (await world.ended("two"))["state"] == "done"
        assert not (await world.core.trains.gates(stage="production", **(asked | {"version": "3.0"})))["open"]
