"""State and ledger: one PostgreSQL, reached through SQLAlchemy Core and psycopg.

Connections act as `plantroom_runtime`, which may insert into and select from the ledger and nothing else there; the
role of the URL owns the tables and migrates them.
"""

from __future__ import annotations

import json
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from plantroom.kernel.errors import EngineError

RUNTIME_ROLE = "plantroom_runtime"
_SETTING = "PLANTROOM_DATABASE_URL"
"""Where a URL comes from that is none; what is embedded has a good one."""
_MIGRATIONS = Path(__file__).parent / "migrations"


def _url(url: str) -> URL:
    """Any libpq-style URL, with the psycopg driver. Raises EngineError PR804, which does not repeat it: there may be a
    password in it."""
    try:
        return make_url(url).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError) as error:
        raise EngineError(
            "PR804",
            _SETTING,
            value="is not a URL",
            limit="as in postgresql://ROLE:PASSWORD@HOST:5432/DATABASE",
        ) from error


class Database:
    """A pool of connections. `transaction` is the unit of work: all of it is committed, or none."""

    def __init__(self, url: str, connections: int = 20) -> None:
        self._engine = create_async_engine(
            _url(url),
            pool_size=connections,
            max_overflow=connections,
            pool_timeout=60,
            connect_args={"options": f"-c role={RUNTIME_ROLE} -c lock_timeout=60000 -c timezone=UTC"},
            json_serializer=lambda data: json.dumps(data, ensure_ascii=False),
        )
        event.listen(self._engine.sync_engine, "checkout", _refuse_ended)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        async with self._engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """For statements that must see one and the same instant. Nothing can be written."""
        async with self._engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """For statements that need not see the same instant: each is its own transaction, since one around them would
        take longer than most of them. Those that belong together go into `together`."""
        async with self._engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    async def close(self) -> None:
        await self._engine.dispose()


@asynccontextmanager
async def together(connection: AsyncConnection) -> AsyncIterator[None]:
    """One transaction in a connection of `Database.reading`."""
    await connection.commit()
    await connection.execution_options(isolation_level="READ COMMITTED")
    async with connection.begin():
        yield
    await connection.execution_options(isolation_level="AUTOCOMMIT")


def _refuse_ended(connection: Any, _record: Any, _proxy: Any) -> None:
    """An idle connection has nothing to say, unless its server has ended it. Costs no question to the server, as
    SQLAlchemy's own `pool_pre_ping` would at every use. Another connection is taken then."""
    idle = select.poll()
    idle.register(connection.driver_connection.fileno(), select.POLLIN)
    if idle.poll(0):
        raise DisconnectionError("the server has ended it")


def migrate(url: str) -> None:
    """Bring the control plane's own tables to this version's. Blocking. Raises EngineError when out of reach."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    engine = create_engine(_url(url))
    try:
        with engine.begin() as connection:
            # Two starting at once must not both migrate.
            connection.execute(text("SELECT pg_advisory_xact_lock(7001)"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as error:
        raise EngineError(
            "PR802",
            "the control plane's PostgreSQL",
            value=str(error.orig).strip().splitlines()[0],
            remedy="Check that it runs and that its URL is right (PLANTROOM_DATABASE_URL)",
        ) from error
    finally:
        engine.dispose()


def row_data(value: Any) -> Any:
    """JSON columns arrive as data already; text that holds JSON is parsed."""
    return json.loads(value) if isinstance(value, str) else value
