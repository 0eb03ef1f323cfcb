"""Runs over the fleet as they are asked for: one at a time, and of managed environments only."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.house import tiny_estate

from plantroom.delivery.schema import store
from plantroom.delivery.schema.fleet_model import script_data
from plantroom.delivery.schema.gate import MigrationGate
from plantroom.delivery.schema.model import Hazard, HazardClass, SchemaError
from plantroom.delivery.schema.service import SchemaService
from plantroom.estate.changes import Status
from plantroom.estate.loader import load
from plantroom.estate.model import Loaded
from plantroom.kernel.verdict import Allowed, Refused, Verdict
from plantroom.ledger.service import Ledger
from plantroom.platforms.contract import Script, ScriptSeen, Step
from plantroom.rollout import store as rollout_store
from plantroom.rollout.model import Target
from plantroom.runtime import clock
from plantroom.runtime.database import Database

REPAIR = "sha256:" + "5" * 64


HAZARD = Hazard(HazardClass.LOSES_DATA, 0, "asset.note", "12 values")
HASH = "6" * 64


class Applied:
    def __init__(self, directory: Path, estate: dict[str, Any]) -> None:
        directory.mkdir()
        (directory / "estate.yaml").write_text(yaml.safe_dump(estate))
        self._loaded = load(directory)

    async def applied(self) -> Loaded:
        return self._loaded


class Releases:
    async def scripts_due(
        self, _digest: str, _recorded: Sequence[ScriptSeen], _running: Collection[str] = ()
    ) -> tuple[Script, ...] | Refused:
        return ()

    async def migrations(self, digest: str) -> Sequence[Mapping[str, Any]]:
        proof = {"hazards": [HAZARD.as_data()]}
        return [{"release": "1.1", "sha256": HASH, "proof": proof}] if digest == "sha256:11" else ()

    async def application_of(self, digest: str) -> str | None:
        return "tiny" if digest == "sha256:11" else None

    async def left_by(self, _application: str, _recorded: Sequence[ScriptSeen]) -> tuple[str, Script | None]:
        return "", None

    async def find(self, _application: str, version: str) -> str | None:
        return "sha256:11" if version == "1.1" else None


class Sent:
    """A courier that only notes what it is given."""

    def __init__(self) -> None:
        self.started: list[str] = []

    async def start(self, _workflow: str, _given: object, id: str) -> None:
        self.started.append(id)

    async def call(self, _workflow: str, _given: object, id: str) -> None:
        self.started.append(id)


async def service(database: Database, directory: Path, courier: Sent, **management: str) -> SchemaService:
    return await service_of(tiny_estate({"alder": "pilot", "birch": "pilot"}), database, directory, courier, management)


class Shut:
    """A gate of another room's."""

    async def judge(self, *_: object) -> Verdict:
        return Refused("it was never at uat")


def with_second_person(where: str) -> dict[str, Any]:
    estate = tiny_estate({"alder": "pilot", "birch": "pilot"})
    estate["people"] = {name: {"name": name.title(), "account": name} for name in ("ada", "bob", "root")}
    rules = {"second_person": ["loses data"]}
    {"stage": estate["stages"]["production"], "ring": estate["rings"][0]}[where]["migrations"] = rules
    return estate


async def service_of(
    estate: dict[str, Any],
    database: Database,
    directory: Path,
    courier: Sent,
    management: Mapping[str, str],
    others: Sequence[Shut] = (),
) -> SchemaService:
    for client, word in management.items():
        estate["clients"][client]["management"] = word
    script = Script.of("outside:repair 1", [Step("SELECT 1")], "begins", "ends")
    databases = [["alder/production", "data"], ["birch/production", "data"]]
    body = {"application": "tiny", "release": "1.0", "databases": databases, "script": script_data(script)}
    body["proof"] = {"hazards": [HAZARD.as_data()]}
    async with database.transaction() as connection:
        await store.keep_repair(connection, REPAIR, "2027-01-01T00:00:00Z", body)
    ledger = Ledger(database, directory / "ledger", "test", clock.now)
    applied = Applied(directory / "estate", estate)
    releases = Releases()
    return SchemaService(
        database, ledger, applied, releases, courier, MigrationGate(database, releases), others, clock.now
    )


async def test_of_two_who_ask_at_once_one_is_told_of_the_other(database: Database, tmp_path: Path) -> None:
    courier = Sent()
    made = await service(database, tmp_path, courier)
    asked = await asyncio.gather(
        *(made.apply(REPAIR, actor=actor) for actor in ("ada", "bob", "cyd")), return_exceptions=True
    )
    refused = [one for one in asked if isinstance(one, SchemaError)]
    assert [one.code for one in refused] == ["PR014", "PR014"]
    assert sum(isinstance(one, dict) for one in asked) == 1
    assert len(courier.started) == 1


