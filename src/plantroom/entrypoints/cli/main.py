"""The `plantroom` command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from plantroom import __version__, bootstrap
from plantroom.delivery.artefacts import cli as artefacts
from plantroom.delivery.schema import cli as schema
from plantroom.delivery.tenancy import cli as tenancy
from plantroom.delivery.trains import cli as trains
from plantroom.entrypoints.cli import doctor, up
from plantroom.estate import cli as estate
from plantroom.kernel.errors import EngineError, PlantroomError
from plantroom.ledger import cli as ledger
from plantroom.runtime.terminal import Session, print_error, print_json

app = typer.Typer(
    no_args_is_help=True,
    help="Operations for software that is hosted once per client.",
    epilog="Start with: plantroom init estate, plantroom up, plantroom plan. Every command has --help with an example.",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    home: Annotated[
        Path | None, typer.Option(help="The directory of all state.", envvar="PLANTROOM_HOME", show_default=False)
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    context.obj = Session(home, bootstrap.migrations, bootstrap.released)


app.command()(estate.init)
app.add_typer(estate.app, name="estate")
app.command()(tenancy.plan)
app.command()(tenancy.apply)
app.command()(tenancy.drift)
app.command()(tenancy.environments)
app.add_typer(artefacts.app, name="artefact")
app.add_typer(artefacts.app, name="artifact", hidden=True)
app.add_typer(schema.app, name="schema")
app.add_typer(trains.app, name="release")
app.command()(trains.why)
app.add_typer(ledger.app, name="ledger")
app.command()(up.up)
app.command()(up.down)
app.command()(up.status)
app.command()(doctor.doctor)


def main() -> None:
    """Errors are told, not dumped; with --json they are JSON as well. Exit codes: 1 error, 2 a finding, 3 not done."""
    try:
        app(prog_name="plantroom")
    except PlantroomError as error:
        _tell(error)
    except OSError as error:
        if error.filename is None:
            raise
        value = (error.strerror or str(error)).lower()
        _tell(EngineError("PR816", str(error.filename), value=value, remedy="Name a place that you may use"))
    except KeyboardInterrupt:
        sys.exit(130)


def _tell(error: PlantroomError) -> NoReturn:
    if "--json" in sys.argv:
        print_json({"error": error.as_data()})
    else:
        print_error(error)
    sys.exit(1)


if __name__ == "__main__":
    main()
