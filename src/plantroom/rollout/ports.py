"""What a rollout needs from outside of it."""

from __future__ import annotations

from typing import Any, Protocol

from plantroom.platforms.contract import DatabaseSpec, Limits
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

    async def too_soon(self, digest: str, running: str) -> str:
        """Why the artefact cannot follow the one that runs, whatever the database has by now; or nothing."""


class Schemas(Protocol):
    """Brings databases to the schemas that releases want; implemented by the schema room."""

    async def bring(self, spec: DatabaseSpec, artefact: str, limits: Limits) -> list[dict[str, Any]]:
        """What ran now, a script each, as JSON-like data; nothing when the database has it already. Raises
        PlatformError as the contract's `Databases.apply` does."""
