"""The words of schema migrations. Frozen, pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from plantroom.kernel.errors import PlantroomError


class SchemaError(PlantroomError):
    """A schema cannot be read, or a migration cannot be made or trusted."""

    family = "PR10"

    def __init__(
        self,
        code: str,
        subject: str,
        *,
        value: str = "",
        limit: str = "",
        remedy: str = "",
        mistakes: Sequence[str] = (),
    ) -> None:
        super().__init__(code, subject, value=value, limit=limit, remedy=remedy)
        self.details = {"mistakes": list(mistakes)}

    def as_data(self) -> dict[str, Any]:
        return {**super().as_data(), **({"mistakes": self.details["mistakes"]} if self.details["mistakes"] else {})}


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement without its semicolon. `line`: where it began, from 1, or 0.

    `alone`: it cannot run inside of a transaction. `boundary`: what it made can be used only after a commit.
    `privileged`: only a superuser may run it; found out by trying. `batch`: it takes some rows at a time, in a
    transaction of its own each, and is run again until it finds none. `declared`: it renames what the schema says was
    renamed.

    What is `alone` can be left half done. `done` asks, by one boolean, whether it is there wholly; `clear` takes away
    what is there half, and nothing else. Where it is not known what became of a statement: clear, ask, and run it if it
    is not done. Either is empty where PostgreSQL leaves nothing to clear or to ask for.
    """

    sql: str
    line: int = 0
    alone: bool = False
    boundary: bool = False
    privileged: bool = False
    file: str = ""
    clear: str = ""
    done: str = ""
    batch: bool = False
    declared: bool = False


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


class HazardClass(StrEnum):
    LOSES_DATA = "loses data"
    CHANGES_VALUES = "changes values"
    FAILS_WITH_ROWS = "fails with rows"
    REWRITES = "rewrites"
    BLOCKS_READS = "blocks reads"
    BLOCKS_WRITES = "blocks writes"
    SCANS = "scans"
    BREAKS_RUNNING = "breaks the running version"
    CANNOT_BE_UNDONE = "cannot be undone"
    NOT_TRANSACTIONAL = "not transactional"
    RULE = "rule"
    """What a rule on the text says (squawk)."""


@dataclass(frozen=True, slots=True)
class Hazard:
    """`statement` is its place in the script, from 0. `brief`: a lock that is held for a moment, whatever the size."""

    kind: HazardClass
    statement: int
    subject: str
    detail: str
    brief: bool = False

    def as_data(self) -> dict[str, Any]:
        return {
            "class": self.kind.value,
            "statement": self.statement,
            "subject": self.subject,
            "detail": self.detail,
            "brief": self.brief,
        }


@dataclass(frozen=True, slots=True)
class Migration:
    """A frozen script as policy sees it. `release`: what it leads to. `hazards` None: nothing was proven of it."""

    release: str
    sha256: str
    hazards: Sequence[Hazard] | None


def longest(hazards: Sequence[Hazard]) -> list[Hazard]:
    """Those that stop others for as long as a table is long."""
    blocks = (HazardClass.BLOCKS_READS, HazardClass.BLOCKS_WRITES)
    return [one for one in hazards if one.kind in blocks and not one.brief]


class Status(StrEnum):
    EQUAL = "equal"
    """Nothing is to be done."""
    PROVEN = "proven"
    MEASURED = "measured"
    """It runs, and nobody said where it should lead."""
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
    grouped: bool = True
    """Whether statements that follow each other are one transaction, or each is one."""

    def groups(self) -> list[list[Statement]]:
        """What runs as one transaction each. What cannot be in one, what must be committed before it can be used, and
        what only a superuser may run, stands by itself."""
        found: list[list[Statement]] = []
        for one in self.statements:
            last = found[-1] if found else None
            alone = _apart(one) or not self.grouped
            if last is None or alone or _apart(last[-1]) or last[-1].boundary:
                found.append([one])
            else:
                last.append(one)
        return found

    @property
    def text(self) -> str:
        """To be run as it stands, by psql or as one string."""
        parts = ["SET check_function_bodies = off;\n"] if self.statements else []
        for group in self.groups():
            body = "".join(f"{one.sql};\n" for one in group)
            if group[0].batch:
                parts.append(f"DO $batch$ BEGIN LOOP\n{body}EXIT WHEN NOT FOUND;\nCOMMIT;\nEND LOOP; END $batch$;\n")
                continue
            parts.append(body if group[0].alone else f"BEGIN;\n{body}COMMIT;\n")
        return "\n".join(parts)


def _apart(one: Statement) -> bool:
    """Whether it is never in one transaction with others."""
    return one.alone or one.privileged or one.batch


@dataclass(frozen=True, slots=True)
class SaferForm:
    """A script that ends where another does, and stops nobody for as long as a table is long; proven as that one is."""

    script: Script
    hazards: Sequence[Hazard]


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
    hazards: Sequence[Hazard] = ()
    attempts: Sequence[Attempt] = ()
    reason: str = ""
    difference: Sequence[str] = ()
    """What would still differ, in words."""
    begins: str = ""
    """The fingerprint of the schema that the script leads from."""
    ends: str = ""
    """The fingerprint of the schema that it leads to."""
    safer: SaferForm | None = None
    """None when nothing in the script has a safer form."""
