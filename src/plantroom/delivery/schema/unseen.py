"""What a statement takes or alters where the proof's rows cannot show it: by the catalogue, before and after it.

Partitions that take no row of ours, values that a narrower type would cut, parts of a composite type: what may hold
somebody's data counts as if it did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg

from plantroom.delivery.schema import wording
from plantroom.delivery.schema.breaking import wider
from plantroom.delivery.schema.ground import Connection
from plantroom.delivery.schema.names import kept, quoted, words

_MINE = "n.nspname !~ '^pg_|^information_schema$'"

_PARTITIONS = f"""
    SELECT c.oid::bigint, pg_catalog.format('%s.%s', n.nspname, c.relname)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relispartition AND {_MINE}
"""

# A domain is what it is made of. Of a composite type only what a table holds, through arrays and domains too, counts.
_COLUMNS = f"""
    WITH RECURSIVE held(type) AS (
        SELECT a.atttypid FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        WHERE c.relkind IN ('r', 'p', 'm') AND a.attnum > 0 AND NOT a.attisdropped
        UNION
        SELECT part.type FROM held JOIN pg_catalog.pg_type t ON t.oid = held.type
        CROSS JOIN LATERAL (
            SELECT t.typelem AS type WHERE t.typelem <> 0
            UNION ALL SELECT t.typbasetype WHERE t.typbasetype <> 0
            UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
                WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
            UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid
        ) part
    ), bases(type, base, modifier, depth) AS (
        SELECT t.oid, t.typbasetype, t.typtypmod, 1 FROM pg_catalog.pg_type t WHERE t.typtype = 'd'
        UNION ALL
        SELECT b.type, t.typbasetype, CASE WHEN b.modifier >= 0 THEN b.modifier ELSE t.typtypmod END, b.depth + 1
        FROM bases b JOIN pg_catalog.pg_type t ON t.oid = b.base AND t.typtype = 'd'
    ), plain AS (SELECT DISTINCT ON (type) type, base, modifier FROM bases ORDER BY type, depth DESC)
    SELECT c.oid::bigint, a.attnum, pg_catalog.format('%s.%s', n.nspname, c.relname), a.attname,
        coalesce(p.base, a.atttypid)::bigint, coalesce(p.modifier, a.atttypmod),
        pg_catalog.format_type(coalesce(p.base, a.atttypid), coalesce(p.modifier, a.atttypmod)), t.typtype::text,
        a.attgenerated <> '', c.relispartition, c.relkind::text, ARRAY(
            SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid IN (t.oid, t.typelem)
            ORDER BY e.enumsortorder)
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN plain p ON p.type = a.atttypid
    JOIN pg_catalog.pg_type t ON t.oid = coalesce(p.base, a.atttypid)
    WHERE (c.relkind IN ('r', 'p') OR (c.relkind = 'c' AND c.reltype IN (SELECT type FROM held))) AND {_MINE}
"""

_ROUTINES = f"""
    SELECT p.proname, pg_catalog.pg_get_functiondef(p.oid)
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE p.prokind IN ('f', 'p') AND {_MINE}
"""
# Whoever reads one runs what it calls.
_VIEWS = f"""
    SELECT c.relname, pg_catalog.pg_get_viewdef(c.oid) FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND {_MINE}
"""
_BODIES = f"""
    SELECT p.oid::bigint, p.proname, pg_catalog.pg_get_functiondef(p.oid)
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE p.prokind = 'f' AND {_MINE}
"""
# What acts when rows of a table change: functions by their names, rules by their text.
_ACTING = f"""
    SELECT c.relname, p.proname FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
    WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND {_MINE}
    UNION ALL
    SELECT c.relname, pg_catalog.pg_get_ruledef(r.oid) FROM pg_catalog.pg_rewrite r
    JOIN pg_catalog.pg_class c ON c.oid = r.ev_class JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE r.ev_type <> '1' AND {_MINE}
