"""Which scripts a database still needs before a release can run on it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from plantroom.delivery.artefacts.model import Artefact
from plantroom.kernel.verdict import Refused
from plantroom.platforms.contract import OUTSIDE, Script, ScriptSeen


def scripts_due(artefact: Artefact, recorded: Sequence[ScriptSeen]) -> tuple[Script, ...] | Refused:
    """The scripts to apply, in order, to a database that has `recorded` (oldest first); often none.

    * A database with nothing recorded is new: it gets the initial schema.
    * The release's schema is recorded: nothing is due. This is so for a redeploy, and for a return to an earlier
      release too, since the schema only grew in between.
    * The schema that the migration starts from is the last one recorded: the migration is due.
    * Anything else is refused: no script leads there from here.
    * Scripts of no release change nothing of this: they lead to what the last release left, or beside it.

    For example release 1.1 with a migration from 1.0: recorded () gives the initial schema, (1.0) the migration,
    (1.0, 1.1) nothing, and (0.9) a refusal.
    """
    schema = artefact.schema
    if schema is None:
        return ()
    recorded = [script for script in recorded if not script.release.startswith(OUTSIDE)]
    if not recorded:
        return (schema.initial,)
    if any(script.release == schema.release for script in recorded):
        return ()
    last = recorded[-1].release
    if schema.migrate is not None and schema.previous == last:
        return (schema.migrate,)
    origin = "has no migration" if schema.migrate is None else f"migrates from schema {schema.previous}"
    return Refused(f"{artefact.reference} needs schema {schema.release} and {origin}; the database has schema {last}")
