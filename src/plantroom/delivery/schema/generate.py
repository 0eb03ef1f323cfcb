"""Make a script that leads from one schema to another, by every way that there is until one is proven.

An engine's statements are tried one by one on a copy; what still differs afterwards is its again, and then the
residue's. A way that ends at the wanted schema gives a candidate: the statements that ran, in the order in which they
did. Nothing is believed before the candidate, as a whole, has led a fresh copy to the same end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from plantroom.delivery.schema import dumps, residue
from plantroom.delivery.schema.fills import placed
from plantroom.delivery.schema.ground import Ground, said
from plantroom.delivery.schema.hazards import Measured
from plantroom.delivery.schema.model import Attempt, Diff, Entry, Failure, SchemaError, Script, Statement, Status
from plantroom.delivery.schema.names import IDENTIFIER, NAME, kept, parts
from plantroom.delivery.schema.ports import Engine
from plantroom.delivery.schema.proof import Proof, prove, safer
from plantroom.delivery.schema.statements import bare, statement
from plantroom.runtime.scratch import OWNER

FROM, TO, WORK = "from", "to", "work"
_ROUNDS = 4
_STRIPPED = (
    "FOREIGN TABLE",
    "RULE",
    "AGGREGATE",
    "STATISTICS",
    "OPERATOR",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "CAST",
)
_CLEARED = {
    residue.Clearing.NOTHING: "",
    residue.Clearing.DERIVED: ", with what depends on changed tables made anew",
    residue.Clearing.ALL: ", with constraints and indexes of changed tables made anew too",
}
_INHERITS = re.compile(r"\nINHERITS \((.*?)\)", re.DOTALL)
_TABLE = re.compile(r'CREATE (?:UNLOGGED )?TABLE ((?:"(?:[^"]|"")+"|[^\s"().]+)(?:\.(?:"(?:[^"]|"")+"|[^\s"().]+))?)')
_MATERIALIZED = re.compile(r"CREATE\s+MATERIALIZED\s+VIEW\b", re.IGNORECASE)
_NO_DATA = re.compile(r"\s+WITH\s+NO\s+DATA\s*$", re.IGNORECASE)
_INVALID = """
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT i.indisvalid
"""
_INHERITED = """
    SELECT n.nspname || '.' || c.relname, CASE o.contype WHEN 'n' THEN a.attname ELSE o.conname END, o.contype = 'n'
    FROM pg_catalog.pg_constraint o
    JOIN pg_catalog.pg_class c ON c.oid = o.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (o.conkey) AND o.contype = 'n'
    WHERE o.contype IN ('c', 'n') AND NOT o.conislocal
"""
"""NOT NULL from PostgreSQL 18 on, which knows whose it is."""
_OF_TABLE = rf"ALTER\s+TABLE\s+(?:ONLY\s+)?(?P<table>{NAME})\s+"
_SAYS = re.compile(
    rf"{_OF_TABLE}(?:ALTER\s+(?:COLUMN\s+)?(?P<column>{IDENTIFIER})\s+SET\s+NOT\s+NULL\s*$"
    rf"|ADD\s+CONSTRAINT\s+(?P<check>{IDENTIFIER})\s+CHECK\b)",
    re.IGNORECASE,
)
_TABLES = """
    SELECT c.oid::bigint FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p')
"""
_OWNED = """
    SELECT pg_catalog.format('%I.%I', sn.nspname, s.relname), pg_catalog.format('%I.%I', tn.nspname, t.relname),
        pg_catalog.quote_ident(a.attname), s.oid::bigint, t.oid::bigint
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
    JOIN pg_catalog.pg_namespace sn ON sn.oid = s.relnamespace
    JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
    JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
        AND d.deptype IN ('a', 'i')
