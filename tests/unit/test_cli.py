"""The manners of the command line: help, JSON, errors, exit codes, tables. No engine runs here."""

from __future__ import annotations

import gc
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from plantroom import __version__
from plantroom.entrypoints.cli import main as cli
from plantroom.runtime.settings import socket_directory

PLANTROOM = Path(sys.executable).parent / "plantroom"
LONG = (
    "health of harbour-production-web-2: answered 500 at /health since its rows of kind «boiler» have no serial number"
)


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


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def home() -> Iterator[Path]:
    """Short enough for a socket."""
    made = Path(tempfile.mkdtemp(prefix="pr-cli-", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process, as `plantroom` runs it, with a home of its own."""
    monkeypatch.setenv("PLANTROOM_HOME", str(home))
    monkeypatch.delenv("PLANTROOM_DATABASE_URL", raising=False)

    def ran(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["plantroom", *words])
        with warnings.catch_warnings():
            # httpx does not close a socket that finds nobody; a command ends right then, this process does not.
            warnings.simplefilter("ignore", ResourceWarning)
            code = exit_code()
            gc.collect()
        told = capsys.readouterr()
        return Said(code, told.out, told.err)

    return ran


def exit_code() -> int:
    try:
        cli.main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    raise AssertionError("the command line ends by itself")


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
    assert json.loads(told.out)["error"]["code"] == "PR304"


# -- tables -----------------------------------------------------------------------------------------------------------

TRAIN = {
    "train": "2026-11",
    "application": "workorders",
    "release": "1.2",
    "state": "stopped",
    "ring": "pilot",
    "why": f"1 unhealthy in ring pilot (stops at 1): harbour/production: {LONG}",
    "soaks_until": None,
    "over": True,
    "actor": "ada",
    "started": "2026-11-21T19:00:00.000000Z",
    "targets": [
        {
            "ring": "pilot",
            "environment": "harbour/production",
            "state": "failed",
            "from": "1.1",
            "now": "1.1",
            "why": LONG,
        },
        {
            "ring": "general",
            "environment": "mill/production",
            "state": "waiting",
            "from": "1.1",
            "now": "1.1",
            "why": "",
        },
    ],
}
ENTRY = {
    "seq": 41,
    "at": "2026-11-21T19:00:00.000000Z",
    "actor": "ada",
    "verb": "instance.start",
    "subject": "harbour/production",
    "phase": "outcome",
    "key": "k",
    "payload": {"done": False, "why": LONG, "data": {}},
}
ANSWERS: dict[str, Any] = {
    "/trains/newest": TRAIN,
    "/trains": [TRAIN],
    "/ledger/entries?limit=50": [ENTRY],
    "/why/harbour": {
        "environments": [
            {
                "environment": "harbour/production",
                "status": "live",
                "release": "1.1",
                "because": LONG,
                "history": [],
                "next": "nothing is planned",
            }
        ]
    },
}


CHANGE = {"action": "created", "kind": "instance", "name": "harbour-production-web-1", "reason": "it was [stopped]"}
ANSWERS["/drift"] = {"drift": [CHANGE]}
ANSWERS["/plan"] = {
    "digest": "sha256:abc",
    "refusals": [],
    "changes": [CHANGE, CHANGE | {"action": "unchanged"}, CHANGE | {"action": "refused", "reason": "it holds data"}],
}
UNREADABLE = ENTRY | {"seq": 42, "at": None, "payload": "[/]{", "unreadable": "cannot be read (its at is not text)"}
ODD = ENTRY | {"seq": 43, "verb": "[/]", "payload": {"data": 5}}
ANSWERS["/ledger/entries?limit=3"] = [ENTRY, UNREADABLE, ODD]
ANSWERS["/ledger/proof/3?size=5"] = {"proof": []}
ANSWERS["/ledger/verify"] = {
    "intact": False,
    "entries": 9,
    "checkpoints": 1,
    "covered": 8,
    "after": 1,
    "findings": [{"kind": "altered", "detail": "entry 3 does not have its hash"}],
    "key": "ab12",
    "key_from": "home",
}


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = ANSWERS.get(self.path)
        body = json.dumps({"asked": self.path} if found is None else found).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests print nothing."""

    def address_string(self) -> str:
        return "unix"


class _Api(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


@pytest.fixture
def api(home: Path) -> Iterator[None]:
    """Answers with long texts, so that what commands do with them can be seen."""
    with _Api(str(socket_directory(home) / "api.sock"), _Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield
        server.shutdown()
        thread.join()


SHOWING = ["release status", "release list", "ledger list", "why harbour"]


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("line", SHOWING)
def test_nothing_is_cut_where_output_is_piped_and_each_row_is_one_line(run: Run, line: str) -> None:
    told = run(*line.split())
    assert (told.code, told.err) == (0, "")
    assert "…" not in told.out
    assert any(LONG in row for row in told.out.splitlines())
    assert [row for row in told.out.splitlines() if row != row.rstrip()] == []
    assert "\x1b" not in told.out


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("line", [*SHOWING, "release status --follow"])
def test_long_texts_wrap_between_words_on_a_terminal(home: Path, line: str) -> None:
    shown = on_a_terminal([str(PLANTROOM), "--home", str(home), *line.split()], columns=140)
    assert "…" not in shown
    assert max(len(row) for row in shown.splitlines()) <= 140
    words = shown.split()
    assert [word for word in LONG.split() if word not in words] == []


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize(
    ("words", "asked"),
    [(("why", "../plan"), "/why/..%2Fplan"), (("release", "status", "-t", "x?y"), "/trains/x%3Fy")],
)
def test_a_name_never_leads_to_another_address(run: Run, words: tuple[str, ...], asked: str) -> None:
    told = run(*words)
    assert told.code == 1
    assert "PR803 the API: answered 404" in told.err
    assert asked in told.err


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("line", ["drift", "ledger verify"])
def test_what_was_looked_for_and_found_is_told_by_the_exit_code(run: Run, line: str) -> None:
    assert run(*line.split()).code == 2
    told = run(*line.split(), "--json")
    assert (told.code, json.loads(told.out)) == (2, ANSWERS["/" + line.replace(" ", "/")])


@pytest.mark.usefixtures("api")
def test_a_finding_is_in_words_not_in_colour_alone(run: Run) -> None:
    assert "NOT intact" in run("ledger", "verify").out
    assert "altered: entry 3 does not have its hash" in run("ledger", "verify").out
    assert "checked with key ab12, the one of this home" in run("ledger", "verify").out
    assert "+ created instance harbour-production-web-1: it was [stopped]" in run("drift").out


@pytest.mark.usefixtures("api")
def test_an_entry_that_is_none_is_listed_as_what_it_is(run: Run) -> None:
    told = run("ledger", "list", "--limit", "3")
    assert told.code == 0
    assert "cannot be read (its at is not text)" in told.out.splitlines()[2]
    assert "[/]" in told.out.splitlines()[3]


@pytest.mark.usefixtures("api")
def test_a_proof_is_json_whether_it_is_asked_for_or_not(run: Run) -> None:
    for more in ([], ["--json"]):
        assert json.loads(run("ledger", "prove", "3", "--size", "5", *more).out) == {"proof": []}


@pytest.mark.usefixtures("api")
def test_a_plan_shows_changes_with_reasons_counts_and_how_to_go_on(run: Run) -> None:
    told = run("plan")
    assert told.code == 0
    lines = told.out.splitlines()
    assert lines == [
        "+ created instance harbour-production-web-1: it was [stopped]",
        "! refused instance harbour-production-web-1: it holds data",
        "1 created, 0 updated, 0 deleted, 1 unchanged, 1 refused",
        "apply it with: plantroom apply sha256:abc",
    ]


def on_a_terminal(command: list[str], columns: int) -> str:
    """What a person sees, without the colours."""
    ours, theirs = pty.openpty()
    given = {**os.environ, "COLUMNS": str(columns), "LINES": "50", "TERM": "xterm-256color"}
    with subprocess.Popen(command, env=given, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not piece:
                break
            seen += piece
    os.close(ours)
    assert process.returncode == 0, seen.decode()
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.decode())
