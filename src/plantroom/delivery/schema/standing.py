"""What is there before a script and after it, asked of the catalogue: by numbers, which a copy of a database keeps."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from plantroom.delivery.schema.forms import Key, Part, Standing
from plantroom.delivery.schema.ground import Ground

_RELATIONS = """
    SELECT c.oid::bigint, n.nspname, c.relname, c.relkind::text, coalesce(i.indrelid, 0)::bigint,
        coalesce(h.inhparent, 0)::bigint
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
    LEFT JOIN pg_catalog.pg_inherits h ON h.inhrelid = c.oid AND c.relkind IN ('i', 'I')
    WHERE n.nspname !~ '^pg_|^information_schema$' ORDER BY c.oid
"""
_CONSTRAINTS = """
    SELECT oid::bigint, contype::text, conname, conrelid::bigint, conindid::bigint FROM pg_catalog.pg_constraint
    WHERE conrelid <> 0
"""
_COLUMNS = """
    SELECT a.attrelid::bigint, a.attnum, a.attname, a.attnotnull FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
        AND n.nspname !~ '^pg_|^information_schema$'
"""


@dataclass(frozen=True, slots=True)
class _Relation:
    key: Key
    kind: str
    table: int
    above: int


@dataclass(frozen=True, slots=True)
class _Catalogue:
    relations: dict[int, _Relation]
    constraints: list[tuple[int, str, str, int, int]]
    columns: dict[tuple[int, int], tuple[str, bool]]


def look(ground: Ground, start: str, end: str) -> Standing:
    """`end`: a copy of `start` on which the script has run."""
    before, after = _read(ground, start), _read(ground, end)
    names: dict[Key, set[int]] = defaultdict(set)
    for relations in (before.relations, after.relations):
        for number, one in relations.items():
            names[one.key].add(number)
    staying = {
        number: (one.key, after.relations[number].key)
        for number, one in before.relations.items()
        if number in after.relations and after.relations[number].kind == one.kind
    }
    # A name that has been two tables' says nothing.
    tables = {
        key: before.relations[number].kind
        for number, keys in staying.items()
        for key in keys
        if before.relations[number].kind in ("r", "p", "m") and len(names[key]) == 1
    }
    keys = {index for _, kind, _, _, index in before.constraints if kind in ("p", "u", "x")}
    droppable = {
        one.key: before.relations[one.table].key
        for number, one in before.relations.items()
        if one.kind == "i" and not one.above and number not in keys and one.table in before.relations
    }
    return Standing(
        tables=tables,
        indexes=droppable,
        keys={before.relations[one].key for one in keys if one in before.relations},
        primary={
            key: name for _, kind, name, table, _ in before.constraints if kind == "p" for key in staying.get(table, ())
        },
        names={one.key for one in before.relations.values()},
        filled={
            (key, name)
            for (table, column), (old, not_null) in before.columns.items()
            if not_null
            for key in staying.get(table, ())
            for name in (old, after.columns.get((table, column), (old, True))[0])
        },
        made=_made(before, after),
        below=_below(before, after),
    )


def _made(before: _Catalogue, after: _Catalogue) -> dict[Key, list[tuple[str, str]]]:
    old = {number for number, *_ in before.constraints}
    found: dict[Key, list[tuple[str, str]]] = defaultdict(list)
    for number, kind, name, table, _ in after.constraints:
        if number not in old and table in after.relations:
            found[after.relations[table].key].append((kind, name))
    return found


def _below(before: _Catalogue, after: _Catalogue) -> dict[Key, list[Part]]:
    children: dict[int, list[int]] = defaultdict(list)
    for number, one in after.relations.items():
        if one.above:
            children[one.above].append(number)
    found: dict[Key, list[Part]] = {}
    for root, top in after.relations.items():
        if top.kind != "I" or top.above or root in before.relations:
            continue
        parts, todo = [], list(children[root])
        while todo:
            number = todo.pop(0)
            one = after.relations[number]
            table, above = after.relations[one.table].key, after.relations[one.above].key
            parts.append(Part(one.key, table, above, one.kind == "I", number in before.relations))
            todo += children[number]
        found[top.key] = parts
    return found


def _read(ground: Ground, name: str) -> _Catalogue:
    with ground.session(name) as session:
        rows: list[Any] = session.superuser.execute(_RELATIONS.encode()).fetchall()
        constraints: list[Any] = session.superuser.execute(_CONSTRAINTS.encode()).fetchall()
        columns: list[Any] = session.superuser.execute(_COLUMNS.encode()).fetchall()
    return _Catalogue(
        {number: _Relation((schema, name), kind, table, above) for number, schema, name, kind, table, above in rows},
        constraints,
        {(table, number): (name, not_null) for table, number, name, not_null in columns},
    )
