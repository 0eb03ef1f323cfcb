"""Renames that the schema's text declares, beside what is renamed. Without one, a new name is a new thing.

    -- plantroom: renamed from customer
    CREATE TABLE client (
        id bigint PRIMARY KEY,
        full_name text -- plantroom: renamed from name
    );

    CREATE TYPE stage AS ENUM (
        'opened', -- plantroom: renamed from 'new'
        'closed'
    );

On the line before a statement it is the object's; at the end of a line inside of CREATE TABLE it is that column's, and
inside of an enum that value's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from plantroom.delivery.schema.model import SchemaError, Statement
from plantroom.delivery.schema.statements import bare, statement

_I = r'(?:"(?:[^"]|"")+"|[^\s"().,;]+)'
_MARK = r"--\s*plantroom:\s*renamed\s+from\s+"
_BEFORE = re.compile(rf"^\s*{_MARK}(?P<old>{_I}(?:\.{_I})?)\s*$", re.MULTILINE)
_COLUMN = re.compile(rf"^\s*(?P<new>{_I})\s.*{_MARK}(?P<old>{_I})\s*$", re.MULTILINE)
_TEXT = r"'(?:[^']|'')*'"
_VALUE = re.compile(rf"^\s*(?P<new>{_TEXT})\s*,?\s*{_MARK}(?P<old>{_TEXT})\s*$", re.MULTILINE)
_ANY = re.compile(_MARK)
_CREATED = re.compile(
    r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:UNLOGGED\s+|UNIQUE\s+|RECURSIVE\s+)*"
    r"(?P<kind>TABLE|VIEW|MATERIALIZED\s+VIEW|INDEX|SEQUENCE|TYPE|DOMAIN|FUNCTION|PROCEDURE|SCHEMA|COLLATION)\s+"
    rf"(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>{_I}(?:\.{_I})?)",
    re.IGNORECASE,
)


def declared(statements: Iterable[Statement]) -> list[Statement]:
    """The statements that rename, objects before their columns and values.

    Raises SchemaError PR006 for a declaration that belongs to nothing.
    """
    objects: list[Statement] = []
    columns: list[Statement] = []
    for one in statements:
        marks = len(_ANY.findall(one.sql))
        if not marks:
            continue
        body = bare(one.sql)
        head = one.sql[: len(one.sql) - len(body)]
        created = _CREATED.match(body)
        taken = 0
        if created is not None:
            kind, name = " ".join(created["kind"].upper().split()), created["name"]
            for match in _BEFORE.finditer(head):
                objects += _object(kind, match["old"], name)
                taken += 1
            if kind == "TABLE":
                # On the line of CREATE itself stands no column that could be told from it.
                for match in _COLUMN.finditer(body, body.find("\n") + 1):
                    columns.append(statement(f"ALTER TABLE {name} RENAME COLUMN {match['old']} TO {match['new']}"))
                    taken += 1
            if kind == "TYPE":
                for match in _VALUE.finditer(body, body.find("\n") + 1):
                    columns.append(statement(f"ALTER TYPE {name} RENAME VALUE {match['old']} TO {match['new']}"))
                    taken += 1
        if taken != marks:
            raise SchemaError(
                "PR006",
                f"line {one.line}",
                value="a rename is declared that belongs to no object, column or value",
                remedy="Put it on the line before CREATE, or at the end of the column's or the value's line",
            )
    return [replace(one, declared=True) for one in objects + columns]


def _object(kind: str, old: str, new: str) -> Sequence[Statement]:
    schema, local = _parted(new)
    before, old_local = _parted(old)
    found = []
    at = f"{before}.{old_local}" if before else f"{schema}.{old_local}" if schema else old_local
    if before and schema and before != schema:
        # Made by the same release, it is not there yet.
        found.append(statement(f"CREATE SCHEMA {schema}"))
        found.append(statement(f"ALTER {kind} {at} SET SCHEMA {schema}"))
        at = f"{schema}.{old_local}"
    if old_local != local:
        found.append(statement(f"ALTER {kind} {at} RENAME TO {local}"))
    return found


def _parted(name: str) -> tuple[str, str]:
    """Schema, or "", and name, as they are written: a dot within quotes parts nothing."""
    found = re.findall(_I, name)
    return ("", name) if len(found) == 1 else (found[0], found[1])
