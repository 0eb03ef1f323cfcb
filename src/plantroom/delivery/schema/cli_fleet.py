"""`plantroom schema status|drift|accept|repair|apply|run`: the schemas of the whole fleet."""

from __future__ import annotations

import time
from contextlib import nullcontext
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.markup import escape

from plantroom.runtime.terminal import (
    Json,
    err,
    out,
    paint,
    print_json,
    print_table,
    print_text,
    session,
    working,
)

_LOOK = 0.5
_SHORT = 12
_NAMES = 4
_FINDING = 2
_NOT_DONE = 3
_PRINTED = "The fingerprint, or how it begins, as `plantroom schema drift` prints it."


class Hazard(StrEnum):
    LOSES_DATA = "loses data"
    CHANGES_VALUES = "changes values"
    FAILS_WITH_ROWS = "fails with rows"


def status(context: typer.Context, as_json: Json = False) -> None:
    """Look at every database of the fleet, and show those that are alike together.

    Example: plantroom schema status
    """
    found = _looked(context)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            paint(one["standing"]),
            escape(one["application"]),
            escape(one["release"]),
            _short(one["fingerprint"]),
            str(len(one["environments"])),
            escape(_some(one["environments"]) + (f": {one['why']}" if one["why"] else "")),
        )
        for one in found["groups"]
    ]
    print_table(("standing", "application", "schema of", "fingerprint", "databases", "which"), rows)
    rate = f", {found['databases'] / found['seconds']:.0f} a second" if found["seconds"] else ""
    print_text(f"{found['databases']} databases in {found['seconds']:.1f} s{rate}")
    if found["drifted"]:
        print_text("`plantroom schema drift` says how they differ")


def drift(context: typer.Context, as_json: Json = False) -> None:
    """Show databases whose schema is not the one that their release left, and how; exits with 2 when there are any.

    Example: plantroom schema drift
    """
    found = _looked(context)
    apart = [one for one in found["groups"] if one["standing"] in ("drifted", "unknown")]
    if as_json:
        print_json(apart)
    else:
        for one in apart:
            _show_group(one)
        if not apart:
            out.print(f"no drift: {found['databases']} databases are as their releases left them, or as was accepted")
    if apart:
        raise typer.Exit(_FINDING)


def accept(
    context: typer.Context,
    fingerprint: Annotated[str, typer.Argument(help=_PRINTED)],
    why: Annotated[str, typer.Option(help="The reason, for the ledger.")],
    as_json: Json = False,
) -> None:
    """Let the databases that have this schema keep it. The next release is proven on it before it runs there.

    Example: plantroom schema accept 3f2a91c04b7d --why "an index for the client's own reports"
    """
    with working("looking at the fleet"):
        found = session(context).api.post("/schemas/accepted", {"fingerprint": fingerprint, "why": why})
    if as_json:
        print_json(found)
    else:
        print_text(f"accepted for {len(found['environments'])}: {escape(_some(found['environments']))}")


def repair(
    context: typer.Context,
    fingerprint: Annotated[str, typer.Argument(help=_PRINTED)],
    allow: Annotated[list[Hazard] | None, typer.Option(help="A hazard that is meant.")] = None,
    as_json: Json = False,
) -> None:
    """Make a script that leads drifted databases back to what their release left, proven on a clone. Changes nothing.

    Example: plantroom schema repair 3f2a91c04b7d
    """
    given = {"fingerprint": fingerprint, "allow": [one.value for one in allow or ()]}
    with working("looking at the fleet, and proving a way back"):
        found = session(context).api.post("/schemas/repairs", given)
    if as_json:
        print_json(found)
        return
    for step in found["script"]["steps"]:
        out.print(escape(step[0].rstrip()))
    for one in found["proof"]["hazards"]:
        if not one["brief"]:
            err.print(
                f"statement {one['statement'] + 1} {one['class']}: {escape(one['subject'])} {escape(one['detail'])}"
            )
    names = [name for name, _ in found["databases"]]
    print_text(f"leads {len(names)} back to release {escape(found['release'])}: {escape(_some(names))}")
    out.print(f"run it with: [bold]plantroom schema apply {found['digest']}[/]")


def approve(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="A release, or the digest of a repair.")],
    why: Annotated[str, typer.Option(help="The reason, for the ledger.")],
    application: Annotated[str | None, typer.Option(help="Which application, where the estate has several.")] = None,
    as_json: Json = False,
) -> None:
    """Say yes, as the second person, to scripts that their stage or ring lets nobody bring alone.

    It holds for exactly these scripts. Whoever starts the release or the run is never their own second person.

    Example: plantroom schema approve 1.1 --why "read with Kim; the old column has been empty since May"
    """
    given = {"what": what, "application": application, "why": why}
    found = session(context).api.post("/schemas/approvals", given)
    if as_json:
        print_json(found)
        return
    for one in found["scripts"]:
        print_text(
            f"{escape(found['actor'])} says yes to the script to {escape(one['release'])} ({one['sha256'][:12]})"
        )
        for hazard in one["hazards"]:
            if not hazard["brief"]:
                print_text(f"  {hazard['class']}: {escape(hazard['subject'])} {escape(hazard['detail'])}")


