"""What a script does to those who work with the database meanwhile: found out by running it on seeded tables.

Each statement runs in a transaction of its own. Before the commit PostgreSQL is asked which locks it holds on what was
there before (pg_locks), which tables have a new file (pg_class.relfilenode), and which it read through
(pg_stat_xact_all_tables); afterwards the rows, and what a running release counts on, are compared with what they were.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import psycopg

from plantroom.delivery.schema import breaking, seeds, unseen, wording
from plantroom.delivery.schema.ground import Connection, Ground, Session
from plantroom.delivery.schema.model import Hazard, HazardClass, Kept, Script, Statement
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
    SELECT c.oid::bigint, pg_catalog.format('%s.%s', n.nspname, c.relname), c.relfilenode::bigint, c.relkind::text,
        coalesce(i.indrelid, c.oid)::bigint
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
    WHERE c.relkind IN ('r', 'p', 'm', 'v', 'S', 'i', 'I', 'f') AND n.nspname !~ '^pg_|^information_schema$'
"""
_HELD = """
    SELECT relation::bigint, mode FROM pg_catalog.pg_locks
    WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND granted AND relation IS NOT NULL
"""
_MOMENT = "for a moment"
_UNTIL = "until statement {} is through"
_WHOLE = "no statement takes it by itself, but all of them do"
_SWAPPED = "by this name it is another one now"
_UNLOGGED = "they are gone when PostgreSQL does not end in order"
_KEPT = "what it takes is in a backup only"
_VALUE = re.compile(r"ALTER\s+TYPE\b.*\bADD\s+VALUE\b", re.IGNORECASE | re.DOTALL)
# A table that took no row of ours is read through as well.
# So is one of which an index brings more rows than it was asked for: with many rows, it is all of them.
_READ = """
    SELECT relid::bigint, seq_scan + seq_tup_read + coalesce(idx_tup_fetch, 0)
    FROM pg_catalog.pg_stat_xact_all_tables WHERE seq_scan > 0 OR idx_tup_fetch > idx_scan
"""


_Lasting = Mapping[tuple[HazardClass, str, str], str]
"""By class, kind and name, what is missed after a statement."""


@dataclass(frozen=True, slots=True)
class Measured:
    hazards: Sequence[Hazard]
    kept: Kept


@dataclass(frozen=True, slots=True)
class _Relation:
    """`of`: the table, of an index; else itself."""

    name: str
    file: int
    kind: str
    of: int


def measure(ground: Ground, start: str, statements: Sequence[Statement]) -> Measured:
    """On a copy of `start` with rows in it. A statement that fails there is a hazard of its own; the others are tried
    all the same, since what comes after it may lose rows."""
    ground.create(MEASURE, start)
    found: list[Hazard] = []
    lasting: list[_Lasting] = []
    stumbled = False
    with ground.session(MEASURE) as session:
        before = first = seeds.sow(session.owner)
        stood = began = unseen.look(session.owner)
        unseen.advance(session.owner)
        counters = unseen.counters(session.owner, began)
        counted_on = _known(session.owner)
        known = frozenset(_relations(session.owner))
        taken: list[str] = []
        altered: list[str] = []
        for number, one in enumerate(statements):
            worded = unseen.worded(session.owner, one.sql, stood, began)
            hazards, failed = _statement(session, number, one, known)
            if failed:
                # What fails after another has failed may only want what that one would have made.
                found += [] if stumbled else hazards
                stumbled = True
                lasting.append(lasting[-1] if lasting else {})
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
            hazards += [
                Hazard(HazardClass.CHANGES_VALUES, number, name, unseen.STALE.format(keeps))
                for name, keeps in unseen.stale(stood, stands)
            ]
            hazards += [Hazard(HazardClass.CANNOT_BE_UNDONE, number, name, _KEPT) for name in (*gone, *changed)]
            lasting.append(_missed(session.owner, counted_on, counters, stands))
            found += hazards
            before, stood = after, stands
    found += _since(lasting)
    swapped = [] if any(one.declared for one in statements) else seeds.swapped(first, before)
    altered += swapped
    gone, changed = seeds.lost(first, before, first)
    found += _in_all(found, len(statements) - 1, gone, swapped)
    taken += [name for kind, _, name in lasting[-1] if kind is HazardClass.LOSES_DATA] if lasting else []
    gone += [name for name in dict.fromkeys(taken) if name not in gone]
    changed += [name for name in dict.fromkeys(altered) if name not in changed]
    with_rows = sum(1 for count in first.rows.values() if count)
    return Measured(found, Kept(len(first.tables), with_rows, sum(first.rows.values()), gone, changed))


def held(script: Script, hazards: Sequence[Hazard]) -> list[Hazard]:
    """The same, of the whole script. A lock is held to the end of its transaction: one that its statement needs for a
    moment is held for as long as what comes after it there takes."""
    slow = {one.statement for one in hazards if one.kind in (HazardClass.REWRITES, HazardClass.SCANS)}
    until: dict[int, int] = {}
    number = 0
    for group in script.groups():
        last = max((place for place in range(number, number + len(group)) if place in slow), default=-1)
        until |= dict.fromkeys(range(number, last + 1), last)
        number += len(group)
    return [
        replace(one, brief=False, detail=f"{one.detail.removesuffix(_MOMENT)}{_UNTIL.format(until[one.statement] + 1)}")
        if one.brief and one.statement in until
        else one
        for one in hazards
    ]


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
    if table := wording.unlogged(one.sql):
        found.append(Hazard(HazardClass.LOSES_DATA, number, f"rows of {table}", _UNLOGGED))
    if _VALUE.match(bare(one.sql)):
        found.append(Hazard(HazardClass.CANNOT_BE_UNDONE, number, "", "no value is ever taken from an enum"))
    return found


