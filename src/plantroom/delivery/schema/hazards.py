"""What a script does to those who work with the database meanwhile: found out by running it on seeded tables.

Each statement runs in a transaction of its own. Before the commit PostgreSQL is asked which locks it holds on what was
there before (pg_locks), which tables have a new file (pg_class.relfilenode), and which it read through
(pg_stat_xact_all_tables); afterwards the rows, and what a running release counts on, are compared with what they were.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from plantroom.delivery.schema import breaking, seeds, unseen, wording
from plantroom.delivery.schema.ground import Connection, Ground, Session
from plantroom.delivery.schema.model import Hazard, HazardClass, Kept, Statement
from plantroom.delivery.schema.statements import bare

MEASURE = "measure"

_LOCKS = (
    *("AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock"),
    *("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"),
)
"""From the weakest to the strongest (PostgreSQL, "Explicit Locking")."""
_BLOCKS_WRITES = _LOCKS.index("ShareLock")
_BLOCKS_READS = _LOCKS.index("AccessExclusiveLock")

_RELATIONS = """
    SELECT c.oid::bigint, pg_catalog.format('%s.%s', n.nspname, c.relname), c.relfilenode::bigint, c.relkind::text
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm', 'v', 'S', 'i', 'I', 'f') AND n.nspname !~ '^pg_|^information_schema$'
"""
_HELD = """
    SELECT relation::bigint, mode FROM pg_catalog.pg_locks
    WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND granted AND relation IS NOT NULL
