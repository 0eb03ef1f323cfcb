"""Running a release's SQL script once: step by step, each as the environment's role and with its record.

The records are in the schema `plantroom`, into which that role cannot write. A step that is a transaction is run by a
function that belongs to the role and has SECURITY DEFINER, because PostgreSQL lets nothing inside of such a function
take another role or end the transaction (CREATE FUNCTION, "Writing SECURITY DEFINER Functions Safely"; SET ROLE,
"Notes"): a script that says RESET ROLE or COMMIT fails, instead of going on as the superuser. What a script leaves in
the session outlives the function, though, and the superuser goes on in it: settings, cursors and deferred triggers are
got rid of before anything else is said. A statement that cannot be in a transaction is run by a connection that signs
in as the role, so that there is no other to go back to.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import AsyncConnection, sql

from plantroom.kernel.errors import PlatformError
from plantroom.platforms.contract import OUTSIDE, Answer, Check, Limits, Question, Rows, Script, Step

Connection = AsyncConnection[tuple[Any, ...]]
SignIn = Callable[[], AbstractAsyncContextManager[Connection]]
"""A connection as the environment's role."""

PREPARE = (
    "ALTER SCHEMA public OWNER TO {role}",
    "CREATE SCHEMA IF NOT EXISTS plantroom",
    "REVOKE ALL ON SCHEMA plantroom FROM PUBLIC",
    """
    CREATE TABLE IF NOT EXISTS plantroom.script (
        place integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        release text NOT NULL UNIQUE,
        sha256 text NOT NULL,
        applied timestamptz NOT NULL DEFAULT pg_catalog.now()
    )
    """,
)
"""In the environment's database, as superuser; each can be run again."""

RECORDED = "SELECT release, sha256 FROM plantroom.script ORDER BY place"

_STEPS = """
    CREATE TABLE IF NOT EXISTS plantroom.step (
        release text NOT NULL,
        place integer NOT NULL,
        sha256 text NOT NULL,
        done boolean NOT NULL,
        at timestamptz NOT NULL DEFAULT pg_catalog.now(),
        PRIMARY KEY (release, place)
    )
"""
"""Of scripts that are more than one step, and only while they are under way. Not `done`: it was begun, outside of a
transaction, and what came of it is not known."""
_STEP = """
    INSERT INTO plantroom.step (release, place, sha256, done) VALUES (%s, %s, %s, %s)
    ON CONFLICT (release, place) DO UPDATE SET done = excluded.done, at = excluded.at
"""

_WAITS = "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE pid = %s AND NOT granted)"
_LOCK = 7_201_117
"""Key of the advisory lock that lets one script at a time into a database; any number, the same for all."""
_ALONE = 7_201_118
"""The same, held by the connection that runs a statement outside of a transaction: it goes on when whoever started it
is killed."""
_LOOK_S = 0.05

_MAKE = """
    CREATE FUNCTION plantroom.run(script text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public, pg_temp
    AS $run$
    DECLARE
        touched bigint;
    BEGIN
        EXECUTE script;
        GET DIAGNOSTICS touched = ROW_COUNT;
        -- Here and not at the end of the transaction, where it would be the superuser who runs deferred triggers.
        SET CONSTRAINTS ALL IMMEDIATE;
        RETURN touched;
    END
    $run$
"""

_TAKEN_BACK = ("RESET ALL", "CLOSE ALL")
"""What a script has set stays set when its function is left, the search path too, and a cursor WITH HOLD is filled at
the commit, by the superuser. Neither statement looks anything up by name. RESET goes back to what the connection began
with; SET LOCAL would only hide what the script has set until the commit."""

_WAITING = """
    SELECT DISTINCT n.nspname, c.relname FROM pg_catalog.pg_trigger t
    JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE t.tgdeferrable AND c.relkind IN ('r', 'p', 'f')
"""
"""The tables that may have deferred triggers waiting."""
_PENDING = "ALTER TABLE ONLY {} RESET (autovacuum_enabled)"
"""Refused for a table of which a trigger waits. It is taken back at once."""

_BUSY = ("55P03", "40P01", "55006")
"""lock_not_available, deadlock_detected, object_in_use."""


async def apply_script(
    connection: Connection,
    sign_in: SignIn,
    environment: str,
    role: str,
    script: Script,
    limits: Limits,
    check: Check | None,
) -> bool:
    """True when it ran now. Raises PlatformError as the contract's `apply` does."""
    subject = f"script of {script.release} at {environment}"
    one = _One(connection, sign_in, subject, role, script, limits, check)
    try:
        return await one.run()
    except psycopg.Error as error:
        raise _translated(error, subject, limits) from error


async def ask(connection: Connection, question: Question, role: str) -> Answer:
    """What the question finds; nothing that it sets stays. Of one moment, unless it is asked in a transaction that has
    begun: then each of its queries has its own."""

    async def run(text: str) -> Rows:
        return await (await connection.execute(text.encode())).fetchall()

    alone = connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    async with connection.transaction(force_rollback=True):
        if alone:
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        version = connection.info.server_version // 10000
        return Answer(version, await question(version, role, run))


