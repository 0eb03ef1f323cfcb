"""`plantroom release` and `plantroom why`."""

from __future__ import annotations

import time
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from plantroom.delivery.trains.model import NEWEST
from plantroom.runtime.terminal import (
    Json,
    out,
    paint,
    print_json,
    print_table,
    print_text,
    session,
    table_of,
    told_at_interrupt,
    working,
)

app = typer.Typer(no_args_is_help=True, help="Take a release to every client, ring by ring.")

Name = Annotated[str | None, typer.Option("--train", "-t", help="The train; the newest if not given.")]
_LOOK = 0.5
_COLUMNS = ("ring", "environment", "state", "from", "now", "why")


@app.command()
def start(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="The version, as in the artefact, or the artefact's digest.")],
    train: Annotated[str, typer.Option("--train", "--name", "-t", help="A name for this train, for instance 2026-11.")],
    application: Annotated[str | None, typer.Option(help="Which application, where the estate has several.")] = None,
    stage: Annotated[str, typer.Option(help="Which stage's environments.")] = "production",
    follow: Annotated[bool, typer.Option(help="Stay and show it until it has ended.")] = True,
    as_json: Json = False,
) -> None:
    """Start a release night, and look on. Ctrl-C ends the looking on: the train goes on by itself, and
    `plantroom release abort` stops it.

    Example: plantroom release start 1.1 --train 2026-11
    """
    api = session(context).api
    with working("checking the artefact and the estate"):
        begun = api.post("/trains", {"version": version, "train": train, "application": application, "stage": stage})
    if follow and not as_json:
        again = f"`plantroom release status --train {train} --follow`"
        with told_at_interrupt(f"train {train} goes on: {again} looks on, `plantroom release abort {train}` stops it"):
            begun = _follow(context, train)
    elif as_json:
        print_json(begun)
    else:
        _show(begun)
    if begun["over"] and begun["state"] != "done":
        raise typer.Exit(3)


@app.command()
def gates(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="The version, as in the artefact, or the artefact's digest.")],
    application: Annotated[str | None, typer.Option(help="Which application, where the estate has several.")] = None,
    stage: Annotated[str, typer.Option(help="Which stage's environments.")] = "production",
    as_json: Json = False,
) -> None:
    """Say what each gate would let by if you started this release now; exits with 2 when one is shut.

    Example: plantroom release gates 1.1 --stage production
    """
    with working("asking the gates"):
        found = session(context).api.get("/gates", version=version, stage=stage, application=application)
    if as_json:
        print_json(found)
    else:
        rows = [[escape(one["gate"]), paint(one["verdict"]), escape(one["reason"])] for one in found["gates"]]
        title = f"release {found['release']} of {found['application']} to {found['stage']}"
        print_table(("gate", "verdict", "why"), rows, escape(title))
    if not found["open"]:
        raise typer.Exit(2)


@app.command()
def status(
    context: typer.Context,
    train: Name = None,
    follow: Annotated[bool, typer.Option(help="Stay and show it until it has ended.")] = False,
    as_json: Json = False,
) -> None:
    """Show a train, its rings and each environment.

    Example: plantroom release status --follow
    """
    if follow and not as_json:
        _follow(context, train)
        return
    found = session(context).api.get(_path(train))
    print_json(found) if as_json else _show(found)


@app.command("list")
def list_trains(context: typer.Context, as_json: Json = False) -> None:
    """List all trains, the newest first.

    Example: plantroom release list --json
    """
    found = session(context).api.get("/trains")
    if as_json:
        print_json(found)
        return
    print_table(
        ("train", "application", "release", "state", "by", "started", "why"),
        [
            [
                escape(one["train"]),
                one["application"],
                one["release"],
                paint(one["state"]),
                escape(one["actor"]),
                one["started"][:16],
                escape(one["why"]),
            ]
            for one in found
        ],
    )


@app.command()
def abort(
    context: typer.Context,
    train: Annotated[str, typer.Argument(help="The train.")],
    as_json: Json = False,
) -> None:
    """Stop a train at a safe place: changes under way end first, nobody else boards.

    Example: plantroom release abort 2026-11
    """
    found = session(context).api.post(f"{_path(train)}/abort", {})
    print_json(found) if as_json else _show(found)


