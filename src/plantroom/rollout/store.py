"""SQL of rollouts: environments as they were left, changes, drain leases, and the intents that changes act on."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from plantroom.estate.changes import Record
from plantroom.estate.model import Management
from plantroom.kernel.errors import PlatformError
from plantroom.rollout.model import TERMS, Change, ChangeState, Override, Target

_CHANGE_STATE = text("SELECT state FROM change WHERE key = :key")
"""Asked at every step of every change."""

_CHANGE = "key, intent, environment, actor, state, target, previous, why, returns"


@dataclass(frozen=True, slots=True)
class Intent:
    """What a named actor wants, once per digest. `open` until its workflow has ended."""

    digest: str
    kind: str
    actor: str
    at: str
    body: dict[str, Any]
    open: bool
    outcome: dict[str, Any] | None


async def add_intent(
    connection: AsyncConnection, digest: str, kind: str, actor: str, at: str, body: dict[str, Any]
) -> bool:
    """False when there is one of this digest already: nothing is changed then."""
    added = await connection.execute(
        text(
            "INSERT INTO intent (digest, kind, actor, at, body) VALUES (:digest, :kind, :actor, :at, :body)"
            " ON CONFLICT (digest) DO NOTHING RETURNING digest"
        ),
        {"digest": digest, "kind": kind, "actor": actor, "at": at, "body": json.dumps(body)},
    )
    return added.one_or_none() is not None


async def intent(connection: AsyncConnection, digest: str) -> Intent | None:
    found = (
        await connection.execute(text("SELECT * FROM intent WHERE digest = :digest"), {"digest": digest})
    ).one_or_none()
    return None if found is None else _intent(found)


async def open_intents(connection: AsyncConnection, kind: str | None = None) -> list[Intent]:
    found = await connection.execute(
        text("SELECT * FROM intent WHERE state = 'open' AND (CAST(:kind AS text) IS NULL OR kind = :kind) ORDER BY at"),
        {"kind": kind},
    )
    return [_intent(row) for row in found]


async def newest_intent(connection: AsyncConnection, kind: str) -> Intent | None:
    """Open or ended."""
    found = await connection.execute(
        text("SELECT * FROM intent WHERE kind = :kind ORDER BY at DESC, digest DESC LIMIT 1"), {"kind": kind}
    )
    row = found.one_or_none()
    return None if row is None else _intent(row)


async def end_intent(connection: AsyncConnection, digest: str, outcome: dict[str, Any]) -> None:
    await connection.execute(
        text("UPDATE intent SET state = 'ended', outcome = :outcome WHERE digest = :digest AND state = 'open'"),
        {"digest": digest, "outcome": json.dumps(outcome)},
    )


async def targets(connection: AsyncConnection) -> dict[str, tuple[Target, str]]:
    """Every environment as its last change left it, with that change's key."""
    found = await connection.execute(text("SELECT environment, target, change FROM environment ORDER BY environment"))
    return {row.environment: (Target.from_data(row.target), row.change) for row in found}


async def target(connection: AsyncConnection, environment: str) -> Target | None:
    found = await connection.execute(
        text("SELECT target FROM environment WHERE environment = :environment"), {"environment": environment}
    )
    row = found.one_or_none()
    return None if row is None else Target.from_data(row.target)


async def may_run(connection: AsyncConnection, environment: str) -> list[str]:
    """The artefacts that an environment runs, or that it may be returned to by what is under way."""
    found = await connection.execute(
        text(
            "SELECT target->>'artefact' FROM environment WHERE environment = :environment"
            " UNION SELECT c.previous->>'artefact' FROM change c JOIN intent i ON i.digest = c.intent"
            " WHERE c.environment = :environment AND c.previous IS NOT NULL AND c.state IN ('open', 'done')"
            " AND i.state = 'open' ORDER BY 1"
        ),
        {"environment": environment},
    )
    return [row[0] for row in found]


async def locked_target(connection: AsyncConnection, environment: str) -> Target | None:
    """As `target`, and nobody ends a change of it, or says whose it is, before the caller's transaction has ended."""
    found = await connection.execute(
        text("SELECT target FROM environment WHERE environment = :environment FOR UPDATE"),
        {"environment": environment},
    )
    row = found.one_or_none()
    return None if row is None else Target.from_data(row.target)


