"""What commands show of long answers: tables where it is piped and on a terminal, findings, plans. No engine runs."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.conftest import PLANTROOM, Run, answering, on_a_terminal

from plantroom.kernel.errors import EngineError
from plantroom.runtime import terminal

LONG = (
    "health of harbour-production-web-2: answered 500 at /health since its rows of kind «boiler» have no serial number"
)
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
ANSWERS["/schemas/runs/newest"] = {
    "run": "run-1",
    "about": "repair workorders 1.1",
    "state": "done",
    "why": "",
    "over": True,
    "databases": [
        {"environment": "harbour/production", "pool": "data", "state": "done", "why": ""},
        {"environment": "mill/production", "pool": "data", "state": "left", "why": "it is observed since then"},
    ],
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


ANSWERS["/why/escape"] = {
    "environments": [ANSWERS["/why/harbour"]["environments"][0] | {"because": "503: \x1b[2J\x1b[31mall is well\x07"}]
}
ANSWERS["/trains/escape"] = TRAIN | {"targets": [TRAIN["targets"][0] | {"why": "\x1b[2Jsaid"}]}


@pytest.fixture
def api(home: Path) -> Iterator[None]:
    """Answers with long texts, so that what commands do with them can be seen."""
    with answering(home, ANSWERS):
        yield


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


@pytest.mark.usefixtures("api")
def test_a_run_names_each_database_that_it_left_out_with_the_reason(run: Run) -> None:
    told = run("schema", "run")
    assert told.code == 0
    assert told.out.splitlines() == [
        "  mill/production left: it is observed since then",
        "run-1 (repair workorders 1.1) done, 1 done, 1 left",
    ]


NO_EMOJI = "sha256:abc:key:100:"


def test_what_looks_like_an_emoji_is_told_as_it_is(run: Run, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.out.print(NO_EMOJI)
    terminal.err.print(NO_EMOJI)
    terminal.print_text(NO_EMOJI)
    terminal.print_error(EngineError("PR801", NO_EMOJI, value=NO_EMOJI))
    terminal.print_table((NO_EMOJI,), [[NO_EMOJI]], title=NO_EMOJI)
    said = capsys.readouterr()
    assert (said.out.count(NO_EMOJI), said.err.count(NO_EMOJI)) == (5, 3)


def test_every_console_is_without_emoji() -> None:
    root = Path(__file__).parents[2]
    made = [
        (path.name, ast.unparse(node))
        for part in ("src", "examples", "bench")
        for path in (root / part).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Console")
    ]
    assert len(made) >= 4
    assert [one for one in made if "emoji=False" not in one[1]] == []


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("line", ["why escape", "release status --train escape"])
def test_what_an_application_says_moves_no_terminal(run: Run, line: str) -> None:
    told = run(*line.split())
    assert "\\x1b[" in told.out + told.err
    assert "\x1b" not in told.out + told.err
