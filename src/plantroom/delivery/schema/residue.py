"""What an engine leaves over, put right from the dump of what is wanted: entries of it that hold no rows are dropped
and made as pg_dump makes them; tables are made or dropped as a whole, and what differs inside of one is `inside`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from plantroom.delivery.schema import dumps, inside
from plantroom.delivery.schema.ground import Ground
from plantroom.delivery.schema.model import Entry, Statement
from plantroom.delivery.schema.statements import bare, split, statement
from plantroom.runtime.postgres import SUPERUSER
from plantroom.runtime.scratch import OWNER

_I = r'(?:"(?:[^"]|"")+"|[^\s"().,;]+)'
_IDENT = rf"{_I}(?:\.{_I})?"

_DATA = frozenset({"TABLE", "SEQUENCE"})
"""What holds rows of its own; never dropped to be made again."""
_SHARED = frozenset({"TABLE", "TYPE", "DOMAIN", "COLLATION"})
"""What others depend on, and may have to be free of them to be changed."""
_PROPERTY = frozenset({"COMMENT", "ACL", "DEFAULT"})
"""What goes with its object."""
_DERIVED = frozenset(
    {
        *("VIEW", "MATERIALIZED VIEW", "RULE", "POLICY", "TRIGGER", "FUNCTION", "PROCEDURE", "AGGREGATE", "STATISTICS"),
        *("PUBLICATION TABLE",),
    }
)
"""What may stand in the way of a change to a table, and can be made again after it."""
_BESIDE = frozenset({"FK CONSTRAINT", "CONSTRAINT", "CHECK CONSTRAINT", "INDEX"})
_REPLACED = re.compile(r"CREATE ((?:CONSTRAINT )?(?:FUNCTION|PROCEDURE|AGGREGATE|VIEW|RULE|TRIGGER))\b")
_LARGEST = re.compile(r"\bMAXVALUE (?:32767|2147483647)\b")
_SEQUENCE = re.compile(r"CREATE (?:UNLOGGED )?SEQUENCE\b")
_KEPT_WHOLE = frozenset({"TABLE", "SEQUENCE", "SCHEMA", "EXTENSION", "INDEX ATTACH"})
"""Never dropped because it differs: only when it is not wanted at all."""

_DROPS: Sequence[tuple[str, str, str]] = (
    (r"TRIGGER", rf"CREATE (?:CONSTRAINT )?TRIGGER ({_I}) .*?\bON ({_IDENT})", "DROP TRIGGER {0} ON {1}"),
    (r"RULE", rf"CREATE RULE ({_I}) AS\s+ON \w+ TO ({_IDENT})", "DROP RULE {0} ON {1}"),
    (r"POLICY", rf"CREATE POLICY ({_I}) ON ({_IDENT})", "DROP POLICY {0} ON {1}"),
    (
        r"ROW SECURITY",
        rf"ALTER TABLE ({_IDENT}) ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE {0} DISABLE ROW LEVEL SECURITY",
    ),
    (
        r".*CONSTRAINT",
        rf"ALTER TABLE (?:ONLY )?({_IDENT})\s+ADD CONSTRAINT ({_I})",
        "ALTER TABLE {0} DROP CONSTRAINT {1}",
    ),
    (r".*CONSTRAINT", rf"ALTER DOMAIN ({_IDENT})\s+ADD CONSTRAINT ({_I})", "ALTER DOMAIN {0} DROP CONSTRAINT {1}"),
    (r"OPERATOR CLASS", rf"CREATE OPERATOR CLASS ({_IDENT})\s.*?USING (\w+)", "DROP OPERATOR CLASS {0} USING {1}"),
    (r"OPERATOR FAMILY", rf"CREATE OPERATOR FAMILY ({_IDENT}) USING (\w+)", "DROP OPERATOR FAMILY {0} USING {1}"),
    (r"CAST", r"CREATE CAST (\(.*? AS .*?\))\s", "DROP CAST {0}"),
    (r"USER MAPPING", rf"CREATE USER MAPPING FOR ({_I}) SERVER ({_I})", "DROP USER MAPPING FOR {0} SERVER {1}"),
    (
        r"PUBLICATION TABLE",
        rf"ALTER PUBLICATION ({_I}) ADD TABLE (?:ONLY )?({_IDENT})",
        "ALTER PUBLICATION {0} DROP TABLE {1}",
    ),
    (
        r"PUBLICATION TABLES IN SCHEMA",
        rf"ALTER PUBLICATION ({_I}) ADD TABLES IN SCHEMA ({_I})",
        "ALTER PUBLICATION {0} DROP TABLES IN SCHEMA {1}",
    ),
    (r"COMMENT", r"(COMMENT ON .*?) IS (?:E?'.*)", "{0} IS NULL"),
    (
        r"DEFAULT",
        rf"ALTER TABLE (?:ONLY )?({_IDENT}) ALTER COLUMN ({_I}) SET DEFAULT",
        "ALTER TABLE {0} ALTER COLUMN {1} DROP DEFAULT",
    ),
    (r"SEQUENCE OWNED BY", rf"ALTER SEQUENCE ({_IDENT}) OWNED BY", "ALTER SEQUENCE {0} OWNED BY NONE"),
    (
        r"TABLE ATTACH",
        rf"ALTER TABLE (?:ONLY )?({_IDENT}) ATTACH PARTITION ({_IDENT})",
        "ALTER TABLE {0} DETACH PARTITION {1}",
    ),
    (r"TYPE|SHELL TYPE", rf"CREATE TYPE ({_IDENT})", "DROP TYPE {0}"),
    (r"SERVER", rf"CREATE SERVER ({_I})", "DROP SERVER {0}"),
    (r"EXTENSION", rf"CREATE EXTENSION (?:IF NOT EXISTS )?({_I})", "DROP EXTENSION {0}"),
)
_GENERIC = re.compile(
    r"CREATE (?:UNLOGGED |TRUSTED |PROCEDURAL )*(?P<kind>SCHEMA|TABLE|FOREIGN TABLE|VIEW|"
    r"MATERIALIZED VIEW|SEQUENCE|DOMAIN|COLLATION|"
    r"CONVERSION|STATISTICS|EVENT TRIGGER|PUBLICATION|SUBSCRIPTION|FOREIGN DATA WRAPPER|ACCESS METHOD|"
    rf"TEXT SEARCH (?:CONFIGURATION|DICTIONARY|PARSER|TEMPLATE)) (?P<name>{_IDENT})"
)
_ROUTINE = re.compile(rf"CREATE (FUNCTION|PROCEDURE|AGGREGATE) ({_IDENT})\(")
_INDEX = re.compile(rf"CREATE (?:UNIQUE )?INDEX ({_I}) ON (?:ONLY )?({_I})\.")
_OPERATOR = re.compile(rf"CREATE OPERATOR ((?:{_I}\.)?\S+) \(")
_GRANT = re.compile(
    r"(?P<head>ALTER DEFAULT PRIVILEGES .*?)?(?P<verb>GRANT|REVOKE) (?P<what>.*) (?:TO|FROM) (?P<who>.*?)"
    r"(?: WITH GRANT OPTION)?$",
    re.DOTALL,
)
_OWNER = re.compile(rf" OWNER TO {_I}$")
_OWNED = re.compile(rf" OWNER TO \"?({OWNER}|{SUPERUSER})\"?$")
_SUPER = re.compile(rf" OWNER TO \"?{SUPERUSER}\"?$")
"""The proof's own, to which nothing of anybody's belongs elsewhere."""
_ROLES = re.compile(rf"((?:\b(?:OWNER TO|FROM|TO|FOR ROLE|FOR)|,) )\"?{OWNER}\"?(?=[\s,;]|$)")
_IDENTITY = re.compile(rf"ALTER TABLE ({_IDENT}) ALTER COLUMN ({_I}) ADD GENERATED ")


def drop_of(entry: Entry) -> str | None:
    """What takes an entry away again; None when nothing does."""
    first = next(iter(split(entry.sql)), None)
    if first is None:
        return None
    sql = bare(first.sql)
    for kind, pattern, form in _DROPS:
        if re.fullmatch(kind, entry.kind):
            match = re.match(pattern, sql, re.DOTALL)
            if match is not None:
                return form.format(*match.groups())
    if match := _IDENTITY.match(sql):
        return f"ALTER TABLE {match.group(1)} ALTER COLUMN {match.group(2)} DROP IDENTITY"
    if match := _ROUTINE.match(sql):
        arguments = entry.name[entry.name.index("(") :] if "(" in entry.name else "()"
        return f"DROP {match.group(1)} {match.group(2)}{arguments}"
    if match := _INDEX.match(sql):
        return f"DROP INDEX {match.group(2)}.{match.group(1)}"
    if match := _OPERATOR.match(sql):
        sides = [re.search(rf"{side} = ([^,\n]+)", sql) for side in ("LEFTARG", "RIGHTARG")]
        return f"DROP OPERATOR {match.group(1)} ({', '.join(m.group(1) if m else 'NONE' for m in sides)})"
    if match := _GENERIC.match(sql):
        return f"DROP {match['kind']} {match['name']}"
    return None


def taken_back(entry: Entry) -> list[Statement]:
    """The statements that undo an entry's: for privileges, each grant and revocation turned round."""
    if entry.kind in ("ACL", "DEFAULT ACL"):
        found = []
        for one in reversed(split(entry.sql)):
            match = _GRANT.match(bare(one.sql))
            if match is not None:
                verb, word = ("REVOKE", "FROM") if match["verb"] == "GRANT" else ("GRANT", "TO")
                back = f"{match['head'] or ''}{verb} {match['what']} {word} {match['who']}"
                found.append(portable(statement(back)))
        return found
    drop = drop_of(entry)
    return [] if drop is None else [portable(statement(drop))]