def apply(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="A release, or the digest of a repair.")],
    application: Annotated[str | None, typer.Option(help="Which application, where the estate has several.")] = None,
    stage: Annotated[str, typer.Option(help="Which stage's environments.")] = "production",
    canaries: Annotated[int, typer.Option(help="Databases that go first, by themselves.")] = 1,
    per_pool: Annotated[int, typer.Option(help="Databases of one pool at once.")] = 4,
    stop_at: Annotated[int, typer.Option(help="Failures after which no other one begins.")] = 1,
    follow: Annotated[bool, typer.Option(help="Stay and show it until it has ended.")] = True,
    as_json: Json = False,
) -> None:
    """Bring databases to a release's schema ahead of its train, or drifted ones back by a repair.

    Each script is the one that is frozen in the artefact. A release runs on after it: nothing of it is restarted.

    Example: plantroom schema apply 1.1
    Example: plantroom schema apply sha256:9f86d081…
    """
    given = {
        "what": what,
        "application": application,
        "stage": stage,
        "canaries": canaries,
        "per_pool": per_pool,
        "stop_at": stop_at,
    }
    found = session(context).api.post("/schemas/runs", given)
    _follow_or_show(context, found, follow=follow and not as_json, as_json=as_json)


def run(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="The run; the newest if not given.")] = None,
    follow: Annotated[bool, typer.Option(help="Stay and show it until it has ended.")] = False,
    as_json: Json = False,
) -> None:
    """Show a run of `schema apply`: what came of each database.

    Example: plantroom schema run --json
    """
    found = session(context).api.get(_path(name))
    _follow_or_show(context, found, follow=follow and not as_json, as_json=as_json)


def _follow_or_show(context: typer.Context, found: dict[str, Any], *, follow: bool, as_json: bool) -> None:
    if follow:
        found = _followed(context, found)
    if as_json:
        print_json(found)
    else:
        _show_run(found)
    if found["over"] and found["state"] != "done":
        raise typer.Exit(_NOT_DONE)


def _followed(context: typer.Context, found: dict[str, Any]) -> dict[str, Any]:
    """Until the run has ended. Ctrl-C leaves it running: it belongs to the worker."""
    said: set[str] = set()
    with err.status(_counted(found)) if err.is_terminal else nullcontext() as status:
        while True:
            for one in found["databases"]:
                if one["state"] == "failed" and one["environment"] not in said:
                    said.add(one["environment"])
                    out.print(f"  {escape(one['environment'])} {paint('failed')}: {escape(one['why'])}")
            if found["over"]:
                return found
            time.sleep(_LOOK)
            found = session(context).patiently(_path(found["run"]))
            if status is not None:
                status.update(_counted(found))


def _counted(found: dict[str, Any]) -> str:
    states = [one["state"] for one in found["databases"]]
    return ", ".join(
        f"{states.count(state)} {state}" for state in ("done", "failed", "left", "waiting") if state in states
    )


def _show_run(found: dict[str, Any]) -> None:
    why = f": {escape(found['why'])}" if found["why"] else ""
    for one in found["databases"]:
        if one["state"] == "left":
            print_text(f"  {escape(one['environment'])} {paint('left')}: {escape(one['why'])}")
    print_text(f"{found['run']} ({escape(found['about'])}) {paint(found['state'])}, {_counted(found)}{why}")


def _show_group(one: dict[str, Any]) -> None:
    names = escape(_some(one["environments"]))
    of = f"{escape(one['application'])} {escape(one['release'])}"
    if one["standing"] == "unknown":
        print_text(f"{paint('unknown')} {len(one['environments'])} of {of}: {escape(one['why'])}: {names}")
        return
    print_text(f"{paint('drifted')} [bold]{_short(one['fingerprint'])}[/] {len(one['environments'])} of {of}: {names}")
    for line in one["difference"]:
        print_text(f"  {escape(line)}")
    short = _short(one["fingerprint"])
    print_text(f"  put it right: `plantroom schema repair {short}`, or let it be: `plantroom schema accept {short}`")


def _looked(context: typer.Context) -> dict[str, Any]:
    with working("looking at every database"):
        found: dict[str, Any] = session(context).api.get("/schemas")
    return found


def _path(name: str | None) -> str:
    return f"/schemas/runs/{'newest' if name is None else quote(name, safe='')}"


def _short(fingerprint: str) -> str:
    return fingerprint.rpartition(":")[2][:_SHORT]


def _some(names: list[str]) -> str:
    more = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")