"""
_SEQUENCES = f"""
    SELECT c.oid::bigint, pg_catalog.format('%I.%I', n.nspname, c.relname), s.seqincrement, s.seqmin, s.seqmax,
        s.seqstart, o.refobjid::bigint, o.refobjsubid
    FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN LATERAL (
        SELECT d.refobjid, d.refobjsubid FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid > 0
        UNION
        SELECT f.adrelid, f.adnum FROM pg_catalog.pg_attrdef f JOIN pg_catalog.pg_depend d
            ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = f.oid
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = c.oid
    ) o ON true
    WHERE {_MINE}
"""
# What keeps what a function has computed: an index, a stored column, and a check that rows have passed.
_COMPUTED = f"""
    SELECT p.oid::bigint, pg_catalog.md5(p.prosrc || coalesce(p.prosqlbody::text, '')),
        pg_catalog.format('%I.%I', n.nspname, p.proname), pg_catalog.string_agg(DISTINCT CASE d.classid
            WHEN 'pg_catalog.pg_class'::pg_catalog.regclass THEN 'index ' || pg_catalog.format('%s', d.objid::regclass)
            WHEN 'pg_catalog.pg_constraint'::pg_catalog.regclass THEN 'constraint ' || o.conname
            ELSE 'column ' || pg_catalog.format('%s.%s', f.adrelid::regclass, a.attname) END, ', ')
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.refobjid = p.oid
    LEFT JOIN pg_catalog.pg_index i
        ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND i.indexrelid = d.objid
    LEFT JOIN pg_catalog.pg_constraint o
        ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND o.oid = d.objid AND o.contype = 'c'
    LEFT JOIN pg_catalog.pg_attrdef f
        ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND f.oid = d.objid
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND a.attgenerated = 's'
    WHERE (i.indexrelid IS NOT NULL OR o.oid IS NOT NULL OR a.attnum IS NOT NULL) AND {_MINE}
    GROUP BY p.oid, n.nspname, p.proname
"""
_GIVEN = 1000
_RELATION = "SELECT oid::bigint, relkind::text FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass(%s)"

HIDDEN = "what it does to rows cannot be seen from here"
UNSHOWN = "it may do so to rows that are not ours"
STALE = "by its old body: {}"
CUT = "what does not fit is cut or rounded"


@dataclass(frozen=True, slots=True)
class Part:
    """A column, or an attribute of a composite type that a table holds."""

    of: str
    name: str
    type_oid: int
    modifier: int
    type: str
    kind: str
    generated: bool
    in_partition: bool
    in_type: bool
    labels: tuple[str, ...]
    """Those of an enum, or of an array of one."""

    @property
    def subject(self) -> str:
        return f"{'attribute' if self.in_type else 'column'} {self.of}.{self.name}"


@dataclass(frozen=True, slots=True)
class Standing:
    partitions: Mapping[int, str]
    parts: Mapping[tuple[int, int], Part]
    computed: Mapping[int, tuple[str, str, str]]
    """By a function that rows are kept by, a mark of its body, its name and what keeps them."""

    @property
    def holders(self) -> set[int]:
        return {oid for oid, _ in self.parts} | set(self.partitions)


def look(connection: Connection) -> Standing:
    partitions: dict[int, str] = dict(connection.execute(_PARTITIONS.encode()).fetchall())
    parts = {}
    for oid, number, of, name, type_oid, modifier, type_, kind, made, inside, relation, labels in connection.execute(
        _COLUMNS.encode()
    ).fetchall():
        parts[oid, number] = Part(
            of, name, type_oid, modifier, type_, kind, made, inside, relation == "c", tuple(labels)
        )
    rows = connection.execute(_COMPUTED.encode()).fetchall()
    called = _with_all_called(connection, [oid for oid, *_ in rows]) if rows else {}
    computed = {oid: (mark + called.get(oid, ""), name, kept_) for oid, mark, name, kept_ in rows}
    return Standing(partitions, parts, computed)


def _with_all_called(connection: Connection, oids: Sequence[int]) -> dict[int, str]:
    """By a function, the text of all that it calls, and that these call."""
    found = connection.execute(_BODIES.encode()).fetchall()
    bodies: dict[str, str] = {}
    for _, name, body in found:
        bodies[name] = f"{bodies.get(name, '')} {body}"
    names = {name: words(body) & set(bodies) for name, body in bodies.items()}
    whole = {}
    for oid, name, _ in found:
        if oid in oids:
            known, waiting = {name}, [name]
            while waiting:
                more = names[waiting.pop()] - known
                known |= more
                waiting += more
            whole[oid] = "".join(bodies[one] for one in sorted(known))
    return whole


def lost(before: Standing, after: Standing, first: Standing) -> list[str]:
    """Partitions that are gone, whatever of ours was in them, and attributes of types. What the script itself made
    holds nothing of anybody's."""
    there = after.holders
    # One that is detached first is a table when it goes, which took no row either.
    had = before.holders
    gone = [f"table {name}" for oid, name in first.partitions.items() if oid in had and oid not in there]
    # One that is detached takes its rows out of the table that it was a part of.
    gone += [
        f"partition {name}"
        for oid, name in first.partitions.items()
        if oid in before.partitions and oid not in after.partitions and oid in there
    ]
    # Of a type that is gone as a whole, the columns are gone too, or of another type.
    gone += [
        part.subject
        for (oid, number), part in before.parts.items()
        if part.in_type and oid in there and (oid, number) not in after.parts and (oid, number) in first.parts
    ]
    return gone


