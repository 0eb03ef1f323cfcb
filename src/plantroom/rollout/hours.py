"""When work may start on environments: the calendars as applied, and who has let one start outside of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from plantroom.estate.effective import second_people
from plantroom.estate.model import Estate, Work
from plantroom.kernel.errors import AccessError
from plantroom.rollout import store
from plantroom.rollout.calendar import Calendars, Opening, Scope, opening
from plantroom.rollout.model import Override, Target
from plantroom.runtime.clock import stamp


async def openings(
    connection: AsyncConnection, subject: str, work: Work, targets: Sequence[Target], now: datetime
) -> dict[str, Opening]:
    """By environment, for those that any calendar says something of; the others may start at any time. Empty while an
    override of the subject holds."""
    calendars = await applied(connection)
    if calendars.silent():
        return {}
    override = await store.override(connection, subject)
    if override is not None and override.holds(stamp(now)):
        return {}
    told: dict[tuple[Scope, ...], Opening] = {}
    found = {}
    for target in targets:
        scopes = scopes_of(calendars, target)
        if scopes and scopes not in told:
            told[scopes] = opening(scopes, work, now)
        if scopes:
            found[target.environment] = told[scopes]
    return found


async def applied(connection: AsyncConnection) -> Calendars:
    return _read(await store.calendars(connection))


def scopes_of(calendars: Calendars, target: Target) -> tuple[Scope, ...]:
    """What bears on an environment as it is: the pools are those of the servers that it runs on."""
    return calendars.scopes(target.client, target.ring, pools_of(target), target.database_pool)


def pools_of(target: Target) -> frozenset[str]:
    return frozenset(one.server.rpartition("-")[0] for one in target.assignments)


def when(instant: datetime, zone: str) -> str:
    """For people: `Sat 19 Dec 2026 20:00 CET`."""
    return f"{instant.astimezone(ZoneInfo(zone)):%a %d %b %Y %H:%M %Z}"


def told(found: Opening, zone: str) -> str:
    """Why it is closed, and when it opens next."""
    after = "it never opens" if found.span is None else f"it opens {when(found.span.start, zone)}"
    return f"{found.why}; {after}"


async def ask(connection: AsyncConnection, subject: str, why: str, until: datetime, actor: str, now: datetime) -> None:
    """Ask for an override, which is none before somebody else confirms it."""
    await store.add_override(connection, Override(subject, why, stamp(until), actor, stamp(now)))


async def confirm(connection: AsyncConnection, subject: str, actor: str, estate: Estate, now: datetime) -> Override:
    """Raises AccessError PR604 when there is nothing to confirm, PR605 when this person cannot be the second one."""
    found = await store.override(connection, subject)
    if found is None or found.confirmed_by is not None or stamp(now) >= found.until:
        told = "nobody has asked for one"
        if found is not None:
            told = f"{found.confirmed_by} has confirmed it" if found.confirmed_by else f"it was for until {found.until}"
        raise AccessError("PR604", f"override of {subject}", value=told, remedy="Ask for one first")
    if actor == found.asked_by or actor not in second_people(estate):
        person = estate.people.get(actor)
        why = f"has the account {person.account}" if person is not None else "is not one of the estate's people"
        why = "asked for it" if actor == found.asked_by else why
        raise AccessError(
            "PR605",
            actor,
            value=why,
            limit="a second person is another of the estate's people, with an account of their own that is not root",
            remedy="Have somebody else confirm it",
        )
    await store.confirm_override(connection, found, actor, stamp(now))
    return found


@lru_cache(maxsize=2)
def _read(body: str) -> Calendars:
    return Calendars.from_data(json.loads(body)) if body else Calendars()
