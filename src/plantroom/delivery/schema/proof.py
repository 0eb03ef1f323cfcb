"""A script is believed when it has led a copy of where it starts to where it should end, with the rows kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from plantroom.delivery.schema import dumps, policy, seeds, standing, wording
from plantroom.delivery.schema.forms import Form, promising
from plantroom.delivery.schema.ground import Ground, Session, said
from plantroom.delivery.schema.hazards import MEASURE, Measured, held, measure
from plantroom.delivery.schema.model import Entry, Failure, Hazard, HazardClass, SaferForm, Script, Statement, longest
from plantroom.delivery.schema.safer import Rewriting, rewrite

PROOF = "proof"


@dataclass(frozen=True, slots=True)
class Proof:
    """`why`: what speaks against it, or nothing."""

    script: Script
    why: str = ""
    measured: Measured | None = None
    begins: str = ""
    ends: str = ""


def prove(ground: Ground, start: str, end: str, script: Script, wanted: Sequence[Entry]) -> Proof:
    """That it leads from the database `start` to the schema of the database `end`, of which `wanted` is the dump. In as
    few transactions as it can be run in; each statement as its own where that is the only way."""
    proof = _proof(ground, start, script, wanted, lambda: ground.fingerprint(end))
    return replace(proof, begins=ground.fingerprint(start)) if proof.measured is not None else proof


def _proof(
    ground: Ground, start: str, script: Script, wanted: Sequence[Entry], fingerprint: Callable[[], str]
) -> Proof:
    why = ""
    for grouped in (True, False):
        tried = replace(script, grouped=grouped)
        ground.create(PROOF, start)
        with ground.session(PROOF) as session:
            failure = run(session, tried)
        if failure is not None:
            why = f"fails: {said([failure])}: {failure.statement.sql[:200]}"
            continue
        left = dumps.difference(ground.dump(PROOF), wanted)
        if left:
            return Proof(tried, f"ends elsewhere: {'; '.join(left[:5])}")
        # Two measures of the same thing, made apart from each other; one that errs is found by the other.
        reached = ground.fingerprint(PROOF)
        if reached != fingerprint():
            return Proof(tried, "ends elsewhere by its fingerprint, though not by pg_dump")
        measured = measure(ground, start, tried.statements)
        told = [*held(tried, measured.hazards), *_together(ground, start, tried, measured.hazards)]
        return Proof(tried, "", replace(measured, hazards=told), ends=reached)
    return Proof(script, why)


def _together(ground: Ground, start: str, script: Script, known: Sequence[Hazard]) -> list[Hazard]:
    """What fails where there are rows, and only in the transactions that the script is: after a change of rows of which
    a deferred trigger waits, for instance."""
    changes = any(wording.writes(one.sql) for one in script.statements)
    if not changes or any(one.kind is HazardClass.FAILS_WITH_ROWS for one in known):
        return []
    ground.create(MEASURE, start)
    with ground.session(MEASURE) as session:
        seeds.sow(session.owner)
        failure = run(session, script)
    if failure is None:
        return []
    number = next((place for place, one in enumerate(script.statements) if one.sql == failure.statement.sql), 0)
    return [Hazard(HazardClass.FAILS_WITH_ROWS, number, "", failure.message.splitlines()[0])]


def safer(ground: Ground, start: str, plain: Proof, wanted: Sequence[Entry]) -> SaferForm | None:
    """The same script in safer forms, just after it was proven. With all that there are; with those that are proven one
    after the other where that fails."""
    if not promising(plain.script.statements):
        return None
    there = standing.look(ground, start, PROOF)
    whole = rewrite(plain.script.statements, there, frozenset(Form))
    best = _safer(ground, start, plain, whole, wanted) if whole.forms else None
    if best is not None or len(whole.forms) < 2:
        return best
    taken: frozenset[Form] = frozenset()
    for form in Form:
        if form not in whole.forms:
            continue
        found = _safer(ground, start, plain, rewrite(plain.script.statements, there, taken | {form}), wanted)
        if found is not None:
            taken, best = taken | {form}, found
    return best


def _safer(ground: Ground, start: str, plain: Proof, made: Rewriting, wanted: Sequence[Entry]) -> SaferForm | None:
    script = replace(plain.script, statements=made.statements)
    proof = _proof(ground, start, script, wanted, lambda: plain.ends)
    if proof.why or proof.measured is None or plain.measured is None:
        return None
    if plain.script.grouped and not proof.script.grouped:
        # What was one transaction for a reason would be seen half done.
        return None
    if not (_refused(proof.measured) <= _refused(plain.measured) and _long(proof.measured) <= _long(plain.measured)):
        return None
    return SaferForm(proof.script, proof.measured.hazards)


def _refused(measured: Measured) -> set[HazardClass]:
    return {one.kind for one in measured.hazards if one.kind in policy.REFUSED}


def _long(measured: Measured) -> set[tuple[HazardClass, str]]:
    return {(one.kind, one.subject) for one in longest(measured.hazards)}


def run(session: Session, script: Script) -> Failure | None:
    """Each group as one transaction, up to the first statement that fails."""
    for group in script.groups():
        connection = session.superuser if group[0].privileged else session.owner
        alone = group[0].alone or group[0].batch
        if not alone:
            connection.execute("BEGIN")
        for one in group:
            failure = session.try_on(connection, one)
            if failure is not None:
                if not alone:
                    connection.execute("ROLLBACK")
                return failure
        if not alone:
            failure = session.try_on(connection, Statement("COMMIT"))
            if failure is not None:
                return failure
        if group[0].privileged:
            session.let_in()
    return None