def narrowed(before: Standing, after: Standing, first: Standing) -> list[str]:
    """What is of a type now that need not hold all that the old one did."""
    return [
        part.subject
        for key, part in before.parts.items()
        if key in after.parts
        and key in first.parts
        and not part.generated
        and not part.in_partition
        and not _keeps(part, after.parts[key])
    ]


def stale(before: Standing, after: Standing) -> list[tuple[str, str]]:
    """Functions that are of another body now, with what keeps what the old one has computed."""
    return [
        (f"function {name}", kept_)
        for oid, (mark, name, kept_) in before.computed.items()
        if oid in after.computed and after.computed[oid][0] != mark
    ]


def unfit(before: Standing, after: Standing, first: Standing) -> list[tuple[str, str]]:
    """Of what is of another enum now, the values of the old one that the new one does not have."""
    found = []
    for key, part in before.parts.items():
        if key in first.parts and key in after.parts and after.parts[key].labels and not part.in_partition:
            missing = [one for one in part.labels if one not in after.parts[key].labels]
            if missing and part.type_oid != after.parts[key].type_oid:
                found.append((part.subject, ", ".join(missing)))
    return found


def worded(connection: Connection, sql: str, stands: Standing, first: Standing) -> tuple[list[str], list[str], bool]:
    """By a statement's text, just before it runs: what it takes rows from, which columns it gives values, and whether
    it runs what cannot be read. What the script itself has made is its own."""
    gone: list[str] = []
    changed: list[str] = []
    for one in wording.done(sql):
        name, oid, kind = _relation(connection, one.table)
        if kind in ("r", "p") and oid not in first.holders:
            continue
        if isinstance(one, wording.Deleted):
            gone.append(f"rows of {name}")
            continue
        columns = {part.name: number for (of, number), part in stands.parts.items() if of == oid}
        for column in map(kept, one.columns):
            if column not in columns or (oid, columns[column]) in first.parts:
                changed.append(f"column {name}.{column}")
    named = words(sql) if wording.runs(sql) else wording.called(sql)
    return gone, changed, wording.hidden(sql) or (bool(named) and _runs_hidden(connection, sql, named))


def _relation(connection: Connection, written: str) -> tuple[str, int, str]:
    try:
        found = connection.execute(_RELATION, (written,)).fetchone()
    except psycopg.Error:
        found = None
    if found is None:
        return written, 0, ""
    row = connection.execute(
        "SELECT pg_catalog.format('%%s.%%s', n.nspname, c.relname) FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = %s::bigint::oid",
        (found[0],),
    ).fetchone()
    return (str(row[0]) if row else written), found[0], found[1]


def _runs_hidden(connection: Connection, sql: str, named: set[str]) -> bool:
    """Whether a routine that it names, or one that this names, may do anything to rows; or a trigger or rule of what
    it changes."""
    bodies: dict[str, str] = {}
    acting = connection.execute(_ACTING.encode()).fetchall() if wording.writes(sql) else []
    views = connection.execute(_VIEWS.encode()).fetchall()
    for name, body in [*connection.execute(_ROUTINES.encode()).fetchall(), *acting, *views]:
        bodies[name] = f"{bodies.get(name, '')} {body}"
    known = named & set(bodies)
    waiting = list(known)
    while waiting:
        body = bodies[waiting.pop()]
        if wording.routine_may(body):
            return True
        more = (words(body) & set(bodies)) - known
        known |= more
        waiting += more
    return False


