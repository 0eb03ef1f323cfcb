"""Who follows a train while the API is away: `up` starts it again by itself, so it is waited for, but not for ever."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.unit.conftest import PLANTROOM, Run, answering, on_a_terminal

from plantroom.delivery.trains import cli as trains
from plantroom.runtime import terminal

ROLLING = {
    "train": "2026-11",
    "application": "workorders",
    "release": "1.2",
    "state": "rolling",
    "ring": "pilot",
    "why": "",
    "soaks_until": None,
    "over": False,
    "targets": [],
}
DONE = ROLLING | {"state": "done", "ring": "", "over": True, "why": "every ring has passed"}
WAITING = "waiting for Plantroom to answer; what was begun goes on by itself"
FOLLOW = ("release", "status", "--follow")


def error(code: str) -> dict[str, Any]:
    return {"error": {"code": code, "subject": "something", "value": "is as it is", "remedy": "Do this"}}


class Answers(dict[str, Any]):
    """What is asked about any train gets one answer after the other, and the last one from then on."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        super().__init__()
        self._left = list(answers)
        self.asked = threading.Event()

    def get(self, _path: str, _default: object = None) -> Any:
        self.asked.set()
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]


@pytest.fixture
def aside() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Do something while a command runs."""
    threads: list[threading.Thread] = []

    def begin(what: Callable[[], None]) -> None:
        threads.append(threading.Thread(target=what))
        threads[-1].start()

    yield begin
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("on_terminal", [False, True], ids=["piped", "terminal"])
def test_following_goes_on_when_the_api_is_back(
    home: Path, aside: Callable[[Callable[[], None]], None], on_terminal: bool
) -> None:
    before, after = Answers(ROLLING), Answers(DONE)
    api = ExitStack()
    api.enter_context(answering(home, before))

    def go_and_come() -> None:
        with api:
            assert before.asked.wait(20)
        time.sleep(1.2)  # more than two looks
        api.enter_context(answering(home, after))

    aside(go_and_come)
    command = [str(PLANTROOM), "--home", str(home), *FOLLOW]
    try:
        if on_terminal:
            told = shown = on_a_terminal(command, columns=140)
        else:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
            assert done.returncode == 0, done.stderr
            told, shown = done.stderr, done.stdout
    finally:
        after.asked.wait(20)
        api.close()
    assert told.count(WAITING) == 1
    assert "error" not in told
    if not on_terminal:
        assert told == f"{WAITING}\n"
        assert shown.startswith("2026-11: rolling, ring pilot, 0 of 0 environments\n2026-11: done, ")
    assert "train 2026-11: workorders 1.2, done" in shown
    assert "every ring has passed" in shown


def test_following_ends_with_the_error_when_the_api_never_comes_back(
    home: Path, run: Run, aside: Callable[[Callable[[], None]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "_PATIENCE_S", 1.2)
    answers, api = Answers(ROLLING), ExitStack()
    api.enter_context(answering(home, answers))

    def go() -> None:
        with api:
            assert answers.asked.wait(20)

    aside(go)
    began = time.monotonic()
    told = run(*FOLLOW)
    assert time.monotonic() - began > 1.2
    assert (told.code, told.out) == (1, "2026-11: rolling, ring pilot, 0 of 0 environments\n")
    waiting, ended = told.err.splitlines()
    assert waiting == WAITING
    assert ended.startswith("error PR801 Plantroom: does not answer at ")
    assert "Start it with `plantroom up`" in ended


@pytest.mark.parametrize("code", ["PR802", "PR803", "PR806"])
def test_an_engine_that_is_away_is_waited_for_each_time_anew(
    home: Path, run: Run, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setattr(terminal, "_PATIENCE_S", 0.8)
    monkeypatch.setattr(trains, "_LOOK", 0.02)
    away = (error(code), ROLLING)
    with answering(home, Answers(ROLLING, *away, *away, DONE)):
        told = run(*FOLLOW)
    assert (told.code, told.err.splitlines()) == (0, [WAITING] * 2)
    with answering(home, Answers(ROLLING, error(code))):
        told = run(*FOLLOW)
    assert (told.code, told.err.splitlines()) == (1, [WAITING, f"error {code} something: is as it is. Do this"])


def test_an_error_that_does_not_pass_is_told_at_once(home: Path, run: Run) -> None:
    with answering(home, Answers(ROLLING, error("PR707"), DONE)):
        told = run(*FOLLOW)
    assert (told.code, told.err) == (1, "error PR707 something: is as it is. Do this\n")
