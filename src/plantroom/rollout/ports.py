"""What a rollout needs from outside of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from plantroom.kernel.verdict import Refused
from plantroom.platforms.contract import Script, ScriptSeen
from plantroom.rollout.model import ArtefactView


class Artefacts(Protocol):
    """The catalogue of artefacts; implemented by the artefact room."""

    async def view(self, digest: str) -> ArtefactView:
        """Raises ArtefactError when it is not there or its description does not verify."""

    async def verify(self, digest: str) -> None:
        """Raises ArtefactError when anything of it is missing, cut off or altered. Cheap when nothing was touched since
        it was asked last."""

    async def find(self, application: str, version: str) -> str | None:
        """The digest of a version, or None."""

    async def scripts_due(self, digest: str, recorded: Sequence[ScriptSeen]) -> tuple[Script, ...] | Refused:
        """The scripts that a database with these recorded still needs, in order; Refused when none leads there."""