@app.command()
def override(
    context: typer.Context,
    train: Annotated[str, typer.Argument(help="The train.")],
    why: Annotated[str, typer.Option(help="Why it cannot wait. It is kept in the ledger.")],
    hours: Annotated[int, typer.Option(help="For how long, from now on.", min=1, max=168)] = 12,
    as_json: Json = False,
) -> None:
    """Ask that a train may start changes outside of its windows, and in freezes. It holds once another of the estate's
    people has confirmed it.

    Example: plantroom release override 2026-11 --why "the fix for CVE-2026-1234"
    """
    found = session(context).api.post(f"{_path(train)}/override", {"why": why, "hours": hours})
    if as_json:
        print_json(found)
        return
    print_text(f"asked for, until {found['until'][:16]}Z; it holds once somebody else has run:")
    print_text(f"  plantroom release confirm {escape(train)}")


@app.command()
def confirm(
    context: typer.Context,
    train: Annotated[str, typer.Argument(help="The train.")],
    as_json: Json = False,
) -> None:
    """Confirm, as the second person, that a train may start changes outside of its windows.

    Example: plantroom release confirm 2026-11
    """
    found = session(context).api.post(f"{_path(train)}/override/confirm", {})
    if as_json:
        print_json(found)
        return
    asked = f"asked for by {found['asked_by']}: {found['why']}"
    print_text(escape(f"train {train} may start at any time until {found['until'][:16]}Z; {asked}"))


def why(
    context: typer.Context,
    client: Annotated[str, typer.Argument(help="The client.")],
    as_json: Json = False,
) -> None:
    """Say what a client runs, why, and what comes next.

    Example: plantroom why harbour
    """
    found = session(context).api.get(f"/why/{quote(client, safe='')}")
    if as_json:
        print_json(found)
        return
    if found.get("title"):
        print_text(escape(found["title"]))
    for one in found["environments"]:
        on = f" on release [bold]{escape(one['release'])}[/]" if one["release"] else ""
        print_text(f"[bold]{escape(one['environment'])}[/] is {one['status']}{on}")
        print_text(f"  because  {escape(one['because'])}")
        if one.get("archive"):
            print_text(f"  archive  {escape(_kept(one['archive']))}")
        for line in one["history"]:
            print_text(f"  history  {escape(line)}")
        print_text(f"  next     {escape(one['next'])}")


def _kept(archive: dict[str, Any]) -> str:
    """Who retired an environment, when, and what there still is of it."""
    retired = f"retired by {archive['by']} on {archive['at'][:16]}Z"
    if archive["removed"] is not None:
        return f"{retired}; its final dump and files were kept until {archive['removed'][:16]}Z"
    until = f"until {archive['until'][:16]}Z" if archive["until"] else "for ever"
    return f"{retired}; its final dump and files are in {archive['place']}, kept {until}"


def _path(train: str | None) -> str:
    """A name is one part of the path, whatever is in it."""
    return f"/trains/{NEWEST}" if train is None else f"/trains/{quote(train, safe='')}"


def _follow(context: typer.Context, train: str | None) -> dict[str, Any]:
    shell = session(context)
    found: dict[str, Any] = shell.api.get(_path(train))
    if not out.is_terminal:
        last = ""
        while True:
            line = f"{found['train']}: {found['state']}, ring {found['ring'] or '-'}, {_done(found)}"
            if line != last:
                out.print(line)
                last = line
            if found["over"]:
                break
            time.sleep(_LOOK)
            found = shell.patiently(_path(found["train"]))
        _show(found)
        return found
    with Live(_table(found), console=out, refresh_per_second=4) as live:
        while not found["over"]:
            time.sleep(_LOOK)
            found = shell.patiently(_path(found["train"]))
            live.update(_table(found))
    if found["why"]:
        print_text(escape(found["why"]))
    return found


def _done(found: dict[str, Any]) -> str:
    done = sum(one["state"] in ("done", "failed", "back", "stuck") for one in found["targets"])
    return f"{done} of {len(found['targets'])} environments"


def _show(found: dict[str, Any]) -> None:
    print_table(_COLUMNS, _rows(found), _title(found))
    if found["why"]:
        print_text(escape(found["why"]))


def _title(found: dict[str, Any]) -> str:
    title = f"train {found['train']}: {found['application']} {found['release']}, {found['state']}"
    if found["ring"] and not found["over"]:
        title += f", ring {found['ring']}"
    if found["soaks_until"]:
        title += f" until {found['soaks_until'][11:19]} UTC"
    return escape(title)


def _rows(found: dict[str, Any]) -> list[list[str]]:
    return [
        [
            one["ring"],
            escape(one["environment"]),
            paint(one["state"]),
            escape(one["from"]),
            escape(one["now"]),
            escape(one["why"]),
        ]
        for one in found["targets"]
    ]


def _table(found: dict[str, Any]) -> Table:
    return table_of(_COLUMNS, _rows(found), _title(found))