async def management(connection: AsyncConnection, environment: str) -> Management | None:
    """What the applied estate lets Plantroom do to it. None when no file declares it any more, and of one that is not
    recorded."""
    found = await connection.execute(
        text("SELECT management FROM environment WHERE environment = :environment"), {"environment": environment}
    )
    word = found.scalar_one_or_none()
    return None if word is None else Management(word)


async def managements(connection: AsyncConnection) -> dict[str, Management | None]:
    """As `management`, of every environment that is recorded."""
    found = await connection.execute(text("SELECT environment, management FROM environment"))
    return {row.environment: None if row.management is None else Management(row.management) for row in found}


async def set_managements(connection: AsyncConnection, declared: Mapping[str, Management]) -> None:
    """What an estate that is applied says of the environments that are recorded. Whoever holds one (`locked_target`)
    has decided before it; who asks later decides by it."""
    await connection.execute(
        text(
            "UPDATE environment SET management = CAST(:declared AS jsonb) ->> environment"
            " WHERE management IS DISTINCT FROM CAST(:declared AS jsonb) ->> environment"
        ),
        {"declared": json.dumps({name: one.value for name, one in declared.items()})},
    )


async def set_terms(connection: AsyncConnection, declared: Mapping[str, Mapping[str, Any]]) -> None:
    """What an estate that is applied says of how the environments that are recorded are changed from now on (`TERMS`).
    Nothing of it asks for a change by itself."""
    await connection.execute(
        text(
            "UPDATE environment SET target = target || (CAST(:declared AS jsonb) -> environment)"
            " WHERE NOT target @> (CAST(:declared AS jsonb) -> environment)"
        ),
        {"declared": json.dumps(declared)},
    )


async def set_calendars(connection: AsyncConnection, body: Mapping[str, Any]) -> None:
    """What an estate that is applied says of when changes may start (`calendar.Calendars`)."""
    await connection.execute(
        text("INSERT INTO calendars (body) VALUES (:body) ON CONFLICT (one) DO UPDATE SET body = excluded.body"),
        {"body": json.dumps(body)},
    )


async def calendars(connection: AsyncConnection) -> str:
    """As JSON; "" before the first apply."""
    found = await connection.execute(text("SELECT body::text FROM calendars"))
    return str(found.scalar_one_or_none() or "")


async def add_override(connection: AsyncConnection, one: Override) -> None:
    await connection.execute(
        text(
            "INSERT INTO calendar_override (subject, number, why, until, asked_by, asked_at)"
            " SELECT :subject, coalesce(max(number), 0) + 1, :why, :until, :asked_by, :asked_at"
            " FROM calendar_override WHERE subject = :subject"
        ),
        {name: getattr(one, name) for name in ("subject", "why", "until", "asked_by", "asked_at")},
    )


async def override(connection: AsyncConnection, subject: str) -> Override | None:
    """The last one that was asked for."""
    found = await connection.execute(
        text(
            "SELECT subject, why, until, asked_by, asked_at, confirmed_by, confirmed_at FROM calendar_override"
            " WHERE subject = :subject ORDER BY number DESC LIMIT 1"
        ),
        {"subject": subject},
    )
    row = found.one_or_none()
    return None if row is None else Override(*row)


async def confirm_override(connection: AsyncConnection, one: Override, by: str, at: str) -> None:
    """The last one of its subject, unless it is confirmed."""
    await connection.execute(
        text(
            "UPDATE calendar_override SET confirmed_by = :by, confirmed_at = :at WHERE subject = :subject"
            " AND asked_at = :asked_at AND confirmed_by IS NULL"
        ),
        {"subject": one.subject, "asked_at": one.asked_at, "by": by, "at": at},
    )


async def records(connection: AsyncConnection) -> list[Record]:
    return [target.record(change) for target, change in (await targets(connection)).values()]


