"""What tenancy needs from outside of it."""

from __future__ import annotations

from typing import Protocol

from plantroom.rollout.ports import Artefacts


class Courier(Protocol):
    """Starts workflows. It carries names only, and what it carries gives nobody a right."""

    async def start(self, workflow: str, given: object, id: str) -> None:
        """A workflow of this id that runs already is left alone."""

    async def call(self, workflow: str, given: object, id: str) -> None:
        """Start it and wait for its end. Raises EngineError PR806 when it does not end, or ends badly."""


class Waiting(Protocol):
    """What a calendar holds up; implemented by the rooms whose work it is."""

    async def look_again(self) -> None:
        """A calendar may be another one by now."""


__all__ = ["Artefacts", "Courier", "Waiting"]
