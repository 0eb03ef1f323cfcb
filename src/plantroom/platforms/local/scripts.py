"""Running a release's SQL script once: as the environment's role, in one transaction with its record.

The record is in the schema `plantroom`, into which that role cannot write. The script is run by a function that belongs
to the role and has SECURITY DEFINER, because PostgreSQL lets nothing inside of such a function take another role or end
the transaction (CREATE FUNCTION, "Writing SECURITY DEFINER Functions Safely"; SET ROLE, "Notes"): a script that says
RESET ROLE or COMMIT fails, instead of going on as the superuser.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import AsyncConnection, sql

from plantroom.kernel.errors import PlatformError
from plantroom.platforms.contract import Script

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

_LOCK = 7_201_117
"""Key of the advisory lock that lets one script at a time into a database; any number, the same for all."""

_MAKE = """
    CREATE FUNCTION plantroom.run(script text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public, pg_temp
    AS $run$
    BEGIN
        EXECUTE script;
        -- Here and not at the end of the transaction, where it would be the superuser who runs deferred triggers.
        SET CONSTRAINTS ALL IMMEDIATE;
    END
    $run$
"""


async def apply_script(
    connection: AsyncConnection[tuple[Any, ...]], environment: str, role: str, script: Script, lock_timeout_ms: int
) -> bool:
    """True when it ran now. Raises PlatformError as the contract's `apply` does."""
    subject = f"script of {script.release} at {environment}"
    try:
        async with connection.transaction():
            limit = sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(f"{lock_timeout_ms}ms"))
            await connection.execute(limit)
            await connection.execute("SELECT pg_catalog.pg_advisory_xact_lock(%s)", (_LOCK,))
            query = "SELECT sha256 FROM plantroom.script WHERE release = %s"
            there = await (await connection.execute(query, (script.release,))).fetchone()
            if there is not None:
                _same(subject, there[0], script.sha256)
                return False
            await connection.execute(_MAKE)
            owner = sql.SQL("ALTER FUNCTION plantroom.run(text) OWNER TO {}").format(sql.Identifier(role))
            await connection.execute(owner)
            await connection.execute("SELECT plantroom.run(%s)", (script.sql,))
            await connection.execute("DROP FUNCTION plantroom.run(text)")
            await connection.execute(
                "INSERT INTO plantroom.script (release, sha256) VALUES (%s, %s)", (script.release, script.sha256)
            )
            return True
    except psycopg.errors.LockNotAvailable as error:
        raise PlatformError(
            "PR403", subject, value="waited too long for a lock", limit=f"{lock_timeout_ms} ms", remedy="Try again"
        ) from error
    except psycopg.OperationalError as error:
        if error.sqlstate is None or error.sqlstate.startswith("57P"):
            raise PlatformError("PR404", subject, value=str(error).strip()) from error
        raise PlatformError("PR405", subject, value=str(error).strip()) from error
    except psycopg.Error as error:
        raise PlatformError("PR405", subject, value=str(error).strip()) from error


def _same(subject: str, recorded: str, wanted: str) -> None:
    if recorded != wanted:
        raise PlatformError(
            "PR402", subject, value=f"another one was applied, {recorded}", limit=f"this one is {wanted}"
        )
