"""SQL of the ledger. It only ever inserts and selects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from plantroom.kernel.digest import canonical
from plantroom.ledger.model import Draft, Entry, Phase, Stored

_APPEND_LOCK = 7002
"""Held to the end of the transaction, so that numbers are without gaps and in the order of commits."""

_COLUMNS = "seq, at, actor, verb, subject, phase, key, payload, leaf"


async def append(connection: AsyncConnection, drafts: Sequence[Draft], at: str) -> list[Entry]:
    """Give the drafts their places and write them, in the caller's transaction.

    Raises sqlalchemy's IntegrityError when a key has that phase already.
    """
    await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _APPEND_LOCK})
    first = (await connection.execute(text("SELECT coalesce(max(seq) + 1, 0) FROM ledger_entry"))).scalar_one()
    entries = [
        Entry(first + place, at, draft.actor, draft.verb, draft.subject, draft.phase, draft.key, draft.payload)
        for place, draft in enumerate(drafts)
    ]
    await connection.execute(
        text(
            f"INSERT INTO ledger_entry ({_COLUMNS})"
            " VALUES (:seq, :at, :actor, :verb, :subject, :phase, :key, :payload, :leaf)"
        ),
        [
            entry.as_data() | {"payload": canonical(dict(entry.payload)).decode(), "leaf": entry.leaf()}
            for entry in entries
        ],
    )
    return entries


async def lock(connection: AsyncConnection, key: str) -> None:
    """A lock of the session on this key; it goes with the connection when the process dies."""
    await connection.execute(text("SELECT pg_advisory_lock(hashtextextended(:key, 0))"), {"key": key})


async def unlock(connection: AsyncConnection, key: str) -> None:
    await connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:key, 0))"), {"key": key})


async def find(connection: AsyncConnection, key: str, phase: Phase) -> Entry | None:
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM ledger_entry WHERE key = :key AND phase = :phase"),
        {"key": key, "phase": phase.value},
    )
    row = found.one_or_none()
    return None if row is None else _stored(row).entry


async def phases(connection: AsyncConnection, key: str) -> dict[Phase, Entry]:
    """What there is of a step, by phase."""
    found = await connection.execute(text(f"SELECT {_COLUMNS} FROM ledger_entry WHERE key = :key"), {"key": key})
    entries = [_stored(row).entry for row in found]
    return {entry.phase: entry for entry in entries}


async def size(connection: AsyncConnection) -> int:
    found = await connection.execute(text("SELECT coalesce(max(seq) + 1, 0) FROM ledger_entry"))
    return int(found.scalar_one())


async def read(
    connection: AsyncConnection, *, start: int = 0, limit: int = 1 << 62, subject: str | None = None
) -> list[Stored]:
    """Entries from `start` on, in order; of one subject and what lies below it, if given."""
    found = await connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM ledger_entry WHERE seq >= :start"
            " AND (CAST(:subject AS text) IS NULL OR subject = :subject OR starts_with(subject, :subject || '/'))"
            " ORDER BY seq LIMIT :limit"
        ),
        {"start": start, "limit": limit, "subject": subject},
    )
    return [_stored(row) for row in found]


async def latest(connection: AsyncConnection, limit: int, subject: str | None = None) -> list[Stored]:
    """The last entries, oldest first."""
    found = await connection.execute(
        text(
            f"SELECT * FROM (SELECT {_COLUMNS} FROM ledger_entry"
            " WHERE CAST(:subject AS text) IS NULL OR subject = :subject OR starts_with(subject, :subject || '/')"
            " ORDER BY seq DESC LIMIT :limit) AS newest ORDER BY seq"
        ),
        {"limit": limit, "subject": subject},
    )
    return [_stored(row) for row in found]


def _stored(row: Row[Any]) -> Stored:
    entry = Entry(row.seq, row.at, row.actor, row.verb, row.subject, Phase(row.phase), row.key, json.loads(row.payload))
    return Stored(entry, bytes(row.leaf))