"""


def generate(
    ground: Ground,
    engines: Sequence[Engine],
    renames: Sequence[Statement] = (),
    tell: Callable[[str], None] = lambda _: None,
    fills: Sequence[Statement] = (),
) -> Diff:
    """From the database `from` to the database `to`, both loaded. `renames` come first, where they are still due;
    `fills` have their place in between."""
    wanted, there = ground.dump(TO), ground.dump(FROM)
    if dumps.same(there, wanted):
        begins, ends = ground.fingerprint(FROM), ground.fingerprint(TO)
        if begins == ends:
            return Diff(Status.EQUAL, begins=begins, ends=ends)
    attempts: list[Attempt] = []
    best: Diff | None = None
    left: list[str] = []
    for engine in engines:
        for clearing in residue.Clearing:
            way = f"{engine.name}{_CLEARED[clearing]}"
            tell(f"making the script with {way}")
            try:
                ran, end = _reach(ground, engine, there, wanted, renames, clearing=clearing)
            except SchemaError as error:
                attempts.append(Attempt(way, error.value))
                continue
            left = dumps.difference(end, wanted)
            if left:
                attempts.append(Attempt(way, f"does not reach it: {'; '.join(left[:5])}"))
                continue
            proof = prove(ground, FROM, TO, Script(way, placed(ran, fills)), wanted)
            if proof.why or proof.measured is None:
                attempts.append(Attempt(way, proof.why))
                continue
            found = proven(proof, proof.measured, attempts)
            if best is None or _losses(found) < _losses(best):
                best = replace(found, safer=safer(ground, FROM, proof, wanted))
            if not any(_losses(found)):
                return best
            # Another engine may know how to keep the rows; making more things anew will not.
            break
    if best is not None:
        return best
    return Diff(Status.REFUSED, attempts=attempts, reason="no script that was made leads there", difference=left)


def by_hand(ground: Ground, statements: Sequence[Statement], wanted: Sequence[Entry] | None) -> Diff:
    """The same of a script that is given, from the database `from`. `wanted`: None when it may lead anywhere."""
    way = "a script that was given"
    ground.create(WORK, FROM)
    ran: list[Statement] = []
    with ground.session(WORK) as session:
        for one in statements:
            done = session.run(one)
            if isinstance(done, Failure):
                why = f"fails: {said([done])}"
                return Diff(Status.REFUSED, attempts=[Attempt(way, why)], reason="the script does not run")
            ran.append(done)
    end = ground.dump(WORK)
    there = WORK if wanted is None else TO
    wanted_there = end if wanted is None else wanted
    proof = prove(ground, FROM, there, Script(way, ran), wanted_there)
    if proof.why or proof.measured is None:
        left = [] if wanted is None else dumps.difference(end, wanted)
        reason = "the script does not lead there"
        return Diff(Status.REFUSED, attempts=[Attempt(way, proof.why)], reason=reason, difference=left)
    found = proven(proof, proof.measured, ())
    return replace(found, safer=safer(ground, FROM, proof, wanted_there))


def proven(proof: Proof, measured: Measured, attempts: Sequence[Attempt]) -> Diff:
    return Diff(
        Status.PROVEN,
        proof.script,
        measured.kept,
        measured.hazards,
        attempts,
        begins=proof.begins,
        ends=proof.ends,
    )


def _losses(found: Diff) -> tuple[int, int]:
    """What goes is worse than what is another."""
    return (0, 0) if found.kept is None else (len(found.kept.lost), len(found.kept.changed))


def _reach(
    ground: Ground,
    engine: Engine,
    there: Sequence[Entry],
    wanted: Sequence[Entry],
    renames: Sequence[Statement],
    *,
    clearing: residue.Clearing,
) -> tuple[list[Statement], Sequence[Entry]]:
    """What ran, and where it ended."""
    ground.create(WORK, FROM)
    with ground.session(WORK) as session:
        # What was renamed before is not there by its old name any more; that is no mistake.
        ran, _ = session.settle(renames)
    if clearing:
        ran += residue.prelude(ground, WORK, wanted, clearing)
    before = ground.dump(WORK) if ran else there
    for _ in range(_ROUNDS):
        try:
            todo = _from_engine(ground, engine)
        except SchemaError:
            # What it does not know may be all that the residue has to do.
            todo = []
        with ground.session(WORK) as session:
            done, _ = session.settle(residue.portable(one) for one in todo if not residue.owned(one))
        ran += done
        end = ground.dump(WORK)
        if clearing is residue.Clearing.ALL and residue.types_differ(end, wanted):
            # What it is made of may be there only now, and the engine has made anew what stands in its way.
            ran += residue.prelude(ground, WORK, wanted, clearing)
        if not dumps.same(end, wanted):
            ran += residue.repair(ground, WORK, wanted)
            end = ground.dump(WORK)
        if dumps.same(end, wanted) or dumps.same(end, before):
            break
        before = end
    return [_filled(one) for one in ran] + _sequences(ground), end


def _filled(one: Statement) -> Statement:
    """A materialised view is made with its rows. A dump says that it has none, for they come later there; without them
    nobody can read it."""
    body = bare(one.sql)
    if not _MATERIALIZED.match(body):
        return one
    return replace(one, sql=_NO_DATA.sub("", one.sql))


def _sequences(ground: Ground) -> list[Statement]:
    """A column's sequence that was made anew goes on behind the highest value that is there. By their numbers, which a
    copy shares: an identity's sequence has the name of the one that it replaces."""
    with ground.session(FROM) as session:
        old = {number for *_, number, _ in session.owner.execute(_OWNED).fetchall()}
        tables = {number for (number,) in session.owner.execute(_TABLES).fetchall()}
    with ground.session(WORK) as session:
        new = [one for one in session.owner.execute(_OWNED).fetchall() if one[3] not in old and one[4] in tables]
        moved = [
            statement(
                f"SELECT pg_catalog.setval('{name.replace(chr(39), chr(39) * 2)}', max({column})) FROM {table}"
                f" HAVING max({column}) > 0"
            )
            for name, table, column, *_ in new
        ]
        done, _ = session.settle(moved)
    return done


