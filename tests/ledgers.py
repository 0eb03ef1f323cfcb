"""A ledger to tamper with: entries in it, and what the owner of its database can do to them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
from fastapi import FastAPI

from plantroom.ledger import api, policy
from plantroom.ledger.model import Draft, Phase, Stored
from plantroom.ledger.service import Ledger
from plantroom.runtime.database import Database

NOW = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)


async def write(ledger: Ledger, database: Database, count: int, start: int = 0) -> None:
    async with database.transaction() as connection:
        for number in range(start, start + count):
            draft = Draft("ada", "test", f"thing/{number}", Phase.NOTE, f"key-{number}", {"number": number})
            await ledger.append(connection, draft)


def as_owner(url: str, statement: str, *values: Any) -> None:
    """What the database's owner can do, and the runtime cannot."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode(), values or None)


async def kinds(ledger: Ledger) -> set[str]:
    return {finding.kind for finding in (await ledger.verify()).findings}


async def told(ledger: Ledger) -> list[str]:
    return [f"{one.kind}: {one.detail}" for one in (await ledger.verify()).findings]


def told_of_copy(copy: dict[str, Any]) -> list[str]:
    """What a copy is found to be, once it has been to a file and back."""
    copy = json.loads(json.dumps(copy))
    key = policy.public_key(bytes.fromhex(copy["public_key"]))
    opened = policy.open_notes({f"{place}": note for place, note in enumerate(copy["checkpoints"])}, key)
    found = policy.verify([Stored.from_data(line) for line in copy["entries"]], *opened)
    return [f"{one.kind}: {one.detail}" for one in found.findings]


@asynccontextmanager
async def asking(ledger: Ledger) -> AsyncIterator[httpx.AsyncClient]:
    """The ledger's part of the API, in this process."""
    app = FastAPI()
    app.include_router(api.router(ledger))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://plantroom") as client:
        yield client
