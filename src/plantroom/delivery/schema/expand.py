"""A migration in two halves. What adds runs now; what drops is held back until nothing runs any more that needs it.

Between the two is the expanded schema, on which the release before and the new one work side by side. The new one
writes nothing of what is held back, so nothing of it may ask to be written: what would is loosened in the first half.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from plantroom.delivery.schema import fingerprint, going
from plantroom.delivery.schema.engines import Pgmig
from plantroom.delivery.schema.fills import tightened
from plantroom.delivery.schema.generate import FROM, TO, generate, proven
from plantroom.delivery.schema.going import Object
from plantroom.delivery.schema.ground import Ground, Session, said
from plantroom.delivery.schema.model import Diff, Failure, Hazard, HazardClass, SchemaError, Script, Statement, Status
from plantroom.delivery.schema.names import quoted
from plantroom.delivery.schema.proof import prove, safer
from plantroom.delivery.schema.statements import statement
from plantroom.delivery.schema.unseen import UNSHOWN

EXPANDED, _KNOWN = "expanded", "known"

_OURS = "n.nspname !~ '^pg_|^information_schema$'"
_TABLES = f"""
    SELECT c.oid::bigint, n.nspname, c.relname, c.relkind::text FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE {_OURS} AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
"""
_COLUMNS = """
    SELECT a.attrelid::bigint, a.attnum, a.attname, a.attnotnull, a.attidentity <> '', a.attgenerated <> '',
        coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), t.typdefault, ''), pg_catalog.format_type(t.oid, NULL),
        t.typtype = 'd'
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped
"""
_CONSTRAINTS = """
    SELECT o.conrelid::bigint, o.conname, o.contype::text, o.conkey::int[], o.confrelid::bigint,
        coalesce(i.indnullsnotdistinct, false), coalesce(pg_catalog.pg_get_expr(o.conbin, o.conrelid), '')
    FROM pg_catalog.pg_constraint o LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = o.conindid AND o.contype <> 'f'
    WHERE o.conrelid <> 0 AND o.contype IN ('c', 'u', 'p', 'x', 'f') AND o.conislocal AND o.conparentid = 0
    ORDER BY o.contype = 'p', o.oid
"""
"""A key goes last: references go before it."""
_INDEXES = """
    SELECT i.indrelid::bigint, c.relname, (i.indkey::int2[])[0:i.indnkeyatts - 1]::int[], i.indnullsnotdistinct
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    WHERE i.indisunique AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint o WHERE o.conindid = i.indexrelid)
        AND NOT c.relispartition
"""
_ON_TABLES = """
    SELECT tgrelid::bigint, tgname, 'TRIGGER' FROM pg_catalog.pg_trigger WHERE NOT tgisinternal AND tgparentid = 0
    UNION ALL SELECT ev_class::bigint, rulename, 'RULE' FROM pg_catalog.pg_rewrite WHERE rulename <> '_RETURN'
    UNION ALL SELECT polrelid::bigint, polname, 'POLICY' FROM pg_catalog.pg_policy
