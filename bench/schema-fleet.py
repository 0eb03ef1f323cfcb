"""Bench `schema-fleet`: a migration of ten statements on 300 and on 1,000 databases of 30 tables in one PostgreSQL.

Ours is the runner as it is: journal in each database, fingerprint before and after, state and ledger in the control
plane; without Temporal, which a run asks for a handful of batches. The peers: bare asyncpg with the same statements and
a row of its own; the same with what Plantroom asks the catalogue; Alembic's command, on some of the databases.

Run from the project's root: `python -m bench.schema-fleet`."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from bench.record import row, write
from temporalio.testing import ActivityEnvironment

from plantroom.delivery.schema import fingerprint, fleet_model, store
from plantroom.delivery.schema.activities import Activities
from plantroom.delivery.schema.clones import Clones
from plantroom.delivery.schema.fleet import Fleet, seen
from plantroom.delivery.schema.fleet_model import RunState, Work
from plantroom.delivery.schema.proving import Schemas
from plantroom.estate.changes import Status
from plantroom.kernel.digest import sha256
from plantroom.kernel.verdict import Refused
from plantroom.ledger.service import Ledger
from plantroom.platforms.contract import DatabasePoolSpec, DatabaseSpec, Limits, Rows, Run, Script, ScriptSeen
from plantroom.platforms.local.balancer import LocalPorts
from plantroom.platforms.local.databases import database_name
from plantroom.platforms.local.platform import LocalPlatform
from plantroom.rollout import store as rollout_store
from plantroom.rollout.model import Target
from plantroom.runtime import clock
from plantroom.runtime.database import Database, migrate
from plantroom.runtime.postgres import SUPERUSER, Cluster

SIZES = (300, 1000)
TABLES = 30
STATEMENTS = 10
CONNECTIONS = 8
PER_POOL = 4
ALEMBIC = 20
POOL = "data"
PEERS = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "plantroom-bench" / "schema-fleet"
PACKAGES = ("asyncpg==0.31.*", "alembic==1.17.*", "sqlalchemy==2.0.*", "psycopg[binary]==3.2.*")
PEER = Path(__file__).parent / "schema_fleet_peer.py"

_ENV = """
from alembic import context
from sqlalchemy import create_engine
engine = create_engine(context.get_x_argument(as_dictionary=True)["url"])
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


def schema() -> str:
    parts = ["CREATE TABLE ledger (id bigint GENERATED ALWAYS AS IDENTITY, release text NOT NULL);"]
    for number in range(TABLES):
        parent = f"REFERENCES t{number - 1}" if number else ""
        parts.append(
            f"CREATE TABLE t{number} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL,"
            f" state text DEFAULT 'new' CHECK (state <> ''), amount numeric(12,2), made timestamptz DEFAULT now(),"
            f" parent bigint {parent});"
            f" CREATE INDEX ON t{number} (name); CREATE INDEX ON t{number} (parent, made);"
        )
    return "\n".join(parts)


def statements(who: str) -> list[str]:
    """Of the same kind for everyone, each with names of its own."""
    return [f"ALTER TABLE public.t{number} ADD COLUMN {who} text DEFAULT 'x'" for number in range(STATEMENTS)]


class OneRelease:
    """What the runner asks the artefact room for: one release with one script."""

    def __init__(self, script: Script) -> None:
        self.script = script

    async def scripts_due(
        self, _digest: str, recorded: Sequence[ScriptSeen], _running: Collection[str] = ()
    ) -> tuple[Script, ...] | Refused:
        return () if any(one.release == self.script.release for one in recorded) else (self.script,)

    async def application_of(self, _digest: str) -> str | None:
        return None

    async def left_by(self, _application: str, _recorded: Sequence[ScriptSeen]) -> tuple[str, Script | None]:
        return "", None

    async def find(self, _application: str, _version: str) -> str | None:
        return None


