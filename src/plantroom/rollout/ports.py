"""What a rollout needs from outside of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from plantroom.estate.model import Estate
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

    async def cannot_follow(self, digest: str, running: str, been: Collection[str]) -> str:
        """Why the artefact cannot follow the one that runs where there have `been` these, that one among them; or
        nothing. What the database has by now is not asked."""


class DeclaredEstate(Protocol):
    """The estate's files; implemented by tenancy."""

    async def declared(self) -> Estate:
        """As the files have it now, applied or not. Raises EstateError with all mistakes."""


class Schemas(Protocol):
    """Brings databases to the schemas that releases want; implemented by the schema room."""

    async def bring(self, spec: DatabaseSpec, artefact: str, limits: Limits) -> list[dict[str, Any]]:
        """What ran now, a script each, as JSON-like data; nothing when the database has it already. Raises
        PlatformError as the contract's `Databases.apply` does."""