"""
_CHILDREN = "SELECT inhrelid::bigint, inhparent::bigint FROM pg_catalog.pg_inherits"


@dataclass(frozen=True, slots=True)
class Halves:
    """`expand` leads from the schema before to the one between, `contract` from there to the one that is wanted."""

    expand: Diff
    contract: Diff
    held: Sequence[Object]


@dataclass(frozen=True, slots=True)
class _Column:
    number: int
    name: str
    not_null: bool
    identity: bool
    generated: bool
    default: str
    type: str
    domain: bool

    @property
    def left_null(self) -> bool:
        """By whoever does not know it."""
        return not (self.identity or self.generated or self.default)

    @property
    def numbered(self) -> bool:
        """Whoever does not know it gives it a value that it never had."""
        return self.identity or self.default.startswith("nextval(")


@dataclass(frozen=True, slots=True)
class _Table:
    number: int
    schema: str
    name: str
    kind: str
    columns: dict[int, _Column]

    @property
    def key(self) -> tuple[str, str]:
        return (self.schema, self.name)

    @property
    def quoted(self) -> str:
        return quoted(self.schema, self.name)


def halves(ground: Ground, whole: Diff, fills: Sequence[Statement] = ()) -> Halves | None:
    """Of a script that is proven to lead from the database `from` to the database `to`. None when it drops nothing that
    whoever works with the first could miss. What `fills` give values to must have one only in the second half, which
    begins with them: until then the release before adds rows that have none.

    Raises SchemaError PR017 for what cannot be held back, by name.
    """
    assert whole.script is not None
    statements = whole.script.statements
    found = going.look(ground, statements)
    later = tightened(statements, fills)
    if not found.objects and not later:
        return None
    now = [one for place, one in enumerate(statements) if place not in found.places and place not in later]
    ran = _expand(ground, now, found.objects)
    _all_there(ground, list(later.values()))
    wanted = ground.dump(EXPANDED)
    proof = prove(ground, FROM, EXPANDED, Script(whole.script.way, ran), wanted)
    if proof.why or proof.measured is None:
        raise _cannot(found.objects, f"the script without it is not proven ({proof.why})")
    expand = replace(proven(proof, proof.measured, ()), safer=safer(ground, FROM, proof, wanted))
    ground.create(FROM, EXPANDED)
    contract = generate(ground, [Pgmig()], fills=fills)
    if contract.status is not Status.PROVEN:
        why = "; ".join([contract.reason, *(f"{one.way}: {one.why}" for one in contract.attempts)])
        raise _cannot(found.objects, f"no script that drops it later is proven ({why})")
    return Halves(expand, _for_those_who_never_knew(contract), found.objects)


def _for_those_who_never_knew(contract: Diff) -> Diff:
    """What runs by then counts on what is wanted, and on nothing that is held back: it misses nothing."""
    assert contract.script is not None
    hazards, form = _unmissed(contract.hazards, contract.script), contract.safer
    return replace(
        contract, hazards=hazards, safer=form and replace(form, hazards=_unmissed(form.hazards, form.script))
    )


def _unmissed(hazards: Sequence[Hazard], script: Script) -> list[Hazard]:
    """What a fill gives values to was added by the first half; whether it is more was judged with the whole."""
    given = script.statements
    return [
        one
        for one in hazards
        if one.kind is not HazardClass.BREAKS_RUNNING
        and not (one.detail == UNSHOWN and one.kind is HazardClass.CHANGES_VALUES and given[one.statement].batch)
    ]


def _expand(ground: Ground, statements: Sequence[Statement], held: Sequence[Object]) -> list[Statement]:
    """What ran, and has made the database `expanded`."""
    ground.create(EXPANDED, FROM)
    wanted, named = _tables(ground, TO), _named(ground, TO)
    with ground.session(EXPANDED) as session:
        ran, failed = session.settle(statements)
        ran += _loosen(session, wanted, named, held)
        if failed:
            # A key that is loosened makes room for another.
            again, failed = session.settle(one.statement for one in failed)
            ran += [*again, *_loosen(session, wanted, named, held)]
    if failed:
        raise _cannot(held, f"while it is there, this fails: {said(failed[:3])}")
    return ran


def _loosen(
    session: Session, wanted: dict[tuple[str, str], _Table], named: AbstractSet[Any], held: Sequence[Object]
) -> list[Statement]:
    ran = []
    for sql in list(_loosened(session, _read(session), wanted, named)):
        done = session.run(statement(sql))
        if isinstance(done, Failure):
            raise _cannot(held, f"{sql} fails: {said([done])}")
        ran.append(done)
    return ran


def _all_there(ground: Ground, loosened: Sequence[str]) -> None:
    """The expanded schema has all that the new release knows, just as it knows it, but for what is `loosened`."""
    ground.create(_KNOWN, TO)
    ground.load(_KNOWN, [statement(one) for one in loosened])
    apart = fingerprint.difference(ground.facts(EXPANDED), ground.facts(_KNOWN))
    short = [one for one in apart if not one.endswith(" is too much")]
    if short:
        raise SchemaError(
            "PR017",
            "the migration",
            value=f"with what is held back, the new release would not find: {'; '.join(short[:5])}",
            remedy=_REMEDY,
        )


def _loosened(
    session: Session, here: dict[int, _Table], wanted: dict[tuple[str, str], _Table], named: AbstractSet[Any]
) -> Iterator[str]:
    """What could stop the new release from writing, taken away."""
    kept = {number: table for number, table in here.items() if table.key in wanted}
    extra = {number: _unknown(table, wanted[table.key]) for number, table in kept.items()}
    _refuse_what_belongs(session, here, kept, extra)
    for number, name, kind, columns, other, nulls_equal, check in session.superuser.execute(_CONSTRAINTS).fetchall():
        if number not in kept:
            # A reference from what is held back would keep the new release from deleting.
            if kind == "f" and number in here and other in kept:
                yield f"ALTER TABLE {here[number].quoted} DROP CONSTRAINT {quoted(name)}"
            continue
        unknown = [one for one in extra[number] if one.number in columns]
        if not unknown and (*kept[number].key, "CONSTRAINT", name) in named:
            continue
        null = len(unknown) == len(columns) and all(one.left_null for one in unknown)
        if null and (other not in kept if kind == "f" else kind == "c" and _holds(session, check, unknown)):
            continue
        if kind in ("u", "x", "p") and not _stops(unknown, columns, nulls_equal=nulls_equal, key=kind == "p"):
            continue
        yield f"ALTER TABLE {kept[number].quoted} DROP CONSTRAINT {quoted(name)}"
    for number, name, columns, nulls_equal in session.superuser.execute(_INDEXES).fetchall():
        if number in kept:
            unknown = [one for one in extra[number] if one.number in columns]
            known = not unknown and (*kept[number].key, "INDEX", name) in named
            if not known and _stops(unknown, columns, nulls_equal=nulls_equal):
                yield f"DROP INDEX {quoted(kept[number].schema, name)}"
    for number, name, kind in session.superuser.execute(_ON_TABLES).fetchall():
        if number in kept and (*kept[number].key, kind, name) not in named:
            yield f"DROP {kind} {quoted(name)} ON {kept[number].quoted}"
    for number, columns in extra.items():
        for one in columns:
            if one.not_null and one.left_null:
                yield f"ALTER TABLE {kept[number].quoted} ALTER COLUMN {quoted(one.name)} DROP NOT NULL"


def _stops(unknown: Sequence[_Column], columns: Sequence[int], *, nulls_equal: bool, key: bool = False) -> bool:
    """Whether two rows that say nothing of what is unknown can be the same to something unique."""
    if any(one.numbered for one in unknown):
        return key and any(one.left_null for one in unknown)
    return key or nulls_equal or 0 in columns or not any(one.left_null for one in unknown)


def _refuse_what_belongs(
    session: Session, here: dict[int, _Table], kept: dict[int, _Table], extra: dict[int, list[_Column]]
) -> None:
    for child, parent in session.superuser.execute(_CHILDREN).fetchall():
        if child in here and child not in kept and parent in kept:
            name, of = (".".join(here[one].key) for one in (child, parent))
            raise _cannot([Object("table", "", name)], f"it is a part of {of}, and would take rows of it with it")
    for number, columns in extra.items():
        name = ".".join(kept[number].key)
        for one in columns:
            held = [Object("column", "", f"{name}.{one.name}")]
            if kept[number].kind == "c":
                raise _cannot(held, f"the type {name} would have one value more than the new release knows")
            if one.domain and one.left_null and not _takes_null(session, one):
                raise _cannot(held, f"{one.type} takes no null")


def _holds(session: Session, check: str, columns: Sequence[_Column]) -> bool:
    """Whether a check lets null pass."""
    null = ", ".join(f"NULL::{one.type} AS {quoted(one.name)}" for one in columns)
    try:
        row = session.owner.execute(f"SELECT coalesce(({check})::boolean, true) FROM (SELECT {null}) one".encode())
    except psycopg.Error:
        return False
    return row.fetchone() == (True,)


def _takes_null(session: Session, column: _Column) -> bool:
    try:
        session.owner.execute(f"SELECT NULL::{column.type}".encode())
    except psycopg.Error:
        return False
    return True


def _unknown(table: _Table, wanted: _Table) -> list[_Column]:
    """Of a table, the columns that the new release does not know. A view is made anew with its own."""
    names = {one.name for one in wanted.columns.values()}
    return (
        [one for one in table.columns.values() if one.name not in names] if table.kind in ("r", "p", "f", "c") else []
    )


def _tables(ground: Ground, name: str) -> dict[tuple[str, str], _Table]:
    with ground.session(name) as session:
        return {one.key: one for one in _read(session).values()}


def _named(ground: Ground, name: str) -> AbstractSet[Any]:
    """What is on which table, by schema, table, kind and name."""
    with ground.session(name) as session:
        tables = _read(session)
        found = [(row[0], "CONSTRAINT", row[1]) for row in session.superuser.execute(_CONSTRAINTS).fetchall()]
        found += [(row[0], "INDEX", row[1]) for row in session.superuser.execute(_INDEXES).fetchall()]
        found += [(row[0], row[2], row[1]) for row in session.superuser.execute(_ON_TABLES).fetchall()]
    return {(*tables[number].key, kind, one) for number, kind, one in found if number in tables}


def _read(session: Session) -> dict[int, _Table]:
    rows: list[Any] = session.superuser.execute(_TABLES.encode()).fetchall()
    tables = {number: _Table(number, schema, name, kind, {}) for number, schema, name, kind in rows}
    for number, *column in session.superuser.execute(_COLUMNS.encode()).fetchall():
        if number in tables:
            tables[number].columns[column[0]] = _Column(*column)
    return tables


_REMEDY = "Say `contract: now` to drop it with this release, or write the script by hand, as `migrate`"


def _cannot(held: Sequence[Object], why: str) -> SchemaError:
    names = ", ".join(str(one) for one in held[:5])
    return SchemaError("PR017", "the migration", value=f"{names} cannot be held back: {why}", remedy=_REMEDY)
