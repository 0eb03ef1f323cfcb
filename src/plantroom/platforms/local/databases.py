"""Database pools on this machine: each one PostgreSQL cluster; each environment a database and a role in it.

All environments' processes run under one account here, and that account may act as any role. What this keeps apart is
mistakes, not attackers: a wrong address or a forgotten filter cannot reach another client's data.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection, sql

from plantroom.kernel.digest import sha256
from plantroom.kernel.errors import EngineError, PlatformError
from plantroom.platforms.contract import (
    Answer,
    Check,
    DatabasePoolSeen,
    DatabasePoolSpec,
    DatabaseSeen,
    DatabaseSpec,
    Limits,
    PoolLoad,
    Question,
    Script,
    ScriptSeen,
)
from plantroom.platforms.local import isolation, records
from plantroom.platforms.local.reviving import each
from plantroom.platforms.local.scripts import PREPARE, RECORDED, Connection, apply_script, ask
from plantroom.runtime.postgres import SUPERUSER, Cluster

LONGEST_NAME = 63
"""Bytes of an identifier in PostgreSQL (NAMEDATALEN - 1); longer ones would be cut off silently."""
LONGEST_SOCKET_NAME = 107
"""Bytes of a Unix socket's path, unix(7)."""
CONNECT_TIMEOUT_S = 10
AT_ONCE = 8
"""Databases that are looked into at the same time when a pool is observed."""
_NO_ROOM = re.compile("too many (clients|connections)|remaining connection slots")
_CATALOG = "pg_catalog,pg_temp"
"""The superuser's search path: nothing that an environment made in its database is run by name. Were it not named, what
is temporary would come first (PostgreSQL, "search_path"), and a script may have made a view that is called pg_class."""
_LOAD = """
    SELECT count(*) FILTER (WHERE state = 'active' AND usename <> %s), count(*),
        pg_catalog.current_setting('max_connections')::int
    FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend'
"""
_MARK = "plantroom environment "
"""The comment on a database begins with this; it is written last, so a database that has it is complete."""


class Pool:
    def __init__(self, directory: Path, run: Path) -> None:
        self.name = directory.name
        self.directory = directory
        self.cluster = Cluster(directory, run, _socket_name(run, directory.name))

    def declared(self) -> dict[str, Any] | None:
        return records.read(self.directory / "pool.json")

    @asynccontextmanager
    async def signed_in(self, database: str, role: str, path: str) -> AsyncIterator[Connection]:
        """Each statement its own transaction. Raises PlatformError PR401 for a database that is not there, PR403 for a
        pool that has no connection left, PR404 for one that does not answer."""
        subject = f"database {database} in pool {self.name}"
        try:
            connection = await AsyncConnection.connect(
                self.cluster.url(role, database),
                autocommit=True,
                connect_timeout=CONNECT_TIMEOUT_S,
                options=f"-c search_path={path}",
                # A script can put a statement of its own in the place of one that is prepared.
                prepare_threshold=None,
            )
        except psycopg.OperationalError as error:
            raise PlatformError(_refused(str(error), database), subject, value=str(error).strip()) from error
        async with connection:
            yield connection

    @asynccontextmanager
    async def connected(self, database: str) -> AsyncIterator[Connection]:
        """As superuser. Raises PlatformError as `signed_in` does, and as `told`."""
        with self.told(database):
            async with self.signed_in(database, SUPERUSER, _CATALOG) as connection:
                yield connection

    @contextmanager
    def told(self, database: str) -> Iterator[None]:
        """PlatformError PR404 for a connection that is lost, PR405 for a statement that fails."""
        subject = f"database {database} in pool {self.name}"
        try:
            yield
        except psycopg.OperationalError as error:
            raise PlatformError("PR404", subject, value=str(error).strip()) from error
        except psycopg.Error as error:
            raise PlatformError("PR405", subject, value=str(error).strip()) from error


class LocalInside:
    """The contract's Inside. Only what it does itself is told as the pool's failure, and not what a caller does between
    two of its calls."""

    def __init__(self, pool: Pool, spec: DatabaseSpec, connection: Connection) -> None:
        self._pool = pool
        self._environment = spec.environment
        self._name = database_name(spec.environment)
        self._connection = connection

    async def scripts(self) -> Sequence[ScriptSeen]:
        with self._pool.told(self._name):
            return await _recorded(self._connection)

    async def apply(self, script: Script, limits: Limits, check: Check | None = None) -> bool:
        if sha256(script.sql.encode()) != script.sha256.removeprefix("sha256:"):
            raise PlatformError(
                "PR405", f"script of {script.release}", value="does not have the hash that it is declared with"
            )
        as_role = partial(self._pool.signed_in, self._name, self._name, "public")
        with self._pool.told(self._name):
            # Of the script before: settings, temporary tables, locks.
            await self._connection.execute("DISCARD ALL")
            return await apply_script(self._connection, as_role, self._environment, self._name, script, limits, check)

    async def ask(self, question: Question) -> Answer:
        with self._pool.told(self._name):
            return await ask(self._connection, question, self._name)


