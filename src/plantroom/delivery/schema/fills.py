"""Where the data of a migration is filled in: after what is added, before what asks for it or takes away its source.
Pure.

A fill is a statement that takes some rows at a time, and is run again until it finds none. What is filled must not be
asked for before: a column that must not be null is added as one that may, and is told so afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from plantroom.delivery.schema.model import SchemaError, Statement
from plantroom.delivery.schema.names import NAME, words
from plantroom.delivery.schema.statements import bare, split, statement

_ADDED = re.compile(
    rf"(?P<table>ALTER\s+TABLE\s+(?:ONLY\s+)?{NAME})\s+ADD\s+COLUMN\s+(?P<column>\"(?:[^\"]|\"\")+\"|[\w$]+)\s"
    r"(?P<type>(?:(?!\bDEFAULT\b|\bGENERATED\b|\bCONSTRAINT\b|\bNOT\s+NULL\b).)+?)\s+NOT\s+NULL$",
    re.IGNORECASE | re.DOTALL,
)
TIGHTENED = re.compile(
    rf"ALTER\s+TABLE\s+(?:ONLY\s+)?(?P<table>{NAME})\s+ALTER\s+(?:COLUMN\s+)?"
    r"(?P<column>\"(?:[^\"]|\"\")+\"|[\w$]+)\s+SET\s+NOT\s+NULL$",
    re.IGNORECASE,
)
_ASKS = re.compile(r"\bSET\s+NOT\s+NULL\b|\bADD\s+CONSTRAINT\b|\bCREATE\s+UNIQUE\s+INDEX\b", re.IGNORECASE)
_TAKES = re.compile(r"\bDROP\s+(?:COLUMN|TABLE)\b", re.IGNORECASE)
_MAKES = re.compile(
    r"\bADD\s+COLUMN\b|\bCREATE\s+(?:UNLOGGED\s+)?TABLE\b|\bCREATE\s+TYPE\b|\bADD\s+VALUE\b"
    r"|\bCREATE\s+(?:OR\s+REPLACE\s+)?FUNCTION\b|\bRENAME\b|\bTYPE\b|\bDROP\s+NOT\s+NULL\b",
    re.IGNORECASE,
)
_FILL = re.compile(r"(?:INSERT|UPDATE|DELETE|MERGE|WITH)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fill:
    """`name`: for people."""

    name: str
    sql: str


def read(fills: Sequence[Fill]) -> list[Statement]:
    """Raises SchemaError PR018 for what is not one statement that changes rows."""
    found = []
    for one in fills:
        given = split(one.sql)
        if len(given) != 1 or not _FILL.match(bare(given[0].sql)):
            raise SchemaError(
                "PR018",
                f"the fill {one.name}",
                value="is not one statement" if len(given) != 1 else "is no INSERT, UPDATE, DELETE or MERGE",
                limit="it is run again until it finds no row",
                remedy="Give one that takes some rows at a time, as in UPDATE … WHERE id IN (SELECT … LIMIT 1000)",
            )
        found.append(replace(given[0], batch=True, file=one.name))
    return found


def placed(statements: Sequence[Statement], fills: Sequence[Statement]) -> list[Statement]:
    """The script with the fills in it."""
    if not fills:
        return list(statements)
    known = {word for one in fills for word in words(one.sql)}
    first: list[Statement] = []
    then: list[Statement] = []
    last: list[Statement] = []
    for one in statements:
        body = bare(one.sql)
        mine = bool(words(one.sql) & known)
        added = _ADDED.match(body)
        if added and words(added["column"]) & known:
            table, column = added["table"], added["column"]
            first.append(replace(one, sql=f"{table} ADD COLUMN {column} {added['type']}"))
            then.append(statement(f"{table} ALTER COLUMN {column} SET NOT NULL"))
        elif mine and _TAKES.search(body):
            last.append(one)
        elif mine and _ASKS.search(body) and not _MAKES.search(body):
            then.append(one)
        else:
            first.append(one)
    made = max((place for place, one in enumerate(first) if _MAKES.search(one.sql)), default=-1) + 1
    return [*first[:made], *fills, *then, *first[made:], *last]


def tightened(statements: Sequence[Statement], fills: Sequence[Statement]) -> dict[int, str]:
    """The places of statements that have a filled column never be null again, each with what loosens it."""
    known = {word for one in fills for word in words(one.sql)}
    found = {}
    for place, one in enumerate(statements):
        match = TIGHTENED.match(bare(one.sql))
        if match and words(match["column"]) & known:
            found[place] = f"ALTER TABLE {match['table']} ALTER COLUMN {match['column']} DROP NOT NULL"
    return found
