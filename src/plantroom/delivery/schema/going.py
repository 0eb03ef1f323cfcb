"""What goes with which statement of a script: found out by running it on a copy, whose catalogue keeps its numbers.

An object has a successor when another one has its name in the end: what was made anew, moved aside or changed its kind
is no loss to whoever knows it by that name. A part (a constraint, an index, a default) is held with what it is a part
of, so that what is held back stays as it was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from plantroom.delivery.schema.generate import FROM, WORK
from plantroom.delivery.schema.ground import Ground, Session, said
from plantroom.delivery.schema.model import Failure, SchemaError, Statement

Number = tuple[str, int, int]
"""Catalogue, object and column of it, or 0."""

_DROPS = re.compile(r"\b(DROP|DO|EXECUTE)\b", re.IGNORECASE)
"""Without one of these words in it, a statement drops nothing."""

_OURS = "n.nspname !~ '^pg_|^information_schema$'"
_OBJECTS = f"""
    WITH members AS (SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'),
    identities AS (SELECT objid FROM pg_catalog.pg_depend WHERE deptype = 'i' AND classid = 'pg_class'::regclass)
    SELECT 'pg_class', c.oid::bigint, 0, CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
        WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type' ELSE 'table' END, CASE c.relkind WHEN 'c' THEN 'type' ELSE
        'relation' END, n.nspname || '.' || c.relname
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE {_OURS} AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c')
        AND NOT (c.relkind = 'S' AND c.oid IN (SELECT objid FROM identities))
        AND ('pg_class'::regclass, c.oid) NOT IN (SELECT * FROM members)
    UNION ALL
    SELECT 'pg_attribute', c.oid::bigint, a.attnum, 'column', '', n.nspname || '.' || c.relname || '.' || a.attname
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE {_OURS} AND c.relkind IN ('r', 'p', 'f', 'c') AND a.attnum > 0 AND NOT a.attisdropped
        AND ('pg_class'::regclass, c.oid) NOT IN (SELECT * FROM members)
    UNION ALL
    SELECT 'pg_proc', p.oid::bigint, 0, CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate'
        ELSE 'function' END, 'routine', n.nspname || '.' || p.proname
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE {_OURS} AND ('pg_proc'::regclass, p.oid) NOT IN (SELECT * FROM members)
    UNION ALL
    SELECT 'pg_type', t.oid::bigint, 0, CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END, 'type',
        n.nspname || '.' || t.typname
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    WHERE {_OURS} AND t.typtype IN ('d', 'e', 'r') AND ('pg_type'::regclass, t.oid) NOT IN (SELECT * FROM members)
    UNION ALL
    SELECT 'pg_collation', o.oid::bigint, 0, 'collation', 'collation', n.nspname || '.' || o.collname
    FROM pg_catalog.pg_collation o JOIN pg_catalog.pg_namespace n ON n.oid = o.collnamespace
    WHERE {_OURS} AND ('pg_collation'::regclass, o.oid) NOT IN (SELECT * FROM members)
    UNION ALL
    SELECT 'pg_operator', o.oid::bigint, 0, 'operator', 'operator', n.nspname || '.' || o.oprname
    FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
    WHERE {_OURS} AND ('pg_operator'::regclass, o.oid) NOT IN (SELECT * FROM members)
    UNION ALL
    SELECT 'pg_namespace', n.oid::bigint, 0, 'schema', 'schema', n.nspname FROM pg_catalog.pg_namespace n WHERE {_OURS}
    UNION ALL
    SELECT 'pg_extension', e.oid::bigint, 0, 'extension', 'extension', e.extname FROM pg_catalog.pg_extension e
"""
_PARTS = """
    SELECT 'pg_constraint', o.oid::bigint, 0, o.conrelid::bigint, coalesce(o.conkey, '{}')::int[], o.conname
    FROM pg_catalog.pg_constraint o WHERE o.conrelid <> 0
    UNION ALL
    SELECT 'pg_index', i.indexrelid::bigint, 0, i.indrelid::bigint,
        ARRAY(SELECT d.refobjsubid FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_class'::regclass
            AND d.objid = i.indexrelid AND d.refobjid = i.indrelid AND d.refobjsubid > 0), c.relname
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    UNION ALL
    SELECT 'pg_attrdef', d.oid::bigint, 0, d.adrelid::bigint, ARRAY[d.adnum]::int[], 'default of ' || d.adnum
    FROM pg_catalog.pg_attrdef d
    UNION ALL
    SELECT 'identity', a.attrelid::bigint, a.attnum, a.attrelid::bigint, ARRAY[a.attnum]::int[],
        'identity of ' || a.attnum
    FROM pg_catalog.pg_attribute a WHERE a.attidentity <> '' AND a.attnum > 0 AND NOT a.attisdropped
"""


@dataclass(frozen=True, slots=True)
class Object:
    """`names`: those among which its name is the only one; "" for a column, whose name is its table's matter."""

    kind: str
    names: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class _Part:
    table: int
    columns: AbstractSet[int]
    name: str


@dataclass(frozen=True, slots=True)
class _Catalogue:
    objects: dict[Number, Object]
    parts: dict[Number, _Part]


@dataclass(frozen=True, slots=True)
class Going:
    """`places`: the statements that are to be held back, from 0. `objects`: what goes with them."""

    places: AbstractSet[int]
    objects: Sequence[Object]


def look(ground: Ground, statements: Sequence[Statement]) -> Going:
    """From the database `from`, for a script that leads to the schema that is wanted. Raises SchemaError PR017 when its
    statements cannot be run one by one."""
    ground.create(WORK, FROM)
    gone: dict[int, set[Number]] = {}
    with ground.session(WORK) as session:
        first = _read(session)
        left = first.objects.keys() | first.parts.keys()
        for place, one in enumerate(statements):
            done = session.run(one)
            if isinstance(done, Failure):
                raise SchemaError(
                    "PR017", "the migration", value=f"its statements do not run one by one: {said([done])}"
                )
            if _DROPS.search(one.sql):
                now = _read(session)
                gone[place] = left - now.objects.keys() - now.parts.keys()
                left -= gone[place]
        end = _read(session)
    names = {(one.names, one.name) for one in end.objects.values()}
    lost = {
        number: one
        for number, one in first.objects.items()
        if number not in left and not _succeeded(number, first, end, names)
    }
    held = {
        place
        for place, numbers in gone.items()
        if numbers & lost.keys() or (numbers and all(_part_of(one, lost, first, end) for one in numbers))
    }
    whole = {number[1] for number in lost if not number[2]}
    return Going(held, [one for number, one in lost.items() if not (number[2] and number[1] in whole)])


def _succeeded(number: Number, first: _Catalogue, end: _Catalogue, names: AbstractSet[tuple[str, str]]) -> bool:
    one = first.objects[number]
    if not number[2]:
        return (one.names, one.name) in names
    table: Number = ("pg_class", number[1], 0)
    if table not in end.objects:
        return (first.objects[table].names, first.objects[table].name) in names
    column = one.name.removeprefix(f"{first.objects[table].name}.")
    return any(
        key[:2] == ("pg_attribute", number[1]) and there.name == f"{end.objects[table].name}.{column}"
        for key, there in end.objects.items()
    )


def _part_of(number: Number, lost: dict[Number, Object], first: _Catalogue, end: _Catalogue) -> bool:
    """Whether it is a part of what is held back, and of nothing that comes in its place."""
    part = first.parts.get(number)
    if part is None:
        return False
    anew = any(
        key[0] == number[0] and there.table == part.table and there.name == part.name
        for key, there in end.parts.items()
    )
    columns = any(("pg_attribute", part.table, one) in lost for one in part.columns)
    return not anew and (columns or ("pg_class", part.table, 0) in lost)


def _read(session: Session) -> _Catalogue:
    objects = session.superuser.execute(_OBJECTS.encode()).fetchall()
    parts = session.superuser.execute(_PARTS.encode()).fetchall()
    return _Catalogue(
        {
            (catalogue, number, column): Object(kind, names, name)
            for catalogue, number, column, kind, names, name in objects
        },
        {
            (catalogue, number, column): _Part(table, frozenset(columns), name)
            for catalogue, number, column, table, columns, name in parts
        },
    )