def _in_all(found: Sequence[Hazard], last: int, gone: Sequence[str], swapped: Sequence[str]) -> list[Hazard]:
    """What no statement does by itself."""
    told = {one.subject for one in found if one.kind is HazardClass.LOSES_DATA}
    return [
        *(Hazard(HazardClass.LOSES_DATA, last, name, _WHOLE) for name in gone if name not in told),
        *(Hazard(HazardClass.CHANGES_VALUES, last, name, _SWAPPED) for name in swapped),
    ]


def _known(connection: Connection) -> breaking.Known:
    return breaking.known(connection.execute(breaking.QUERY).fetchall())


def _missed(
    connection: Connection, counted_on: breaking.Known, counters: unseen.Counters, stands: unseen.Standing
) -> _Lasting:
    """What is missed as things are now."""
    missed = breaking.broken(counted_on, _known(connection))
    found = {(HazardClass.BREAKS_RUNNING, kind, name): detail for (kind, name), detail in missed.items()}
    for name, at in unseen.again(connection, counters, stands).items():
        found[HazardClass.CHANGES_VALUES, "", name] = f"its numbers begin again at {at}"
    for name in unseen.forgotten(connection, counters):
        found[HazardClass.LOSES_DATA, "", name] = "how far it had counted goes"
    return found


def _since(lasting: Sequence[_Lasting]) -> list[Hazard]:
    """Of what is missed in the end, each at the statement since which it is. What a script takes away and brings again
    nobody misses."""
    found = []
    for (hazard, kind, name), detail in lasting[-1].items() if lasting else ():
        since = len(lasting) - 1
        while since and (hazard, kind, name) in lasting[since - 1]:
            since -= 1
        found.append(Hazard(hazard, since, name, detail))
    return found


def _statement(session: Session, number: int, one: Statement, known: AbstractSet[int]) -> tuple[list[Hazard], bool]:
    """`known`: what was there before the script; what it has made itself, nobody waits for."""
    connection = session.superuser if one.privileged else session.owner
    there = {oid: relation for oid, relation in _relations(connection).items() if oid in known}
    if one.alone:
        failure = session.try_on(connection, one)
        said = [Hazard(HazardClass.NOT_TRANSACTIONAL, number, "", "it cannot be part of a transaction")]
        said += [_fails(number, failure.message)] if failure else _seen_alone(connection, number, one, there)
        return said, failure is not None
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


def _seen_alone(connection: Connection, number: int, one: Statement, there: Mapping[int, _Relation]) -> list[Hazard]:
    """What has another file afterwards was locked meanwhile, but for what is made beside the old (CONCURRENTLY)."""
    if re.search(r"\bCONCURRENTLY\b", wording.plain(one.sql), re.IGNORECASE):
        return []
    now = _relations(connection)
    anew = [(oid, relation) for oid, relation in there.items() if oid in now and now[oid].file != relation.file]
    tables = {oid for oid, relation in anew if relation.kind in ("r", "m")}
    lock = f"{_LOCKS[_BLOCKS_READS]} for as long as it takes"
    found = []
    for oid in dict.fromkeys(relation.of for _, relation in anew if relation.of in there):
        name = there[oid].name
        found.append(Hazard(HazardClass.BLOCKS_READS, number, name, lock))
        rewritten = HazardClass.REWRITES, "every row is written again"
        kind, detail = rewritten if oid in tables else (HazardClass.SCANS, "every row is read")
        found.append(Hazard(kind, number, name, detail))
    return found


def _fails(number: int, message: str) -> Hazard:
    return Hazard(HazardClass.FAILS_WITH_ROWS, number, "", message.splitlines()[0])


def _seen(
    connection: Connection, number: int, there: Mapping[int, _Relation], before: Mapping[int, int]
) -> list[Hazard]:
    now = _relations(connection)
    strongest: dict[int, int] = {}
    for oid, mode in connection.execute(_HELD).fetchall():
        if oid in there:
            # Whoever reads a table asks for each of its indexes first.
            of = there[oid].of
            strongest[of] = max(strongest.get(of, 0), _LOCKS.index(mode))
    read: dict[int, int] = dict(connection.execute(_READ).fetchall())
    found = []
    for oid, relation in there.items():
        lock = strongest.get(oid, 0)
        holds_rows = relation.kind in ("r", "m")
        rewritten = holds_rows and oid in now and now[oid].file != relation.file
        scanned = holds_rows and read.get(oid, 0) > before.get(oid, 0)
        if relation.kind in ("r", "p", "m", "v", "f") and lock >= _BLOCKS_WRITES:
            kind = HazardClass.BLOCKS_READS if lock >= _BLOCKS_READS else HazardClass.BLOCKS_WRITES
            long = "for as long as it takes" if rewritten or scanned else _MOMENT
            found.append(
                Hazard(kind, number, relation.name, f"{_LOCKS[lock]} {long}", brief=not (rewritten or scanned))
            )
        if rewritten:
            found.append(Hazard(HazardClass.REWRITES, number, relation.name, "every row is written again"))
        elif scanned:
            found.append(Hazard(HazardClass.SCANS, number, relation.name, "every row is read"))
    return found


def _relations(connection: Connection) -> dict[int, _Relation]:
    return {oid: _Relation(*told) for oid, *told in connection.execute(_RELATIONS).fetchall()}
