"""SQL of tenancy: observations and the estate's generations."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def keep_observation(connection: AsyncConnection, id: str, at: str, seen: Any) -> None:
    """The newest replaces those before it: only plans that are being made need one."""
    await connection.execute(text("DELETE FROM observation WHERE at < :before"), {"before": at[:10]})
    await connection.execute(
        text("INSERT INTO observation (id, at, seen) VALUES (:id, :at, :seen) ON CONFLICT (id) DO NOTHING"),
        {"id": id, "at": at, "seen": json.dumps(seen)},
    )


async def observation(connection: AsyncConnection, id: str) -> Any:
    """None when there is none."""
    found = await connection.execute(text("SELECT seen FROM observation WHERE id = :id"), {"id": id})
    return found.scalar_one_or_none()


async def generation(connection: AsyncConnection) -> tuple[int, str]:
    """How many applies have ended, and the digest of the files of the last one ("" before the first)."""
    found = await connection.execute(
        text("SELECT generation, content FROM estate_generation ORDER BY generation DESC LIMIT 1")
    )
    row = found.one_or_none()
    return (0, "") if row is None else (row.generation, row.content)


async def end_generation(
    connection: AsyncConnection, digest: str, commit: str, content: str, actor: str, at: str
) -> None:
    await connection.execute(
        text(
            "INSERT INTO estate_generation (generation, digest, git_commit, content, actor, at)"
            " SELECT coalesce(max(generation), 0) + 1, :digest, :commit, :content, :actor, :at FROM estate_generation"
            " ON CONFLICT (digest) DO NOTHING"
        ),
        {"digest": digest, "commit": commit, "content": content, "actor": actor, "at": at},
    )
