"""A worker that is there and does nothing: who waits is told, and `up` ends it and starts another."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest
from tests.house import PLANTROOM, House, tiny_estate

from plantroom.entrypoints.cli.watch import SILENCE_S

pytestmark = pytest.mark.embedded


@pytest.fixture
def house() -> Iterator[House]:
    found = House()
    try:
        found.declare(tiny_estate({}))
        found.up()
        yield found
    finally:
        found.end()


def test_it_is_noticed_and_a_plan_that_waits_gets_its_answer(house: House) -> None:
    house.run("plan")
    hanging = house.pid("worker")
    os.kill(hanging, signal.SIGSTOP)
    asked = subprocess.run(
        [str(PLANTROOM), "--home", str(house.home), "plan"],
        capture_output=True,
        text=True,
        check=False,
        timeout=SILENCE_S + 60,
    )
    assert asked.returncode == 0, asked.stderr + house.logs()
    assert "to create" in asked.stdout or "created" in asked.stdout
    assert "still waiting, for the worker to look at the platform" in asked.stderr
    said = (house.home / "up.log").read_text()
    assert "worker gave no sign of life for 30 s; ending it" in said
    assert "restarted worker" in said
    assert house.pid("worker") != hanging