async def keep(connection: AsyncConnection, target: Target, change: str, at: str) -> None:
    """As a change left it, but for the terms: they may be others since the change was decided."""
    terms = ", ".join(f"'{one}', environment.target -> '{one}'" for one in TERMS)
    await connection.execute(
        text(
            "INSERT INTO environment (environment, status, target, change, at)"
            " VALUES (:environment, :status, :target, :change, :at)"
            " ON CONFLICT (environment) DO UPDATE SET status = excluded.status,"
            f" target = excluded.target || jsonb_build_object({terms}),"
            " change = excluded.change, at = excluded.at"
        ),
        {
            "environment": target.environment,
            "status": target.status.value,
            "target": json.dumps(target.as_data()),
            "change": change,
            "at": at,
        },
    )


async def rename(connection: AsyncConnection, environment: str, hosts: tuple[str, ...]) -> None:
    """Record the host names that are left of an environment that is else what it was."""
    there = await locked_target(connection, environment)
    if there is not None:
        await connection.execute(
            text("UPDATE environment SET target = :target WHERE environment = :environment"),
            {"environment": environment, "target": json.dumps(replace(there, hosts=hosts).as_data())},
        )


async def open_change(connection: AsyncConnection, change: Change, at: str) -> None:
    """Write the row that a change acts on. One of this key is left as it is.

    Raises PlatformError PR403 while another change of the environment is open: try again when that one has ended.
    """
    try:
        async with connection.begin_nested():
            await connection.execute(
                text(
                    f"INSERT INTO change ({_CHANGE}, at) VALUES"
                    " (:key, :intent, :environment, :actor, :state, :target, :previous, :why, :returns, :at)"
                    " ON CONFLICT (key) DO NOTHING"
                ),
                {
                    "key": change.key,
                    "intent": change.intent,
                    "environment": change.environment,
                    "actor": change.actor,
                    "state": change.state.value,
                    "returns": change.returns,
                    "target": json.dumps(change.target.as_data()),
                    "previous": None if change.previous is None else json.dumps(change.previous.as_data()),
                    "why": change.why,
                    "at": at,
                },
            )
    except IntegrityError as error:
        raise PlatformError(
            "PR403", change.environment, value="another change of it is under way", limit="one at a time"
        ) from error


async def change(connection: AsyncConnection, key: str) -> Change | None:
    found = await connection.execute(text(f"SELECT {_CHANGE} FROM change WHERE key = :key"), {"key": key})
    row = found.one_or_none()
    return None if row is None else _change(row)


async def change_state(connection: AsyncConnection, key: str) -> ChangeState | None:
    found = (await connection.execute(_CHANGE_STATE, {"key": key})).scalar_one_or_none()
    return None if found is None else ChangeState(found)


async def changes_of(connection: AsyncConnection, environment: str, limit: int) -> list[Change]:
    """The newest first."""
    found = await connection.execute(
        text(f"SELECT {_CHANGE} FROM change WHERE environment = :environment ORDER BY at DESC, key DESC LIMIT :limit"),
        {"environment": environment, "limit": limit},
    )
    return [_change(row) for row in found]


async def was_brought(connection: AsyncConnection, artefact: str, stage: str) -> bool:
    """Whether a change to this artefact from another one has gone well in some environment of the stage. One that was
    made on it has run none of its migrations."""
    found = await connection.execute(
        text(
            "SELECT EXISTS (SELECT FROM change WHERE state = 'done' AND target ->> 'artefact' = :artefact"
            " AND previous ->> 'artefact' <> :artefact"
            " AND split_part(environment, '/', 2) = :stage)"
        ),
        {"artefact": artefact, "stage": stage},
    )
    return bool(found.scalar())


async def artefacts_wanted(connection: AsyncConnection, environments: Collection[str]) -> dict[str, list[str]]:
    """By environment, every artefact that a change was ever to bring it to, whatever came of it."""
    found = await connection.execute(
        text(
            "SELECT environment, array_agg(DISTINCT target ->> 'artefact') FROM change"
            " WHERE environment = ANY(:environments) GROUP BY environment"
        ),
        {"environments": list(environments)},
    )
    return {row[0]: row[1] for row in found}


