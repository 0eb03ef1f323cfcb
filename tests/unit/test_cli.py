"""The manners of the command line: help, JSON, errors, exit codes. No engine runs here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from tests.unit.conftest import PLANTROOM, Run
from typer.testing import CliRunner

from plantroom import __version__
from plantroom.entrypoints.cli import main as cli


def leaves(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with the words by which it is called."""
    inside: Any = group or typer.main.get_command(cli.app)
    for name, command in inside.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(leaves())
WITH_JSON = [
    *(
        ("plan",),
        ("drift",),
        ("environments",),
        ("status",),
        ("doctor",),
        ("why",),
        ("estate", "check"),
        ("estate", "schema"),
    ),
    *(("release", "list"), ("release", "status"), ("ledger", "list"), ("ledger", "verify")),
    ("ledger", "prove"),
    *(("artefact", "list"), ("artefact", "show"), ("artefact", "verify")),
]
NEEDS_THE_API = [
    *("plan", "drift", "environments", "why harbour", "release list", "release status", "ledger list"),
    *("ledger verify", "ledger prove 3", "ledger checkpoint", "apply sha256:0", "release start 1.1 --train x"),
    *("release abort x", "release status --follow"),
]

# -- help -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example_of_itself(words: tuple[str, ...]) -> None:
    told = CliRunner().invoke(cli.app, [*words, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert told.exit_code == 0
    name = " ".join(words).replace("artifact", "artefact")
    assert re.search(rf"Example: plantroom {name}( |$)", told.output, re.MULTILINE), told.output


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_option_and_argument_says_what_it_is_for(words: tuple[str, ...]) -> None:
    assert [one.name for one in COMMANDS[words].params if not getattr(one, "help", None)] == []


@pytest.mark.parametrize("words", WITH_JSON, ids=" ".join)
def test_reading_commands_have_json(words: tuple[str, ...]) -> None:
    assert "--json" in {name for one in COMMANDS[words].params for name in one.opts}


def test_the_bare_command_shows_help(run: Run) -> None:
    told = run()
    shown = told.out + told.err
    assert "Usage: plantroom" in shown
    assert {words[0] for words in COMMANDS} - {"artifact"} <= set(shown.split())


def test_the_version(run: Run) -> None:
    told = run("--version")
    assert (told.code, told.out) == (0, f"{__version__}\n")


def test_a_command_that_only_asks_loads_nothing_that_it_does_not_need() -> None:
    heavy = {"sqlalchemy", "alembic", "temporalio", "pgmig", "psycopg", "fastapi"}
    code = f"import sys, plantroom.entrypoints.cli.main; print(sorted({heavy!r} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_the_other_spelling_of_artefact_is_taken(run: Run) -> None:
    assert json.loads(run("artifact", "list", "--json").out) == []


def test_completion_completes_commands_and_options() -> None:
    def completions(words: str, at: int) -> set[str]:
        given = {**os.environ, "_PLANTROOM_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(at)}
        done = subprocess.run([str(PLANTROOM)], env=given, capture_output=True, text=True, check=False, timeout=30)
        return set(done.stdout.split())

    assert {"plan", "environments", "release", "ledger"} <= completions("plantroom ", 1)
    assert completions("plantroom ledger ve", 2) == {"verify"}
    assert "--follow" in completions("plantroom release status --f", 3)


# -- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", NEEDS_THE_API)
def test_without_plantroom_running_an_error_says_so_and_how_to_start_it(run: Run, line: str) -> None:
    told = run(*line.split())
    assert (told.code, told.out) == (1, "")
    assert told.err.startswith("error PR801 Plantroom: does not answer at ")
    assert "Start it with `plantroom up`" in told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize("line", NEEDS_THE_API)
def test_with_json_an_error_is_json(run: Run, line: str) -> None:
    told = run(*line.split(), "--json")
    assert (told.code, told.err) == (1, "")
    error = json.loads(told.out)["error"]
    assert error["code"] == "PR801"
    assert "plantroom up" in error["remedy"]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_an_unknown_option_is_a_wrong_command_line(run: Run, words: tuple[str, ...]) -> None:
    told = run(*words, "--colour-of-the-sky")
    assert (told.code, told.out) == (2, "")
    assert "--colour-of-the-sky" in told.err


def test_an_unknown_command_is_a_wrong_command_line(run: Run) -> None:
    told = run("relase")
    assert told.code == 2
    assert "relase" in told.err


def test_a_home_that_cannot_be_is_an_error_and_no_traceback(run: Run, home: Path) -> None:
    (home / "file").write_text("")
    told = run("--home", str(home / "file" / "below"), "plan", "--json")
    assert told.code == 1
    assert json.loads(told.out)["error"]["code"] == "PR816"


def test_a_setting_that_cannot_be_meant_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTROOM_HTTP_PORT", "eighty")
    told = run("plan")
    assert told.code == 1
    assert "PR804 PLANTROOM_HTTP_PORT: 'eighty'" in told.err


def test_what_comes_from_outside_is_not_taken_for_markup(run: Run, home: Path) -> None:
    name = str(home / "[bold]odd[/red]")
    told = run("ledger", "verify", "--file", name)
    assert told.code == 1
    assert told.err.startswith(f"error PR504 {name}: ")


def test_up_without_an_estate_says_how_to_make_one(run: Run, home: Path) -> None:
    told = run("up", "--estate", str(home / "none"))
    assert told.code == 1
    assert "PR809" in told.err
    assert "plantroom init" in told.err
    assert list(home.iterdir()) == []  # and nothing was started


# -- what needs nothing to run ----------------------------------------------------------------------------------------


def test_init_writes_an_estate_that_check_accepts_and_never_writes_over_one(run: Run, home: Path) -> None:
    estate = home / "estate"
    made = run("init", str(estate), "--name", "Ada Lovelace")
    assert made.code == 0
    (file,) = estate.iterdir()
    assert "Ada Lovelace" in file.read_text()
    checked = run("estate", "check", str(estate), "--json")
    assert checked.code == 0
    assert json.loads(checked.out)["clients"] >= 1
    file.write_text(f"# mine\n{file.read_text()}")
    again = run("init", str(estate))
    assert (again.code, "PR102" in again.err) == (1, True)
    assert file.read_text().startswith("# mine\n")


def test_check_tells_every_mistake_with_its_place_and_as_json(run: Run, home: Path) -> None:
    estate = home / "estate"
    run("init", str(estate))
    (file,) = estate.iterdir()
    file.write_text(f"{file.read_text()}\nclinets: {{}}\n")
    told = run("estate", "check", str(estate))
    assert (told.code, told.out) == (1, "")
    assert re.search(rf"{file.name}:\d+:\d+: .*clinets.*clients", told.err)
    error = json.loads(run("estate", "check", str(estate), "--json").out)["error"]
    assert error["code"] == "PR101"
    assert [file.name in one and "clinets" in one for one in error["details"]["mistakes"]] == [True]


def test_the_schema_is_json_schema(run: Run) -> None:
    assert "clients" in json.loads(run("estate", "schema").out)["properties"]


def test_doctor_says_of_everything_whether_it_is_there_and_how_to_get_it(run: Run) -> None:
    told = run("doctor", "--json")
    found = {one["what"]: one for one in json.loads(told.out)}
    assert {"Python", "PostgreSQL", "Temporal", "HAProxy", "Git", "disk", "state directory"} <= set(found)
    assert found["Python"]["good"] is True
    assert all(one["remedy"] for one in found.values() if not one["good"])
    assert told.code == (0 if all(one["good"] for one in found.values()) else 2)


def test_doctor_finds_what_is_missing(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(home))
    told = run("doctor")
    assert told.code == 2
    assert re.search(r"missing +Git: not found\n +Install git", told.out)


def test_status_and_down_of_a_home_where_nothing_was_started(run: Run) -> None:
    assert json.loads(run("status", "--json").out)["parts"] == []
    assert "nothing was ever started" in run("status").out
    assert run("down").code == 0


def test_an_artefact_that_is_not_there(run: Run) -> None:
    told = run("artefact", "show", "workorders@9.9", "--json")
    assert told.code == 1
    error = json.loads(told.out)["error"]
    assert (error["code"], error["limit"]) == ("PR304", "there are: none yet")
    assert "plantroom artefact list" in error["remedy"]
