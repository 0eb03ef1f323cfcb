"""No step is forgotten: what the seasons strike at is what the rooms' steps say."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from tests.faults import strikes as of_strikes
from tests.faults.strikes import PARTS, POINTS, strikes

from plantroom.delivery.tenancy import activities as tenancy_activities
from plantroom.delivery.tenancy import steps as tenancy
from plantroom.delivery.trains import activities as trains_activities
from plantroom.delivery.trains import steps as trains
from plantroom.rollout import activities as rollout_activities
from plantroom.rollout import steps as rollout
from plantroom.runtime.faults import FaultPoint

LOOKING = {
    rollout.PREPARE,
    rollout.RUN,
    rollout.AWAIT_HEALTHY,
    rollout.AWAIT_DRAINED,
    rollout.ENDED,
    trains.HOURS,
    trains.JUDGE,
    trains.ABORTED,
    tenancy.OBSERVE,
    tenancy.WAKE,
}
"""Activities that only look, write one row in one transaction, or do other steps in a row: they have no journal step of
their own, and so no fault points."""


def verbs(module: ModuleType) -> set[str]:
    return {value for name, value in vars(module).items() if name.isupper() and isinstance(value, str) and "." in value}


def journaled(activities: ModuleType, steps: ModuleType) -> set[str]:
    """What a room hands to its journal, read from its source."""
    found = set()
    for call in ast.walk(ast.parse(inspect.getsource(activities))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in ("_step", "step"):
            for given in (*call.args, *(word.value for word in call.keywords if word.arg == "verb")):
                if isinstance(given, ast.Attribute) and isinstance(given.value, ast.Name) and given.value.id == "steps":
                    found.add(getattr(steps, given.attr))
    return found


def test_every_verb_is_struck_or_only_looks() -> None:
    struck = {verb.partition("@")[0] for part in PARTS.values() for verb in part}
    assert struck.isdisjoint(LOOKING)
    assert struck | LOOKING == verbs(rollout) | verbs(trains) | verbs(tenancy)


def test_what_is_journaled_is_what_is_struck() -> None:
    struck = {verb.partition("@")[0] for part in PARTS.values() for verb in part}
    assert struck == (
        journaled(rollout_activities, rollout)
        | journaled(trains_activities, trains)
        | journaled(tenancy_activities, tenancy)
    )


@pytest.mark.parametrize("every", [True, False])
@pytest.mark.parametrize("victim", ["worker", "up", "engines"])
def test_every_verb_has_its_strike(victim: str, every: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_strikes, "EVERY", every)
    for part, of in PARTS.items():
        made = strikes(victim, part)
        assert {one.verb for one in made} == set(of)
        assert {one.point for one in made} == set(POINTS)
        points = {(one.verb, one.point) for one in made}
        assert len(points) == len(of) * (len(POINTS) if every or victim == "engines" else 1)
        if victim == "engines":
            assert {one.victim for one in made} == {"postgres", "temporal", "haproxy"}


STRIKER = """
import sys
from plantroom.runtime.faults import FaultPoint, from_environment
faults = from_environment()
for key in sys.argv[1:]:
    faults.strike("a.verb", key, FaultPoint.AFTER_ACT)
    print(key, flush=True)
"""


def strike(setting: str, *keys: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", STRIKER, *keys],
        env={**os.environ, "PLANTROOM_FAULT": setting},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.split()


def test_faults_strike_once_each_and_leave_their_sign(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    setting = f"a.verb:after-act:2:{first}:0;a.verb@:back::after-act:1:{second}:0"
    assert strike(setting, "x", "y", "z") == (-9, ["x"])
    assert first.exists()
    assert not second.exists()
    assert strike(setting, "x", "y", "it:back:goes", "z") == (-9, ["x", "y"])
    assert second.exists()
    assert strike(setting, "x", "y", "it:back:goes", "z") == (0, ["x", "y", "it:back:goes", "z"])


def test_another_process_is_killed_by_its_record(tmp_path: Path) -> None:
    victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (tmp_path / "victim.json").write_text(f'{{"pid": {victim.pid}}}')
    marker = tmp_path / "marker"
    assert strike(f"a.verb:after-act:1:{marker}:{tmp_path / 'victim.json'}", "x") == (0, ["x"])
    assert victim.wait(10) == -9
    assert FaultPoint.AFTER_ACT in marker.read_text()


def test_one_that_has_ended_already_was_not_struck(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(10)
    (tmp_path / "gone.json").write_text(f'{{"pid": {gone.pid}, "started": 1}}')
    marker = tmp_path / "marker"
    assert strike(f"a.verb:after-act:1:{marker}:{tmp_path / 'gone.json'}", "x") == (0, ["x"])
    assert not marker.exists()
