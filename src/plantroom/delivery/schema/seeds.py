"""Rows for a database of which only the schema is known, and what has become of them afterwards.

Values follow the row's number and the column's type alone, so that columns which refer to each other agree by
themselves. The last row is an unfriendly one: long text, all the digits that a number may have. Rows that a constraint
refuses are left out, and counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql

from plantroom.delivery.schema.ground import Connection

ROWS = 3

_COLUMNS = """
    SELECT c.oid, n.nspname, c.relname, a.attnum, a.attname, a.attnotnull, a.atthasdef OR a.attidentity <> '',
        coalesce(nullif(t.typbasetype, 0), t.oid), coalesce(b.typname, t.typname), coalesce(b.typtype, t.typtype),
        coalesce(b.typcategory, t.typcategory), CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END,
        a.attgenerated <> '', c.relkind = 'p', c.relforcerowsecurity
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
    ORDER BY c.oid, a.attnum
"""
_LABELS = "SELECT enumtypid, array_agg(enumlabel ORDER BY enumsortorder) FROM pg_catalog.pg_enum GROUP BY 1"


@dataclass(frozen=True, slots=True)
class Column:
    number: int
    name: str
    needed: bool
    generated: bool
    type_oid: int
    type: str
    kind: str
    category: str
    modifier: int


@dataclass(frozen=True, slots=True)
class Table:
    oid: int
    schema: str
    name: str
    columns: tuple[Column, ...]
    partitioned: bool
    forced: bool
    """Whether its owner too sees only the rows that policies show."""

    @property
    def known(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


@dataclass(frozen=True, slots=True)
class Seeded:
    """What is in the tables: rows by table, and the values' hashes by column (None: it has none), both by the
    catalogue's numbers."""

    tables: dict[int, Table]
    rows: dict[int, int]
    values: dict[tuple[int, int], list[int] | None]


def tables(connection: Connection) -> list[Table]:
    """All that hold rows, partitions under their parent."""
    found: dict[int, tuple[str, str, list[Column], bool, bool]] = {}
    for row in connection.execute(_COLUMNS.encode()).fetchall():
        (
            oid,
            schema,
            name,
            number,
            column,
            not_null,
            has_default,
            type_oid,
            kind_name,
            kind,
            category,
            modifier,
            made,
            partitioned,
            forced,
        ) = row
        columns = found.setdefault(oid, (schema, name, [], partitioned, forced))[2]
        needed = not_null and not has_default
        columns.append(Column(number, column, needed, made, type_oid, kind_name, kind, category, modifier))
    return [Table(oid, schema, name, tuple(columns), *more) for oid, (schema, name, columns, *more) in found.items()]


def sow(connection: Connection) -> Seeded:
    """Put rows into every table that takes them. Triggers and references are not asked: `connection`'s role may set
    session_replication_role."""
    labels: dict[int, list[str]] = dict(connection.execute(_LABELS).fetchall())
    connection.execute("SET session_replication_role = replica")
    for table in tables(connection):
        for row in range(1, ROWS + 1):
            _sow(connection, table, row, labels)
    connection.execute("SET session_replication_role = origin")
    return look(connection)


def _sow(connection: Connection, table: Table, row: int, labels: dict[int, list[str]]) -> None:
    given = [(one, value(one, row, labels)) for one in table.columns if not one.generated]
    full = [(one, text) for one, text in given if text is not None]
    least = [(one, text) for one, text in full if one.needed]
    for columns in (full, least):
        names = sql.SQL(", ").join(sql.Identifier(one.name) for one, _ in columns)
        holders = sql.SQL(", ").join(sql.Literal(text) for _, text in columns)
        statement = (
            sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(table.identifier, names, holders)
            if columns
            else sql.SQL("INSERT INTO {} DEFAULT VALUES").format(table.identifier)
        )
        try:
            connection.execute(statement)
        except psycopg.Error:
            continue
        return


def value(column: Column, row: int, labels: dict[int, list[str]]) -> str | None:
    """The text of a value; None where none is known that would do."""
    last = row == ROWS
    if column.kind == "e":
        known = labels.get(column.type_oid, [])
        return known[(row - 1) % len(known)] if known else None
    if column.category == "A":
        return "{}"
    if column.kind == "r":
        return "empty"
    if column.kind == "m":
        return "{}"
    simple = {
        "bool": "t" if row % 2 else "f",
        "uuid": f"00000000-0000-4000-8000-{row:012}",
        "json": f'{{"n": {row}}}',
        "jsonb": f'{{"n": {row}}}',
        "bytea": f"\\x0{row}",
        "date": f"2026-01-0{row}",
        "interval": f"{row} days",
        "time": f"0{row}:00:00",
        "timetz": f"0{row}:00:00+00",
        "inet": f"192.0.2.{row}",
        "cidr": f"192.0.2.{row}",
        "macaddr": f"02:00:00:00:00:0{row}",
        "macaddr8": f"02:00:00:00:00:00:00:0{row}",
        "xml": f"<n>{row}</n>",
        "tsvector": f"n{row}",
        "tsquery": f"n{row}",
        "point": f"({row},{row})",
        "line": f"{{1,1,{row}}}",
        "lseg": f"[(0,0),({row},{row})]",
        "box": f"(0,0),({row},{row})",
        "path": f"[(0,0),({row},{row})]",
        "polygon": f"((0,0),({row},{row}),(0,{row}))",
        "circle": f"<(0,0),{row}>",
        "money": f"{row}",
        "hstore": f"n=>{row}",
        "pg_lsn": f"0/{row}",
        "oid": str(row),
    }
    if column.type in simple:
        return simple[column.type]
    if column.category == "D":
        return f"2026-01-0{row} 10:00:00+00"
    if column.category == "N":
        return _number(column, row, last=last)
    if column.category == "V":
        return f"{row:b}".rjust(max(1, column.modifier), "0")[-max(1, column.modifier) :]
    if column.category == "S":
        longest = column.modifier - 4 if column.modifier > 4 else 40
        return f"{row}{'x' * (min(longest, 40) - 1)}" if last else str(row)[:longest]
    return None


