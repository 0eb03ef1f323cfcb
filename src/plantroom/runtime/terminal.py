"""How commands speak: one style for tables, progress, JSON and errors. Never colour alone: words carry the meaning."""

from __future__ import annotations

import io
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from plantroom.kernel.errors import PlantroomError
from plantroom.runtime.http import Client
from plantroom.runtime.settings import Settings, from_environment

out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
"""Without emoji: `:abc:` in a name or a digest is what it is."""

_WIDEST = 100_000
"""Columns of a table that goes to a file or another program: more than any row has."""

LONG_S = 15.0
"""Seconds after which somebody who waits wonders what for; a plan of a large estate takes a few."""

_PATIENCE_S = 60
_COMES_BACK = frozenset({"PR801", "PR802", "PR803", "PR806"})
"""What is answered while something is away that is started again by itself."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

COLOURS = {
    "created": "green",
    "updated": "yellow",
    "deleted": "red",
    "refused": "bold red",
    "unchanged": "dim",
    "observed": "magenta",
    "done": "green",
    "failed": "bold red",
    "stuck": "bold red",
    "stopped": "bold red",
    "back": "yellow",
    "left": "yellow",
    "going back": "yellow",
    "changing": "cyan",
    "rolling": "cyan",
    "soaking": "cyan",
    "waiting": "dim",
    "as released": "green",
    "accepted": "yellow",
    "drifted": "bold red",
    "unknown": "magenta",
    "allowed": "green",
    "open": "green",
    "closed": "yellow",
    "running": "cyan",
}


@dataclass(slots=True)
class Session:
    """What the global options say."""

    home: Path | None = None
    migrations: Callable[[Settings], Any] | None = None
    """Makes schema migrations for artefacts; given by who wires the command."""
    released: Callable[[Settings], Callable[[str], str]] | None = None
    """Reads the schemas of artefacts; given likewise."""

    @property
    def settings(self) -> Settings:
        return from_environment(self.home)

    @property
    def api(self) -> Client:
        return Client(self.settings.api_socket)

    def patiently(self, path: str) -> Any:
        """Look at what goes on by itself. While Plantroom or one of its engines is started anew, wait for it, for a
        minute at most."""
        ends = time.monotonic() + _PATIENCE_S
        told = False
        while True:
            try:
                return self.api.get(path)
            except PlantroomError as error:
                if error.code not in _COMES_BACK or time.monotonic() > ends:
                    raise
            if not told:
                err.print("waiting for Plantroom to answer; what was begun goes on by itself")
                told = True
            time.sleep(0.5)


def session(context: typer.Context) -> Session:
    found = context.obj
    assert isinstance(found, Session)
    return found


_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}
_CONTROLS |= {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
"""The latter turn the direction of writing, and have a line read as another than it is."""


def _seen(text: str) -> str:
    """What others say, an application's answer for instance, moves no terminal."""
    return text.translate(_CONTROLS)


def print_json(data: Any) -> None:
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def paint(word: str) -> str:
    colour = COLOURS.get(word)
    return f"[{colour}]{escape(word)}[/]" if colour else escape(word)


def table_of(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> Table:
    """Cells are Rich markup; escape what comes from outside. The last column holds what is long, and gives way."""
    table = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for place, name in enumerate(columns, 1):
        # Nothing is ever cut: what has no room goes on in the next line, a word that is too long in the middle.
        table.add_column(name, overflow="fold", no_wrap=place < len(columns))
    for row in rows:
        table.add_row(*map(_seen, row))
    return table


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> None:
    """On a terminal it wraps; where it is piped every row is one line, however long, for the next program."""
    table = table_of(columns, rows, title)
    if out.is_terminal:
        out.print(table, soft_wrap=False)
        return
    written = io.StringIO()
    console = Console(
        file=written, width=_WIDEST, highlight=False, color_system=None, force_terminal=False, emoji=False
    )
    console.print(table)
    for line in written.getvalue().splitlines():
        sys.stdout.write(line.rstrip() + "\n")


def print_text(text: str) -> None:
    """A sentence, as Rich markup: wrapped between words on a terminal, one line where it is piped."""
    out.print(_seen(text), soft_wrap=not out.is_terminal)


def print_error(error: PlantroomError) -> None:
    details = getattr(error, "details", {})
    mistakes = details.get("mistakes") if isinstance(details, dict) else None
    told = str(error).removeprefix(error.code).strip()
    err.print(f"[bold red]error[/] [bold]{escape(error.code)}[/] {escape(_seen(told))}")
    for mistake in mistakes or ():
        err.print(f"  {escape(_seen(str(mistake)))}")


@contextmanager
def told_at_interrupt(what: str) -> Iterator[None]:
    """Who ends a command that only looks on ends nothing else, and is told so."""
    try:
        yield
    except KeyboardInterrupt:
        err.print(escape(what))
        raise


@contextmanager
def working(what: str, waits_for: str = "") -> Iterator[None]:
    """Something moves on the screen while a thing takes long; nothing is written where nobody looks. `waits_for` says
    what it waits for when that takes longer than it should, wherever it is read."""
    told = threading.Timer(LONG_S, err.print, [f"still waiting, for {escape(waits_for)}"])
    told.daemon = True
    if waits_for:
        told.start()
    try:
        with err.status(escape(what)) if err.is_terminal else nullcontext():
            yield
    finally:
        told.cancel()
