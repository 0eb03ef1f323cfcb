"""Whether this instance can serve: its database, its file store, and whatever a release relies on beyond them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from psycopg import Error

from workorders.database import Pool
from workorders.features import Check

WAIT_S = 2
"""Shorter than a request waits: a health check is asked again soon, and a late answer is no answer."""


async def examine(pool: Pool, file_store: Path, checks: Sequence[tuple[str, Check]]) -> Mapping[str, str]:
    """By name of the check, "ok" or in words what is wrong. Never raises because a part is down."""
    result = {"database": "ok"}
    try:
        async with pool.connection(timeout=WAIT_S) as connection:
            await connection.execute("SELECT 1 FROM work_orders LIMIT 1")
    except Error as error:
        result["database"] = " ".join(str(error).split()) or type(error).__name__
    result["file store"] = _usable(file_store) or "ok"
    if result["database"] == "ok":
        for name, check in checks:
            try:
                result[name] = await check(pool) or "ok"
            except Error as error:
                result[name] = " ".join(str(error).split())
    return result


def _usable(directory: Path) -> str | None:
    if directory.is_dir() and os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return None
    return f"{directory} is not a directory that can be written to"