def made(entry: Entry) -> list[Statement]:
    """As pg_dump makes it, but for who owns it: that is whoever runs the script."""
    return [portable(one) for one in split(entry.sql) if not owned(one)]


def owned(one: Statement) -> bool:
    """Whether it only says that its maker is the owner."""
    return _OWNED.search(one.sql) is not None


def _unowned(entry: Entry) -> list[str]:
    return [one.sql for one in split(entry.sql) if not _OWNER.search(one.sql)]


def portable(one: Statement) -> Statement:
    """The owner here is whoever runs the script there."""
    sql = _ROLES.sub(r"\1CURRENT_USER", one.sql)
    return one if sql == one.sql else replace(one, sql=sql)


class Clearing(IntEnum):
    """What is dropped before tables change, to be made anew afterwards."""

    NOTHING = 0
    DERIVED = 1
    """Views, routines, policies, triggers and the like."""
    ALL = 2
    """Constraints and indexes as well."""


def prelude(ground: Ground, work: str, wanted: Sequence[Entry], clearing: Clearing) -> list[Statement]:
    """Drop what depends on tables that change, so that nothing stands in their way; what ran."""
    kinds = _DERIVED | _BESIDE if clearing is Clearing.ALL else _DERIVED
    have = ground.dump(work)
    want = {(one.key, one.sql) for one in wanted}
    changed = [one for one in have if one.kind in _SHARED and (one.key, one.sql) not in want]
    if not changed:
        return []
    after = {one.key: one for one in _without(ground, work, changed)}
    todo: list[Statement] = []
    for one in have:
        left = after.get(one.key)
        if left is not None and left.sql == one.sql:
            continue
        if one.kind in kinds:
            todo = [*taken_back(one), *todo]
        elif one.kind == "TABLE" and left is not None and clearing is Clearing.ALL:
            todo = [*_parts(one, left), *todo]
    if clearing is Clearing.ALL:
        tables = [table for one in changed if one.kind == "TABLE" and (table := inside.read(one))]
        todo += [
            statement(f"ALTER TABLE {table.name} DROP COLUMN {column.name}")
            for table in tables
            for column in table.columns.values()
            if column.generated
        ]
    with ground.session(work) as session:
        ran, _ = session.settle(todo)
    if clearing is Clearing.ALL:
        # Before an engine makes anew what stands in their way.
        ran += swap_types(ground, work, wanted)
    return ran