Counters = Mapping[tuple[int, int] | str, tuple[str, int, int, str, int]]
"""By the column that it numbers, or by its own name: what it is called, its next number, its step, the sequence and its
number in the catalogue."""


def advance(connection: Connection) -> None:
    """Every sequence has given numbers, as somebody's has."""
    for _, name, step, least, most, start, *_ in connection.execute(_SEQUENCES.encode()).fetchall():
        value = min(most, max(least, start + _GIVEN * step))
        with suppress(psycopg.Error):
            connection.execute("SELECT pg_catalog.setval(%s::pg_catalog.regclass, %s)", (name, value))


def counters(connection: Connection, stands: Standing) -> Counters:
    found: dict[tuple[int, int] | str, tuple[str, int, int, str, int]] = {}
    for sequence, name, step, _, _, _, oid, number in connection.execute(_SEQUENCES.encode()).fetchall():
        try:
            row = connection.execute(f"SELECT last_value, is_called FROM {name}".encode()).fetchone()
        except psycopg.Error:
            continue
        assert row is not None
        part = stands.parts.get((oid, number))
        told = (part.subject if part else f"sequence {name}", row[0] + (step if row[1] else 0), step, name, sequence)
        found[(oid, number) if part else name] = told
    return found


def again(connection: Connection, first: Counters, stands: Standing) -> dict[str, int]:
    """What gives numbers once more that it has given, and the number at which it begins. One that goes on just behind
    the column's rows was moved there for their sake."""
    found = {}
    for key, (name, number, step, *_) in counters(connection, stands).items():
        goes_on = key in first and (number >= first[key][1] if step > 0 else number <= first[key][1])
        if key not in first or (goes_on and step * first[key][2] > 0):
            continue
        if isinstance(key, tuple):
            part = stands.parts[key]
            most = "max" if step > 0 else "min"
            query = f"SELECT pg_catalog.{most}({quoted(part.name)})::numeric FROM {quoted(*part.of.split('.', 1))}"
            with suppress(psycopg.Error):
                row = connection.execute(query.encode()).fetchone()
                if row is not None and row[0] is not None and number == row[0] + step:
                    continue
        found[name] = number
    return found


def forgotten(connection: Connection, first: Counters) -> list[str]:
    """Sequences that nothing owns and that are gone, by number and by name, with how far they had counted."""
    there = connection.execute(_SEQUENCES.encode()).fetchall()
    kept_ = {oid for oid, *_ in there} | {name for _, name, *_ in there}
    alone = [(key, told) for key, told in first.items() if isinstance(key, str)]
    return [told[0] for key, told in alone if told[4] not in kept_ and key not in kept_]


def _keeps(old: Part, new: Part) -> bool:
    if (old.type_oid, old.modifier) == (new.type_oid, new.modifier) or new.type == "text":
        return True
    if new.type.rpartition(".")[2] == "citext" and old.type.startswith(("text", "character varying")):
        return True
    if new.labels:
        # One that is no value of it fails.
        return bool(old.labels) or old.type.removesuffix("[]") in ("text", "character varying")
    if old.kind == "e":
        return new.type == "character varying"
    return wider(old.type, new.type) or (old.type, new.type) in _EXACT or _digits(old.type, new.type)


_EXACT = {
    ("date", "timestamp without time zone"),
    ("smallint", "real"),
    ("smallint", "double precision"),
    ("integer", "double precision"),
}
_LONGEST = {"smallint": 5, "integer": 10, "bigint": 19}


def _digits(old: str, new: str) -> bool:
    """Whether a number with so many digits takes every whole one."""
    if old not in _LONGEST or not new.startswith("numeric"):
        return False
    given: Sequence[str] = new.removeprefix("numeric").strip("()").split(",")
    return new == "numeric" or int(given[0]) - (int(given[1]) if len(given) > 1 else 0) >= _LONGEST[old]
