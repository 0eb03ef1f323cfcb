"""Ctrl-C ends a command and nothing else: who looks on is told what goes on, and nobody sees where it struck."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from tests.unit.conftest import PLANTROOM, answering

TRAIN = {
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
CHANGE = {"environment": "harbour/production", "state": "open", "why": ""}
APPLY = {"digest": "sha256:abc", "state": "open", "actor": "ada", "changes": [CHANGE], "failed": [], "refused": 0}
ANSWERS = {"/trains": TRAIN, "/trains/2026-11": TRAIN, "/applies": APPLY, "/applies/sha256:abc": APPLY}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "release start 1.2 --train 2026-11",
            "train 2026-11 goes on: `plantroom release status --train 2026-11 --follow` looks on, "
            "`plantroom release abort 2026-11` stops it",
        ),
        (
            "apply sha256:abc",
            "the apply goes on: `plantroom apply sha256:abc` looks on again, and nothing stops it half-way",
        ),
    ],
)
def test_who_stops_looking_on_is_told_what_goes_on(home: Path, line: str, told: str) -> None:
    command = [str(PLANTROOM), "--home", str(home), *line.split()]
    given = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with (
        answering(home, ANSWERS),
        subprocess.Popen(command, env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() != ""
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert (process.returncode, said.strip()) == (130, told)


def test_while_it_is_imported_a_command_just_ends(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(30)\n")
    given = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(
        [str(PLANTROOM), "plan"], env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (-signal.SIGINT, "")
