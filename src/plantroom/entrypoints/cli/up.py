"""`plantroom up`, `down`, `status`: the engines, the API and the worker on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from plantroom.kernel.errors import EngineError
from plantroom.runtime.settings import Settings
from plantroom.runtime.terminal import Json, out, print_json, print_table, session, working

Estate = Annotated[Path, typer.Option("--estate", "-e", help="The directory of the estate's files.")]


NewTemporal = Annotated[
    bool,
    typer.Option(
        "--new-temporal", help="Have Temporal forget all that it has; what is under way begins again from PostgreSQL."
    ),
]


def up(context: typer.Context, estate: Estate = Path("estate"), new_temporal: NewTemporal = False) -> None:
    """Start everything and watch it, in the foreground. Ctrl-C ends the API and the worker; the engines, servers and
    instances run on, and the next `up` takes them over. `plantroom down` ends it all.

    Example: plantroom up --estate estate
    """
    from plantroom.entrypoints.cli.watch import watch

    if not estate.is_dir():
        raise EngineError(
            "PR809", str(estate), value="is not a directory", remedy="Make an estate with `plantroom init DIR`"
        )
    watch(session(context).settings, estate.absolute(), new_temporal)


def down(context: typer.Context) -> None:
    """End everything of this home: up, API, worker, instances, servers, balancer, engines. State and data stay.

    Example: plantroom down
    """
    from plantroom.entrypoints.cli.watch import end

    settings = session(context).settings
    if not _ever_started(settings):
        out.print(f"nothing was ever started in {escape(str(settings.home))}")
        return
    with working("ending everything"):
        end(settings)
    out.print("down; state and data are kept")


def status(context: typer.Context, as_json: Json = False) -> None:
    """Show what runs on this machine.

    Example: plantroom status --json
    """
    from plantroom.entrypoints.cli.watch import states

    settings = session(context).settings
    found = states(settings) if _ever_started(settings) else []
    if as_json:
        parts = [{"name": one.name, "pid": one.pid, "running": one.running, "detail": one.detail} for one in found]
        print_json({"home": str(settings.home), "parts": parts})
        return
    if not found:
        out.print(f"nothing was ever started in {escape(str(settings.home))}; start with `plantroom up`")
        return
    words = {True: "[green]running[/]", False: "[bold red]not running[/]"}
    rows = [[escape(one.name), words[one.running], str(one.pid or "-"), escape(one.detail)] for one in found]
    print_table(("part", "state", "pid", ""), rows)


def _ever_started(settings: Settings) -> bool:
    return (settings.home / "ports.json").exists()
