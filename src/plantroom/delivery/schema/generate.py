"""Make a script that leads from one schema to another, by every way that there is until one is proven.

An engine's statements are tried one by one on a copy; what still differs afterwards is its again, and then the
residue's. A way that ends at the wanted schema gives a candidate: the statements that ran, in the order in which they
did. Nothing is believed before the candidate, as a whole, has led a fresh copy to the same end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from plantroom.delivery.schema import dumps, residue
from plantroom.delivery.schema.ground import Ground
from plantroom.delivery.schema.model import Attempt, Diff, Entry, SchemaError, Script, Statement, Status
from plantroom.delivery.schema.ports import Engine
from plantroom.delivery.schema.proof import prove
from plantroom.delivery.schema.statements import statement

FROM, TO, WORK = "from", "to", "work"
_ROUNDS = 4
_STRIPPED = ("FOREIGN TABLE", "RULE", "AGGREGATE", "STATISTICS", "OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY", "CAST")
_CLEARED = {
    residue.Clearing.NOTHING: "",
    residue.Clearing.DERIVED: ", with what depends on changed tables made anew",
    residue.Clearing.ALL: ", with constraints and indexes of changed tables made anew too",
}
_INHERITS = re.compile(r"\nINHERITS \((.*?)\)", re.DOTALL)
_TABLE = re.compile(r'CREATE (?:UNLOGGED )?TABLE ((?:"(?:[^"]|"")+"|[^\s"().]+)(?:\.(?:"(?:[^"]|"")+"|[^\s"().]+))?)')
_INVALID = """
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT i.indisvalid
"""


def generate(ground: Ground, engines: Sequence[Engine], tell: Callable[[str], None] = lambda _: None) -> Diff:
    """From the database `from` to the database `to`, both loaded."""
    wanted, there = ground.dump(TO), ground.dump(FROM)
    if dumps.same(there, wanted):
        return Diff(Status.EQUAL)
    attempts: list[Attempt] = []
    left: list[str] = []
    for engine in engines:
        for clearing in residue.Clearing:
            way = f"{engine.name}{_CLEARED[clearing]}"
            tell(way)
            try:
                ran = _reach(ground, engine, wanted, clearing=clearing)
            except SchemaError as error:
                attempts.append(Attempt(way, error.value))
                continue
            left = dumps.difference(ground.dump(WORK), wanted)
            if left:
                attempts.append(Attempt(way, f"does not reach it: {'; '.join(left[:5])}"))
                continue
            script = Script(way, ran)
            proof = prove(ground, FROM, script, wanted)
            if proof.why:
                attempts.append(Attempt(way, proof.why))
                continue
            return Diff(Status.PROVEN, proof.script, proof.kept, attempts)
    return Diff(Status.REFUSED, attempts=attempts, reason="no script that was made leads there", difference=left)


def _reach(ground: Ground, engine: Engine, wanted: Sequence[Entry], *, clearing: residue.Clearing) -> list[Statement]:
    ground.create(WORK, FROM)
    ran = residue.prelude(ground, WORK, wanted, clearing) if clearing else []
    before = ground.dump(WORK)
    for _ in range(_ROUNDS):
        try:
            todo = _from_engine(ground, engine)
        except SchemaError:
            # What it does not know may be all that the residue has to do.
            todo = []
        with ground.session(WORK) as session:
            done, _ = session.settle(todo)
        ran += done
        if dumps.same(ground.dump(WORK), wanted):
            break
        ran += residue.repair(ground, WORK, wanted)
        after = ground.dump(WORK)
        if dumps.same(after, wanted) or dumps.same(after, before):
            break
        before = after
    return ran


def _from_engine(ground: Ground, engine: Engine) -> list[Statement]:
    try:
        return engine.generate(ground.url(WORK), ground.url(TO))
    except SchemaError as error:
        reason = error
    # Without the kinds of objects that it does not know; those are the residue's.
    for name in (WORK, TO):
        ground.create(f"{name}_stripped", name)
        _strip(ground, f"{name}_stripped")
    try:
        return engine.generate(ground.url(f"{WORK}_stripped"), ground.url(f"{TO}_stripped"))
    except SchemaError as error:
        raise reason from error


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
            todo += [statement(f"ALTER TABLE {table.group(1)} NO INHERIT {parent.strip()}") for parent in parents.group(1).split(",")]
    with ground.session(name) as session:
        for (index,) in session.owner.execute(_INVALID).fetchall():
            todo.append(statement(f"DROP INDEX {index} CASCADE"))
        session.settle(todo)