async def test_a_repair_changes_managed_environments_only(database: Database, tmp_path: Path) -> None:
    made = await service(database, tmp_path, Sent(), alder="observed")
    run = await made.apply(REPAIR, actor="ada")
    assert [one["environment"] for one in run["databases"]] == ["birch/production"]


async def test_a_repair_of_observed_environments_alone_is_refused(database: Database, tmp_path: Path) -> None:
    made = await service(database, tmp_path, Sent(), alder="observed", birch="external")
    with pytest.raises(SchemaError) as caught:
        await made.apply(REPAIR, actor="ada")
    assert caught.value.code == "PR013"
    assert caught.value.remedy
    with pytest.raises(SchemaError) as caught:
        await made.run(None)
    assert caught.value.code == "PR015"


@pytest.mark.parametrize("where", ["stage", "ring"])
async def test_what_wants_a_second_person_runs_once_somebody_else_has_said_yes(
    database: Database, tmp_path: Path, where: str
) -> None:
    made = await service_of(with_second_person(where), database, tmp_path, Sent(), {})
    with pytest.raises(SchemaError, match=r"loses data \(asset\.note\).*second person") as caught:
        await made.apply(REPAIR, actor="ada")
    assert caught.value.code == "PR016"
    await made.approve(REPAIR, None, "it is mine", "ada")
    with pytest.raises(SchemaError, match="PR016"):
        await made.apply(REPAIR, actor="ada")
    said = await made.approve(REPAIR, None, "read, and it is empty", "bob")
    assert [one["class"] for script in said["scripts"] for one in script["hazards"]] == ["loses data"]
    assert (await made.apply(REPAIR, actor="ada"))["state"] == "running"


async def test_the_gate_of_trains_asks_the_same_of_a_release(database: Database, tmp_path: Path) -> None:
    estate = with_second_person("ring")
    made = await service_of(estate, database, tmp_path, Sent(), {})
    gate = MigrationGate(database, Releases())
    loaded = load(tmp_path / "estate").estate
    asked = (loaded, "sha256:11", "production")
    assert isinstance(await gate.judge(*asked, ["pilot"], "ada"), Refused)
    assert isinstance(await gate.judge(*asked, ["general"], "ada"), Allowed)
    assert isinstance(await gate.judge(loaded, "sha256:10", "production", ["pilot"], "ada"), Allowed)
    for nobody in ("root", "zoe"):
        await made.approve("1.1", "tiny", "of an account that several may use, or of none", nobody)
        assert isinstance(await gate.judge(*asked, ["pilot"], "ada"), Refused)
    await made.approve("1.1", "tiny", "read, and it is empty", "bob")
    assert isinstance(await gate.judge(*asked, ["pilot"], "ada"), Allowed)
    assert isinstance(await gate.judge(*asked, ["pilot"], "bob"), Refused)


async def test_there_is_nothing_to_say_yes_to_in_a_release_that_brings_no_script(
    database: Database, tmp_path: Path
) -> None:
    made = await service(database, tmp_path, Sent())
    for what, code in (("1.2", "PR013"), ("sha256:" + "7" * 64, "PR011")):
        with pytest.raises(SchemaError, match=code):
            await made.approve(what, "tiny", "as it is", "bob")


async def test_a_run_asks_the_gates_that_a_train_asks_and_a_repair_only_its_own(
    database: Database, tmp_path: Path
) -> None:
    estate = tiny_estate({"alder": "pilot", "birch": "pilot"})
    made = await service_of(estate, database, tmp_path, Sent(), {}, [Shut()])
    async with database.transaction() as connection:
        for client in ("alder", "birch"):
            await rollout_store.keep(connection, target(client), "change", "2027-01-01T00:00:00Z")
    with pytest.raises(SchemaError, match=r"PR016 tiny 1\.1: it was never at uat"):
        await made.apply("1.1", actor="ada", application="tiny")
    assert (await made.apply(REPAIR, actor="ada"))["state"] == "running"


def target(client: str) -> Target:
    return Target(
        environment=f"{client}/production",
        status=Status.LIVE,
        ring="pilot",
        application="tiny",
        release="1.0",
        artefact="sha256:10",
        revision="one",
        config="",
        assignments=(),
        database_pool="data",
        file_store=False,
        hosts=(),
    )
