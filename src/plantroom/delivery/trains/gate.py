"""What is asked before a release comes to a stage: whether it was at every stage before it."""

from __future__ import annotations

from collections.abc import Sequence

from plantroom.estate.effective import stages_before
from plantroom.estate.model import Estate
from plantroom.kernel.verdict import Refused, Verdict, all_of
from plantroom.rollout import store as rollout_store
from plantroom.runtime.database import Database


class StageGate:
    """What comes to a stage has been at every stage before it: the same artefact, and with it the same scripts."""

    name = "stages"

    def __init__(self, database: Database) -> None:
        self._database = database

    async def judge(self, estate: Estate, artefact: str, stage: str, _rings: Sequence[str], _actor: str, /) -> Verdict:
        missing = []
        async with self._database.reading() as connection:
            for before in stages_before(estate, stage):
                if not await rollout_store.was_brought(connection, artefact, before):
                    missing.append(before)
        return all_of(
            Refused(
                f"{stage} comes after {before}, and no environment there was ever brought to this artefact from another"
            )
            for before in missing
        )
