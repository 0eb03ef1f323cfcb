"""Daemons, with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from plantroom.runtime.processes import Daemon, started_at, wait_until

SLEEP = ["sleep", "600"]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    found = Daemon("sleeper", tmp_path)
    yield found
    found.stop(0)


def test_a_daemon_has_a_session_of_its_own_and_is_seen_by_others(daemon: Daemon, tmp_path: Path) -> None:
    pid = daemon.spawn(SLEEP, log=tmp_path / "log")
    assert os.getsid(pid) == pid
    other = Daemon("sleeper", tmp_path)
    assert other.pid() == pid
    assert other.spawn(SLEEP, log=tmp_path / "log") == pid


def test_one_that_was_killed_is_gone_for_others_too(daemon: Daemon, tmp_path: Path) -> None:
    pid = daemon.spawn(SLEEP, log=tmp_path / "log")
    os.kill(pid, signal.SIGKILL)
    # As PostgreSQL looks whether another one runs: a zombie would count.
    assert wait_until(lambda: not Path(f"/proc/{pid}").exists(), 5)


def test_two_starters_start_one(daemon: Daemon, tmp_path: Path) -> None:
    found: list[int] = []
    starters = [
        threading.Thread(target=lambda: found.append(Daemon("sleeper", tmp_path).spawn(SLEEP, log=tmp_path / "log")))
        for _ in range(8)
    ]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    assert len(found) == 8
    assert set(found) == {daemon.pid()}


def test_it_outlives_its_starter_and_is_adopted(daemon: Daemon, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from plantroom.runtime.processes import Daemon;"
        "Daemon('sleeper', Path(sys.argv[1])).spawn(['sleep', '600'], log=Path(sys.argv[1]) / 'log')"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=30)
    assert daemon.alive()
    daemon.stop(5)
    assert not daemon.alive()


def test_one_that_was_killed_is_not_alive_and_can_be_started_again(daemon: Daemon, tmp_path: Path) -> None:
    first = daemon.spawn(SLEEP, log=tmp_path / "log")
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: not daemon.alive(), 5)
    assert daemon.spawn(SLEEP, log=tmp_path / "log") != first
    assert daemon.alive()


def test_a_recycled_process_id_is_not_taken_for_it(daemon: Daemon, tmp_path: Path) -> None:
    pid = daemon.spawn(SLEEP, log=tmp_path / "log")
    record = json.loads((tmp_path / "sleeper.json").read_text())
    (tmp_path / "other.json").write_text(json.dumps(record | {"started": record["started"] - 1}))
    other = Daemon("other", tmp_path)
    assert not other.alive()
    other.stop(0)
    assert started_at(pid) is not None


def test_one_that_ignores_the_request_is_killed(daemon: Daemon, tmp_path: Path) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);print('ready', flush=True); time.sleep(600)"
    )
    pid = daemon.spawn([sys.executable, "-c", code], log=tmp_path / "log")
    assert wait_until(lambda: "ready" in (tmp_path / "log").read_text(), 10)
    daemon.stop(0.1)
    assert started_at(pid) is None


def test_a_child_bound_to_its_parent_ends_with_it() -> None:
    child = (
        "from plantroom.runtime.processes import bind_to_parent; import os, time;"
        "bind_to_parent(os.getppid()); print('bound', flush=True); time.sleep(600)"
    )
    parent = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=subprocess.PIPE);"
        "child.stdout.readline(); print(child.pid, flush=True); child.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", parent, child], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert started_at(pid) is not None
        process.kill()
    assert wait_until(lambda: started_at(pid) is None, 5)


def test_a_child_whose_parent_ended_before_it_was_bound_ends_at_once() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    child = f"from plantroom.runtime.processes import bind_to_parent; bind_to_parent({gone.pid}); print('lives on')"
    done = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")


def test_a_starter_that_is_killed_before_its_record_has_started_nothing(daemon: Daemon, tmp_path: Path) -> None:
    starter = """
import os, signal, sys, time
from pathlib import Path
from plantroom.runtime.processes import Daemon

class Killed(Daemon):
    def _write(self, record):
        print(record["pid"], flush=True)
        time.sleep(0.5)  # an engine without a gate would have begun by now
        os.kill(os.getpid(), signal.SIGKILL)

where = Path(sys.argv[1])
Killed("sleeper", where).spawn(["sh", "-c", "touch began; exec sleep 600"], log=where / "log", cwd=where)
"""
    killed = subprocess.run([sys.executable, "-c", starter, tmp_path], capture_output=True, check=False, timeout=30)
    pid = int(killed.stdout)
    try:
        assert killed.returncode == -signal.SIGKILL
        assert wait_until(lambda: started_at(pid) is None, 5), "it waits for nobody"
        assert not (tmp_path / "began").exists()
    finally:
        if started_at(pid) is not None:
            os.kill(pid, signal.SIGKILL)
    assert not daemon.alive()
    assert daemon.spawn(SLEEP, log=tmp_path / "log") == daemon.pid() != pid


def test_a_daemon_is_on_record_as_the_process_that_it_is(daemon: Daemon, tmp_path: Path) -> None:
    pid = daemon.spawn(["sh", "-c", "echo $$; readlink /proc/self/fd/0; exec sleep 600"], log=tmp_path / "log")
    assert wait_until(lambda: (tmp_path / "log").read_text().count("\n") == 2, 10)
    assert (tmp_path / "log").read_text() == f"{pid}\n/dev/null\n", "the gate is neither another process nor its input"
