"""Bench `schema-writers`: how long writers wait at most while a migration runs under their load, by pgbench.

Each change is made as a release's is: generated, proven, in its safer form, run with a lock timeout and tried again.
The limit is that lock timeout and 100 ms. A change of type has no safer form: its hazard says that it rewrites the
table, and its row shows what the hazard is worth.

Run from the project's root: `python -m bench.schema-writers`."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from bench.record import row, write

from plantroom.delivery.schema.proving import Migrations, Schemas
from plantroom.kernel.errors import TRIED_AGAIN, PlatformError
from plantroom.platforms.contract import DatabasePoolSpec, DatabaseSpec, Limits, Script
from plantroom.platforms.local.databases import LocalDatabases, database_name
from plantroom.runtime.postgres import SUPERUSER

ROWS = 1_000_000
LOCK_TIMEOUT_MS = 1000
MARGIN_MS = 100
CLIENTS = 4
AROUND_S = 1.0
"""Seconds of load before and after a change."""
READER_S = 4.0
"""How long somebody else's transaction holds on to the table, in the case that has one."""
POOL = "data"

BRANCH = "CREATE TABLE branch (id integer PRIMARY KEY);"
ACCOUNT = "CREATE TABLE account (id integer PRIMARY KEY, branch integer, owner text, amount integer NOT NULL{});{}"
PLAIN = BRANCH + ACCOUNT.format("", "")
WRITER = r"""
\set id random(1, {rows})
UPDATE public.account SET amount = amount + 1 WHERE id = :id;
"""


@dataclass(frozen=True, slots=True)
class Case:
    what: str
    wanted: str
    reader: bool = False


CASES = (
    Case("a column with a default", BRANCH + ACCOUNT.format(", mood text NOT NULL DEFAULT 'fair'", "")),
    Case("a column, behind a long transaction", BRANCH + ACCOUNT.format(", more text", ""), reader=True),
    Case("NOT NULL", (BRANCH + ACCOUNT.format("", "")).replace("owner text", "owner text NOT NULL")),
    Case("a foreign key", BRANCH + ACCOUNT.format(", FOREIGN KEY (branch) REFERENCES branch", "")),
    Case("an index", BRANCH + ACCOUNT.format("", "CREATE INDEX account_owner ON account (owner);")),
    Case("a change of type (rewrites)", (BRANCH + ACCOUNT.format("", "")).replace("amount integer", "amount bigint")),
)


class Ground:
    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="pr-", dir="/tmp"))
        self.home.chmod(0o711)
        self.databases = LocalDatabases(self.home, self.home / "run")
        self.migrations = Migrations(Schemas(self.home))

    async def begin(self) -> None:
        await self.databases.create_pool(DatabasePoolSpec(POOL, "here"))

    async def end(self) -> None:
        await self.databases.shutdown()
        shutil.rmtree(self.home, ignore_errors=True)

    async def measure(self, number: int, case: Case) -> tuple[float, float]:
        """The longest that a writer waited, in milliseconds, and how long the change took."""
        spec = DatabaseSpec(POOL, f"c{number}/production")
        script, _ = await asyncio.to_thread(self.migrations.make, "2.0", PLAIN, case.wanted, ["fails with rows"])
        await self.databases.create(spec)
        first = await asyncio.to_thread(self.migrations.baseline, "1.0", PLAIN)
        await self.databases.apply(spec, first, Limits(LOCK_TIMEOUT_MS))
        name = database_name(spec.environment)
        cluster = self.databases.pools()[0].cluster
        with psycopg.connect(cluster.url(SUPERUSER, name), autocommit=True) as connection:
            connection.execute("INSERT INTO public.branch SELECT generate_series(1, 100)")
            connection.execute(
                "INSERT INTO public.account SELECT n, 1 + n %% 100, 'owner ' || n, 0 FROM generate_series(1, %s) n",
                (ROWS,),
            )
            connection.execute("VACUUM ANALYZE public.account")
            connection.execute("CHECKPOINT")
        async with self._load(cluster.environment(), cluster.binary("pgbench"), name, number) as waits:
            await asyncio.sleep(AROUND_S)
            began = asyncio.get_running_loop().time()
            reader = asyncio.create_task(self._read(spec)) if case.reader else None
            await asyncio.sleep(0.2)
            await self._apply(spec, script)
            took = asyncio.get_running_loop().time() - began
            if reader is not None:
                await reader
            await asyncio.sleep(AROUND_S)
        await self.databases.drop(spec)
        return max(waits), took

    async def _apply(self, spec: DatabaseSpec, script: Script) -> None:
        while True:
            try:
                await self.databases.apply(spec, script, Limits(LOCK_TIMEOUT_MS))
                return
            except PlatformError as error:
                if error.code not in TRIED_AGAIN:
                    raise
            await asyncio.sleep(0.2)

    async def _read(self, spec: DatabaseSpec) -> None:
        url = self.databases.variables(spec)["DATABASE_URL"]
        async with await psycopg.AsyncConnection.connect(url) as connection:
            await connection.execute("SELECT 1 FROM account LIMIT 1")
            await asyncio.sleep(READER_S)

    @contextlib.asynccontextmanager
    async def _load(
        self, environment: dict[str, str], pgbench: Path, name: str, number: int
    ) -> AsyncIterator[list[float]]:
        """Writers at work; their waits are there when it has ended."""
        directory = self.home / f"load-{number}"
        directory.mkdir()
        script = directory / "writer.sql"
        script.write_text(WRITER.format(rows=ROWS))
        command = [str(pgbench), "-n", "-c", str(CLIENTS), "-j", "1", "-T", "600", "-l", "-f", str(script), name]
        load = await asyncio.create_subprocess_exec(
            *command, cwd=directory, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        waits: list[float] = []
        try:
            yield waits
        finally:
            ended = load.returncode is not None
            if not ended:
                load.terminate()
                await load.wait()
            if ended:
                raise RuntimeError(f"pgbench ended by itself: {load.returncode}")
        for log in directory.glob("pgbench_log.*"):
            # client, transaction, microseconds, script, when, and its fraction (pgbench, "Per-Transaction Logging")
            waits += [int(line.split()[2]) / 1000 for line in log.read_text().splitlines() if len(line.split()) >= 6]


async def run() -> None:
    ground = Ground()
    rows: list[dict[str, Any]] = []
    limit = LOCK_TIMEOUT_MS + MARGIN_MS
    try:
        await ground.begin()
        for number, case in enumerate(CASES):
            longest, took = await ground.measure(number, case)
            print(f"{case.what}: {took:.1f} s", flush=True)
            other = ("lock timeout and 100 ms", float(limit))
            rows.append(row("schema-writers", case.what, [longest], other, unit="ms", better="lower"))
    finally:
        await ground.end()
    write("schema-writers", rows)


if __name__ == "__main__":
    asyncio.run(run())