class LocalDatabases:
    """The contract's Databases."""

    def __init__(self, home: Path, run: Path) -> None:
        self._root = home / "pools"
        self._run = run

    def pools(self) -> list[Pool]:
        """Every declared pool, by name."""
        if not self._root.is_dir():
            return []
        return [Pool(path.parent, self._run) for path in sorted(self._root.glob("*/pool.json"))]

    async def observe_pools(self) -> Sequence[DatabasePoolSeen]:
        found = [(pool, pool.declared()) for pool in self.pools()]
        return [
            DatabasePoolSeen(pool.name, declared["region"], pool.cluster.alive())
            for pool, declared in found
            if declared is not None
        ]

    async def load(self, pool: str) -> PoolLoad:
        async with Pool(self._root / pool, self._run).connected("postgres") as connection:
            row = await (await connection.execute(_LOAD, (SUPERUSER,))).fetchone()
        assert row is not None
        return PoolLoad(*row)

    async def create_pool(self, spec: DatabasePoolSpec) -> DatabasePoolSeen:
        pool = Pool(self._root / spec.name, self._run)
        # One lock for all, because the first one also unpacks the engine for the others.
        async with records.locked(self._root / ".lock"):
            declared = pool.declared()
            if declared is not None and declared["region"] != spec.region:
                raise PlatformError(
                    "PR402",
                    f"database pool {spec.name}",
                    value=f"exists in region {declared['region']}",
                    limit=f"asked for region {spec.region}",
                )
            pool.directory.mkdir(parents=True, exist_ok=True)
            records.write(pool.directory / "pool.json", {"name": spec.name, "region": spec.region})
            await _start(pool)
        return DatabasePoolSeen(spec.name, spec.region, running=True)

    async def observe(self) -> Sequence[DatabaseSeen]:
        parts = await asyncio.gather(*(self._in(pool) for pool in self.pools() if pool.cluster.alive()))
        return sorted((seen for part in parts for seen in part), key=lambda seen: (seen.pool, seen.environment))

    @asynccontextmanager
    async def enter(self, spec: DatabaseSpec) -> AsyncIterator[LocalInside]:
        pool = self._pool(spec.pool)
        async with pool.signed_in(database_name(spec.environment), SUPERUSER, _CATALOG) as connection:
            yield LocalInside(pool, spec, connection)

    async def scripts(self, spec: DatabaseSpec) -> Sequence[ScriptSeen]:
        async with self.enter(spec) as inside:
            return await inside.scripts()

    async def create(self, spec: DatabaseSpec) -> None:
        pool, name = self._pool(spec.pool), database_name(spec.environment)
        role = sql.Identifier(name)
        async with records.locked(pool.directory / f".{name}.lock"), pool.connected("postgres") as connection:
            there = await isolation.look(connection, name)
            whole = there is not None and there.mark == _MARK + spec.environment and there.role
            if there is not None and whole and there.open and not there.wrong:
                return
            if await _first(connection, "SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s", name) is None:
                await connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION").format(role)
                )
            if there is None:
                # Closed until others are kept out, since PostgreSQL lets everyone into a new database.
                # With an empty template, the strategy without a checkpoint takes a third of the time of the other one.
                statement = "CREATE DATABASE {} ALLOW_CONNECTIONS false STRATEGY wal_log"
                await connection.execute(sql.SQL(statement).format(role))
            await isolation.put_right(connection, name)
            if whole:
                return
            async with pool.connected(name) as inside, inside.transaction():
                for statement in PREPARE:
                    await inside.execute(sql.SQL(statement).format(role=role))
                mark = sql.SQL("COMMENT ON DATABASE {} IS {}").format(role, sql.Literal(_MARK + spec.environment))
                await inside.execute(mark)

    async def apply(self, spec: DatabaseSpec, script: Script, limits: Limits, check: Check | None = None) -> bool:
        async with self.enter(spec) as inside:
            return await inside.apply(script, limits, check)

    async def ask(self, spec: DatabaseSpec, question: Question) -> Answer:
        async with self.enter(spec) as inside:
            return await inside.ask(question)

    async def schema(self, spec: DatabaseSpec) -> str:
        return await self._dump(spec, "--schema-only", "--no-owner", "--exclude-schema=plantroom")

    async def dump(self, spec: DatabaseSpec, destination: Path) -> None:
        destination.parent.mkdir(parents=True, exist_ok=True)
        making = destination.with_name(f".{destination.name}.{os.getpid()}.partial")
        try:
            await self._dump(spec, "--format=custom", f"--file={making}")
            _to_disk(making)
            making.replace(destination)
        finally:
            making.unlink(missing_ok=True)

    async def _dump(self, spec: DatabaseSpec, *options: str) -> str:
        pool, name = self._pool(spec.pool), database_name(spec.environment)
        process = await asyncio.create_subprocess_exec(
            str(pool.cluster.binary("pg_dump")),
            *(*options, "--no-password", f"--dbname={name}"),
            env=pool.cluster.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            output, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            text = errors.decode(errors="replace").strip()
            raise PlatformError(_refused(text, name, "PR405"), f"dump of {spec.environment}", value=text)
        return output.decode()

    async def drop(self, spec: DatabaseSpec) -> None:
        pool = Pool(self._root / spec.pool, self._run)
        if pool.declared() is None:
            return
        name = database_name(spec.environment)
        async with records.locked(pool.directory / f".{name}.lock"), pool.connected("postgres") as connection:
            await connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            await connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))

    def variables(self, spec: DatabaseSpec) -> Mapping[str, str]:
        name = database_name(spec.environment)
        return {"DATABASE_URL": Pool(self._root / spec.pool, self._run).cluster.url(name, name)}

    async def revive(self) -> list[str]:
        """Start every declared pool that does not run, and keep the logs of all short."""
        pools = self.pools()
        for pool in pools:
            pool.cluster.keep_log_short()
        return await each(self._revive(pool) for pool in pools if not pool.cluster.alive())

    async def _revive(self, pool: Pool) -> list[str]:
        async with records.locked(self._root / ".lock"):
            if pool.cluster.alive():
                return []
            await _start(pool)
        return [f"database pool {pool.name}"]

    async def shutdown(self) -> None:
        await asyncio.gather(*(asyncio.to_thread(pool.cluster.stop) for pool in self.pools()))

    def _pool(self, name: str) -> Pool:
        pool = Pool(self._root / name, self._run)
        if pool.declared() is None:
            raise PlatformError("PR401", f"database pool {name}", value="is not there")
        return pool

    async def _in(self, pool: Pool) -> list[DatabaseSeen]:
        async with pool.connected("postgres") as connection:
            found = await isolation.look_at_all(connection, _MARK)
        limit = asyncio.Semaphore(AT_ONCE)

        async def look(kept: isolation.Kept) -> DatabaseSeen | None:
            async with limit:
                try:
                    async with pool.connected(kept.name) as inside:
                        scripts = await _recorded(inside)
                except PlatformError as error:
                    if error.code == "PR401":
                        return None
                    raise
            return DatabaseSeen(pool.name, (kept.mark or "").removeprefix(_MARK), scripts, kept.wrong)

        seen = await asyncio.gather(*(look(kept) for kept in found))
        return [one for one in seen if one is not None]


