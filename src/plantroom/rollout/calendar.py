"""When a change may start: windows and freezes of the estate, its pools, rings and clients. Pure.

A scope is one of these with its windows and freezes. A change of an environment may start at an instant that is in a
window of every scope which declares any, and in no freeze of any scope. Local times are read as RFC 5545 does (section
3.3.5): one that clocks skip is taken as if they had not, and of one that comes twice it is the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from plantroom.estate.model import Calendar, Client, Estate, Freeze, Window, Work
from plantroom.estate.rules import Rule, parse
from plantroom.estate.values import CLIENTS_ZONE

HORIZON = timedelta(days=800)
"""How far ahead an opening is looked for: what comes once a year comes twice in it, whatever leap years do."""

_SOON = timedelta(days=40)
"""Looked at first: what comes every month is mostly in it."""
_DAY = timedelta(days=1)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1)}
_DAYS = {"d": 1, "w": 7}


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From an instant to another one, which is not in it any more. UTC."""

    start: datetime
    end: datetime

    def contains(self, instant: datetime) -> bool:
        return self.start <= instant < self.end


@dataclass(frozen=True, slots=True)
class Recurring:
    """Days by a rule, each from a time of the day on for so long: `days` as the calendar has them, then `elapsed`."""

    rule: Rule
    at: time
    days: int
    elapsed: timedelta
    zone: str
    since: date | None

    def spans(self, after: datetime, before: datetime) -> Iterator[Span]:
        """Those that have a part between the two, in order."""
        zone = ZoneInfo(self.zone)
        longest = timedelta(days=self.days + abs(self.rule.offset_days) + 3) + self.elapsed
        first, last = _naive(after) - longest, _naive(before) + longest
        offset = timedelta(days=self.rule.offset_days)
        for day in _days(self.rule, self.since, first.date(), last.date()):
            begins = datetime.combine(day + offset, self.at)
            start = _instant(begins, zone)
            end = _instant(begins + timedelta(days=self.days), zone) + self.elapsed
            if start < before and end > after:
                yield Span(start, end)


@dataclass(frozen=True, slots=True)
class Once:
    span: Span

    def spans(self, after: datetime, before: datetime) -> Iterator[Span]:
        if self.span.start < before and self.span.end > after:
            yield self.span


@dataclass(frozen=True, slots=True)
class Line:
    """A window or a freeze, in words, and when it is. `changes` empty: of every kind."""

    words: str
    when: Recurring | Once
    why: str = ""
    changes: tuple[Work, ...] = ()

    def concerns(self, work: Work) -> bool:
        return not self.changes or work in self.changes


