"""A release passes the stages in their order, each with the same artefact."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.house import TINY, tiny_estate

from plantroom.delivery.artefacts.service import Artefacts
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


async def test_a_release_that_no_script_leads_to_does_not_leave(simulate: Any, tmp_path: Path) -> None:
    async with simulate({"alder": "pilot"}) as world:
        await world.apply()
        source = tmp_path / "other"
        shutil.copytree(TINY, source)
        definition = source / "plantroom.app.yaml"
        definition.write_text(definition.read_text().replace("VERSION", "4.0").replace("PYTHON", sys.executable))
        with (source / "initial.sql").open("a") as schema:
            schema.write("CREATE TABLE more (id int);\n")
        Artefacts(tmp_path / "home" / "artefacts").build(source)
        why = r"alder/production: tiny@4\.0 needs schema 4\.0 and has no migration; it has been on 1\.0"
        with pytest.raises(ReleaseError, match=rf"PR706 release 4\.0: {why}"):
            await world.release("4.0", "four")
        assert await world.core.trains.trains() == []


async def test_an_environment_that_could_not_start_is_refused_by_the_plan(simulate: Any) -> None:
    async with simulate({"alder": "pilot", "birch": "pilot"}) as world:
        made = tiny_estate({"alder": "pilot", "birch": "pilot"})
        del made["clients"]["birch"]["environments"]["production"]["database_pool"]
        world.declare(made)
        plan = (await world.core.tenancy.plan()).plan
        birch = [one for one in plan.changes if (one.environment or one.name) == "birch/production"]
        assert {(one.action.value, one.reason) for one in birch} == {
            ("refused", "tiny 1.0 needs a database, the environment has no database_pool")
        }
        await world.apply()
        assert set(await world.running()) == {"alder"}
