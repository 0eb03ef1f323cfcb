"""What the room needs from outside."""

from __future__ import annotations

from typing import Protocol

from plantroom.delivery.schema.model import Statement


class Engine(Protocol):
    """Says which statements lead from one database to another. It is believed in nothing: what it says is tried."""

    @property
    def name(self) -> str: ...

    def generate(self, source: str, target: str) -> list[Statement]:
        """`source` and `target` are libpq URLs of databases that it only reads.

        Raises SchemaError PR004 for what it does not know how to do.
        """
        ...
