"""`plantroom artefact`: build, list, show and verify. Works on the artefact directory; nothing needs to run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from plantroom.delivery.artefacts.model import Artefact, Contract
from plantroom.kernel.digest import short
from plantroom.platforms.contract import Script
from plantroom.runtime.terminal import Json, out, print_json, print_table, session, working

if TYPE_CHECKING:
    from plantroom.delivery.artefacts.service import Artefacts

app = typer.Typer(no_args_is_help=True, help="Build and check immutable builds of an application.")

Name = Annotated[str, typer.Argument(help="A digest, or application@version.")]


@app.command()
def build(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="The source directory, with its plantroom.app.yaml.")],
    as_json: Json = False,
) -> None:
    """Build an artefact: the application with its exact locked dependencies. The same source gives the same digest.

    Example: plantroom artefact build examples/workorders/releases/1.0
    """
    with working(f"building {path}"):
        made = _artefacts(context).build(path)
    print_json(_data(made)) if as_json else out.print(f"{escape(made.reference)} [bold]{made.digest}[/]")


@app.command("list")
def list_artefacts(context: typer.Context, as_json: Json = False) -> None:
    """List all artefacts.

    Example: plantroom artefact list
    """
    found = _artefacts(context).list()
    if as_json:
        print_json([_data(one) for one in found])
        return
    print_table(
        ("application", "version", "kind", "platform", "digest"),
        [[one.application, escape(one.version), one.kind.value, one.platform, short(one.digest)] for one in found],
    )


@app.command()
def show(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show what an artefact holds.

    Example: plantroom artefact show workorders@1.0
    """
    one = _artefacts(context).show(name)
    if as_json:
        print_json(_data(one))
        return
    out.print(f"[bold]{escape(one.reference)}[/] {one.digest}")
    out.print(
        f"  kind {one.kind.value}, platform {one.platform}, Python {one.python or '-'}, lock {short(one.lock) or '-'}"
    )
    for process in one.processes:
        more = f", health {process.health_path}" if process.health_path else ""
        out.print(f"  {process.name}: {escape(' '.join(process.command))}{escape(more)}")
    if one.schema is not None:
        came = f", from {one.schema.previous}" if one.schema.previous else ""
        out.print(f"  schema {one.schema.release}{came}")
        if one.schema.held is not None:
            _proven(
                f"what {one.schema.held.release} held back comes first,", one.schema.held.script, one.schema.held.proof
            )
        if one.schema.proof is not None and one.schema.migrate is not None:
            _proven("migration", one.schema.migrate, one.schema.proof)
        if one.schema.contract is not None:
            _proven("held back for the next release,", one.schema.contract.script, one.schema.contract.proof)


def _proven(what: str, script: Script, proof: Mapping[str, Any]) -> None:
    """A script, what it does, what was proven."""
    lost = f"; with it goes {', '.join(proof['lost'])}" if proof["lost"] else ""
    out.print(escape(f"  {what} made by {proof['engine']}, proven with {proof['rows']} rows{lost}:"))
    for line in script.sql.rstrip().splitlines():
        out.print(f"    {escape(line)}")
    for one in proof.get("checks", ()):
        how = "passes" if one["passed"] else f"does not pass: {one['why']}"
        out.print(escape(f"    the check of release {one['release']} on {one['on']} {how}"))
    for one in proof["hazards"]:
        if not one["brief"]:
            said = f"{one['class']}: {one['subject']}, {one['detail']}" if one["subject"] else one["detail"]
            out.print(f"    statement {one['statement'] + 1} {escape(said)}")


@app.command()
def verify(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Hash every part of an artefact again; one that is truncated or altered is refused.

    Example: plantroom artefact verify workorders@1.0
    """
    with working(f"verifying {name}"):
        one = _artefacts(context).verify(name)
    print_json(_data(one)) if as_json else out.print(f"{escape(one.reference)} is whole: {one.digest}")


def _artefacts(context: typer.Context) -> Artefacts:
    from plantroom.delivery.artefacts.service import Artefacts

    here = session(context)
    return Artefacts(here.settings.home / "artefacts", here.migrations(here.settings) if here.migrations else None)


def _data(one: Artefact) -> dict[str, Any]:
    return {
        "application": one.application,
        "version": one.version,
        "digest": one.digest,
        "kind": one.kind.value,
        "platform": one.platform,
        "python": one.python,
        "lock": one.lock,
        "processes": [
            {
                "name": process.name,
                "kind": process.kind.value,
                "command": list(process.command),
                "health_path": process.health_path,
                "start_timeout_s": process.start_timeout_s,
                "stop_grace_s": process.stop_grace_s,
                "singleton": process.singleton,
            }
            for process in one.processes
        ],
        "schema": None
        if one.schema is None
        else {
            "release": one.schema.release,
            "previous": one.schema.previous,
            "migrate": None if one.schema.migrate is None else one.schema.migrate.sql,
            "proof": one.schema.proof,
            "contract": _contract(one.schema.contract),
            "held": _contract(one.schema.held),
        },
    }


def _contract(one: Contract | None) -> dict[str, Any] | None:
    return None if one is None else {"release": one.release, "script": one.script.sql, "proof": dict(one.proof)}
