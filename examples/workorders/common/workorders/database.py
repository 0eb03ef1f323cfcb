"""The connection pool of an instance: small, since many instances share one database engine."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

MAX_CONNECTIONS = 4
"""Per instance. The engine's limit divided by all instances that share it, old and new ones during a release."""
WAIT_S = 10
"""How long a request waits for a connection, which is also how long a restart of the engine may take unnoticed."""

Pool = AsyncConnectionPool[AsyncConnection[DictRow]]
Row = dict[str, Any]


def make_pool(url: str) -> Pool:
    """A pool that is not open yet. Each connection is tried before it is handed out, so one that a restart of the
    engine has broken is replaced instead of failing a request."""
    return AsyncConnectionPool(
        url,
        connection_class=AsyncConnection[DictRow],
        kwargs={"autocommit": True, "row_factory": dict_row, "application_name": "workorders web"},
        min_size=1,
        max_size=MAX_CONNECTIONS,
        timeout=WAIT_S,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
