"""What a single value of the files may be: names, times, sizes. Each type refuses what it is not, in words."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from plantroom.estate import rules
from plantroom.platforms.contract import LONGEST_DRAIN_S

NAME_PATTERN = r"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$"
HOST_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$"
ADDRESS_PATTERN = r"\.([0-9]+|0x[0-9a-f]*)$"
"""The end of what browsers take for an IPv4 address (WHATWG URL, "ends in a number"). No domain is like it."""
VARIABLE_PATTERN = r"^[A-Z_][A-Z0-9_]{0,127}$"
VERSION_PATTERN = r"^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$"
LONGEST_VALUE = 131072 - 128 - 2
"""Bytes of a variable's value. Linux lets a process have one of 128 KiB (execve(2), MAX_ARG_STRLEN) with its name, the
`=` and the NUL at its end, and a name has up to 128 bytes."""

SHARE_PATTERN = r"^([1-9][0-9]?|100)%$"
LINE_PATTERN = r"^[^\x00-\x1f\x7f]+$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Variable = Annotated[str, StringConstraints(pattern=VARIABLE_PATTERN)]
Version = Annotated[str, StringConstraints(pattern=VERSION_PATTERN)]
Share = Annotated[str, StringConstraints(pattern=SHARE_PATTERN)]
Percent = Annotated[int, Field(ge=0, le=100)]

_DURATION = re.compile(r"^([0-9]{1,6})(s|m|h|d)$")
_ADDRESS = re.compile(ADDRESS_PATTERN)
_DRAIN_PATTERN = r"^(0{0,4}([0-5]?[0-9]|60)s|0{0,5}[01]m|0{1,6}[hd])$"
"""The durations up to `LONGEST_DRAIN_S`, for the schema: there they are text, which has no greatest value."""
CLOCK_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_OPEN = re.compile(r"([0-9]{1,3})(m|h|d|w)")
_MOMENT = re.compile(r"2[01][0-9]{2}-[0-9]{2}-[0-9]{2}([ T]([01][0-9]|2[0-3]):[0-5][0-9])?")
YEARS = range(2000, 2200)
"""Of calendars."""
CLIENTS_ZONE = "client"
"""In place of a time zone: the one of each client."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(value: Any) -> Any:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("not a duration")
    return int(match[1]) * _SECONDS[match[2]]


def _named(value: str) -> str:
    if _ADDRESS.search(value):
        raise ValueError("an address")
    return value


def _drained(seconds: int) -> int:
    if seconds > LONGEST_DRAIN_S:
        raise ValueError("too long for a drain")
    return seconds


def _day(value: Any) -> Any:
    """Of the ways to write a date, one: Pydantic would take seconds since 1970 as well."""
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError("not a date")


def _rule(value: str) -> str:
    try:
        rules.parse(value)
    except ValueError as error:
        raise ValueError(f"not a rule: {error}") from None
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("not a time zone") from None
    return value


def _zone_or_clients(value: str) -> str:
    return value if value == CLIENTS_ZONE else _zone(value)


def _moment(value: str) -> str:
    if not _MOMENT.fullmatch(value):
        raise ValueError("not a moment")
    try:
        datetime.fromisoformat(value.replace(" ", "T"))
    except ValueError:
        raise ValueError("not a moment") from None
    return value


def _opens(value: str) -> str:
    match = _OPEN.fullmatch(value)
    if match is None or int(match[1]) == 0:
        raise ValueError("not a length of time")
    return value


def written(seconds: int) -> str:
    """A duration as files have it, in the largest unit that gives a whole number: `90d`."""
    for unit, size in reversed(_SECONDS.items()):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _thousandths(value: float) -> float:
    if round(value * 1000) / 1000 != value:
        raise ValueError("finer than a thousandth of a core")
    return value


def _reachable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("a NUL character, which no environment variable can hold")
    if len(value.encode()) > LONGEST_VALUE:
        raise ValueError("too long for an environment variable")
    return value


Host = Annotated[
    str,
    StringConstraints(pattern=HOST_PATTERN, max_length=253),
    AfterValidator(_named),
    Field(json_schema_extra={"not": {"pattern": ADDRESS_PATTERN}}),
]
"""A name, not an address."""

Duration = Annotated[
    int,
    BeforeValidator(_seconds),
    Field(json_schema_extra={"type": "string", "pattern": _DURATION.pattern}),
]
"""Seconds."""

Drain = Annotated[
    int,
    BeforeValidator(_seconds),
    AfterValidator(_drained),
    Field(json_schema_extra={"type": "string", "pattern": _DRAIN_PATTERN}),
]
"""Seconds, at most `LONGEST_DRAIN_S`."""

Day = Annotated[date, BeforeValidator(_day)]
"""As in 2027-01-31."""

RuleText = Annotated[str, AfterValidator(_rule)]
"""When something comes again (`estate.rules`)."""

Zone = Annotated[str, AfterValidator(_zone)]
"""A name of the IANA time zone database, as in Europe/Zurich."""

AnyZone = Annotated[str, AfterValidator(_zone_or_clients)]
"""The same, or each client's own."""

Clock = Annotated[str, StringConstraints(pattern=CLOCK_PATTERN)]
"""A time of the day, as in 20:00."""

Moment = Annotated[str, AfterValidator(_moment), Field(json_schema_extra={"pattern": f"^{_MOMENT.pattern}$"})]
"""A day, or a day and a time, as in `2026-12-20 18:00`, from 2000 to 2199."""

Open = Annotated[str, AfterValidator(_opens), Field(json_schema_extra={"pattern": f"^{_OPEN.pattern}$"})]
"""How long something lasts. Days and weeks end at the same time of the day, hours and minutes are as long as they are,
whatever clocks do (RFC 5545, section 3.3.6)."""

Cpus = Annotated[float, Field(gt=0, le=1024), AfterValidator(_thousandths)]
"""Cores, in steps of a thousandth."""

Text = Annotated[str, AfterValidator(_reachable), Field(json_schema_extra={"maxLength": LONGEST_VALUE})]
"""What an environment variable can hold. A schema counts characters, none of which has less than a byte."""