def _parts(before: Entry, left: Entry) -> list[Statement]:
    """What goes from inside of a table and holds no values: generated columns, defaults, checks."""
    mine = inside.read(before)
    kept = {name for name, column in mine.columns.items() if not column.generated} if mine else set()
    found = [sql for forms in inside.changes(before, left) for sql in forms[-1]]
    return [statement(sql) for sql in found if not any(sql.endswith(f" DROP COLUMN {name}") for name in kept)]


def types_differ(have: Sequence[Entry], wanted: Sequence[Entry]) -> bool:
    there = dumps.keyed(have)
    return any(
        one.kind in ("TYPE", "DOMAIN") and one.key in there and all(mine.sql != one.sql for mine in there[one.key])
        for one in wanted
    )


def repair(ground: Ground, work: str, wanted: Sequence[Entry]) -> list[Statement]:
    """Bring what the engine left over to what is wanted; what ran."""
    ran = _replace(ground, work, wanted)
    ran += _inside(ground, work, wanted)
    ran += swap_types(ground, work, wanted)
    have = ground.dump(work)
    want = {(one.key, one.sql) for one in wanted}
    keys = {one.key for one in wanted}
    gone = [
        one
        for one in have
        if (one.key, one.sql) not in want
        and (one.kind not in _KEPT_WHOLE or one.key not in keys or _IDENTITY.match(one.sql))
    ]
    going = _going(ground, work, have, gone)
    if going is None:
        gone = [one for one in gone if _going(ground, work, have, [one]) is not None]
        going = _going(ground, work, have, gone) or _Going([], [])
    leaving = {(one.key, one.sql) for one in going.entries} | {(one.key, one.sql) for one in gone}
    staying = {(one.key, one.sql) for one in have} - leaving
    drops = [one for one in have if (one.key, one.sql) in leaving]
    objects = {(one.schema, one.name) for one in drops if one.kind not in _PROPERTY}
    drops = [one for one in drops if one.kind not in _PROPERTY or not _of(one, objects)]
    todo = [*going.parts, *(drop for one in reversed(drops) for drop in taken_back(one))]
    there = {one.key for one in have if (one.key, one.sql) not in leaving}
    for one in wanted:
        if (one.key, one.sql) not in staying:
            # Of a table that is there, what is said after it: statistics, replica identity and the like.
            todo += made(one)[1:] if one.kind in ("TABLE", "FOREIGN TABLE") and one.key in there else made(one)
    with ground.session(work) as session:
        done, _ = session.settle(todo)
    return ran + done + _inside(ground, work, wanted)


