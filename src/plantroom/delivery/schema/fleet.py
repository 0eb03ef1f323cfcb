"""One database of the fleet, brought to the schema that a release wants.

A database that has it already costs one query. Else its fingerprint is taken before the first step, and again after the
last one, each in the step's own transaction: what was proven of the script holds for no other schema than the one that
it was proven on.
"""

from __future__ import annotations

from typing import Any

from plantroom.delivery.schema import fingerprint
from plantroom.delivery.schema.ports import Releases
from plantroom.kernel.errors import PlatformError
from plantroom.kernel.verdict import Refused
from plantroom.platforms.contract import Answer, Check, DatabaseSpec, Limits, Platform, Script


class Fleet:
    """It implements the port of rollouts (`rollout.ports.Schemas`)."""

    def __init__(self, platform: Platform, releases: Releases) -> None:
        self._platform = platform
        self._releases = releases

    async def bring(self, spec: DatabaseSpec, artefact: str, limits: Limits) -> list[dict[str, Any]]:
        """Run each script that the release needs and the database does not have; what ran now.

        Raises PlatformError PR403 and PR404 when it is worth trying again, PR405 when a script fails or none leads to
        the release, PR406 when the database is not what the script was proven on, or would not end as it was proven.
        """
        recorded = await self._platform.databases.scripts(spec)
        due = await self._releases.scripts_due(artefact, recorded)
        if isinstance(due, Refused):
            raise PlatformError("PR405", f"the database of {spec.environment}", value=due.reason)
        ran = []
        for script in due:
            left_by = recorded[-1].release if recorded else ""
            if await self._platform.databases.apply(spec, script, limits, check(script, left_by)):
                ran.append({"release": script.release, "sha256": script.sha256, "steps": len(script.parts)})
        return ran


def check(script: Script, left_by: str) -> Check | None:
    """None for a script of which nothing was proven. `left_by`: the release whose schema the database should have."""
    if not script.begins and not script.ends:
        return None

    def before(answer: Answer) -> str:
        seen = _seen(answer)
        if not script.begins or seen == script.begins:
            return ""
        if _version(seen) != _version(script.begins):
            return f"its PostgreSQL is {_version(seen)}, and the script was proven on {_version(script.begins)}"
        return (
            f"its schema is not the one that {left_by} left: {short(seen)} instead of {short(script.begins)};"
            " `plantroom schema drift` says what differs"
        )

    def after(answer: Answer) -> str:
        seen = _seen(answer)
        if not script.ends or seen == script.ends:
            return ""
        return (
            f"it would end as {short(seen)} instead of {short(script.ends)}, as it was proven; nothing of it was kept"
        )

    return Check(fingerprint.fleet_query, before, after)


def short(named: str) -> str:
    """For people: the hash's beginning."""
    return named.rpartition(":")[2][:12]


def _seen(answer: Answer) -> str:
    return fingerprint.named(answer.version, fingerprint.facts(answer.rows))


def _version(named: str) -> str:
    return named.partition("/")[0].replace("-", " ")
