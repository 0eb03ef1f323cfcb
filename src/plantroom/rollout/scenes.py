"""What a step finds when it begins: the change as PostgreSQL has it, the side of it that this direction leads to, and
whether the step may act at all."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.exceptions import ApplicationError

from plantroom.estate.changes import Status
from plantroom.kernel.errors import ArtefactError, PlatformError
from plantroom.kernel.verdict import Allowed, Refused, Verdict
from plantroom.rollout import steps, store
from plantroom.rollout.model import ArtefactView, Change, ChangeState, Direction, Target
from plantroom.rollout.ports import Artefacts
from plantroom.runtime.database import Database

_MOST = 1000
"""Scenes that are remembered; more than changes are ever under way at once."""

NOT_OPEN = "the change {} is not open"


@dataclass(frozen=True, slots=True)
class Scene:
    """A change, the side of it that this direction leads to, and the artefact of that side."""

    change: Change
    target: Target | None
    artefact: ArtefactView | None

    def side(self) -> tuple[Target, ArtefactView]:
        if self.target is None or self.artefact is None:
            raise PlatformError("PR405", self.change.environment, value="there is nothing to go back to")
        return self.target, self.artefact

    def wanted(self) -> set[str]:
        """The instances that this side of the change has."""
        target = self.target
        return set() if target is None else {target.instance(one.process, one.slot) for one in target.assignments}


class Scenes:
    """Read once for all steps of a direction: nothing of it ever changes but the change's state, which `may` asks for
    under each step's lock."""

    def __init__(self, database: Database, artefacts: Artefacts) -> None:
        self._database = database
        self._artefacts = artefacts
        self._known: dict[tuple[str, str], Scene] = {}

    async def of(self, change: str, direction: str) -> Scene:
        return self._known.get((change, direction)) or await self.read(change, direction)

    async def read(self, key: str, direction: str) -> Scene:
        """As it is now, the state of the change too."""
        async with self._database.reading() as connection:
            change = await store.change(connection, key)
        if change is None:
            # Trying again will not bring it: somebody spoke to Temporal, and nobody to Plantroom.
            raise ApplicationError(f"no change {key} was ever asked for", non_retryable=True)
        target = change.target if direction == Direction.FORWARD else change.previous
        if target is None:
            return Scene(change, None, None)
        try:
            scene = Scene(change, target, await self._artefacts.view(target.artefact))
        except ArtefactError:
            return Scene(change, target, None)
        if len(self._known) >= _MOST:
            self._known.pop(next(iter(self._known)))
        self._known[key, direction] = scene
        return scene


async def may(given: steps.StepInput, connection: AsyncConnection) -> Verdict:
    """Nothing is done but for a change that is open in PostgreSQL."""
    state = await store.change_state(connection, given.change)
    return Allowed() if state is ChangeState.OPEN else Refused(NOT_OPEN.format(given.change))


async def may_retire(scene: Scene, given: steps.StepInput, connection: AsyncConnection) -> Verdict:
    """Data goes only in a change whose target, as PostgreSQL has it, is a retired environment."""
    if scene.change.target.status is not Status.RETIRED or given.direction != Direction.FORWARD:
        return Refused(f"{scene.change.environment} is not to be retired")
    return await may(given, connection)