async def retirements(connection: AsyncConnection) -> list[Change]:
    """Every change that was to retire its environment and has ended, whatever came of it."""
    found = await connection.execute(
        text(f"SELECT {_CHANGE} FROM change WHERE target->>'status' = 'retired' AND state <> 'open' ORDER BY at, key")
    )
    return [_change(row) for row in found]


async def waiting(connection: AsyncConnection) -> list[Change]:
    found = await connection.execute(text(f"SELECT {_CHANGE} FROM change WHERE state = 'waiting' ORDER BY key"))
    return [_change(row) for row in found]


async def set_change(connection: AsyncConnection, key: str, state: ChangeState, why: str, at: str) -> None:
    await connection.execute(
        text("UPDATE change SET state = :state, why = :why, ended = :at WHERE key = :key"),
        {"key": key, "state": state.value, "why": why, "at": at},
    )


async def lease(
    connection: AsyncConnection, instance: str, environment: str, owner: str, reason: str, expires: str
) -> None:
    await connection.execute(
        text(
            "INSERT INTO drain_lease (instance, environment, owner, reason, expires)"
            " VALUES (:instance, :environment, :owner, :reason, :expires) ON CONFLICT (instance) DO UPDATE"
            " SET owner = excluded.owner, reason = excluded.reason, expires = excluded.expires"
        ),
        {"instance": instance, "environment": environment, "owner": owner, "reason": reason, "expires": expires},
    )


async def release_lease(connection: AsyncConnection, instance: str) -> None:
    await connection.execute(text("DELETE FROM drain_lease WHERE instance = :instance"), {"instance": instance})


async def lapsed_leases(connection: AsyncConnection, now: str) -> list[tuple[str, str]]:
    """Environment and instance of each drain whose time is over and whose change has ended."""
    found = await connection.execute(
        text(
            "SELECT l.environment, l.instance FROM drain_lease l JOIN change c ON c.key = l.owner"
            " WHERE l.expires < :now AND c.state <> 'open' ORDER BY l.instance"
        ),
        {"now": now},
    )
    return [(row.environment, row.instance) for row in found]


def _intent(row: Row[Any]) -> Intent:
    return Intent(row.digest, row.kind, row.actor, row.at, dict(row.body), row.state == "open", row.outcome)


def _change(row: Row[Any]) -> Change:
    return Change(
        row.key,
        row.intent,
        row.environment,
        row.actor,
        ChangeState(row.state),
        Target.from_data(row.target),
        None if row.previous is None else Target.from_data(row.previous),
        row.why,
        row.returns,
    )


async def supersede_waiting(connection: AsyncConnection, at: str) -> None:
    """What waits for a go-live date gives way to what a later apply says."""
    await connection.execute(
        text("UPDATE change SET state = 'superseded', ended = :at WHERE state = 'waiting'"), {"at": at}
    )


async def wake_change(connection: AsyncConnection, key: str) -> bool:
    """Open a waiting change. False when it does not wait (any more). Raises PR403 while another one is open."""
    try:
        async with connection.begin_nested():
            woken = await connection.execute(
                text("UPDATE change SET state = 'open' WHERE key = :key AND state = 'waiting' RETURNING key"),
                {"key": key},
            )
    except IntegrityError as error:
        raise PlatformError("PR403", key, value="another change of the environment is under way") from error
    return woken.one_or_none() is not None


async def changes_for(connection: AsyncConnection, intent: str) -> list[Change]:
    """Every change that an intent has opened, by environment."""
    found = await connection.execute(
        text(f"SELECT {_CHANGE} FROM change WHERE intent = :intent ORDER BY environment"), {"intent": intent}
    )
    return [_change(row) for row in found]


async def under_way(connection: AsyncConnection, since: str) -> dict[str, str]:
    """The environments of which a change is open, or was at any time since, with the actor who asked for it."""
    found = await connection.execute(
        text(
            "SELECT environment, actor FROM change"
            " WHERE state = 'open' OR (state <> 'superseded' AND ended >= :since) ORDER BY at, key"
        ),
        {"since": since},
    )
    return {row.environment: row.actor for row in found}
