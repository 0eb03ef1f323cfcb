"""What the room needs from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from plantroom.delivery.schema.model import Statement
from plantroom.kernel.verdict import Refused
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

    async def scripts_due(self, digest: str, recorded: Sequence[ScriptSeen]) -> tuple[Script, ...] | Refused:
        """The scripts that a database with these recorded still needs, in order; Refused when none leads there."""
        ...
