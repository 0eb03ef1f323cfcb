"""Which scripts a database still needs before a release can run on it, and what those that it has have left. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from plantroom.delivery.artefacts.model import Artefact, Contract, Schema
from plantroom.kernel.verdict import Refused
from plantroom.platforms.contract import CONTRACT, OUTSIDE, Script, ScriptSeen


def scripts_due(
    artefact: Artefact, recorded: Sequence[ScriptSeen], running: Collection[str] = ()
) -> tuple[Script, ...] | Refused:
    """The scripts to apply, in order, to a database that has `recorded` (oldest first); often none. `running` names the
    schemas of the releases that work with it now, or may be returned to.

    * A database with nothing recorded is new: it gets the initial schema.
    * The release's schema is recorded: nothing is due but what was held back. This is so for a redeploy, and for a
      return to an earlier release too, unless what that one needs has been dropped since.
    * The schema that the migration starts from is the last one recorded: the migration is due, after what was held
      back.
    * What a release held back is due with any later one, once nothing runs that is older than the release itself.
    * Anything else is refused: no script leads there from here.
    * Scripts of no release change nothing of this: they lead to what the last release left, or beside it.

    For example release 1.1 with a migration from 1.0: recorded () gives the initial schema, (1.0) the migration,
    (1.0, 1.1) nothing, and (0.9) a refusal. Release 1.2, from a 1.1 that held something back: (1.0, 1.1) gives what 1.1
    held back and the migration while 1.1 runs, and a refusal while 1.0 does.
    """
    schema = artefact.schema
    if schema is None:
        return ()
    recorded = [script for script in recorded if not script.release.startswith(OUTSIDE)]
    if not recorded:
        return (schema.initial,)
    if dropped := _dropped_since(schema, recorded):
        return Refused(
            f"{artefact.reference} needs schema {schema.release}, and the database has lost since what {dropped} drops;"
            " build it anew from the schema that is there"
        )
    held = _held(schema, recorded)
    waits = held is not None and any(one != held.release for one in running)
    first = () if held is None or waits else (held.script,)
    if any(script.release == schema.release for script in recorded):
        return first
    last = _release(recorded[-1])
    if schema.migrate is not None and schema.previous == last:
        return Refused(_too_soon(artefact, held)) if held is not None and waits else (*first, schema.migrate)
    origin = "has no migration" if schema.migrate is None else f"migrates from schema {schema.previous}"
    known = {_release(script) for script in recorded}
    between = "" if schema.migrate is None or schema.previous in known else f"; release {schema.previous} first"
    return Refused(
        f"{artefact.reference} needs schema {schema.release} and {origin}; the database has schema {last}{between}"
    )


def too_soon(artefact: Artefact, running: str) -> str:
    """Why the release cannot follow one whose schema is `running`, whatever the database has; or nothing."""
    schema = artefact.schema
    if schema is None or schema.held is None or schema.migrate is None:
        return ""
    return "" if running in (schema.held.release, schema.release) else _too_soon(artefact, schema.held)


def no_way(artefact: Artefact, been: Collection[str]) -> str:
    """Why no script of the release leads on from any of the schemas that an environment's releases had; or nothing.
    `been` has "" for one that is not known, which may be any; without any, the database is made anew."""
    schema = artefact.schema
    if schema is None or not been or "" in been or schema.release in been:
        return ""
    if schema.migrate is not None and schema.previous in been:
        return ""
    origin = "has no migration" if schema.migrate is None else f"migrates from schema {schema.previous}"
    return f"{artefact.reference} needs schema {schema.release} and {origin}; it has been on {', '.join(sorted(been))}"


def left_by(schema: Schema, last: ScriptSeen) -> Script:
    """What makes the schema that a release's last script has left, of a database in which that one came last."""
    migrated = schema.migrate is not None and last == ScriptSeen(schema.release, schema.migrate.sha256)
    return schema.expanded if migrated and schema.expanded is not None else schema.initial


def last_of(recorded: Sequence[ScriptSeen]) -> tuple[str, ScriptSeen] | None:
    """The script of a release that came last, with that release."""
    found = next((one for one in reversed(recorded) if not one.release.startswith(OUTSIDE)), None)
    return None if found is None else (_release(found), found)


def _held(schema: Schema, recorded: Sequence[ScriptSeen]) -> Contract | None:
    """What the database still has to lose before anything else: only when it has come to just that release by the
    script which held it back."""
    held = schema.held
    return held if held is not None and recorded[-1] == ScriptSeen(held.release, held.after) else None


def _dropped_since(schema: Schema, recorded: Sequence[ScriptSeen]) -> str:
    """The release whose dropping has come after the schema was there, or "". A release needs nothing that it drops
    itself."""
    names = [one.release for one in recorded]
    if schema.release not in names:
        return ""
    since = names[names.index(schema.release) :]
    dropped = [one.removeprefix(CONTRACT) for one in since if one.startswith(CONTRACT)]
    return next((one for one in dropped if one != schema.release), "")


def _too_soon(artefact: Artefact, held: Contract) -> str:
    return (
        f"{artefact.reference} begins with dropping what {held.release} held back, and a release before"
        f" {held.release} runs, or may be returned to, that may need it; release {held.release} first"
    )


def _release(script: ScriptSeen) -> str:
    return script.release.removeprefix(CONTRACT)