class Grounds:
    """A control plane and a pool with databases, in a directory of their own."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="pr-", dir="/tmp"))
        self.home.chmod(0o711)
        self.platform = LocalPlatform(self.home, None, LocalPorts(1, 2))  # type: ignore[arg-type] - no workloads here
        self.control = Cluster(self.home / "control", self.home / "run", "control")
        self.made = 0

    async def begin(self) -> None:
        await asyncio.to_thread(self.control.start)
        migrate(self.control.url(SUPERUSER, "postgres"))
        self.database = Database(self.control.url(SUPERUSER, "postgres"))
        self.ledger = Ledger(self.database, self.home / "ledger", "bench", clock.now)
        await self.platform.databases.create_pool(DatabasePoolSpec(POOL, "here"))

    async def grow(self, count: int) -> list[str]:
        """Environments, each with its database and the first schema; as many as asked for."""
        sql = schema()
        first = Script("1.0", sha256(sql.encode()), sql)
        slots = asyncio.Semaphore(PER_POOL)

        async def one(name: str) -> None:
            async with slots:
                spec = DatabaseSpec(POOL, name)
                await self.platform.databases.create(spec)
                await self.platform.databases.apply(spec, first, Limits(2000))

        names = [f"c{self.made + number:05}/production" for number in range(count)]
        self.made += count
        await asyncio.gather(*(one(name) for name in names))
        async with self.database.transaction() as connection:
            for name in names:
                target = Target(name, Status.LIVE, "all", "app", "1.0", "", "", "", (), POOL, False, ())
                await rollout_store.keep(connection, target, "bench", "2027-01-01T00:00:00Z")
        return names

    async def end(self) -> None:
        await self.database.close()
        await self.platform.databases.shutdown()
        await asyncio.to_thread(self.control.stop)
        shutil.rmtree(self.home, ignore_errors=True)

    async def ours(self, names: Sequence[str], script: Script, label: str) -> float:
        """Seconds of a run over these databases. RuntimeError when one of them did not end well."""
        fleet = Fleet(self.database, self.platform, releases := OneRelease(script), CLONES, clock.now)
        steps = Activities(self.database, self.ledger, self.platform, releases, fleet, CLONES, clock.now)
        work = Work("bench", "artefact", None, 0, PER_POOL, 1)
        run = fleet_model.Run(label, label, "bench", "2027-01-01T00:00:00Z", None, RunState.RUNNING, "", work)
        databases = [(name, POOL) for name in names]
        async with self.database.transaction() as connection:
            body = {"work": work.as_data()}
            await rollout_store.add_intent(connection, label, "schema run", "bench", run.started, body)
            await store.add_run(connection, run, databases)
        began = time.perf_counter()
        while (batch := await ActivityEnvironment().run(steps.batch, label)).left and not batch.stop:
            pass
        seconds = time.perf_counter() - began
        if batch.stop:
            raise RuntimeError(batch.stop)
        async with self.database.transaction() as connection:
            await store.end_run(connection, label, RunState.DONE, "", run.started)
        return seconds

    async def script(self, name: str, release: str) -> Script:
        """Ours, with the fingerprints that it begins and ends at, found out on the first database."""
        spec, text = DatabaseSpec(POOL, name), ";\n".join(statements(f"ours_{release.replace('.', '_')}"))
        begins = seen(await self.platform.databases.ask(spec, fingerprint.of_fleet))
        plain = Script(release, sha256(text.encode()), text)
        await self.platform.databases.apply(spec, plain, Limits(2000))
        ends = seen(await self.platform.databases.ask(spec, fingerprint.of_fleet))
        return Script(release, plain.sha256, text, (), begins, ends)

    def peer(self, kind: str, names: Sequence[str], who: str, *, check: Sequence[str] = ()) -> dict[str, float]:
        cluster = self.platform.databases.pools()[0].cluster
        directory = self.home / who
        directory.mkdir()
        given = directory / "given.json"
        given.write_text(
            json.dumps(
                {
                    "host": cluster.environment()["PGHOST"],
                    "user": SUPERUSER,
                    "databases": [database_name(name) for name in names],
                    "statements": statements(who),
                    "release": who,
                    "connections": CONNECTIONS,
                    "check": list(check),
                    "directory": str(directory),
                }
            )
        )
        if kind == "alembic":
            _alembic(directory, who)
        command = [str(PEERS / "bin" / "python"), str(PEER), kind, str(given)]
        ran = subprocess.run(command, check=True, capture_output=True, text=True)
        found: dict[str, float] = json.loads(ran.stdout)
        return found


CLONES = Clones(Schemas(Path("/nonexistent")))
"""Nothing is accepted here, so that none is ever made."""


def _alembic(directory: Path, who: str) -> None:
    (directory / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    (directory / "migrations" / "versions").mkdir(parents=True)
    (directory / "migrations" / "env.py").write_text(_ENV)
    body = "".join(f"    op.execute({one!r})\n" for one in statements(who))
    (directory / "migrations" / "versions" / "one.py").write_text(
        f"from alembic import op\nrevision = '1'\ndown_revision = None\n\n\ndef upgrade():\n{body}"
    )


def _install() -> None:
    uv = Path(sys.executable).parent / "uv"
    if not (PEERS / "bin" / "python").exists():
        subprocess.run([str(uv), "venv", "--quiet", "--python", sys.executable, str(PEERS)], check=True)
    subprocess.run([str(uv), "pip", "install", "--quiet", "--python", str(PEERS), *PACKAGES], check=True)


async def _check(grounds: Grounds, name: str) -> list[str]:
    """What Plantroom asks a database, one query each, with `ROLE` for the name of its role."""
    asked: list[str] = []

    async def question(version: int, role: str, run: Run) -> Rows:
        async def noted(text: str) -> Rows:
            asked.append(text.replace(f"'{role}'", "'ROLE'"))
            return await run(text)

        return await fingerprint.of_fleet(version, role, noted)

    await grounds.platform.databases.ask(DatabaseSpec(POOL, name), question)
    return asked


async def measure(grounds: Grounds, count: int) -> list[dict[str, Any]]:
    print(f"making {count} databases of {TABLES} tables", flush=True)
    names = await grounds.grow(count)
    name, unit = f"schema-fleet-{count}", "s"
    bare = await asyncio.to_thread(grounds.peer, "asyncpg", names, f"bare_{count}")
    check = await _check(grounds, names[0])
    checked = await asyncio.to_thread(grounds.peer, "asyncpg", names, f"checked_{count}", check=check)
    some = names[:ALEMBIC]
    alembic = await asyncio.to_thread(grounds.peer, "alembic", some, f"alembic_{count}")
    # The ones that Alembic has changed are not like the others any more.
    rest = names[ALEMBIC:]
    script = await grounds.script(rest[0], f"2.{count}")
    first = await grounds.ours(rest, script, f"first-{count}")
    second = await grounds.ours(rest, script, f"second-{count}")
    share = count / len(rest)
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        row(name, "bare asyncpg", [first * share], ("asyncpg", bare["seconds"]), unit=unit, better="lower"),
        row(name, "asyncpg, same checks", [first * share], ("asyncpg", checked["seconds"]), unit=unit, better="lower"),
        row(
            name,
            f"Alembic's command, by the rate on {ALEMBIC}",
            [first * share],
            ("alembic", alembic["seconds"] * count / ALEMBIC),
            unit=unit,
            better="lower",
        ),
        row(name, "again, nothing to do", [second * share], ("first run", first * share), unit=unit, better="lower"),
        row(name, "peak memory", [mib], ("asyncpg", bare["mib"]), unit="MiB", better="lower"),
    ]


async def run() -> None:
    _install()
    grounds = Grounds()
    rows: list[dict[str, Any]] = []
    try:
        await grounds.begin()
        for count in SIZES if len(sys.argv) < 2 else [int(one) for one in sys.argv[1:]]:
            rows += await measure(grounds, count)
    finally:
        await grounds.end()
    write("schema-fleet", rows)


if __name__ == "__main__":
    asyncio.run(run())
