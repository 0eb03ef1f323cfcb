"""The guide's first two pages, word for word: what a new user types is run, in order, and does what it says."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLANTROOM = Path(sys.executable).parent / "plantroom"
FENCE = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)
DIGEST = re.compile(r"plantroom apply (sha256:[0-9a-f]{64})")
READY_S = 60


def typed(page: str) -> list[str]:
    """Every line that begins with the command, without its comment."""
    blocks = FENCE.findall((ROOT / "docs" / "guide" / page).read_text())
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("plantroom ")]


class Reader:
    """Sits in a directory that has the project's examples, and types."""

    def __init__(self, desk: Path) -> None:
        self.desk = desk
        self._environment = {**os.environ, "PLANTROOM_HOME": str(desk / "home"), "COLUMNS": "200"}
        self._up: subprocess.Popen[bytes] | None = None
        self._digest = ""

    def type(self, line: str) -> str:
        line = line.replace("sha256:…", self._digest)
        words = [str(PLANTROOM), *shlex.split(line.partition(">")[0])[1:]]
        if words[1] == "up":
            return self._start(words)
        done = subprocess.run(
            words, cwd=self.desk, env=self._environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{line}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        found = DIGEST.search(done.stdout)
        self._digest = found.group(1) if found else self._digest
        return done.stdout

    def _start(self, words: list[str]) -> str:
        log = self.desk / "up.log"
        with log.open("wb") as out:
            self._up = subprocess.Popen(
                words, cwd=self.desk, env=self._environment, stdout=out, stderr=out, start_new_session=True
            )
        until = time.monotonic() + READY_S
        while "ready" not in log.read_text():
            assert time.monotonic() < until, log.read_text()
            assert self._up.poll() is None, log.read_text()
            time.sleep(0.1)
        return log.read_text()

    def leave(self) -> None:
        subprocess.run([str(PLANTROOM), "down"], cwd=self.desk, env=self._environment, capture_output=True, check=False)
        if self._up is not None:
            if self._up.poll() is None:
                self._up.send_signal(signal.SIGTERM)
            self._up.wait(30)


@pytest.fixture
def reader() -> Iterator[Reader]:
    desk = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    desk.chmod(0o755)
    (desk / "examples").symlink_to(ROOT / "examples")
    made = Reader(desk)
    try:
        yield made
    finally:
        made.leave()
        for parent, _, _ in os.walk(desk):
            os.chmod(parent, 0o700)
        shutil.rmtree(desk, ignore_errors=True)


def test_the_first_estate_and_the_first_release_go_as_the_guide_says(reader: Reader) -> None:
    first, then = typed("first-estate.md"), typed("first-release.md")
    assert [line.split()[1] for line in first][-4:] == ["up", "plan", "apply", "drift"]
    assert "plantroom release start 1.1 --train 2026-11" in then
    said = {line: reader.type(line) for line in (*first, *then)}
    assert json.loads(said["plantroom estate schema > estate.schema.json"])["title"]
    assert "no drift" in said["plantroom drift"]
    assert "release 1.1" in said["plantroom why harbour"]
    assert "train 2026-11 brought" in said["plantroom why harbour"]
