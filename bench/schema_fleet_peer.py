"""The peers of the bench `schema-fleet`, each in a process and an environment without Plantroom.

`asyncpg`: the same statements, bare; with checks also what Plantroom asks the catalogue, before and after.
`alembic`: the same statements as a revision, by Alembic's own command, once for each database.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

RECORD = "INSERT INTO public.ledger (release) VALUES ($1)"


async def bare(given: dict[str, Any]) -> None:
    import asyncpg  # noqa: PLC0415 - only in the peer's environment

    slots = asyncio.Semaphore(given["connections"])

    async def one(name: str) -> None:
        async with slots:
            connection = await asyncpg.connect(host=given["host"], user=given["user"], database=name)
            try:
                async with connection.transaction():
                    await _look(connection, given["check"], name)
                    for statement in given["statements"]:
                        await connection.execute(statement)
                    await _look(connection, given["check"], name)
                    await connection.execute(RECORD, given["release"])
            finally:
                await connection.close()

    await asyncio.gather(*(one(name) for name in given["databases"]))


async def _look(connection: Any, queries: list[str], role: str) -> None:
    for one in queries:
        await connection.fetch(one.replace("'ROLE'", f"'{role}'"))


def alembic(given: dict[str, Any]) -> None:
    for name in given["databases"]:
        url = f"postgresql+psycopg:///{name}?host={given['host']}&user={given['user']}"
        command = [str(Path(sys.executable).parent / "alembic"), "-x", f"url={url}", "upgrade", "head"]
        subprocess.run(command, check=True, cwd=given["directory"], capture_output=True)


def main() -> None:
    given = json.loads(Path(sys.argv[2]).read_text())
    began = time.perf_counter()
    if sys.argv[1] == "alembic":
        alembic(given)
    else:
        asyncio.run(bare(given))
    seconds = time.perf_counter() - began
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "mib": mib}))


if __name__ == "__main__":
    main()
