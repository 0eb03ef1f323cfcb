"""Signs of life of a child, and that whoever waits for long is told what for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from plantroom.runtime import terminal
from plantroom.runtime.beating import Pulse, beat

CHILD = "import asyncio, sys\nfrom plantroom.runtime.beating import beat\nasyncio.run(beat(int(sys.argv[1])))"
BLOCKED = """
import asyncio, sys, time
from plantroom.runtime.beating import beat

async def run():
    task = asyncio.create_task(beat(int(sys.argv[1])))
    await asyncio.sleep(0.1)
    time.sleep(60)

asyncio.run(run())
"""
FOREVER_S = 1000.0


@pytest.fixture
def pulse() -> Iterator[Pulse]:
    found = Pulse()
    yield found
    found.close()


def silence(pulse: Pulse, at_least_s: float, seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while pulse.silent_s(FOREVER_S) < at_least_s:
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_a_child_that_is_stopped_gives_no_sign_and_one_that_goes_on_does(pulse: Pulse) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(pulse.write)], pass_fds=(pulse.write,))
    pulse.handed_over()
    try:
        silence(pulse, 0.5)
        child.send_signal(signal.SIGSTOP)
        silence(pulse, 3)
        child.send_signal(signal.SIGCONT)
        ends = time.monotonic() + 20
        while pulse.silent_s(FOREVER_S) > 1:
            assert time.monotonic() < ends
            time.sleep(0.05)
    finally:
        child.kill()
        child.wait()


def test_a_child_that_blocks_its_loop_gives_no_sign(pulse: Pulse) -> None:
    child = subprocess.Popen([sys.executable, "-c", BLOCKED, str(pulse.write)], pass_fds=(pulse.write,))
    pulse.handed_over()
    try:
        silence(pulse, 3)
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_a_parent_that_did_not_look_takes_that_for_no_silence(pulse: Pulse) -> None:
    time.sleep(0.3)
    assert pulse.silent_s(at_most_s=0.1) == pytest.approx(0.1)
    os.write(pulse.write, b".")
    assert pulse.silent_s(at_most_s=0.1) == 0
    pulse.handed_over()


async def test_a_parent_that_never_looks_is_no_error(pulse: Pulse) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(pulse.write, bytes(4096))
    task = asyncio.create_task(beat(pulse.write))
    await asyncio.sleep(0.05)
    assert not task.done()
    task.cancel()
    pulse.handed_over()


@pytest.mark.parametrize(("takes_s", "told"), [(0.4, "still waiting, for the [worker]\n"), (0.0, "")])
def test_who_waits_for_long_is_told_what_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], takes_s: float, told: str
) -> None:
    monkeypatch.setattr(terminal, "LONG_S", 0.1)
    with terminal.working("looking", "the [worker]"):
        time.sleep(takes_s)
    assert capsys.readouterr().err == told
