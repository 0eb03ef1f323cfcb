"""One database of the fleet, brought to the schema that a release wants.

A database that has it already costs one query. Else its fingerprint is taken before the first step, and again after the
last one, each in the step's own transaction: what was proven of the script holds for no other schema than the one that
it was proven on. Where somebody has accepted another schema, the script is proven on a clone of it first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from plantroom.delivery.schema import fingerprint, store
from plantroom.delivery.schema.clones import Clones
from plantroom.delivery.schema.model import SchemaError
from plantroom.delivery.schema.ports import Releases
from plantroom.kernel.errors import PlatformError
from plantroom.kernel.verdict import Refused
from plantroom.platforms.contract import (
    CONTRACT,
    Answer,
    Check,
    DatabaseSpec,
    Inside,
    Limits,
    Platform,
    PoolLoad,
    Script,
    ScriptSeen,
)
from plantroom.rollout import store as rollout_store
from plantroom.runtime.clock import Clock, stamp
from plantroom.runtime.database import Database

ACCEPTED_BEFORE = "accepted before {}, which left it as it was"


class Fleet:
    """It implements the port of rollouts (`rollout.ports.Schemas`)."""

    def __init__(
        self, database: Database, platform: Platform, releases: Releases, clones: Clones, clock: Clock
    ) -> None:
        self._database = database
        self._platform = platform
        self._releases = releases
        self._clones = clones
        self._clock = clock
        self._proving = asyncio.Lock()
        self._proven: dict[tuple[str, str], str] = {}
        """Where a script ends, by the fingerprint that it begins at and its hash."""

    async def load(self, pool: str) -> PoolLoad:
        """Raises PlatformError PR404 when it does not answer."""
        return await self._platform.databases.load(pool)

    async def bring(self, spec: DatabaseSpec, artefact: str, limits: Limits) -> list[dict[str, Any]]:
        """Run each script that the release needs and the database does not have; what ran now.

        Raises PlatformError PR403 and PR404 when it is worth trying again, PR405 when a script fails or none leads to
        the release, PR406 when the database is not what the script was proven on, or would not end as it was proven.
        """
        async with self._platform.databases.enter(spec) as inside:
            recorded = list(await inside.scripts())
            due = await self._due(spec, artefact, recorded)
            if isinstance(due, Refused):
                raise PlatformError("PR405", f"the database of {spec.environment}", value=due.reason)
            ran = []
            for script in due:
                here = await self._as_it_is_here(spec, inside, artefact, script, recorded)
                if await inside.apply(here, limits, check(here)):
                    ran.append({"release": script.release, "sha256": script.sha256, "steps": len(script.parts)})
                recorded.append(ScriptSeen(script.release, script.sha256))
            return ran

    async def _due(
        self, spec: DatabaseSpec, artefact: str, recorded: Sequence[ScriptSeen]
    ) -> tuple[Script, ...] | Refused:
        """What drops is asked about once more, with what runs there: only it can need what is dropped."""
        due = await self._releases.scripts_due(artefact, recorded)
        if isinstance(due, Refused) or not any(one.release.startswith(CONTRACT) for one in due):
            return due
        async with self._database.reading() as connection:
            running = await rollout_store.may_run(connection, spec.environment)
        return await self._releases.scripts_due(artefact, recorded, running)

    async def run(self, spec: DatabaseSpec, script: Script, limits: Limits) -> bool:
        """One script, whatever it is of, with what must hold before and after it. True when it ran now."""
        return await self._platform.databases.apply(spec, script, limits, check(script))

    async def _as_it_is_here(
        self, spec: DatabaseSpec, inside: Inside, artefact: str, script: Script, recorded: Sequence[ScriptSeen]
    ) -> Script:
        """The script with the fingerprints that it has for this database."""
        if not script.begins:
            return script
        async with self._database.reading() as connection:
            accepted = await store.accepted(connection, spec.environment)
        if not any(instead == script.begins for _, instead in accepted):
            return script
        answer = await inside.ask(fingerprint.of_fleet)
        begins = seen(answer)
        if (begins, script.begins) not in accepted:
            return script
        ends = await self._ends(spec, artefact, script, begins, recorded)
        async with self._database.transaction() as connection:
            why = ACCEPTED_BEFORE.format(script.release)
            now = stamp(self._clock())
            await store.accept(connection, spec.environment, ends, script.ends, "plantroom", why, now)
        return replace(script, begins=begins, ends=ends)

    async def _ends(
        self, spec: DatabaseSpec, artefact: str, script: Script, begins: str, recorded: Sequence[ScriptSeen]
    ) -> str:
        subject = f"script of {script.release} at {spec.environment}"
        async with self._proving:
            known = self._proven.get((begins, script.sha256))
            if known is not None:
                return known
            application = await self._releases.application_of(artefact) or ""
            then = [*recorded, ScriptSeen(script.release, script.sha256)]
            previous, before = await self._releases.left_by(application, recorded)
            release, after = await self._releases.left_by(application, then)
            if before is None or after is None:
                gone = previous if before is None else release
                raise PlatformError("PR406", subject, value=f"release {gone} is not to be had, to prove it on a clone")
            dump = await self._platform.databases.schema(spec)
            try:
                ends = await asyncio.to_thread(self._clones.ends, dump, begins, script, before.sql, after.sql)
            except SchemaError as error:
                raise PlatformError("PR406", subject, value=str(error)) from error
            self._proven[begins, script.sha256] = ends
            return ends


def check(script: Script) -> Check | None:
    """None for a script of which nothing was proven."""
    if not script.begins and not script.ends:
        return None

    def before(answer: Answer) -> str:
        here = seen(answer)
        if not script.begins or here == script.begins:
            return ""
        if _version(here) != _version(script.begins):
            return f"its PostgreSQL is {_version(here)}, and the script was proven on {_version(script.begins)}"
        return f"its schema is {short(here)}, and the script was proven on {short(script.begins)}"

    def after(answer: Answer) -> str:
        here = seen(answer)
        if not script.ends or here == script.ends:
            return ""
        return f"it would end as {short(here)} and not, as it was proven, as {short(script.ends)}"

    return Check(fingerprint.of_fleet, before, after)


def short(named: str) -> str:
    """For people: the hash's beginning."""
    return named.rpartition(":")[2][:12]


def seen(answer: Answer) -> str:
    return fingerprint.of_rows(answer.version, answer.rows)


def _version(named: str) -> str:
    return named.partition("/")[0].replace("-", " ")