class _One:
    """One script on its way through one database."""

    def __init__(
        self,
        connection: Connection,
        sign_in: SignIn,
        subject: str,
        role: str,
        script: Script,
        limits: Limits,
        check: Check | None,
    ) -> None:
        self._connection = connection
        self._sign_in = sign_in
        self._subject = subject
        self._role = role
        self._script = script
        self._limits = limits
        self._check = check
        self._last = len(script.parts) - 1
        self._several = self._last > 0 or script.parts[0].alone

    async def run(self) -> bool:
        async with self._let_in():
            if await self._recorded():
                return False
            begun = await self._begun()
            for place, step in enumerate(self._script.parts):
                if begun.get(place):
                    continue
                if step.alone:
                    await self._alone(place, step, begun=place in begun)
                    continue
                while not await self._transaction(place, step):
                    pass
        return True

    @asynccontextmanager
    async def _let_in(self) -> AsyncIterator[None]:
        """Alone in the database, as scripts go. Asked for again and again instead of waited for: who waits holds a
        snapshot, for which CREATE INDEX CONCURRENTLY would wait in turn."""
        until = time.monotonic() + self._limits.lock_timeout_ms / 1000
        while not await self._alone_now():
            if time.monotonic() >= until:
                value, remedy = "another script, or an earlier run, is still at it", "Wait for it, and try again"
                raise PlatformError("PR403", self._subject, value=value, remedy=remedy)
            await asyncio.sleep(_LOOK_S)
        try:
            yield
        finally:
            if not self._connection.broken:
                await self._let_go(_LOCK)

    async def _alone_now(self) -> bool:
        if not await self._hold(_LOCK):
            return False
        if not self._several:
            return True
        if await self._hold(_ALONE):
            # It is for the connection that will run such a statement.
            await self._let_go(_ALONE)
            return True
        await self._let_go(_LOCK)
        return False

    async def _hold(self, key: int) -> bool:
        return await self._first("SELECT pg_catalog.pg_try_advisory_lock(%s)", key) == (True,)

    async def _let_go(self, key: int) -> None:
        await self._connection.execute("SELECT pg_catalog.pg_advisory_unlock(%s)", (key,))

    async def _recorded(self) -> bool:
        there = await self._first("SELECT sha256 FROM plantroom.script WHERE release = %s", self._script.release)
        if there is not None:
            self._same(there[0])
        return there is not None

    async def _begun(self) -> dict[int, bool]:
        """The steps of this script that are recorded, and whether each is done."""
        if not self._several:
            return {}
        await self._connection.execute(_STEPS)
        query = "SELECT place, sha256, done FROM plantroom.step WHERE release = %s"
        rows = await (await self._connection.execute(query, (self._script.release,))).fetchall()
        for _, recorded, _ in rows:
            self._same(recorded)
        return {place: done for place, _, done in rows}

    def _same(self, recorded: str) -> None:
        if recorded != self._script.sha256:
            raise PlatformError(
                "PR402",
                self._subject,
                value=f"another one was applied, {recorded}",
                limit=f"this one is {self._script.sha256}",
                remedy="One that is half run is taken back by `plantroom schema repair`",
            )

    async def _transaction(self, place: int, step: Step) -> bool:
        """True when the step is done, and recorded as such; a batch that has found rows is only committed."""
        connection = self._connection
        async with connection.transaction():
            await self._bound(connection)
            if place == 0:
                await self._before()
            await connection.execute(_MAKE)
            owner = sql.SQL("ALTER FUNCTION plantroom.run(text) OWNER TO {}").format(sql.Identifier(self._role))
            await connection.execute(owner)
            # PL/pgSQL would take a SELECT … INTO that comes last for its own. Rows are counted of a batch alone.
            touched = await self._run(step.sql if step.batch else f"{step.sql}\n;SELECT")
            for statement in _TAKEN_BACK:
                await connection.execute(statement)
            await self._bound(connection)
            await self._nothing_waits()
            await connection.execute("DROP FUNCTION plantroom.run(text)")
            if step.batch and touched != (0,):
                return False
            await self._record(place)
            return True

    async def _run(self, script: str) -> tuple[Any, ...] | None:
        """Locks that it holds already keep others out while it waits for the next one, so what it waits for all of them
        together is bounded, as `lock_timeout` bounds each."""
        running = asyncio.create_task(self._first("SELECT plantroom.run(%s)", script))
        limit_s = self._limits.lock_timeout_ms / 1000
        try:
            await asyncio.wait({running}, timeout=limit_s / 2)
            if not running.done():
                async with contextlib.AsyncExitStack() as stack:
                    own = None
                    with contextlib.suppress(psycopg.OperationalError):
                        own = await stack.enter_async_context(self._sign_in())
                    # Without a connection to look by, each wait is bounded all the same.
                    if own is not None:
                        await self._watch(own, running, limit_s)
            return await running
        finally:
            running.cancel()

    async def _watch(self, own: Connection, running: asyncio.Task[Any], limit_s: float) -> None:
        """Until it has ended, or is cut off for having waited for too long."""
        pid, looked = self._connection.info.backend_pid, time.monotonic()
        # If it waits at the first look, it may have done nothing else before.
        waited = limit_s / 2 if await self._waits(own, pid) else 0.0
        while not running.done():
            waits, now = await self._waits(own, pid), time.monotonic()
            waited += now - looked if waits else 0
            looked = now
            if waits and waited >= limit_s:
                await self._connection.cancel_safe()
                try:
                    await running
                except psycopg.errors.QueryCanceled as error:
                    raise psycopg.errors.LockNotAvailable("waited too long for all of its locks") from error
            await asyncio.wait({running}, timeout=_LOOK_S)

    async def _waits(self, own: Connection, pid: int) -> bool:
        return await (await own.execute(_WAITS, (pid,))).fetchone() == (True,)

    async def _nothing_waits(self) -> None:
        """No trigger is left for the commit: what one does there is no longer bound to the role's function. A trigger
        that defers others while it is run itself can leave some, whatever the function ends with."""
        connection = self._connection
        for names in await (await connection.execute(_WAITING)).fetchall():
            try:
                async with connection.transaction(force_rollback=True):
                    await connection.execute(sql.SQL(_PENDING).format(sql.Identifier(*names)))
            except psycopg.errors.ObjectInUse as error:
                value = f"a trigger on {'.'.join(names)} puts others off until the commit"
                raise PlatformError("PR405", self._subject, value=value, remedy="Have them run at once") from error

    async def _alone(self, place: int, step: Step, *, begun: bool) -> None:
        connection = self._connection
        if place == 0 and not begun:
            await self._before()
        async with self._sign_in() as own:
            await own.execute("SELECT pg_catalog.pg_advisory_lock(%s)", (_ALONE,))
            await self._bound(own, patient=bool(step.clear))
            if begun and await self._done(own, step):
                await self._record_alone(place)
                return
            if begun and step.clear:
                await own.execute(step.clear.encode())
            await connection.execute(_STEP, (self._script.release, place, self._script.sha256, False))
            try:
                # One statement by the protocol, and not by how somebody split a text.
                await own.execute(step.sql.encode(), prepare=False, binary=True)
            except psycopg.Error:
                if step.clear and not own.broken:
                    # Nothing half done stays behind a failure; what cannot be cleared now is when it is tried again.
                    await own.execute(step.clear.encode())
                raise
        await self._record_alone(place)

    async def _done(self, own: Connection, step: Step) -> bool:
        if not step.done:
            return False
        row = await (await own.execute(step.done.encode())).fetchone()
        return row is not None and row[0] is True

    async def _record_alone(self, place: int) -> None:
        async with self._connection.transaction():
            await self._record(place)

    async def _record(self, place: int) -> None:
        """In the transaction that is open. With the last step the whole script is recorded, and its steps go."""
        script = self._script
        if place < self._last:
            await self._connection.execute(_STEP, (script.release, place, script.sha256, True))
            return
        if self._check is not None:
            self._refuse(self._check.after(await ask(self._connection, self._check.question, self._role)))
        outside = script.release.startswith(OUTSIDE)
        if self._several or (
            outside and await self._first("SELECT pg_catalog.to_regclass('plantroom.step')") != (None,)
        ):
            await self._connection.execute(
                "DELETE FROM plantroom.step WHERE release = %s OR %s", (script.release, outside)
            )
        query = "INSERT INTO plantroom.script (release, sha256) VALUES (%s, %s)"
        await self._connection.execute(query, (script.release, script.sha256))

    async def _before(self) -> None:
        if self._check is not None:
            self._refuse(self._check.before(await ask(self._connection, self._check.question, self._role)))

    def _refuse(self, why: str) -> None:
        if why:
            remedy = "See `plantroom schema drift`; nothing of the step was kept"
            raise PlatformError("PR406", self._subject, value=why, remedy=remedy)

    async def _first(self, query: LiteralString, *values: object) -> tuple[Any, ...] | None:
        return await (await self._connection.execute(query, values)).fetchone()

    async def _bound(self, connection: Connection, *, patient: bool = False) -> None:
        """Within the transaction that is open; else for as long as the connection is."""
        local = "LOCAL " if connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS else ""
        limits = {
            "lock_timeout": 0 if patient else self._limits.lock_timeout_ms,
            "statement_timeout": self._limits.statement_timeout_ms,
        }
        for name, limit in limits.items():
            await connection.execute(sql.SQL(f"SET {local}{name} = {{}}").format(sql.Literal(f"{limit}ms")))


def _translated(error: psycopg.Error, subject: str, limits: Limits) -> PlatformError:
    text = str(error).strip()
    if error.sqlstate == "55P03":
        value, limit = "waited too long for a lock", f"{limits.lock_timeout_ms} ms"
        return PlatformError("PR403", subject, value=value, limit=limit, remedy="Try again")
    if error.sqlstate in _BUSY:
        return PlatformError("PR403", subject, value=text, remedy="Try again")
    if isinstance(error, psycopg.OperationalError) and (error.sqlstate is None or error.sqlstate.startswith("57P")):
        return PlatformError("PR404", subject, value=text)
    return PlatformError("PR405", subject, value=text)
