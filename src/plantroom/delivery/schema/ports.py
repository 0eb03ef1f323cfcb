"""What the room needs from outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from plantroom.delivery.schema.model import Statement
from plantroom.estate.model import Estate
from plantroom.kernel.verdict import Refused, Verdict
from plantroom.platforms.contract import Script, ScriptSeen


class Engine(Protocol):
    """Says which statements lead from one database to another. It is believed in nothing: what it says is tried."""

    @property
    def name(self) -> str: ...

    def generate(self, source: str, target: str) -> list[Statement]:
        """`source` and `target` are libpq URLs of databases that it only reads.

        Raises SchemaError PR004 for what it does not know how to do.
        """
        ...


class Releases(Protocol):
    """What releases want of databases; implemented by the artefact room."""

    async def scripts_due(
        self, digest: str, recorded: Sequence[ScriptSeen], running: Collection[str] = ()
    ) -> tuple[Script, ...] | Refused:
        """The scripts that a database with these recorded still needs, in order; Refused when none leads there.
        `running`: the digests of what works with it, or may be returned to."""
        ...

    async def application_of(self, digest: str) -> str | None:
        """Of an artefact; None when it has no schema."""
        ...

    async def left_by(self, application: str, recorded: Sequence[ScriptSeen]) -> tuple[str, Script | None]:
        """The release that these scripts have brought a database to, or "", and what makes the schema that they have
        left; None when that release is not to be had."""
        ...

    async def migrations(self, digest: str) -> Sequence[Mapping[str, Any]]:
        """Every script that is frozen in an artefact and leads on from another release: `release`, `sha256`, and its
        `proof` as it was frozen, or None."""
        ...

    async def find(self, application: str, version: str) -> str | None:
        """The digest of a version, or None."""
        ...


class Gate(Protocol):
    """A check of another room's that must hold before a release's schema comes to a stage."""

    async def judge(self, estate: Estate, artefact: str, stage: str, rings: Sequence[str], actor: str, /) -> Verdict:
        """What is not known refuses like what does not hold."""
        ...


class Courier(Protocol):
    """Starts workflows. It carries names only, and what it carries gives nobody a right."""

    async def start(self, workflow: str, given: object, id: str) -> None:
        """A workflow of this id that runs already is left alone."""
        ...

    async def call(self, workflow: str, given: object, id: str) -> None:
        """Start it and wait for its end. Raises EngineError PR815 when it ends badly."""
        ...
