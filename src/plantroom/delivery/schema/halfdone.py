"""What cannot be part of a transaction can be left half done: how that is taken away, and how one sees that it is not.

PostgreSQL leaves an invalid index when CREATE INDEX CONCURRENTLY, DROP INDEX CONCURRENTLY or REINDEX CONCURRENTLY fails
or is cut off (its pages on them), and a detachment that is pending after DETACH PARTITION CONCURRENTLY. To run the
statement again is either an error or, with IF NOT EXISTS, a success that is none.

Only what is invalid is ever taken away. A build that still goes on is waited for first, by a lock that stops neither
readers nor writers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from plantroom.delivery.schema.names import IDENTIFIER, NAME, kept, literal

_CREATE = re.compile(
    rf"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<index>{IDENTIFIER})"
    rf"\s+ON\s+(?:ONLY\s+)?(?P<table>{NAME})",
    re.IGNORECASE,
)
_DROP = re.compile(rf"DROP\s+INDEX\s+CONCURRENTLY\s+(?:IF\s+EXISTS\s+)?(?P<index>{NAME})", re.IGNORECASE)
_REINDEX = re.compile(
    rf"REINDEX\s+(?:\([^)]*\)\s*)?(?P<kind>INDEX|TABLE|SCHEMA|DATABASE)\s+(?:CONCURRENTLY\s+)?(?P<name>{NAME})?",
    re.IGNORECASE,
)
_DETACH = re.compile(
    rf"ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?P<parent>{NAME})\s+DETACH\s+PARTITION\s+(?P<child>{NAME})"
    r"\s+(?P<how>CONCURRENTLY|FINALIZE)",
    re.IGNORECASE,
)
_INDEX = (
    "FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
    " JOIN pg_catalog.pg_class t ON t.oid = i.indrelid WHERE {which}"
)
_CLEAR = """DO $clear$ DECLARE one record; BEGIN
    FOR one IN SELECT i.indexrelid AS number, t.oid::regclass AS owner, t.relkind {index} AND NOT i.indisvalid LOOP
        IF one.relkind IN ('r', 'p') THEN
            EXECUTE pg_catalog.format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', one.owner);
        END IF;
        IF EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = one.number AND NOT indisvalid) THEN
            EXECUTE pg_catalog.format('DROP INDEX %s', one.number::regclass);
        END IF;
    END LOOP;
END $clear$"""
_FINALIZE = """DO $clear$ BEGIN
    IF EXISTS (SELECT FROM {part} AND inhdetachpending) THEN
        ALTER TABLE {parent} DETACH PARTITION {child} FINALIZE;
    END IF;
END $clear$"""
_LEFT = r"c.relname ~ '_cc(new|old)\d*$'"
"""What REINDEX CONCURRENTLY calls the index that it builds, and the one that it replaces."""
_WHERE = {
    "INDEX": " AND i.indrelid = (SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = {name})",
    "TABLE": (
        " AND {name} IN (SELECT t.oid UNION SELECT oid FROM pg_catalog.pg_class WHERE reltoastrelid = t.oid"
        " UNION SELECT relid::oid FROM pg_catalog.pg_partition_ancestors(t.oid))"
    ),
    "SCHEMA": " AND t.relnamespace = pg_catalog.to_regnamespace({text})",
    "DATABASE": "",
}


@dataclass(frozen=True, slots=True)
class Recovery:
    """As in `Statement`; nothing where nothing is known or nothing is to be done."""

    clear: str = ""
    done: str = ""


def recovery(sql: str) -> Recovery:
    """Of a statement that stands alone, without what stands before it. VACUUM and ALTER SYSTEM leave nothing, and an
    index without a name cannot be found again."""
    if match := _CREATE.match(sql):
        which = f"i.indrelid = {_numbered(match['table'])} AND c.relname = {literal(kept(match['index']))}"
        index = _INDEX.format(which=which)
        return Recovery(_CLEAR.format(index=index), f"SELECT EXISTS (SELECT {index} AND i.indisvalid)")
    if match := _DROP.match(sql):
        # What is half dropped is dropped by the same statement.
        return Recovery(done=f"SELECT {_numbered(match['index'])} IS NULL")
    if match := _DETACH.match(sql):
        parent, child = match["parent"], match["child"]
        part = f"pg_catalog.pg_inherits WHERE inhrelid = {_numbered(child)} AND inhparent = {_numbered(parent)}"
        done = f"SELECT NOT EXISTS (SELECT FROM {part})"
        pending = match["how"].upper() == "CONCURRENTLY"
        return Recovery(_FINALIZE.format(part=part, parent=parent, child=child) if pending else "", done)
    if match := _REINDEX.match(sql):
        # Nothing tells an index that was built anew from one that was not; once more does no harm.
        name = match["name"] or ""
        where = _WHERE[match["kind"].upper()].format(name=_numbered(name), text=literal(name))
        return Recovery(_CLEAR.format(index=_INDEX.format(which=_LEFT + where)))
    return Recovery()


def _numbered(name: str) -> str:
    """Its number in the catalogue, or null."""
    return f"pg_catalog.to_regclass({literal(name)})"
