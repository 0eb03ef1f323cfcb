"""`plantroom calendar`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape

from plantroom.runtime.files import write_whole
from plantroom.runtime.terminal import Json, out, paint, print_json, print_table, print_text, session, working

_WORKS = ("releases", "patches")
_FEW = 3
"""Openings of each in a table of all of them."""


def calendar(
    context: typer.Context,
    client: Annotated[str | None, typer.Option(help="Only this client, with all of its openings.")] = None,
    pool: Annotated[str | None, typer.Option(help="Only this pool, with all of its openings.")] = None,
    months: Annotated[int, typer.Option(help="How far ahead.", min=1, max=24)] = 3,
    ics: Annotated[Path | None, typer.Option(help="Write them to this file, as iCalendar.")] = None,
    as_json: Json = False,
) -> None:
    """Show when changes of each client and each pool may start in the next months.

    Example: plantroom calendar --client harbour --months 6 --ics harbour.ics
    """
    with working("reading the calendars"):
        found = session(context).api.get("/calendar", months=months, client=client, pool=pool)
    if ics is not None:
        count = _write(ics, found)
        if not as_json:
            out.print(f"{count} events in {escape(str(ics))}")
    elif not as_json:
        _show(found, None if client or pool else _FEW)
    if as_json:
        print_json(found)


def _show(found: dict[str, Any], most: int | None) -> None:
    rows = []
    for one in (*found["clients"], *found["pools"]):
        name = one.get("environment") or f"{one['kind']} {one['pool']}"
        for work in _WORKS:
            rows.append(
                [escape(name), work, paint("open" if one[work]["now"] else "closed"), _when(found, one, work, most)]
            )
    print_table(("who", "what", "now", "when"), rows)
    if most is None:
        for one in (*found["clients"], *found["pools"]):
            for scope in one["calendars"]:
                for line in scope["windows"]:
                    print_text(escape(f"window of {scope['of']}: {line}"))
                for line in scope["freezes"]:
                    print_text(escape(f"freeze of {scope['of']}: {line}"))
            for freeze in one["freezes"]:
                print_text(escape(f"frozen {_from_to(freeze, one['zone'], found)}: {freeze['why']} ({freeze['of']})"))
    if not found["applied"]:
        print_text("These are the calendars of the files; trains go by those that were applied last.")


def _when(found: dict[str, Any], one: dict[str, Any], work: str, most: int | None) -> str:
    """In lines on a terminal, in one where it is piped."""
    told = one[work]
    if told["always"]:
        return "at any time"
    lines = [] if told["now"] else [told["why"]]
    spans = told["open"][:most]
    lines += [_from_to(span, one["zone"], found) for span in spans]
    if not told["open"]:
        lines.append(f"opens {_local(told['opens'], one['zone'])}" if told["opens"] else "it never opens")
    if len(spans) < len(told["open"]):
        lines.append(f"and {len(told['open']) - len(spans)} more")
    return escape(("\n" if out.is_terminal else "; ").join(lines))


def _from_to(span: dict[str, str], zone: str, found: dict[str, Any]) -> str:
    """What is so now has begun before, and what is so at the end of what was asked for goes on."""
    start = "now" if span["start"] <= found["from"] else f"from {_local(span['start'], zone)}"
    end = "on" if span["end"] >= found["until"] else f"to {_local(span['end'], zone)}"
    return f"{start} {end}" if start != "now" or end != "on" else "all the time"


def _local(stamp: str, zone: str) -> str:
    return f"{datetime.fromisoformat(stamp).astimezone(ZoneInfo(zone)):%a %d %b %Y %H:%M %Z}"


def _write(file: Path, found: dict[str, Any]) -> int:
    """The number of events."""
    from icalendar import Calendar, Event  # a moment to load, and for this alone

    made = Calendar()
    made.add("prodid", "-//Plantroom//calendar//EN")
    made.add("version", "2.0")
    for summary, span in _events(found):
        event = Event()
        event.add("summary", summary)
        event.add("dtstart", datetime.fromisoformat(span["start"]))
        event.add("dtend", datetime.fromisoformat(span["end"]))
        event.add("dtstamp", datetime.fromisoformat(found["from"]))
        mark = hashlib.sha256(f"{summary} {span['start']}".encode()).hexdigest()[:32]
        event.add("uid", f"{mark}@plantroom")
        made.add_component(event)
    write_whole(file, made.to_ical().decode())
    return len(made.subcomponents)


def _events(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    for one in (*found["clients"], *found["pools"]):
        name = one.get("environment") or f"{one['kind']} {one['pool']}"
        for work in _WORKS:
            for span in [] if one[work]["always"] else one[work]["open"]:
                yield f"{name}: open for {work}", span
        for freeze in one["freezes"]:
            yield f"{name}: frozen ({freeze['why']})", freeze