"""
_KEPT = "what it takes is in a backup only"
_VALUE = re.compile(r"ALTER\s+TYPE\b.*\bADD\s+VALUE\b", re.IGNORECASE | re.DOTALL)
# A table that took no row of ours is read through as well.
_READ = "SELECT relid::bigint, seq_scan + seq_tup_read FROM pg_catalog.pg_stat_xact_all_tables WHERE seq_scan > 0"


@dataclass(frozen=True, slots=True)
class Measured:
    hazards: Sequence[Hazard]
    kept: Kept


@dataclass(frozen=True, slots=True)
class _Relation:
    name: str
    file: int
    kind: str


def measure(ground: Ground, start: str, statements: Sequence[Statement]) -> Measured:
    """On a copy of `start` with rows in it. A statement that fails there is a hazard of its own; the others are tried
    all the same, since what comes after it may lose rows."""
    ground.create(MEASURE, start)
    found: list[Hazard] = []
    misses: list[dict[tuple[str, str], str]] = []
    stumbled = False
    with ground.session(MEASURE) as session:
        before = first = seeds.sow(session.owner)
        stood = began = unseen.look(session.owner)
        unseen.advance(session.owner)
        counters = unseen.counters(session.owner, began)
        numbered: list[dict[tuple[str, str], str]] = []
        counted_on = _known(session.owner)
        taken: list[str] = []
        altered: list[str] = []
        for number, one in enumerate(statements):
            worded = unseen.worded(session.owner, one.sql, stood, began)
            hazards, failed = _statement(session, number, one)
            if failed:
                # What fails after another has failed may only want what that one would have made.
                found += [] if stumbled else hazards
                stumbled = True
                misses.append(misses[-1] if misses else {})
                numbered.append(numbered[-1] if numbered else {})
                continue
            after = seeds.look(session.owner)
            gone, changed = seeds.lost(before, after, first)
            if one.batch:
                # To give values to what was added is what it is for.
                changed = [name for name in changed if name in seeds.lost(first, after, first)[1]]
            if one.declared:
                # The same values by another name.
                first, changed = seeds.renamed(first, before, after), []
            stands = unseen.look(session.owner)
            hazards += [Hazard(HazardClass.CHANGES_VALUES, number, name, "its values are others") for name in changed]
            cut = [name for name in unseen.narrowed(stood, stands, began) if name not in changed]
            hazards += [Hazard(HazardClass.CHANGES_VALUES, number, name, unseen.CUT) for name in cut]
            unshown = [name for name in unseen.lost(stood, stands, began) if name not in gone]
            gone, changed, taken, altered = [*gone, *unshown], [*changed, *cut], [*taken, *unshown], [*altered, *cut]
            hazards += [Hazard(HazardClass.LOSES_DATA, number, name, "its rows go") for name in gone]
            hazards += _worded(number, one, worded, gone, changed)
            hazards += [
                Hazard(HazardClass.FAILS_WITH_ROWS, number, name, f"rows may have what it does not take: {missing}")
                for name, missing in unseen.unfit(stood, stands, began)
            ]
            hazards += [Hazard(HazardClass.CANNOT_BE_UNDONE, number, name, _KEPT) for name in (*gone, *changed)]
            misses.append(breaking.broken(counted_on, _known(session.owner)))
            numbers = unseen.again(session.owner, counters, stands)
            numbered.append({("", name): f"its numbers begin again at {at}" for name, at in numbers.items()})
            found += hazards
            before, stood = after, stands
    found += _lasting(HazardClass.BREAKS_RUNNING, misses)
    found += _lasting(HazardClass.CHANGES_VALUES, numbered)
    gone, changed = seeds.lost(first, before, first)
    gone += [name for name in dict.fromkeys(taken) if name not in gone]
    changed += [name for name in dict.fromkeys(altered) if name not in changed]
    with_rows = sum(1 for count in first.rows.values() if count)
    return Measured(found, Kept(len(first.tables), with_rows, sum(first.rows.values()), gone, changed))


def _worded(
    number: int,
    one: Statement,
    said: tuple[list[str], list[str], bool],
    gone: Sequence[str],
    changed: Sequence[str],
) -> list[Hazard]:
    """What the text says, but for what the rows have said before."""
    rows_of, given, hidden = said
    found = [Hazard(HazardClass.LOSES_DATA, number, name, unseen.UNSHOWN) for name in rows_of if name not in gone]
    found += [Hazard(HazardClass.CHANGES_VALUES, number, name, unseen.UNSHOWN) for name in given if name not in changed]
    if hidden:
        found.append(Hazard(HazardClass.CHANGES_VALUES, number, "", unseen.HIDDEN))
    if not one.declared and not changed and (type_ := wording.value_renamed(one.sql)):
        found.append(Hazard(HazardClass.CHANGES_VALUES, number, f"type {type_}", unseen.UNSHOWN))
    if _VALUE.match(bare(one.sql)):
        found.append(Hazard(HazardClass.CANNOT_BE_UNDONE, number, "", "no value is ever taken from an enum"))
    return found


def _known(connection: Connection) -> breaking.Known:
    return breaking.known(connection.execute(breaking.QUERY).fetchall())


def _lasting(hazard: HazardClass, misses: Sequence[Mapping[tuple[str, str], str]]) -> list[Hazard]:
    """Of what is missed in the end, each at the statement since which it is. What a script takes away and brings again
    nobody misses."""
    found = []
    for (kind, name), detail in misses[-1].items() if misses else ():
        since = len(misses) - 1
        while since and (kind, name) in misses[since - 1]:
            since -= 1
        found.append(Hazard(hazard, since, name, detail))
    return found


def _statement(session: Session, number: int, one: Statement) -> tuple[list[Hazard], bool]:
    connection = session.superuser if one.privileged else session.owner
    if one.alone:
        failure = session.try_on(connection, one)
        said = [Hazard(HazardClass.NOT_TRANSACTIONAL, number, "", "it cannot be part of a transaction")]
        return said + ([_fails(number, failure.message)] if failure else []), failure is not None
    there = _relations(connection)
    connection.execute("BEGIN")
    # What was read before and is not reported yet counts in it too.
    read: dict[int, int] = dict(connection.execute(_READ).fetchall())
    failure = session.try_on(connection, one)
    if failure is not None:
        connection.execute("ROLLBACK")
        return [_fails(number, failure.message)], True
    found = _seen(connection, number, there, read)
    try:
        connection.execute("COMMIT")
    except psycopg.Error as error:
        return [_fails(number, str(error))], True
    if one.privileged:
        session.let_in()
    if one.batch:
        failure = session.try_on(connection, one)
        return [*found, *([_fails(number, failure.message)] if failure else [])], failure is not None
    return found, False


def _fails(number: int, message: str) -> Hazard:
    return Hazard(HazardClass.FAILS_WITH_ROWS, number, "", message.splitlines()[0])


def _seen(
    connection: Connection, number: int, there: Mapping[int, _Relation], before: Mapping[int, int]
) -> list[Hazard]:
    now = _relations(connection)
    strongest: dict[int, int] = {}
    for oid, mode in connection.execute(_HELD).fetchall():
        if oid in there:
            strongest[oid] = max(strongest.get(oid, 0), _LOCKS.index(mode))
    read: dict[int, int] = dict(connection.execute(_READ).fetchall())
    found = []
    for oid, relation in there.items():
        lock = strongest.get(oid, 0)
        holds_rows = relation.kind in ("r", "m")
        rewritten = holds_rows and oid in now and now[oid].file != relation.file
        scanned = holds_rows and read.get(oid, 0) > before.get(oid, 0)
        if relation.kind in ("r", "p", "m", "v", "f") and lock >= _BLOCKS_WRITES:
            kind = HazardClass.BLOCKS_READS if lock >= _BLOCKS_READS else HazardClass.BLOCKS_WRITES
            long = "for as long as it takes" if rewritten or scanned else "for a moment"
            found.append(
                Hazard(kind, number, relation.name, f"{_LOCKS[lock]} {long}", brief=not (rewritten or scanned))
            )
        if rewritten:
            found.append(Hazard(HazardClass.REWRITES, number, relation.name, "every row is written again"))
        elif scanned:
            found.append(Hazard(HazardClass.SCANS, number, relation.name, "every row is read"))
    return found


def _relations(connection: Connection) -> dict[int, _Relation]:
    return {oid: _Relation(name, file, kind) for oid, name, file, kind in connection.execute(_RELATIONS).fetchall()}
