"""When something comes again, as files say it: `third Saturday`, `Patch Tuesday + 9 days`, or a rule of RFC 5545. Pure.

Both come to the same: a recurrence rule (RFC 5545, section 3.3.10) over days, and an offset in days, without limit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from dateutil.rrule import rrulestr

_DAYS = dict(
    zip(
        ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        ("MO", "TU", "WE", "TH", "FR", "SA", "SU"),
        strict=True,
    )
)
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_ORDINALS = {
    **{word: number for number, word in enumerate(("first", "second", "third", "fourth", "fifth"), 1)},
    **{word: number for number, word in enumerate(("1st", "2nd", "3rd", "4th", "5th"), 1)},
    "last": -1,
}
_OFFSET = re.compile(r"^(?P<rule>.*?)\s*(?P<sign>[+-])\s*(?P<days>[0-9]{1,4})\s+days?$", re.IGNORECASE | re.DOTALL)
_PARTS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYMONTH")
_KNOWN = (*_PARTS, "BYSETPOS")
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_WEEKDAY = re.compile(r"(?P<number>[+-]?[1-9][0-9]?)?(?:MO|TU|WE|TH|FR|SA|SU)")
_INTEGER = re.compile(r"[+-]?[0-9]{1,4}")
_MOST = {"BYMONTH": 12, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53, "BYSETPOS": 366}
"""Each counts from 1, and all but months from the end as well."""
_DATE = re.compile(r"[0-9]{8}")
_TOGETHER = {
    # RFC 5545, the table of section 3.3.10 and the notes before it: what is not applicable.
    "BYWEEKNO": ("YEARLY",),
    "BYYEARDAY": ("YEARLY",),
    "BYMONTHDAY": ("DAILY", "MONTHLY", "YEARLY"),
}
_ANCHORS: Mapping[str, tuple[str, ...]] = {
    "DAILY": (),
    "WEEKLY": ("BYDAY",),
    "MONTHLY": ("BYDAY", "BYMONTHDAY"),
    "YEARLY": ("BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO"),
}
"""Without any of these, the days are those of the first one, which `since` gives."""

_LATE = datetime(9599, 1, 1)  # noqa: DTZ001 - days have no zone
"""After 400 years the calendar is the same again, and years end at 9999."""

FORMS = (
    'Write "third Saturday", "Patch Tuesday + 9 days", "every Monday and Thursday", "weekdays", "day 15", "last day of'
    ' March", or a rule of RFC 5545 such as FREQ=MONTHLY;BYDAY=3SA'
)


@dataclass(frozen=True, slots=True)
class Rule:
    """`text` as it was written, `recurrence` the RRULE value, and `offset_days` by which each day that it gives is
    moved. `anchored`: the days depend on the first one."""

    text: str
    recurrence: str
    offset_days: int
    anchored: bool


@lru_cache(maxsize=1024)
def parse(text: str) -> Rule:
    """Raises ValueError, with what is wrong in words."""
    written = " ".join(text.split())
    match = _OFFSET.match(written)
    days = int(f"{match['sign']}{match['days']}") if match else 0
    rule = match["rule"] if match else written
    if rule.upper().startswith(("FREQ=", "RRULE:")) or "=" in rule:
        recurrence = _rule_of(rule.upper().removeprefix("RRULE:"))
    else:
        recurrence = _words(rule.lower())
    ever = ";".join(part for part in recurrence.split(";") if not part.startswith("UNTIL="))
    if next(iter(rrulestr(ever, dtstart=_LATE)), None) is None:
        raise ValueError("there is no such day in any year")
    return Rule(written, recurrence, days, _anchored(recurrence))


def _words(text: str) -> str:
    if text in ("", "of"):
        raise ValueError("nothing is said")
    day, _, months = text.partition(" of ")
    by_month = f";BYMONTH={','.join(str(_month(one)) for one in _list(months))}" if months else ""
    found = _day_rule(day.strip())
    if by_month and found.startswith("FREQ=WEEKLY"):
        # Within months, weeks have no meaning.
        found = found.replace("FREQ=WEEKLY", "FREQ=DAILY")
    return found + by_month


def _day_rule(text: str) -> str:
    if text in ("every day", "daily"):
        return "FREQ=DAILY"
    if text in ("weekdays", "every weekday"):
        return "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"
    if text in ("weekends", "every weekend"):
        return "FREQ=WEEKLY;BYDAY=SA,SU"
    if text == "patch tuesday":
        return "FREQ=MONTHLY;BYDAY=2TU"
    if text == "last day":
        return "FREQ=MONTHLY;BYMONTHDAY=-1"
    first, _, rest = text.partition(" ")
    if first == "every":
        return f"FREQ=WEEKLY;BYDAY={','.join(_weekday(one) for one in _list(rest))}"
    if first in ("day", "days"):
        return f"FREQ=MONTHLY;BYMONTHDAY={','.join(str(_number(one)) for one in _list(rest))}"
    if rest:
        *ordinals, weekday = re.split(r"\s*,\s*|\s+and\s+|\s+", text)
        day = _weekday(weekday)
        return f"FREQ=MONTHLY;BYDAY={','.join(f'{_ordinal(one)}{day}' for one in ordinals)}"
    raise ValueError(f"{text} is not known")


def _list(text: str) -> list[str]:
    return re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+", text.strip())


def _weekday(word: str) -> str:
    found = _DAYS.get(word.removesuffix("s") if word.endswith("days") else word)
    if found is None:
        raise ValueError(f"{word or 'nothing'} is no day of the week")
    return found


def _month(word: str) -> int:
    if word not in _MONTHS:
        raise ValueError(f"{word or 'nothing'} is no month")
    return _MONTHS.index(word) + 1


def _number(word: str) -> int:
    if not word.isdecimal() or not 1 <= int(word) <= 31:
        raise ValueError(f"{word or 'nothing'} is no day of a month")
    return int(word)


def _ordinal(word: str) -> int:
    if word not in _ORDINALS:
        raise ValueError(f"{word} is not known: first to fifth, or last")
    return _ORDINALS[word]


def _rule_of(text: str) -> str:
    """A rule that RFC 5545 allows and that gives days, not times."""
    parts: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value:
            raise ValueError(f"{part or 'an empty part'} is no NAME=VALUE")
        if name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
            raise ValueError(f"{name} is for times of a day, which `at` gives")
        if name not in _KNOWN:
            raise ValueError(f"{name} is no part of a rule")
        if name in parts:
            raise ValueError(f"{name} is given twice")
        parts[name] = value
    if parts.get("FREQ") not in _FREQUENCIES:
        raise ValueError(f"FREQ must be one of {', '.join(_FREQUENCIES)}")
    _refuse_out_of_range(parts)
    _refuse_unfit(parts)
    return text


def _refuse_out_of_range(parts: Mapping[str, str]) -> None:
    for name, most in _MOST.items():
        for value in parts[name].split(",") if name in parts else ():
            number = int(value) if _INTEGER.fullmatch(value) else 0
            if not 1 <= abs(number) <= most or (number < 0 and name == "BYMONTH"):
                raise ValueError(f"{name} has {value or 'nothing'}, and goes from 1 to {most}")
    for value in parts["BYDAY"].split(",") if "BYDAY" in parts else ():
        match = _WEEKDAY.fullmatch(value)
        most = 5 if parts["FREQ"] == "MONTHLY" else 53
        if match is None or abs(int(match["number"] or 1)) > most:
            raise ValueError(f"BYDAY has {value or 'nothing'}, and takes MO to SU, with a number to {most} before it")
    if parts.get("WKST", "MO") not in _DAYS.values():
        raise ValueError(f"WKST has {parts['WKST']}, and takes MO to SU")
    for name in ("INTERVAL", "COUNT"):
        if name in parts and not (parts[name].isdecimal() and 1 <= int(parts[name]) <= 9999):
            raise ValueError(f"{name} must be a whole number from 1 to 9999")
    if "UNTIL" in parts and not _is_day(parts["UNTIL"]):
        raise ValueError("UNTIL must be a day, as in 20271231")


def _is_day(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        return False


def _refuse_unfit(parts: Mapping[str, str]) -> None:
    frequency = parts["FREQ"]
    for name, fitting in _TOGETHER.items():
        if name in parts and frequency not in fitting:
            raise ValueError(f"{name} does not go with FREQ={frequency}")
    numbered = any(one.isdecimal() for one in parts.get("BYDAY", ""))
    if numbered and (frequency in ("DAILY", "WEEKLY") or "BYWEEKNO" in parts):
        other = "BYWEEKNO" if "BYWEEKNO" in parts else f"FREQ={frequency}"
        raise ValueError(f"BYDAY with a number does not go with {other}")
    if "BYSETPOS" in parts and not any(name.startswith("BY") for name in parts if name != "BYSETPOS"):
        raise ValueError("BYSETPOS needs another BY… to choose from")
    if "COUNT" in parts and "UNTIL" in parts:
        raise ValueError("COUNT and UNTIL do not go together")


def _anchored(recurrence: str) -> bool:
    parts = dict(part.split("=") for part in recurrence.split(";"))
    if parts.get("INTERVAL", "1") != "1" or "COUNT" in parts:
        return True
    anchors = _ANCHORS[parts["FREQ"]]
    if parts["FREQ"] == "YEARLY" and "BYMONTH" in parts:
        anchors = ("BYDAY", "BYMONTHDAY", "BYYEARDAY")
    return bool(anchors) and not any(name in parts for name in anchors)
