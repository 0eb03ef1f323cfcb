"""`plantroom init` and `plantroom estate`: files only, nothing needs to run."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from plantroom.estate.loader import load
from plantroom.estate.schema import json_schema
from plantroom.estate.template import write_template
from plantroom.runtime.terminal import Json, out, print_json, working

app = typer.Typer(no_args_is_help=True, help="Check the estate's files, and help editors with them.")


def init(
    directory: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("estate"),
    name: Annotated[str | None, typer.Option(help="Your name, as the ledger shall know you.")] = None,
) -> None:
    """Write a small, commented estate to start from.

    Example: plantroom init estate --name "Ada Lovelace"
    """
    account = getpass.getuser()
    path = write_template(directory, name or account, account)
    out.print(f"wrote {escape(str(path))}; read it, then: plantroom up --estate {escape(str(directory))}")


@app.command()
def schema(as_json: Json = False) -> None:
    """Print the JSON Schema of estate files, for editors. It is JSON with and without --json.

    Example: plantroom estate schema > estate.schema.json
    """
    print_json(json_schema())


@app.command()
def check(
    directory: Annotated[Path, typer.Argument(help="The directory of the estate's files.")] = Path("estate"),
    as_json: Json = False,
) -> None:
    """Read the files and tell every mistake at once, with file, line and column.

    Example: plantroom estate check estate
    """
    with working("reading the estate"):
        loaded = load(directory)
    estate = loaded.estate
    environments = sum(len(client.environments) for client in estate.clients.values())
    if as_json:
        found = {"clients": len(estate.clients), "environments": environments, "content": loaded.content}
        print_json(found | {"commit": loaded.commit, "dirty": loaded.dirty})
    else:
        counts = ((len(estate.clients), "client"), (environments, "environment"), (len(estate.rings), "ring"))
        said = ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts)
        out.print(f"no mistakes: {said}")
