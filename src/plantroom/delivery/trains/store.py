"""SQL of trains."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from plantroom.delivery.trains.model import RingPolicy, TargetState, Train, TrainState, TrainTarget


async def add(connection: AsyncConnection, train: Train, environments: Sequence[tuple[str, str, str]]) -> None:
    """The train and its targets: (environment, ring, from release), in order."""
    await connection.execute(
        text(
            "INSERT INTO train (name, intent, application, release, artefact, actor, started, state, rings)"
            " VALUES (:name, :intent, :application, :release, :artefact, :actor, :started, :state, :rings)"
        ),
        {
            "name": train.name,
            "intent": train.intent,
            "application": train.application,
            "release": train.release,
            "artefact": train.artefact,
            "actor": train.actor,
            "started": train.started,
            "state": train.state.value,
            "rings": json.dumps([ring.as_data() for ring in train.rings]),
        },
    )
    await connection.execute(
        text(
            "INSERT INTO train_target (train, environment, ring, place, state, from_release)"
            " VALUES (:train, :environment, :ring, :place, 'waiting', :from_release)"
        ),
        [
            {"train": train.name, "environment": environment, "ring": ring, "place": place, "from_release": release}
            for place, (environment, ring, release) in enumerate(environments)
        ],
    )


async def train(connection: AsyncConnection, name: str) -> Train | None:
    row = (await connection.execute(text("SELECT * FROM train WHERE name = :name"), {"name": name})).one_or_none()
    return None if row is None else _train(row)


async def trains(connection: AsyncConnection, limit: int = 100) -> list[Train]:
    """The newest first."""
    found = await connection.execute(text("SELECT * FROM train ORDER BY started DESC LIMIT :limit"), {"limit": limit})
    return [_train(row) for row in found]


async def targets(connection: AsyncConnection, train: str) -> list[TrainTarget]:
    found = await connection.execute(
        text("SELECT * FROM train_target WHERE train = :train ORDER BY place"), {"train": train}
    )
    return [_target(row) for row in found]


async def target(connection: AsyncConnection, train: str, environment: str) -> TrainTarget | None:
    found = await connection.execute(
        text("SELECT * FROM train_target WHERE train = :train AND environment = :environment"),
        {"train": train, "environment": environment},
    )
    row = found.one_or_none()
    return None if row is None else _target(row)


async def set_state(
    connection: AsyncConnection,
    name: str,
    state: TrainState,
    *,
    ring: str | None = None,
    why: str = "",
    ended: str = "",
) -> None:
    await connection.execute(
        text(
            "UPDATE train SET state = :state, ring = coalesce(CAST(:ring AS text), ring),"
            " why = CASE WHEN :why = '' THEN why ELSE :why END, ended = nullif(:ended, '')"
            " WHERE name = :name"
        ),
        {"name": name, "state": state.value, "ring": ring, "why": why, "ended": ended},
    )


async def set_passed(connection: AsyncConnection, name: str, ring: str) -> None:
    await connection.execute(
        text(
            "UPDATE train SET passed = passed || to_jsonb(CAST(:ring AS text))"
            " WHERE name = :name AND NOT passed @> to_jsonb(CAST(:ring AS text))"
        ),
        {"name": name, "ring": ring},
    )


async def set_abort(connection: AsyncConnection, name: str, actor: str) -> None:
    await connection.execute(
        text("UPDATE train SET abort_by = :actor WHERE name = :name AND abort_by = '' AND ended IS NULL"),
        {"name": name, "actor": actor},
    )


async def set_target(
    connection: AsyncConnection,
    train: str,
    environment: str,
    state: TargetState,
    *,
    change: str | None = None,
    back: str | None = None,
    why: str | None = None,
    baseline: dict[str, int] | None = None,
    ended: str | None = None,
) -> None:
    """A target that ends its change gets the next number, by which the newest is known."""
    await connection.execute(
        text(
            "UPDATE train_target SET state = :state, change = coalesce(CAST(:change AS text), change),"
            " back = coalesce(CAST(:back AS text), back), why = coalesce(CAST(:why AS text), why),"
            " baseline = coalesce(CAST(:baseline AS jsonb), baseline),"
            " ended = coalesce(CAST(:ended AS text), ended),"
            " finished = CASE WHEN :state = 'done' AND finished IS NULL THEN"
            " (SELECT coalesce(max(finished), 0) + 1 FROM train_target WHERE train = :train) ELSE finished END"
            " WHERE train = :train AND environment = :environment"
        ),
        {
            "train": train,
            "environment": environment,
            "state": state.value,
            "change": change,
            "back": back,
            "why": why,
            "baseline": None if baseline is None else json.dumps(baseline),
            "ended": ended,
        },
    )


def _train(row: Row[Any]) -> Train:
    return Train(
        name=row.name,
        intent=row.intent,
        application=row.application,
        release=row.release,
        artefact=row.artefact,
        actor=row.actor,
        started=row.started,
        ended=row.ended,
        state=TrainState(row.state),
        ring=row.ring,
        why=row.why,
        abort_by=row.abort_by,
        rings=tuple(RingPolicy.from_data(ring) for ring in row.rings),
        passed=tuple(row.passed),
    )


def _target(row: Row[Any]) -> TrainTarget:
    return TrainTarget(
        train=row.train,
        environment=row.environment,
        ring=row.ring,
        place=row.place,
        state=TargetState(row.state),
        change=row.change or "",
        back=row.back,
        why=row.why,
        finished=row.finished,
        ended=row.ended or "",
        baseline=row.baseline,
        from_release=row.from_release,
    )
