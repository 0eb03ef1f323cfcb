"""Runs over the fleet as they are asked for: one at a time, and of managed environments only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.house import tiny_estate

from plantroom.delivery.schema import store
from plantroom.delivery.schema.fleet_model import script_data
from plantroom.delivery.schema.model import SchemaError
from plantroom.delivery.schema.service import SchemaService
from plantroom.estate.loader import load
from plantroom.estate.model import Loaded
from plantroom.kernel.verdict import Refused
from plantroom.ledger.service import Ledger
from plantroom.platforms.contract import Script, ScriptSeen, Step
from plantroom.runtime import clock
from plantroom.runtime.database import Database

REPAIR = "sha256:" + "5" * 64


class Applied:
    def __init__(self, directory: Path, estate: dict[str, Any]) -> None:
        directory.mkdir()
        (directory / "estate.yaml").write_text(yaml.safe_dump(estate))
        self._loaded = load(directory)

    async def applied(self) -> Loaded:
        return self._loaded


class NoReleases:
    async def scripts_due(self, _digest: str, _recorded: Sequence[ScriptSeen]) -> tuple[Script, ...] | Refused:
        return ()

    async def schema(self, _digest: str) -> tuple[str, Script] | None:
        return None

    async def schema_of(self, _application: str, _release: str) -> Script | None:
        return None

    async def find(self, _application: str, _version: str) -> str | None:
        return None


class Sent:
    """A courier that only notes what it is given."""

    def __init__(self) -> None:
        self.started: list[str] = []

    async def start(self, _workflow: str, _given: object, id: str) -> None:
        self.started.append(id)

    async def call(self, _workflow: str, _given: object, id: str) -> None:
        self.started.append(id)


async def service(database: Database, directory: Path, courier: Sent, **management: str) -> SchemaService:
    estate = tiny_estate({"alder": "pilot", "birch": "pilot"})
    for client, word in management.items():
        estate["clients"][client]["management"] = word
    script = Script.of("outside:repair 1", [Step("SELECT 1")], "begins", "ends")
    databases = [["alder/production", "data"], ["birch/production", "data"]]
    body = {"application": "tiny", "release": "1.0", "databases": databases, "script": script_data(script)}
    async with database.transaction() as connection:
        await store.keep_repair(connection, REPAIR, "2027-01-01T00:00:00Z", body)
    ledger = Ledger(database, directory / "ledger", "test", clock.now)
    applied = Applied(directory / "estate", estate)
    return SchemaService(database, ledger, applied, NoReleases(), courier, clock.now)


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
