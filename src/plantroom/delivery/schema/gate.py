"""What is asked before a script comes to a stage's or a ring's databases: whether it may, and who has said so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plantroom.delivery.schema import policy, store
from plantroom.delivery.schema.model import Hazard, HazardClass, Migration
from plantroom.delivery.schema.ports import Releases
from plantroom.estate.effective import second_people
from plantroom.estate.model import Estate, Migrations
from plantroom.kernel.verdict import Verdict
from plantroom.runtime.database import Database


class MigrationGate:
    """It implements the port of trains (`delivery.trains.ports.Gate`)."""

    name = "migrations"

    def __init__(self, database: Database, releases: Releases) -> None:
        self._database = database
        self._releases = releases

    async def judge(self, estate: Estate, artefact: str, stage: str, rings: Sequence[str], actor: str) -> Verdict:
        """May every script that is frozen in the artefact run at this stage, in these rings, for this actor?"""
        return await self.may_run(migrations_of(await self._releases.migrations(artefact)), estate, stage, rings, actor)

    async def may_run(
        self, migrations: Sequence[Migration], estate: Estate, stage: str, rings: Sequence[str], actor: str
    ) -> Verdict:
        async with self._database.reading() as connection:
            said = await store.approvals(connection, [one.sha256 for one in migrations])
        approvals = {script: people & second_people(estate) for script, people in said.items()}
        return policy.may_run(migrations, _rules(estate, stage, rings), approvals, actor)


def migrations_of(found: Sequence[Mapping[str, Any]]) -> list[Migration]:
    """As artefacts have them."""
    return [Migration(one["release"], one["sha256"], hazards_of(one["proof"])) for one in found]


def hazards_of(proof: Mapping[str, Any] | None) -> list[Hazard] | None:
    if proof is None:
        return None
    return [
        Hazard(HazardClass(one["class"]), one["statement"], one["subject"], one["detail"], one["brief"])
        for one in proof["hazards"]
    ]


def _rules(estate: Estate, stage: str, rings: Sequence[str]) -> dict[str, Migrations]:
    found = {f"stage {stage}": estate.stages[stage].migrations} if stage in estate.stages else {}
    return found | {f"ring {ring.name}": ring.migrations for ring in estate.rings if ring.name in rings}