def _number(column: Column, row: int, *, last: bool) -> str:
    if not last or column.type in ("int2", "int4", "int8"):
        return str(row)
    if column.type == "numeric" and column.modifier >= 4:
        scale = (column.modifier - 4) & 0x7FF
        return f"{row}.{'5' * scale}" if 0 < scale <= 20 else str(row)
    return f"{row}.5"


def look(connection: Connection) -> Seeded:
    """What is in the tables now."""
    found = tables(connection)
    rows: dict[int, int] = {}
    values: dict[tuple[int, int], list[int] | None] = {}
    for table in found:
        row = _read(connection, table)
        if row is None:
            continue
        rows[table.oid] = row[0]
        for one, hashes in zip(table.columns, row[1:], strict=True):
            values[table.oid, one.number] = hashes
    return Seeded({table.oid: table for table in found}, rows, values)


def _read(connection: Connection, table: Table) -> Any:
    parts: list[sql.Composable] = [sql.SQL("count(*)")]
    parts += [
        sql.SQL("array_agg(hashtextextended({0}::text, 0)) FILTER (WHERE {0} IS NOT NULL)").format(
            sql.Identifier(one.name)
        )
        for one in table.columns
    ]
    query = sql.SQL("SELECT {} FROM {}" if table.partitioned else "SELECT {} FROM ONLY {}").format(
        sql.SQL(", ").join(parts), table.identifier
    )
    try:
        if not table.forced:
            return connection.execute(query).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        pass
    except psycopg.Error:
        return None
    # What its owner has taken from itself it can give itself again, for as long as it looks.
    connection.execute("BEGIN")
    try:
        connection.execute(sql.SQL("GRANT SELECT ON {} TO CURRENT_USER").format(table.identifier))
        connection.execute(sql.SQL("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY").format(table.identifier))
        return connection.execute(query).fetchone()
    except psycopg.Error:
        return None
    finally:
        connection.execute("ROLLBACK")


def lost(before: Seeded, after: Seeded, first: Seeded) -> tuple[list[str], list[str]]:
    """Tables and columns that are gone with rows in them, or with fewer; and columns whose values are others now. More
    rows are no other values.

    `first`: before the script. What was there then and took no value of ours may hold those of others.
    """
    gone: list[str] = []
    changed: list[str] = []
    for oid, table in before.tables.items():
        if not before.rows.get(oid) and (oid not in first.tables or first.rows.get(oid)):
            continue
        if oid not in after.tables:
            gone.append(f"table {table.known}")
            continue
        if after.rows.get(oid, 0) < before.rows.get(oid, 0):
            gone.append(f"rows of {table.known}")
            continue
        columns = {one.number: one for one in after.tables[oid].columns}
        for one in table.columns:
            if one.generated:
                # What is computed is computed again, unless it is to be kept from now on.
                kept = any(other.name == one.name and not other.generated for other in columns.values())
                if kept and one.number not in columns and before.values.get((oid, one.number)) is not None:
                    gone.append(f"column {table.known}.{one.name}")
                continue
            if one.number not in columns:
                if before.values.get((oid, one.number)) is not None or _unsown(first, oid, one.number):
                    gone.append(f"column {table.known}.{one.name}")
            elif Counter(before.values.get((oid, one.number))) - Counter(after.values.get((oid, one.number))):
                changed.append(f"column {table.known}.{one.name}")
    return gone, changed


def swapped(first: Seeded, last: Seeded) -> list[str]:
    """Tables and columns by whose name another one is known now, while they are there by another name."""
    tables = {table.known: oid for oid, table in first.tables.items()}
    found = [
        f"table {table.known}"
        for oid, table in last.tables.items()
        if tables.get(table.known, oid) != oid and tables[table.known] in last.tables
    ]
    for oid, table in first.tables.items():
        names = {one.name: one.number for one in table.columns}
        now = last.tables[oid].columns if oid in last.tables else ()
        there = {one.number for one in now}
        for one in now:
            if names.get(one.name, one.number) != one.number and names[one.name] in there:
                found.append(f"column {table.known}.{one.name}")
    return found


def renamed(first: Seeded, before: Seeded, after: Seeded) -> Seeded:
    """What there was first, as it is called after a statement that only gave values other names."""
    now = {key: after.values[key] for key in before.values.keys() & after.values.keys() & first.values.keys()}
    same = {key for key in now if Counter(first.values[key]) == Counter(before.values[key])}
    return replace(first, values={**first.values, **{key: now[key] for key in same}})


def _unsown(first: Seeded, oid: int, number: int) -> bool:
    there = oid in first.tables and any(one.number == number for one in first.tables[oid].columns)
    return there and first.values.get((oid, number)) is None