def _from_engine(ground: Ground, engine: Engine) -> list[Statement]:
    with ground.session(TO) as session:
        found = session.owner.execute(_INHERITED).fetchall()
    inherited = {(str(table), str(name), bool(null)) for table, name, null in found}
    return [one for one in _asked(ground, engine) if not _has_it(one, inherited)]


def _has_it(one: Statement, inherited: Collection[tuple[str, str, bool]]) -> bool:
    """Whether it only says of a child what its parent says; said twice it would be its own as well."""
    match = _SAYS.match(bare(one.sql))
    if match is None:
        return False
    schema, table = parts(match["table"])
    return (f"{schema}.{table}", kept(match["column"] or match["check"]), match["column"] is not None) in inherited


def _asked(ground: Ground, engine: Engine) -> list[Statement]:
    try:
        # As the owner: what an engine calls by name may be a function of the schema that it reads.
        return engine.generate(ground.url(WORK, OWNER), ground.url(TO, OWNER))
    except SchemaError as error:
        reason = error
    # Without the kinds of objects that it does not know; those are the residue's.
    for name in (WORK, TO):
        ground.create(f"{name}_stripped", name)
        _strip(ground, f"{name}_stripped")
    try:
        stripped = (ground.url(f"{one}_stripped", OWNER) for one in (WORK, TO))
        found = engine.generate(*stripped)
    except SchemaError as error:
        raise reason from error
    # A child is made as one, from the dump; it could not be made one of a plain table.
    children = {_plain(one.sql) for one in ground.dump(TO) if _INHERITS.search(one.sql)} - {None}
    return [one for one in found if _plain(one.sql) not in children]


def _plain(sql: str) -> str | None:
    """The name of the table that a statement makes, without quotes that are not needed."""
    match = _TABLE.match(bare(sql))
    return re.sub(r'"([a-z_][a-z0-9_]*)"', r"\1", match.group(1)) if match else None


def _strip(ground: Ground, name: str) -> None:
    todo: list[Statement] = []
    for one in ground.dump(name):
        if one.kind in _STRIPPED:
            drop = residue.drop_of(one)
            if drop is not None:
                todo.append(statement(f"{drop} CASCADE"))
        elif one.kind == "TABLE" and (parents := _INHERITS.search(one.sql)):
            table = _TABLE.match(one.sql)
            assert table is not None
            todo += [
                statement(f"ALTER TABLE {table.group(1)} NO INHERIT {parent.strip()}")
                for parent in parents.group(1).split(",")
            ]
    with ground.session(name) as session:
        for (index,) in session.owner.execute(_INVALID).fetchall():
            todo.append(statement(f"DROP INDEX {index} CASCADE"))
        session.settle(todo)
