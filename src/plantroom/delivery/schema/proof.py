"""A script is believed when it has led a copy of where it starts to where it should end, with the rows kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from plantroom.delivery.schema import dumps
from plantroom.delivery.schema.ground import Ground, Session, said
from plantroom.delivery.schema.hazards import Measured, measure
from plantroom.delivery.schema.model import Entry, Failure, Script, Statement

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
        if reached != ground.fingerprint(end):
            return Proof(tried, "ends elsewhere by its fingerprint, though not by pg_dump")
        return Proof(tried, "", measure(ground, start, tried.statements), ground.fingerprint(start), reached)
    return Proof(script, why)


def run(session: Session, script: Script) -> Failure | None:
    """Each group as one transaction, up to the first statement that fails."""
    for group in script.groups():
        connection = session.superuser if group[0].privileged else session.owner
        alone = group[0].alone
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