def database_name(environment: str) -> str:
    """`harbour/production` gives `harbour_production`: unique, since names of clients and stages have no underscore.
    One that is too long is cut and ends in a hash."""
    name = environment.replace("/", "_")
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 13]}_{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _socket_name(run: Path, pool: str) -> str:
    path = run / f"pg-{pool}" / ".s.PGSQL.5432"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_NAME:
        return pool
    return hashlib.sha256(pool.encode()).hexdigest()[:8]


def _refused(text: str, database: str, otherwise: str = "PR404") -> str:
    """The code for a connection that was refused; libpq gives no SQLSTATE for one."""
    if f'database "{database}" does not exist' in text:
        return "PR401"
    return "PR403" if _NO_ROOM.search(text) else otherwise


async def _start(pool: Pool) -> None:
    try:
        await asyncio.to_thread(pool.cluster.start)
    except EngineError as error:
        raise PlatformError("PR405", f"database pool {pool.name}", value=str(error)) from error


async def _first(connection: AsyncConnection[tuple[Any, ...]], query: str, *values: str) -> tuple[Any, ...] | None:
    return await (await connection.execute(query.encode(), values)).fetchone()


async def _recorded(inside: AsyncConnection[tuple[Any, ...]]) -> tuple[ScriptSeen, ...]:
    rows = await (await inside.execute(RECORDED)).fetchall()
    return tuple(ScriptSeen(release, digest) for release, digest in rows)


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
