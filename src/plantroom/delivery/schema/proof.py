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


def prove(ground: Ground, start: str, script: Script, wanted: Sequence[Entry]) -> Proof:
    """In as few transactions as it can be run in; each statement as its own where that is the only way."""
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
        measured = measure(ground, start, tried.statements)
        return Proof(tried, "", measured)
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
    return None
