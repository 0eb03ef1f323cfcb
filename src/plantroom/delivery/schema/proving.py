"""What commands and other wirings call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from plantroom.delivery.schema import policy, renames, rules, sources
from plantroom.delivery.schema.engines import Pgmig
from plantroom.delivery.schema.expand import Halves, halves
from plantroom.delivery.schema.fills import Fill
from plantroom.delivery.schema.fills import read as read_fills
from plantroom.delivery.schema.forms import TEMPORARY
from plantroom.delivery.schema.generate import FROM, TO, by_hand, generate
from plantroom.delivery.schema.ground import Ground
from plantroom.delivery.schema.model import Attempt, Diff, HazardClass, SchemaError, Statement, Status
from plantroom.delivery.schema.pgdelta import PgDelta
from plantroom.delivery.schema.ports import Engine
from plantroom.delivery.schema.statements import bare, split
from plantroom.kernel.verdict import Allowed
from plantroom.platforms.contract import CONTRACT, Script, Step
from plantroom.runtime.scratch import OWNER, Scratch

ENGINES = ("pgmig", "pg-delta")
_NAMES = ("the schema before", "the schema wanted")
_BODIES = "SET LOCAL check_function_bodies = off;\n"

Held = tuple[Script, Script, Mapping[str, Any]]
"""What makes the schema that is there until then, the script that leads on from it, and what was proven of that."""


def proof_of(found: Diff) -> dict[str, Any]:
    """What was proven of a script, as JSON-like data."""
    assert found.script is not None
    assert found.kept is not None
    return {
        "engine": found.script.way,
        "from": found.begins,
        "to": found.ends,
        "hazards": [one.as_data() for one in found.hazards],
        "tables": found.kept.tables,
        "tables_with_rows": found.kept.seeded,
        "rows": found.kept.rows,
        "lost": list(found.kept.lost),
        "changed": list(found.kept.changed),
    }


class Schemas:
    """`home`: where what is installed once is kept. `postgres`: the `bin` directory of the PostgreSQL to prove on.
    `released`: how releases are read; without it, nothing is one."""

    def __init__(self, home: Path, postgres: Path | None = None, released: sources.Released | None = None) -> None:
        self._home = home
        self._postgres = postgres
        self._released = released

    def diff(
        self,
        source: str,
        target: str,
        *,
        engines: Collection[str] = ENGINES,
        tell: Callable[[str], None] = lambda _: None,
    ) -> Diff:
        """What leads from one schema to the other, proven. Raises SchemaError for what cannot be read or loaded."""
        return self._diff(
            lambda scratch: (self._read(scratch, source), self._read(scratch, target)),
            (source, target),
            engines,
            tell,
        )

    def between(self, previous: str, wanted: str, fills: Sequence[Statement] = ()) -> Diff:
        """The same for two schemas as SQL. By pgmig alone, so that the same two give the same script everywhere."""
        given = (split(previous), split(wanted))
        return self._diff(lambda _: given, _NAMES, ("pgmig",), lambda _: None, fills)

    def in_halves(self, whole: Diff, previous: str, wanted: str, fills: Sequence[Statement] = ()) -> Halves | None:
        """What such a script is when it drops nothing yet, and what then drops it. None when it drops nothing.

        Raises SchemaError PR017 for what cannot be held back.
        """
        with ExitStack() as stack:
            _, ground = self._begin(stack, lambda _: None)
            for name, text, what in zip((FROM, TO), (previous, wanted), _NAMES, strict=True):
                sources.load(ground, name, split(text), what)
            found = halves(ground, whole, fills)
        if found is None:
            return None
        return replace(found, expand=_with_rules(found.expand), contract=_with_rules(found.contract))

    def led_by(self, script: str, previous: str, wanted: str) -> Diff:
        """Whether a script leads from one schema to the other, all as SQL."""
        with ExitStack() as stack:
            _, ground = self._begin(stack, lambda _: None)
            for name, text, what in zip((FROM, TO), (previous, wanted), _NAMES, strict=True):
                sources.load(ground, name, split(text), what)
            return _with_rules(by_hand(ground, split(script), ground.dump(TO)))

    def loaded(self, schema: str, what: str) -> tuple[list[Statement], str]:
        """A schema's statements in an order in which they load, and its fingerprint."""
        with ExitStack() as stack:
            _, ground = self._begin(stack, lambda _: None)
            return sources.load(ground, TO, split(schema), what), ground.fingerprint(TO)

    def _diff(
        self,
        read: Callable[[Scratch], tuple[list[Statement], list[Statement]]],
        names: tuple[str, str],
        engines: Collection[str],
        tell: Callable[[str], None],
        fills: Sequence[Statement] = (),
    ) -> Diff:
        with ExitStack() as stack:
            scratch, ground = self._begin(stack, tell)
            there, wanted = read(scratch)
            for name, statements, what in ((FROM, there, names[0]), (TO, wanted, names[1])):
                tell(f"loading {what}")
                sources.load(ground, name, statements, what)
            makers, missing = self._engines(stack, engines)
            found = generate(ground, makers, renames.declared(wanted), tell, fills)
            return replace(_with_rules(found), attempts=[*found.attempts, *missing])

    def prove(self, script: str, source: str, target: str, *, tell: Callable[[str], None] = lambda _: None) -> Diff:
        """Whether a script, written by hand or made elsewhere, leads from one schema to the other; refused if not."""
        with ExitStack() as stack:
            scratch, ground = self._begin(stack, tell)
            for name, what in ((FROM, source), (TO, target)):
                tell(f"loading {what}")
                sources.load(ground, name, self._read(scratch, what), what)
            tell("proving the script")
            return _with_rules(by_hand(ground, sources.read(scratch, script), ground.dump(TO)))

    def hazards(self, script: str, source: str, *, tell: Callable[[str], None] = lambda _: None) -> Diff:
        """What a script does to a schema, wherever it leads."""
        with ExitStack() as stack:
            scratch, ground = self._begin(stack, tell)
            tell(f"loading {source}")
            sources.load(ground, FROM, self._read(scratch, source), source)
            tell("measuring the script")
            found = _with_rules(by_hand(ground, sources.read(scratch, script), None))
            return replace(found, status=Status.MEASURED) if found.status is Status.PROVEN else found

    @contextmanager
    def ground(self) -> Iterator[Ground]:
        """A proving ground for questions of one's own."""
        with ExitStack() as stack:
            yield self._begin(stack, lambda _: None)[1]

    def _read(self, scratch: Scratch, source: str) -> list[Statement]:
        return sources.read(scratch, source, self._released)

    def _begin(self, stack: ExitStack, tell: Callable[[str], None]) -> tuple[Scratch, Ground]:
        tell("starting a throw-away PostgreSQL")
        scratch = stack.enter_context(Scratch(self._home / "engines" / "pgsql", self._postgres))
        ground = Ground(scratch)
        stack.callback(ground.close)
        return scratch, ground

    def _engines(self, stack: ExitStack, wanted: Collection[str]) -> tuple[list[Engine], list[Attempt]]:
        """Those that are there; and why one is not, which is an error only when no other was asked for."""
        found: list[Engine] = [Pgmig()] if "pgmig" in wanted else []
        if "pg-delta" in wanted:
            try:
                delta = PgDelta.find(self._home / "engines")
            except SchemaError as error:
                if not found:
                    raise
                return found, [Attempt("pg-delta", error.value)]
            if delta is not None:
                stack.callback(delta.close)
                found.append(delta)
        if not found:
            remedy = "Install plantroom[pg-delta]"
            raise SchemaError("PR005", "pg-delta", value="is not installed", remedy=remedy)
        return found, []


