"""What a train needs from outside of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from plantroom.estate.model import Estate, Loaded
from plantroom.kernel.verdict import Verdict
from plantroom.rollout.ports import Artefacts


class AppliedEstate(Protocol):
    """The estate as it was applied; a train never leaves from files that were not."""

    async def declared(self) -> Estate:
        """As the files have it now, applied or not."""

    async def applied(self) -> Loaded:
        """Raises PlanError when nothing was applied yet, or when the files differ from what was."""


class Courier(Protocol):
    """Starts and wakes workflows. It carries names only, and what it carries gives nobody a right."""

    async def start(self, workflow: str, given: object, id: str) -> None:
        """A workflow of this id that runs already is left alone."""

    async def wake(self, id: str, signal: str) -> None:
        """One that does not run is no error: the rows say what is wanted."""


class Gate(Protocol):
    """A check that must hold before a train leaves. Any room can contribute one."""

    @property
    def name(self) -> str: ...

    async def judge(self, estate: Estate, artefact: str, stage: str, rings: Sequence[str], actor: str, /) -> Verdict:
        """May this artefact go to this stage's environments in these rings, for this actor? What is not known refuses
        like what does not hold."""


__all__ = ["AppliedEstate", "Artefacts", "Courier", "Gate"]
