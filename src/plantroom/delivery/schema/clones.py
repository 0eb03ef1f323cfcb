"""What is proven on a clone of a database of the fleet: its catalogue with rows of our own making, never a client's.

Blocking: a throw-away PostgreSQL is started for each question.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from plantroom.delivery.schema import fingerprint, seeds, sources
from plantroom.delivery.schema import model as words
from plantroom.delivery.schema.engines import Pgmig
from plantroom.delivery.schema.fingerprint import Fact
from plantroom.delivery.schema.generate import FROM, TO, generate
from plantroom.delivery.schema.ground import Ground, said
from plantroom.delivery.schema.model import SchemaError, Statement
from plantroom.delivery.schema.proof import run
from plantroom.delivery.schema.proving import Schemas, in_safer_form, judged
from plantroom.delivery.schema.statements import bare, split
from plantroom.platforms.contract import Script, Step

CLONE = "clone"
_RENAMES = re.compile(r"ALTER\s.*\b(?:RENAME|SET\s+SCHEMA)\b", re.IGNORECASE | re.DOTALL)
_NAMES = re.compile(rf"(?:{_RENAMES.pattern}|CREATE\s+SCHEMA\b)", re.IGNORECASE | re.DOTALL)


class Clones:
    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas

    def difference(self, have: Sequence[Fact], wanted: str) -> list[str]:
        """In words, how a database with these facts differs from one with the schema `wanted`."""
        with self._schemas.ground() as ground:
            sources.load(ground, TO, split(wanted), "the release's schema")
            return fingerprint.difference(have, ground.facts(TO))

    def ends(self, dump: str, begins: str, script: Script, before: str, after: str) -> str:
        """The fingerprint at which a release's script ends in a database like the dump's, whose own is `begins`.

        What set it apart from the schema `before` must set it apart from `after` in the same way when the script has
        run. Raises SchemaError PR010 otherwise, and when the dump does not give the database again.
        """
        with self._schemas.ground() as ground:
            sources.load(ground, FROM, split(before), "the schema before")
            sources.load(ground, TO, split(after), "the schema after")
            self._clone(ground, dump, begins)
            apart = _apart(ground.facts(CLONE), ground.facts(FROM))
            # What a release renames takes along what was accepted of it.
            renamed = _apart_renamed(ground, script)
            with ground.session(CLONE) as session:
                seeds.sow(session.owner)
                for step in script.parts:
                    failure = run(session, words.Script("", _statements(step)))
                    if failure is not None:
                        raise _unproven(f"the script of {script.release}", f"fails: {said([failure])}")
            if _apart(ground.facts(CLONE), ground.facts(TO)) not in (apart, renamed):
                raise _unproven(
                    f"the script of {script.release}",
                    f"does not leave what was accepted as it was: {'; '.join(_changed(ground, apart))}",
                )
            return ground.fingerprint(CLONE)

    def back(
        self, dump: str, begins: str, name: str, wanted: str, allow: Collection[str]
    ) -> tuple[Script, dict[str, Any]]:
        """A script that leads a database like the dump's to the schema `wanted`, and what was proven of it.

        Raises SchemaError PR007 when none is proven, PR008 for hazards that are not allowed, PR009, and PR010 when the
        dump does not give the database again.
        """
        with self._schemas.ground() as ground:
            self._clone(ground, dump, begins)
            ground.create(FROM, CLONE)
            sources.load(ground, TO, split(wanted), "the release's schema")
            found = in_safer_form(generate(ground, [Pgmig()]))
        script, proof = judged(name, found, allow, "Put it right by hand, or accept it: `plantroom schema accept`")
        return script, dict(proof)

    def _clone(self, ground: Ground, dump: str, begins: str) -> None:
        sources.load(ground, CLONE, split(dump), "the database's dump")
        if ground.fingerprint(CLONE) != begins:
            raise _unproven("the clone", "is not what the database is: what it has cannot be made by its owner alone")


def _statements(step: Step) -> list[Statement]:
    return [Statement(step.sql, alone=True)] if step.alone else split(step.sql)


def _apart(have: Sequence[Fact], want: Sequence[Fact]) -> tuple[Counter[Fact], Counter[Fact]]:
    mine, theirs = Counter(have), Counter(want)
    return mine - theirs, theirs - mine


def _apart_renamed(ground: Ground, script: Script) -> tuple[Counter[Fact], Counter[Fact]] | None:
    """What sets the clone apart once both have the script's names; None where it renames nothing by itself."""
    statements = [one for step in script.parts for one in _statements(step)]
    if not any(_RENAMES.match(bare(one.sql)) for one in statements):
        return None
    renames = [one for one in statements if _NAMES.match(bare(one.sql))]
    found = []
    for name in (CLONE, FROM):
        ground.create(f"{name}_renamed", name)
        with ground.session(f"{name}_renamed") as session:
            session.settle(renames)
        found.append(ground.facts(f"{name}_renamed"))
    return _apart(*found)


def _changed(ground: Ground, apart: tuple[Counter[Fact], Counter[Fact]]) -> list[str]:
    now = _apart(ground.facts(CLONE), ground.facts(TO))
    facts = {fact for before, after in zip(apart, now, strict=True) for fact in (before - after) + (after - before)}
    return sorted({f"{one.kind} {one.identity}" for one in facts})[:5]


def _unproven(subject: str, value: str) -> SchemaError:
    remedy = "Repair the database first: `plantroom schema repair`"
    return SchemaError("PR010", subject, value=value, remedy=remedy)