def _of(entry: Entry, objects: Iterable[tuple[str, str]]) -> bool:
    """Whether a comment or privilege is one of an object that is dropped."""
    name = entry.name.partition(" ")[2]
    return any(schema == entry.schema and name.startswith(object_name) for schema, object_name in objects)


def _replace(ground: Ground, work: str, wanted: Sequence[Entry]) -> list[Statement]:
    """CREATE OR REPLACE, where PostgreSQL takes it: nothing that depends on the object is touched."""
    there = ground.dump(work)
    have = dumps.keyed(there)
    todo = _renamed_sequences(there, wanted)
    for one in wanted:
        mine = have.get(one.key, ())
        first = next(iter(made(one)), None)
        if first is None or not mine or any(other.sql == one.sql for other in mine):
            continue
        if any(_unowned(other) == _unowned(one) for other in mine):
            todo += [
                portable(line) for line in split(one.sql) if _OWNER.search(line.sql) and not _SUPER.search(line.sql)
            ]
            continue
        sql = bare(first.sql)
        if _REPLACED.match(sql):
            todo += [statement(_REPLACED.sub(r"CREATE OR REPLACE \1", sql, count=1)), *made(one)[1:]]
        elif (identity := _IDENTITY.match(sql)) and all(_IDENTITY.match(other.sql) for other in mine):
            options = re.search(rf"\(\s*SEQUENCE NAME ({_IDENT})\s+(.*)\)$", sql, re.DOTALL)
            kind = re.search(r"GENERATED (ALWAYS|BY DEFAULT)", sql)
            if options and kind:
                cycle = "" if re.search(r"\bCYCLE\s*$", options.group(2)) else " NO CYCLE"
                table, column = identity.groups()
                # The largest number of a type is said only of another type: LIKE makes them of bigint.
                size = " AS bigint" if _LARGEST.search(options.group(2)) else ""
                numbers = " ".join(options.group(2).split())
                todo.append(statement(f"ALTER SEQUENCE {options.group(1)}{size} {numbers}{cycle}"))
                todo.append(statement(f"ALTER TABLE {table} ALTER COLUMN {column} SET GENERATED {kind.group(1)}"))
        elif _SEQUENCE.match(sql):
            cycle = "" if re.search(r"\bCYCLE$", sql) else "\n    NO CYCLE"
            size = "" if re.search(r"\n    AS ", sql) else "\n    AS bigint"
            todo += [statement(_SEQUENCE.sub("ALTER SEQUENCE", sql, count=1) + size + cycle), *made(one)[1:]]
    if not todo:
        return []
    with ground.session(work) as session:
        ran, _ = session.settle(todo)
    return ran


