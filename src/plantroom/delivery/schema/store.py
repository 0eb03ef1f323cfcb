"""SQL of the fleet's schemas: what was seen, what was accepted, ways back, and runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from plantroom.delivery.schema.fleet_model import Run, RunState, RunTarget, Work


async def keep_look(connection: AsyncConnection, id: str, at: str, body: Any) -> None:
    """The newest replaces those of days before: only who asked for one needs it."""
    await connection.execute(text("DELETE FROM schema_look WHERE at < :before"), {"before": at[:10]})
    await connection.execute(
        text("INSERT INTO schema_look (id, at, body) VALUES (:id, :at, :body) ON CONFLICT (id) DO NOTHING"),
        {"id": id, "at": at, "body": json.dumps(body)},
    )


async def look(connection: AsyncConnection, id: str) -> Any:
    """None when there is none."""
    return (await connection.execute(text("SELECT body FROM schema_look WHERE id = :id"), {"id": id})).scalar()


async def accept(
    connection: AsyncConnection, environment: str, fingerprint: str, instead: str, actor: str, why: str, at: str
) -> None:
    await connection.execute(
        text(
            "INSERT INTO schema_accepted (environment, fingerprint, instead, actor, why, at)"
            " VALUES (:environment, :fingerprint, :instead, :actor, :why, :at) ON CONFLICT DO NOTHING"
        ),
        {
            "environment": environment,
            "fingerprint": fingerprint,
            "instead": instead,
            "actor": actor,
            "why": why,
            "at": at,
        },
    )


async def accepted(connection: AsyncConnection, environment: str | None = None) -> dict[tuple[str, str], set[str]]:
    """By fingerprint and the one that was expected instead, the environments that may have it."""
    found = await connection.execute(
        text(
            "SELECT environment, fingerprint, instead FROM schema_accepted"
            " WHERE CAST(:environment AS text) IS NULL OR environment = :environment"
        ),
        {"environment": environment},
    )
    made: dict[tuple[str, str], set[str]] = {}
    for row in found:
        made.setdefault((row.fingerprint, row.instead), set()).add(row.environment)
    return made


async def approve(connection: AsyncConnection, sha256: str, actor: str, about: str, why: str, at: str) -> None:
    await connection.execute(
        text(
            "INSERT INTO schema_approval (sha256, actor, about, why, at)"
            " VALUES (:sha256, :actor, :about, :why, :at) ON CONFLICT DO NOTHING"
        ),
        {"sha256": sha256, "actor": actor, "about": about, "why": why, "at": at},
    )


async def approvals(connection: AsyncConnection, scripts: Sequence[str]) -> dict[str, set[str]]:
    """By a script's hash, who has said yes to it."""
    found = await connection.execute(
        text("SELECT sha256, actor FROM schema_approval WHERE sha256 = ANY(:scripts)"), {"scripts": list(scripts)}
    )
    made: dict[str, set[str]] = {}
    for row in found:
        made.setdefault(row.sha256, set()).add(row.actor)
    return made


async def keep_repair(connection: AsyncConnection, digest: str, at: str, body: Any) -> None:
    await connection.execute(
        text("INSERT INTO schema_repair (digest, at, body) VALUES (:digest, :at, :body) ON CONFLICT DO NOTHING"),
        {"digest": digest, "at": at, "body": json.dumps(body)},
    )


async def repair(connection: AsyncConnection, digest: str) -> Any:
    """None when there is none."""
    found = await connection.execute(text("SELECT body FROM schema_repair WHERE digest = :digest"), {"digest": digest})
    return found.scalar()


async def one_at_a_time(connection: AsyncConnection) -> None:
    """Until the caller's transaction has ended nobody else begins a run; two who ask at once come one after the
    other."""
    await connection.execute(text("LOCK TABLE schema_run IN SHARE ROW EXCLUSIVE MODE"))


async def add_run(connection: AsyncConnection, run: Run, databases: Sequence[tuple[str, str]]) -> None:
    """With its databases: (environment, pool), in order."""
    await connection.execute(
        text(
            "INSERT INTO schema_run (name, intent, actor, started, state)"
            " VALUES (:name, :intent, :actor, :started, :state)"
        ),
        {
            "name": run.name,
            "intent": run.intent,
            "actor": run.actor,
            "started": run.started,
            "state": run.state.value,
        },
    )
    await connection.execute(
        text("INSERT INTO schema_target (run, environment, pool, place) VALUES (:run, :environment, :pool, :place)"),
        [
            {"run": run.name, "environment": environment, "pool": pool, "place": place}
            for place, (environment, pool) in enumerate(databases)
        ],
    )


_RUN = "SELECT r.*, i.body FROM schema_run r JOIN intent i ON i.digest = r.intent"


async def run(connection: AsyncConnection, name: str) -> Run | None:
    row = (await connection.execute(text(f"{_RUN} WHERE r.name = :name"), {"name": name})).one_or_none()
    return None if row is None else _run(row)


async def runs(connection: AsyncConnection, limit: int = 20) -> list[Run]:
    """The newest first."""
    found = await connection.execute(text(f"{_RUN} ORDER BY r.started DESC LIMIT :limit"), {"limit": limit})
    return [_run(row) for row in found]


async def running(connection: AsyncConnection) -> list[Run]:
    found = await connection.execute(text(f"{_RUN} WHERE r.state = 'running'"))
    return [_run(row) for row in found]


async def targets(connection: AsyncConnection, name: str) -> list[RunTarget]:
    found = await connection.execute(
        text("SELECT environment, pool, place, state, why FROM schema_target WHERE run = :run ORDER BY place"),
        {"run": name},
    )
    return [RunTarget(*row) for row in found]


async def set_targets(connection: AsyncConnection, name: str, ended: Sequence[tuple[str, str, str]]) -> None:
    """(environment, state, why) of each that has ended."""
    await connection.execute(
        text("UPDATE schema_target SET state = :state, why = :why WHERE run = :run AND environment = :environment"),
        [{"run": name, "environment": environment, "state": state, "why": why} for environment, state, why in ended],
    )


async def end_run(connection: AsyncConnection, name: str, state: RunState, why: str, at: str) -> None:
    await connection.execute(
        text("UPDATE schema_run SET state = :state, why = :why, ended = :at WHERE name = :name AND state = 'running'"),
        {"name": name, "state": state.value, "why": why, "at": at},
    )


def _run(row: Row[Any]) -> Run:
    work = Work.from_data(row.body["work"])
    return Run(row.name, row.intent, row.actor, row.started, row.ended, RunState(row.state), row.why, work)
