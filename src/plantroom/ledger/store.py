"""SQL of the ledger. It only ever inserts and selects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from plantroom.kernel.digest import canonical
from plantroom.kernel.errors import LedgerError
from plantroom.ledger.model import COLUMNS, Draft, Phase, Stored

_COLUMNS = ", ".join((*COLUMNS, "leaf"))

_ENTRY = "ledger_append(:at, :actor, :verb, :subject, :phase, :key, :payload, :head, :tail)"
_APPEND = text(f"SELECT {_ENTRY}")
_APPEND_LAST = text(f"SELECT journal_close(:key), {_ENTRY}")
_OPEN = text(f"SELECT {_COLUMNS} FROM journal_open(:key)")


async def append(connection: AsyncConnection, drafts: Sequence[Draft], at: str) -> None:
    """Give the drafts their places and write them, in the caller's transaction.

    Raises sqlalchemy's IntegrityError when a key has that phase already.
    """
    for draft in drafts:
        await connection.execute(_APPEND, _given(draft, at))


async def append_last(connection: AsyncConnection, draft: Draft, at: str) -> None:
    """The outcome of a step: with it the step is locked to the end of the caller's transaction, and no longer."""
    await connection.execute(_APPEND_LAST, _given(draft, at))


def _given(draft: Draft, at: str) -> dict[str, Any]:
    head, tail = draft.around_place(at)
    return {
        "at": at,
        "actor": draft.actor,
        "verb": draft.verb,
        "subject": draft.subject,
        "phase": draft.phase.value,
        "key": draft.key,
        "payload": canonical(dict(draft.payload)).decode(),
        "head": head,
        "tail": tail,
    }


async def open_step(connection: AsyncConnection, key: str) -> list[Stored]:
    """What there is of a step. Without an outcome the step is locked for this session, until `append_last` or until the
    connection or its process ends."""
    return [_stored(row) for row in await connection.execute(_OPEN, {"key": key})]


async def find(connection: AsyncConnection, key: str, phase: Phase) -> Stored | None:
    found = await connection.execute(
        text(f"SELECT {_COLUMNS} FROM ledger_entry WHERE key = :key AND phase = :phase"),
        {"key": key, "phase": phase.value},
    )
    row = found.one_or_none()
    return None if row is None else _stored(row)


async def size(connection: AsyncConnection) -> int:
    found = await connection.execute(text("SELECT coalesce(max(seq) + 1, 0) FROM ledger_entry"))
    return int(found.scalar_one())


async def read(connection: AsyncConnection) -> list[Stored]:
    """All that is there, in order, also what has a number that is never given. Raises LedgerError PR506 when the table
    is not as Plantroom made it."""
    with _as_it_was_made():
        found = await connection.execute(text(f"SELECT {_COLUMNS} FROM ledger_entry ORDER BY seq"))
        return [_stored(row) for row in found]


async def latest(connection: AsyncConnection, limit: int, subject: str | None = None) -> list[Stored]:
    """The last entries, oldest first. Raises LedgerError PR506 as `read` does."""
    with _as_it_was_made():
        found = await connection.execute(
            text(
                f"SELECT * FROM (SELECT {_COLUMNS} FROM ledger_entry"
                " WHERE CAST(:subject AS text) IS NULL OR subject = :subject OR starts_with(subject, :subject || '/')"
                " ORDER BY seq DESC LIMIT :limit) AS newest ORDER BY seq"
            ),
            {"limit": limit, "subject": subject},
        )
        return [_stored(row) for row in found]


@contextmanager
def _as_it_was_made() -> Iterator[None]:
    """Whoever owns the database can rename the table, or put another in its place. A database that is away is none of
    that: SQLAlchemy has another error for it."""
    try:
        yield
    except OperationalError:
        raise
    except DatabaseError as error:
        said = str(error.orig).strip().splitlines()[0]
        value = f"the table of entries cannot be read ({said})"
        raise LedgerError("PR506", "the ledger", value=value, remedy="See `plantroom ledger verify`") from error


def _stored(row: Row[Any]) -> Stored:
    return Stored.of(row._asdict(), row.leaf)