def _inside(ground: Ground, work: str, wanted: Sequence[Entry]) -> list[Statement]:
    """Tables that are there and are not as wanted, a column or property at a time."""
    ran: list[Statement] = []
    for cut_off in (False, True):
        have = {one.key: one for one in ground.dump(work) if one.kind in ("TABLE", "FOREIGN TABLE")}
        links = _links(wanted) if cut_off else {}
        with ground.session(work) as session:
            for want in wanted:
                mine = have.get(want.key)
                if mine is None or mine.sql == want.sql:
                    continue
                todo = [
                    [[portable(statement(sql)) for sql in form] for form in forms]
                    for forms in inside.changes(mine, want)
                ]
                if not cut_off:
                    for forms in todo:
                        ran += session.first(forms)
                elif links.get(want.key):
                    # What is inherited cannot be changed while it is.
                    cut, join = links[want.key]
                    ran += session.first([[*cut, *(one for forms in todo for one in forms[0]), *join]])
    return ran


def _links(wanted: Sequence[Entry]) -> dict[tuple[str, str, str], tuple[list[Statement], list[Statement]]]:
    """By table: what cuts it off from the tables that it is a part of, and what joins it to them again."""
    found: dict[tuple[str, str, str], tuple[list[Statement], list[Statement]]] = {}
    for one in wanted:
        if one.kind == "TABLE ATTACH":
            found["TABLE", one.schema, one.name] = (taken_back(one), made(one))
        elif one.kind == "TABLE" and (table := inside.read(one)) and table.parents:
            head = f"ALTER TABLE {table.name}"
            found[one.key] = (
                [statement(f"{head} NO INHERIT {parent}") for parent in table.parents],
                [statement(f"{head} INHERIT {parent}") for parent in table.parents],
            )
    return found


def _renamed_sequences(have: Sequence[Entry], wanted: Sequence[Entry]) -> list[Statement]:
    """The sequence of an identity column goes on counting under its new name."""
    keys = {one.key for one in wanted}
    mine = {match.groups(): one for one in have if (match := _IDENTITY.match(one.sql)) and one.key not in keys}
    found = []
    for one in wanted:
        match = _IDENTITY.match(one.sql)
        old = mine.get(match.groups()) if match else None
        if old is not None:
            names = [re.search(rf"SEQUENCE NAME ({_IDENT})", entry.sql) for entry in (old, one)]
            if names[0] is not None and names[1] is not None:
                new = re.sub(rf"^{_I}\.", "", names[1].group(1))
                found.append(statement(f"ALTER SEQUENCE {names[0].group(1)} RENAME TO {new}"))
    return found


@dataclass(frozen=True, slots=True)
class _Going:
    """What goes when some entries are dropped: whole entries in the dump's order, and parts of tables that stay."""

    entries: list[Entry]
    parts: list[Statement]


def _going(ground: Ground, work: str, have: Sequence[Entry], gone: Sequence[Entry]) -> _Going | None:
    """None when rows would go that nobody wants to go."""
    after = {one.key: one for one in _without(ground, work, gone)} if gone else {one.key: one for one in have}
    explicit = {one.key for one in gone}
    entries: list[Entry] = []
    parts: list[Statement] = []
    for one in have:
        left = after.get(one.key)
        if left is not None and left.sql == one.sql:
            continue
        if one.kind not in _DATA or one.key in explicit:
            entries.append(one)
        elif left is None or not _harmless(one, left):
            return None
        else:
            # A generated column, a default or a check that goes, and is made again.
            parts += _parts(one, left)
    return _Going(entries, parts)