def _with_rules(found: Diff) -> Diff:
    if found.script is None:
        return found
    safer = found.safer
    if safer is not None:
        given = safer.script.statements
        # What goes under a name that was for the script alone was nobody's.
        said = [one for one in rules.check(given) if TEMPORARY not in given[one.statement].sql]
        safer = replace(safer, hazards=[*safer.hazards, *said])
    return replace(found, hazards=[*found.hazards, *rules.check(found.script.statements)], safer=safer)


class Migrations:
    """What a build asks for a schema and a migration that are to be frozen in its artefact."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas

    def baseline(self, release: str, wanted: str) -> Script:
        """Raises SchemaError PR001 when it does not load, PR009 when a statement is for a superuser."""
        ran, ends = self._schemas.loaded(wanted, "the schema wanted")
        superuser = [one for one in ran if one.privileged]
        if superuser:
            raise _superuser("the schema wanted", superuser)
        text = "".join(f"{one.sql};\n" for one in ran)
        return frozen(release, [Step(text)], "", ends)

    def make(
        self,
        release: str,
        previous: str,
        wanted: str,
        allow: Collection[str],
        *,
        hold: bool,
        fills: Mapping[str, str],
    ) -> tuple[Script, Mapping[str, Any], Held | None]:
        """Raises SchemaError PR007 when no script is proven, PR008 when it has hazards that are not allowed, PR009 when
        a statement is for a superuser, PR017 when what it drops cannot be held back, PR018 for what is no fill."""
        filled = read_fills([Fill(name, sql) for name, sql in fills.items()])
        found = self._schemas.between(previous, wanted, filled)
        if found.status is Status.EQUAL:
            remedy = "Leave `generate` out of the definition"
            raise SchemaError("PR007", "the migration", value="both schemas are equal", remedy=remedy)
        remedy = "Write it by hand, as `migrate`"
        script, proof = judged(release, in_safer_form(found), allow, remedy)
        parts = self._schemas.in_halves(found, previous, wanted, filled) if hold else None
        if parts is None:
            return script, proof, None
        script, proof = judged(release, in_safer_form(parts.expand), allow, remedy)
        later, proof_of_later = judged(f"{CONTRACT}{release}", in_safer_form(parts.contract), allow, remedy)
        return script, proof, (self._between(release, previous, parts), later, proof_of_later)

    def _between(self, release: str, previous: str, parts: Halves) -> Script:
        """What makes the expanded schema in a database of its own, to hold others against."""
        assert parts.expand.script is not None
        added = "".join(f"{one.sql};\n" for one in parts.expand.script.statements)
        made = self.baseline(release, f"{previous.rstrip()}\n{added}")
        if made.ends != parts.expand.ends:
            value = "what is held back cannot be told apart: the schema between is another when it is made anew"
            raise SchemaError("PR017", "the migration", value=value, remedy="Say `contract: now`")
        return made

    def prove(
        self, release: str, script: str, previous: str, wanted: str, allow: Collection[str]
    ) -> tuple[Script, Mapping[str, Any]]:
        """Raises as `make` does."""
        found = self._schemas.led_by(script, previous, wanted)
        return judged(release, found, allow, "Correct the script, or have it made with `generate: true`")

    @contextmanager
    def databases(self, schemas: Sequence[str]) -> Iterator[Sequence[str]]:
        """Raises SchemaError PR001 when one does not load."""
        with self._schemas.ground() as ground:
            urls = []
            for place, text in enumerate(schemas):
                sources.load(ground, f"check_{place}", split(text), "the schema")
                urls.append(ground.url(f"check_{place}", OWNER))
            yield urls


def in_safer_form(found: Diff) -> Diff:
    """With the script that stops nobody for long, where there is one. Not for what somebody wrote as it is to run."""
    return found if found.safer is None else replace(found, script=found.safer.script, hazards=found.safer.hazards)


def judged(release: str, found: Diff, allow: Collection[str], remedy: str) -> tuple[Script, Mapping[str, Any]]:
    """A script that may be frozen, and what was proven of it. Raises SchemaError PR007, PR008 or PR009."""
    if found.script is None:
        why = "; ".join([*(f"{one.way}: {one.why}" for one in found.attempts), *found.difference[:5]])
        raise SchemaError("PR007", "the migration", value=f"{found.reason} ({why})", remedy=remedy)
    verdict = policy.judge(found.hazards, [HazardClass(one) for one in allow])
    if not isinstance(verdict, Allowed):
        remedy = "Declare renames beside what is renamed; allow what is meant by its name, under `allow`"
        raise SchemaError("PR008", "the migration", value=verdict.reason, remedy=remedy)
    superuser = [one for one in found.script.statements if one.privileged]
    if superuser:
        raise _superuser("the migration", superuser)
    steps = [_step(group) for group in found.script.groups()]
    return frozen(release, steps, found.begins, found.ends), proof_of(found)


def _step(group: Sequence[Statement]) -> Step:
    if group[0].alone:
        return Step(group[0].sql, True, group[0].clear, group[0].done)
    if group[0].batch:
        return Step(group[0].sql, batch=True)
    return Step("".join(f"{one.sql};\n" for one in group))


def frozen(release: str, steps: Sequence[Step], begins: str, ends: str) -> Script:
    """Functions are made before what they speak of, where the order says so."""
    parts = [one if one.alone or one.batch else replace(one, sql=f"{_BODIES}{one.sql}") for one in steps]
    if len(parts) == 1 and not parts[0].alone and not parts[0].batch:
        return replace(Script.of(release, parts, begins, ends), steps=())
    return Script.of(release, parts, begins, ends)


def _superuser(subject: str, statements: Sequence[Statement]) -> SchemaError:
    value = f"only a superuser may run: {'; '.join(bare(one.sql)[:80] for one in statements[:3])}"
    remedy = "A client's role is no superuser; leave it out, or have it made where the pool is made"
    return SchemaError("PR009", subject, value=value, remedy=remedy)
