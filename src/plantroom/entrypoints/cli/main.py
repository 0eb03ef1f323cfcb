"""The `plantroom` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from plantroom import __version__
from plantroom.delivery.artefacts import cli as artefacts
from plantroom.delivery.schema import cli as schema
from plantroom.delivery.tenancy import cli as tenancy
from plantroom.delivery.trains import cli as trains
from plantroom.entrypoints.cli import doctor, up
from plantroom.estate import cli as estate
from plantroom.kernel.errors import EngineError, PlantroomError
from plantroom.ledger import cli as ledger
from plantroom.rollout import cli as rollout
from plantroom.runtime.settings import Settings
from plantroom.runtime.terminal import Session, print_error, print_json

if TYPE_CHECKING:
    from plantroom.delivery.schema.proving import Migrations

app = typer.Typer(
    no_args_is_help=True,
    help="Operations for software that is hosted once per client.",
    epilog="Start with: plantroom init estate, plantroom up, plantroom plan. Every command has --help with an example.",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


_PRINTERS = (__name__, "plantroom.runtime.terminal", "rich.", "typer.")
"""Modules that write to standard output."""


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
    context.obj = Session(home, _migrations, _released)


# What works without the API is wired where it is wanted: most commands only ask, and should not wait for it.


def _migrations(settings: Settings) -> Migrations:
    from plantroom import bootstrap

    return bootstrap.migrations(settings)


def _released(settings: Settings) -> Callable[[str], str]:
    from plantroom import bootstrap

    return bootstrap.released(settings)


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
app.command()(rollout.calendar)
app.add_typer(ledger.app, name="ledger")
app.command()(up.up)
app.command()(up.down)
app.command()(up.status)
app.command()(doctor.doctor)


def main() -> None:
    """Errors are told, not dumped; with --json they are JSON as well. Exit codes: 1 error, 2 a finding, 3 not done."""
    try:
        try:
            app(prog_name="plantroom")
        finally:
            # Here, where it can be told: at its own end the interpreter would dump what it cannot print.
            sys.stdout.flush()
    except PlantroomError as error:
        _tell(error)
    except BrokenPipeError:
        # Whoever read has read enough.
        _drop_output()
        sys.exit(1)
    except OSError as error:
        _tell(_refused(error), lost=_printing(error))
    except KeyboardInterrupt:
        sys.exit(130)


def _tell(error: PlantroomError, lost: bool = False) -> NoReturn:
    """In words, where standard output is lost, whatever was asked for."""
    try:
        if "--json" in sys.argv and not lost:
            print_json({"error": error.as_data()})
            sys.stdout.flush()
    except OSError:
        lost = True
    if lost:
        _drop_output()
    if lost or "--json" not in sys.argv:
        print_error(error)
    sys.exit(1)


def _refused(error: OSError) -> EngineError:
    """In our words. What is open already has no name in the error of a write that fails."""
    value = (error.strerror or str(error)).lower()
    if error.filename is not None:
        return EngineError("PR816", str(error.filename), value=value, remedy="Name a place that you may use")
    if _printing(error):
        return EngineError("PR816", "the output", value=value, remedy="Send it to a place that takes it")
    remedy = "Make room where --home is, and where TMPDIR is"
    return EngineError("PR816", "a file", value=value, remedy=remedy)


def _printing(error: OSError) -> bool:
    """Whether it was met by who prints: nobody else writes to standard output."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__")).startswith(_PRINTERS)


def _drop_output() -> None:
    """What was printed goes nowhere: the interpreter would try again at its end, and dump that it cannot."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