def _harmless(before: Entry, after: Entry) -> bool:
    """Whether nothing that holds values has gone from a table."""
    mine, left = inside.read(before), inside.read(after)
    if mine is None or left is None:
        return False
    return all(name in left.columns or column.generated for name, column in mine.columns.items())


def _without(ground: Ground, work: str, gone: Sequence[Entry]) -> list[Entry]:
    """What is left when these are let go with all that depends on them, in a copy."""
    copy = f"{work}_closure"
    ground.create(copy, work)
    with ground.session(copy) as session:
        session.settle(statement(_cascading(drop.sql)) for one in reversed(gone) for drop in taken_back(one))
    left = ground.dump(copy)
    ground.drop(copy)
    return left


_USED = """
    SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname), pg_catalog.quote_ident(a.attname), a.attrelid <> c.oid,
        pg_catalog.format_type(a.atttypid, a.atttypmod), pg_catalog.pg_get_expr(d.adbin, d.adrelid)
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') AND NOT a.attisdropped
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.attgenerated = ''
    WHERE a.attinhcount = 0 AND (t.oid = %(type)s::regtype OR t.typelem = %(type)s::regtype)
    ORDER BY 1, a.attnum
"""
_RANGE = "SELECT FROM pg_catalog.pg_range WHERE rngtypid = %s::regtype"
_OLD = "plantroom_old"
_TYPE = re.compile(rf"CREATE (TYPE|DOMAIN) ({_IDENT})")


def swap_types(ground: Ground, work: str, wanted: Sequence[Entry]) -> list[Statement]:
    """Types that columns use and that cannot be altered: renamed, made anew beside, the columns moved over by their
    text; the old one is dropped with the rest of what is too much."""
    have = dumps.keyed(ground.dump(work))
    names = {(one.schema, one.name): one for group in have.values() for one in group if one.kind in ("TYPE", "DOMAIN")}
    ran: list[Statement] = []
    with ground.session(work) as session:
        # So that what it says of types names their schemas.
        session.owner.execute("SET search_path = pg_catalog")
        for want in wanted:
            mine = names.get((want.schema, want.name))
            if want.kind not in ("TYPE", "DOMAIN") or mine is None or mine.sql == want.sql:
                continue
            match = _TYPE.match(bare(mine.sql))
            if match is None:
                continue
            name = match.group(2)
            used = session.owner.execute(_USED.encode(), {"type": name}).fetchall()
            if not used:
                continue
            local = name.rpartition(".")[2].strip('"').replace('"', '""')[:40]
            aside = session.owner.execute(_RANGE.encode(), (name,)).fetchone() is not None
            if aside:
                # Its functions have its name, and are not its owner's to rename.
                steps = [
                    statement(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE text USING {column}::text")
                    for table, column, *_ in used
                ]
                steps.append(statement(f"DROP TYPE {name}"))
            else:
                steps = [statement(f'ALTER {match.group(1)} {name} RENAME TO "{local}_{_OLD}"')]
            steps += made(want)
            for table, column, _, type_name, default in used:
                head = f"ALTER TABLE {table} ALTER COLUMN {column}"
                dropped = statement(f"{head} DROP DEFAULT")
                steps = [dropped, *steps] if default is not None and aside else steps
                steps += [dropped] * (default is not None and not aside)
                steps.append(statement(f"{head} TYPE {type_name} USING {column}::text::{type_name}"))
                steps += [statement(f"{head} SET DEFAULT {default}")] * (default is not None)
            ran += session.first([steps])
    return ran


def _cascading(sql: str) -> str:
    if sql.startswith("DROP ") and not sql.startswith("DROP USER MAPPING"):
        return f"{sql} CASCADE"
    return f"{sql} CASCADE" if re.search(r" DROP CONSTRAINT \S+$", sql) else sql