@dataclass(frozen=True, slots=True)
class Scope:
    """`of` names it: `the estate`, `ring pilot`, `client harbour`, `server pool north`."""

    of: str
    windows: tuple[Line, ...]
    freezes: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether a change may start now, else why not; `span` is when it may, now or next, None when not within the
    horizon. An end at the horizon is none that is known."""

    now: bool
    why: str
    span: Span | None


@dataclass(frozen=True, slots=True)
class Calendars:
    """Every calendar of an estate that says anything, and the time zones of clients that have their own."""

    zone: str = "UTC"
    estate: Calendar = field(default_factory=Calendar)
    rings: Mapping[str, Calendar] = field(default_factory=dict)
    server_pools: Mapping[str, Calendar] = field(default_factory=dict)
    database_pools: Mapping[str, Calendar] = field(default_factory=dict)
    clients: Mapping[str, Calendar] = field(default_factory=dict)
    zones: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def of(estate: Estate) -> Calendars:
        def said(named: Mapping[str, Any]) -> dict[str, Calendar]:
            return {name: one.calendar for name, one in named.items() if one.calendar != Calendar()}

        clients: Mapping[str, Client] = estate.clients
        return Calendars(
            estate.estate.zone,
            estate.estate.calendar,
            {ring.name: ring.calendar for ring in estate.rings if ring.calendar != Calendar()},
            said(estate.server_pools),
            said(estate.database_pools),
            said(clients),
            {name: client.zone for name, client in clients.items() if client.zone is not None},
        )

    def silent(self) -> bool:
        """Whether nothing is declared at all."""
        pools = self.rings or self.server_pools or self.database_pools or self.clients
        return not pools and self.estate == Calendar()

    def zone_of(self, client: str) -> str:
        return self.zones.get(client, self.zone)

    def as_data(self) -> dict[str, Any]:
        def plain(named: Mapping[str, Calendar]) -> dict[str, Any]:
            return {name: one.model_dump(mode="json") for name, one in named.items()}

        return {
            "zone": self.zone,
            "estate": self.estate.model_dump(mode="json"),
            "rings": plain(self.rings),
            "server_pools": plain(self.server_pools),
            "database_pools": plain(self.database_pools),
            "clients": plain(self.clients),
            "zones": dict(self.zones),
        }

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Calendars:
        def read(section: str) -> dict[str, Calendar]:
            return {name: Calendar.model_validate(one) for name, one in data[section].items()}

        return Calendars(
            data["zone"],
            Calendar.model_validate(data["estate"]),
            read("rings"),
            read("server_pools"),
            read("database_pools"),
            read("clients"),
            data["zones"],
        )

    def scopes(
        self, client: str, ring: str, server_pools: Iterable[str] = (), database_pool: str | None = None
    ) -> tuple[Scope, ...]:
        """What bears on an environment of this client, the widest first; only what says anything."""
        zone = self.zone_of(client)
        found = [("the estate", self.estate, self.zone), (f"ring {ring}", self.rings.get(ring), self.zone)]
        found += [(f"server pool {name}", self.server_pools.get(name), self.zone) for name in sorted(server_pools)]
        found += [(f"database pool {database_pool}", self.database_pools.get(database_pool or ""), self.zone)]
        found += [(f"client {client}", self.clients.get(client), zone)]
        return tuple(
            _scope(of, calendar, default, zone)
            for of, calendar, default in found
            if calendar is not None and calendar != Calendar()
        )

    def of_pool(self, kind: str, name: str) -> tuple[Scope, ...]:
        """What bears on a `server pool` or a `database pool` by itself."""
        pools = self.server_pools if kind == "server pool" else self.database_pools
        found = (("the estate", self.estate), (f"{kind} {name}", pools.get(name, Calendar())))
        return tuple(_scope(of, one, self.zone, self.zone) for of, one in found if one != Calendar())


def opening(scopes: Sequence[Scope], work: Work, now: datetime) -> Opening:
    """Whether work of this kind may start now, and when it may."""
    for ahead in (_SOON, HORIZON):
        span = next(iter(open_spans(scopes, work, now, now + ahead)), None)
        if span is not None and span.end < now + ahead:
            break
    if span is not None and span.start <= now:
        return Opening(True, "", span)
    return Opening(False, _closed(scopes, work, now), span)


def open_spans(scopes: Sequence[Scope], work: Work, after: datetime, before: datetime) -> list[Span]:
    """When work of this kind may start between the two instants. What is open at the edge is cut there."""
    found = [Span(after, before)]
    frozen = []
    for scope in scopes:
        windows = [line for line in scope.windows if line.concerns(work)]
        if windows:
            found = _both(found, _merged(span for line in windows for span in line.when.spans(after, before)))
        frozen += [line for line in scope.freezes if line.concerns(work)]
    return _without(found, _merged(span for line in frozen for span in line.when.spans(after, before)))


def _closed(scopes: Sequence[Scope], work: Work, now: datetime) -> str:
    """Why it is closed now: a freeze first, since it wins."""
    soon = now + timedelta(microseconds=1)
    for scope in scopes:
        for line in scope.freezes:
            if line.concerns(work) and any(span.contains(now) for span in line.when.spans(now, soon)):
                return f"{scope.of} is frozen: {line.why or line.words}"
    told = []
    for scope in scopes:
        windows = [line for line in scope.windows if line.concerns(work)]
        if windows and not any(span.contains(now) for line in windows for span in line.when.spans(now, soon)):
            told.append(f"outside of the window of {scope.of} ({', or '.join(line.words for line in windows)})")
    return "; ".join(told)


# -- spans ------------------------------------------------------------------------------------------------------------


def _merged(spans: Iterable[Span]) -> list[Span]:
    """In order, none touching another."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def _both(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """What is in both; each is in order, without overlaps."""
    found, i, j = [], 0, 0
    while i < len(one) and j < len(other):
        start, end = max(one[i].start, other[j].start), min(one[i].end, other[j].end)
        if start < end:
            found.append(Span(start, end))
        if one[i].end <= other[j].end:
            i += 1
        else:
            j += 1
    return found


def _without(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """What is in the first and not in the second."""
    found = []
    for span in one:
        start = span.start
        for gone in other:
            if gone.end <= start or gone.start >= span.end:
                continue
            if gone.start > start:
                found.append(Span(start, gone.start))
            start = max(start, gone.end)
        if start < span.end:
            found.append(Span(start, span.end))
    return found


# -- from the declaration ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _scope(of: str, calendar: Calendar, default: str, clients: str) -> Scope:
    return Scope(
        of,
        tuple(_line(one, default, clients) for one in calendar.windows),
        tuple(_line(one, default, clients) for one in calendar.freezes),
    )


def _line(declared: Window | Freeze, default: str, clients: str) -> Line:
    zone = clients if declared.zone == CLIENTS_ZONE else declared.zone or default
    why = (declared.why or "") if isinstance(declared, Freeze) else ""
    if isinstance(declared, Freeze) and declared.begins is not None and declared.ends is not None:
        begins, ends = declared.begins, declared.ends
        span = Span(_instant(_moment(begins), ZoneInfo(zone)), _instant(_end(ends), ZoneInfo(zone)))
        return Line(f"{begins} to {ends}, {zone}", Once(span), why, declared.changes)
    on, lasts = declared.on or "", declared.lasts or ""
    count, unit = int(lasts[:-1]), lasts[-1]
    when = Recurring(
        parse(on),
        time.fromisoformat(declared.at),
        count * _DAYS.get(unit, 0),
        count * _UNITS.get(unit, timedelta()),
        zone,
        declared.since,
    )
    return Line(f"{when.rule.text} at {declared.at} for {lasts}, {zone}", when, why, declared.changes)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace(" ", "T"))


def _end(text: str) -> datetime:
    """A day ends at its end."""
    return _moment(text) + (_DAY if len(text) == len("2026-12-31") else timedelta())


def _days(rule: Rule, since: date | None, first: date, last: date) -> Iterator[date]:
    """The rule's days between two days, both included, before its offset."""
    anchor = date(first.year - 1, 1, 1) if since is None else since
    if since is not None and not rule.anchored:
        # Counting from long ago comes to the same.
        anchor = max(since, date(first.year - 1, 1, 1))
    for found in rrulestr(rule.recurrence, dtstart=datetime.combine(anchor, time())):
        day = found.date()
        if day > last:
            return
        if day >= first:
            yield day


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)
