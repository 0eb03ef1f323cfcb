"""SQL of the ledger. It only ever inserts and selects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from plantroom.kernel.digest import canonical
from plantroom.ledger.model import Draft, Entry, Phase, Stored

_COLUMNS = "seq, at, actor, verb, subject, phase, key, payload, leaf"

_APPEND = text("SELECT ledger_append(:at, :actor, :verb, :subject, :phase, :key, :payload, :head, :tail)")
_OPEN = text(f"SELECT {_COLUMNS} FROM journal_open(:key)")
_CLOSE = text("SELECT journal_close(:key)")


async def append(connection: AsyncConnection, drafts: Sequence[Draft], at: str) -> None:
    """Give the drafts their places and write them, in the caller's transaction.

    Raises sqlalchemy's IntegrityError when a key has that phase already.
    """
    for draft in drafts:
        head, tail = draft.around_place(at)
        await connection.execute(
            _APPEND,
            {
                "at": at,
                "actor": draft.actor,
                "verb": draft.verb,
                "subject": draft.subject,
                "phase": draft.phase.value,
                "key": draft.key,
                "payload": canonical(dict(draft.payload)).decode(),
                "head": head,
                "tail": tail,
            },
        )


async def open_step(connection: AsyncConnection, key: str) -> dict[Phase, Entry]:
    """What there is of a step, by phase. Without an outcome the step is locked for this session, until `close_step` or
    until the connection or its process ends."""
    entries = [_stored(row).entry for row in await connection.execute(_OPEN, {"key": key})]
    return {entry.phase: entry for entry in entries}


async def close_step(connection: AsyncConnection, key: str) -> None:
    """The step stays locked to the end of the caller's transaction, and no longer."""
    await connection.execute(_CLOSE, {"key": key})


async def find(connection: AsyncConnection, key: str, phase: Phase) -> Entry | None:
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM ledger_entry WHERE key = :key AND phase = :phase"),
        {"key": key, "phase": phase.value},
    )
    row = found.one_or_none()
    return None if row is None else _stored(row).entry


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
