"""A script is believed when it has led a copy of where it starts to where it should end, with the rows kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from plantroom.delivery.schema import dumps
from plantroom.delivery.schema.ground import Ground, Session, said
from plantroom.delivery.schema.model import Entry, Failure, Kept, Script, Statement

PROOF = "proof"


@dataclass(frozen=True, slots=True)
class Proof:
    """`why`: what speaks against it, or nothing."""

    script: Script
    why: str = ""
    kept: Kept | None = None


def prove(ground: Ground, start: str, script: Script, wanted: Sequence[Entry]) -> Proof:
    ground.create(PROOF, start)
    with ground.session(PROOF) as session:
        ran, failure = run(session, script.statements)
    if failure is not None:
        return Proof(script, f"fails: {said([failure])}: {failure.statement.sql[:200]}")
    left = dumps.difference(ground.dump(PROOF), wanted)
    if left:
        return Proof(script, f"ends elsewhere: {'; '.join(left[:5])}")
    return Proof(replace(script, statements=ran), "", None)


def run(session: Session, statements: Sequence[Statement]) -> tuple[list[Statement], Failure | None]:
    """In order, up to the first that fails."""
    ran: list[Statement] = []
    for one in statements:
        done = session.run(one)
        if isinstance(done, Failure):
            return ran, done
        ran.append(done)
    return ran, None
