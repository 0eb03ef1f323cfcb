"""The words of schema migrations. Frozen, pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from plantroom.kernel.errors import PlantroomError


class SchemaError(PlantroomError):
    """A schema cannot be read, or a migration cannot be made or trusted."""

    family = "PR10"


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement without its semicolon. `line`: where it began, from 1, or 0.

    `alone`: it cannot run inside of a transaction. `boundary`: what it made can be used only after a commit.
    `privileged`: only a superuser may run it; found out by trying.
    """

    sql: str
    line: int = 0
    alone: bool = False
    boundary: bool = False
    privileged: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A statement that did not run, in PostgreSQL's words. `state` is the SQLSTATE."""

    statement: Statement
    state: str
    message: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a dump: an object, or a part or property of one. `place` is its place in the dump's order."""

    kind: str
    schema: str
    name: str
    sql: str
    place: int

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.kind, self.schema, self.name)


class Status(StrEnum):
    EQUAL = "equal"
    """Nothing is to be done."""
    PROVEN = "proven"
    REFUSED = "refused"
    """No script that was made leads from one to the other."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one way of making the script."""

    way: str
    why: str


@dataclass(frozen=True, slots=True)
class Script:
    """Statements in order, and how they were made."""

    way: str
    statements: Sequence[Statement]

    @property
    def text(self) -> str:
        return "".join(f"{one.sql};\n" for one in self.statements)


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of the rows that were there before the script ran."""

    tables: int
    seeded: int
    rows: int
    lost: Sequence[str] = ()
    """Tables and columns that are gone, with rows in them."""
    changed: Sequence[str] = ()
    """Columns whose values are not what they were."""


@dataclass(frozen=True, slots=True)
class Diff:
    """The answer to "what leads from one schema to the other"."""

    status: Status
    script: Script | None = None
    kept: Kept | None = None
    attempts: Sequence[Attempt] = ()
    reason: str = ""
    difference: Sequence[str] = ()
    """What would still differ, in words."""
    details: Mapping[str, str] = field(default_factory=dict)
