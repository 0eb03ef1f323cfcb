"""`plantroom plan`, `apply`, `drift`, `environments`: the estate from files to what is there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape

from plantroom.runtime.http import RemoteError
from plantroom.runtime.terminal import Json, Session, err, out, paint, print_json, session, told_at_interrupt, working

_LOOK = 0.5
_WORKER = (
    "the worker to look at the platform: `plantroom status` shows what runs, HOME/logs/worker.log what it does, and"
    " `up` starts one again that ended or hangs"
)
_MARKS = {"created": "+", "updated": "~", "deleted": "-", "refused": "!", "observed": "?"}


def plan(context: typer.Context, as_json: Json = False) -> None:
    """Show what an apply would do, and the digest to apply it by. Changes nothing.

    Example: plantroom plan
    """
    with working("reading the estate and looking at the platform", _WORKER):
        found = session(context).api.get("/plan")
    print_json(found) if as_json else show_plan(found)


def apply(
    context: typer.Context,
    digest: Annotated[str, typer.Argument(help="The digest that `plantroom plan` printed.")],
    as_json: Json = False,
) -> None:
    """Apply exactly the plan of this digest; one that no longer fits is refused and shown anew. Ctrl-C ends the looking
    on: the apply goes on by itself to its end, and the same command looks on again.

    Example: plantroom apply sha256:9f86d081…
    """
    shell = session(context)
    try:
        with working("planning again", _WORKER):
            found = shell.api.post("/applies", {"digest": digest})
    except RemoteError as error:
        if error.code == "PR201" and "plan" in error.details and not as_json:
            show_plan(error.details["plan"])
        raise
    again = f"`plantroom apply {digest}` looks on again, and nothing stops it half-way"
    with told_at_interrupt(f"the apply goes on: {again}"):
        found = _follow(shell, found, quiet=as_json)
    if as_json:
        print_json(found)
    elif found["refused"]:
        out.print(f"applied, but for {found['refused']} refused: `plantroom plan` says why")
    elif not found["failed"]:
        out.print("applied; `plantroom plan` shows what is left to do, if anything")
    for line in found["failed"]:
        err.print(f"{paint('failed')} {escape(line)}")
    if found["failed"]:
        raise typer.Exit(3)


def drift(context: typer.Context, as_json: Json = False) -> None:
    """Show what was changed behind Plantroom's back; exits with 2 when there is any. Plan and apply repair it.

    Example: plantroom drift
    """
    with working("looking at the platform", _WORKER):
        found = session(context).api.get("/drift")
    if as_json:
        print_json(found)
    elif not found["drift"]:
        out.print("no drift: everything is as it was applied")
    else:
        _show_changes(found["drift"])
        if any(one["action"] != "observed" for one in found["drift"]):
            out.print("repair it with `plantroom plan` and `plantroom apply DIGEST`")
    if found["drift"]:
        raise typer.Exit(2)


def environments(context: typer.Context, as_json: Json = False) -> None:
    """List every environment that was provisioned, or waits for its day: status, release, ring, servers.

    Example: plantroom environments --json
    """
    found = session(context).api.get("/environments")
    if as_json:
        print_json(found)
        return
    for one in found:
        where = ", ".join(one["servers"])
        title = f" ({escape(one['title'])})" if one["title"] else ""
        out.print(
            f"[bold]{escape(one['environment'])}[/]{title}"
            f" {one['status']}, {one['application']} {escape(one['release'])},"
            f" ring {one['ring']}, on {where or 'no server'}, {escape(' '.join(one['hosts']))}"
        )


def show_plan(found: dict[str, Any]) -> None:
    """Every change in words, then the counts, then how to go on."""
    changed = [one for one in found["changes"] if one["action"] != "unchanged"]
    _show_changes(changed)
    for reason in found["refusals"]:
        out.print(f"{paint('refused')} the whole plan: {escape(reason)}")
    counts: dict[str, int] = {}
    for one in found["changes"]:
        counts[one["action"]] = counts.get(one["action"], 0) + 1
    words = ["created", "updated", "deleted", "unchanged", "refused", *(["observed"] if "observed" in counts else [])]
    out.print(", ".join(f"{counts.get(word, 0)} {word}" for word in words))
    effective = any(one["action"] not in ("refused", "observed") for one in changed)
    if not effective:
        out.print("nothing to apply")
    elif not found["refusals"]:
        out.print(f"apply it with: [bold]plantroom apply {found['digest']}[/]")


def _show_changes(changes: Sequence[dict[str, Any]]) -> None:
    for one in changes:
        mark = _MARKS.get(one["action"], " ")
        reason = f": {escape(one['reason'])}" if one["reason"] else ""
        out.print(f"{mark} {paint(one['action'])} {one['kind']} [bold]{escape(one['name'])}[/]{reason}")


def _follow(shell: Session, found: dict[str, Any], quiet: bool) -> dict[str, Any]:
    """Until the apply has ended. Ctrl-C leaves it running: it belongs to the worker."""
    said: dict[str, str] = {}
    while True:
        for one in found["changes"]:
            if said.get(one["environment"]) != one["state"] and not quiet:
                said[one["environment"]] = one["state"]
                why = f": {escape(one['why'])}" if one["why"] else ""
                out.print(f"  {escape(one['environment'])} {paint(one['state'])}{why}")
        if found["state"] == "ended":
            return found
        time.sleep(_LOOK)
        found = shell.patiently(f"/applies/{found['digest']}")
