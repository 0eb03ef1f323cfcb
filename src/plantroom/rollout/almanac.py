"""The next months, for people: when changes of each client and each pool may start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from plantroom.estate.effective import Place, management_of, places, pools_of
from plantroom.estate.model import EnvironmentState, Estate, Management, Work
from plantroom.kernel.errors import PlanError
from plantroom.rollout import hours, store
from plantroom.rollout.calendar import Calendars, Scope, Span, open_spans, opening
from plantroom.rollout.model import Target
from plantroom.rollout.ports import DeclaredEstate
from plantroom.runtime.clock import Clock, stamp
from plantroom.runtime.database import Database

WORKS: tuple[Work, ...] = ("releases", "patches")
_MONTH = timedelta(days=31)


class Almanac:
    def __init__(self, database: Database, estate: DeclaredEstate, clock: Clock) -> None:
        self._database = database
        self._estate = estate
        self._clock = clock

    async def show(self, months: int, client: str | None, pool: str | None) -> dict[str, Any]:
        """By the calendars that the files declare; `applied` is false while trains still go by others.

        Raises PlanError PR209 when there is no such client or pool."""
        estate = await self._estate.declared()
        now = self._clock()
        async with self._database.reading() as connection:
            recorded = {name: target for name, (target, _) in (await store.targets(connection)).items()}
            applied = await hours.applied(connection)
        calendars = Calendars.of(estate)
        _refuse_unknown(estate, client, pool)
        until = now + months * _MONTH
        known: dict[tuple[Scope, ...], dict[str, Any]] = {}

        def told(scopes: tuple[Scope, ...]) -> dict[str, Any]:
            """Most clients have no calendar of their own, and so share what there is to tell."""
            if scopes not in known:
                known[scopes] = _told(scopes, now, until)
            return known[scopes]

        clients = [
            {
                "client": one.client_name,
                "environment": one.name,
                "ring": one.client.ring,
                "zone": calendars.zone_of(one.client_name),
                **told(calendars.scopes(one.client_name, one.client.ring, servers, one.environment.database_pool)),
            }
            for one, servers in _environments(estate, recorded)
            if pool is None and client in (None, one.client_name)
        ]
        pools = [
            {"pool": name, "kind": kind, "zone": calendars.zone, **told(calendars.of_pool(kind, name))}
            for kind, names in (("server pool", estate.server_pools), ("database pool", estate.database_pools))
            for name in sorted(names)
            if client is None and pool in (None, name)
        ]
        return {
            "from": stamp(now),
            "until": stamp(until),
            "applied": calendars == applied,
            "clients": clients,
            "pools": pools,
        }


def _refuse_unknown(estate: Estate, client: str | None, pool: str | None) -> None:
    for kind, asked, known in (
        ("client", client, estate.clients),
        ("pool", pool, {*estate.server_pools, *estate.database_pools}),
    ):
        if asked is not None and asked not in known:
            raise PlanError(
                "PR209",
                f"{kind} {asked}",
                value="is not declared",
                limit=f"the estate has {', '.join(sorted(known)[:20]) or 'none'}",
                remedy="Name one of these",
            )


def _environments(estate: Estate, recorded: Mapping[str, Target]) -> Iterator[tuple[Place, frozenset[str]]]:
    """Every environment that changes may come to, with the server pools that it is on, or may be on."""
    for place in places(estate):
        if management_of(estate, place) is not Management.MANAGED:
            continue
        if place.environment.state is not EnvironmentState.RETIRED:
            there = hours.pools_of(recorded[place.name]) if place.name in recorded else frozenset()
            yield place, there or frozenset(pools_of(estate.server_pools, place))


def _told(scopes: Sequence[Scope], now: datetime, until: datetime) -> dict[str, Any]:
    works: dict[str, Any] = {}
    for work in WORKS:
        first = opening(scopes, work, now)
        works[work] = {
            "now": first.now,
            "why": first.why,
            "always": not any(line.concerns(work) for one in scopes for line in (*one.windows, *one.freezes)),
            "opens": None if first.span is None else stamp(first.span.start),
            "open": [_span(one) for one in open_spans(scopes, work, now, until)],
        }
    frozen = [
        {"of": one.of, "why": line.why or line.words, "changes": list(line.changes or WORKS), **_span(span)}
        for one in scopes
        for line in one.freezes
        for span in line.when.spans(now, until)
    ]
    said = [
        {"of": one.of, "windows": [line.words for line in one.windows], "freezes": [line.words for line in one.freezes]}
        for one in scopes
    ]
    return {"calendars": said, **works, "freezes": frozen}


def _span(span: Span) -> dict[str, str]:
    return {"start": stamp(span.start), "end": stamp(span.end)}
