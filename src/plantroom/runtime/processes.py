"""Processes that outlive who started them, and processes that must not.

A daemon runs in a session of its own and is known by its record: process id and start time, which together name one
process for as long as the machine runs (proc_pid_stat(5), field 22). So another process can adopt it, and a recycled
process id is never taken for it.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import pwd
import signal as signals
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypedDict

from plantroom.kernel.errors import EngineError
from plantroom.runtime.files import private
from plantroom.runtime.locks import open_lock

_PR_SET_PDEATHSIG = 1
_REST_S = 5.0
_GATE = 'read -r _ && exec "$@" </dev/null'
"""A daemon begins when it is on record, as the same process: a starter that is killed before has started nothing."""

_STAT_STATE, _STAT_GROUP, _STAT_SESSION, _STAT_START = 0, 2, 3, 19
"""Places in /proc/PID/stat behind the command's closing bracket."""


def started_at(pid: int) -> int | None:
    """The start time of a process in clock ticks since boot; None when there is none, or only what is left of one."""
    fields = _stat(pid)
    return None if fields is None else int(fields[_STAT_START])


def of_group(number: int) -> list[int]:
    """The processes of a process group that run."""
    return _with(_STAT_GROUP, number)


def of_session(number: int) -> list[int]:
    """The processes of a session that run."""
    return _with(_STAT_SESSION, number)


def _with(field: int, number: int) -> list[int]:
    known = ((int(path.name), _stat(int(path.name))) for path in Path("/proc").iterdir() if path.name.isdecimal())
    return [pid for pid, fields in known if fields is not None and int(fields[field]) == number]


def _stat(pid: int) -> list[str] | None:
    """None when there is none, or only what is left of one."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[_STAT_STATE] in ("Z", "X") else fields


def bind_to_parent(parent: int) -> None:
    """End this process, at once, when its parent ends (prctl(2), PR_SET_PDEATHSIG). Exits if the parent has gone.

    The parent says who it is: one that was killed while this process began is not to be asked for any more.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signals.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)


class Daemon:
    """One process of its own session, known by `<directory>/<name>.json`. Methods block for moments only."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self._directory = directory
        self._record = directory / f"{name}.json"

    def pid(self) -> int | None:
        """Its process id while it runs."""
        try:
            record = json.loads(self._record.read_text())
        except (FileNotFoundError, ValueError):
            return None
        pid = int(record["pid"])
        _reap(pid)
        return pid if started_at(pid) == record["started"] is not None else None

    def alive(self) -> bool:
        return self.pid() is not None

    def spawn(
        self,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
    ) -> int:
        """Start it, unless it runs; its process id. `user`: run as this account, without any other group."""
        self._directory.mkdir(parents=True, exist_ok=True)
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked():
            running = self.pid()
            if running is not None:
                return running
            # What it says may be anybody's data.
            with open(log, "ab", opener=private) as out:
                process = subprocess.Popen(
                    ["/bin/sh", "-c", _GATE, "sh", *command],
                    stdin=subprocess.PIPE,
                    stdout=out,
                    stderr=out,
                    env=None if env is None else dict(env),
                    cwd=cwd,
                    start_new_session=True,
                    **as_account(user),
                )
            # Reaped by hand: this object must not complain of a child that it is meant to outlive. As soon as it has
            # ended: whoever else starts it again must not find it half there.
            process.returncode = 0
            threading.Thread(target=_let_go, args=(process.pid,), daemon=True).start()
            self._write({"pid": process.pid, "started": started_at(process.pid), "command": list(command)})
            gate = process.stdin
            assert gate is not None
            with suppress(BrokenPipeError), gate:
                gate.write(b"\n")
            return int(process.pid)

    def adopt(self, pid: int) -> None:
        """Know a process by its id that was started in another way."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._write({"pid": pid, "started": started_at(pid), "command": []})

    def signal(self, number: int) -> None:
        """Not running is no error."""
        pid = self.pid()
        if pid is not None:
            _kill(pid, number)

    def stop(self, grace_s: float, number: int = signals.SIGTERM, *, rest: str = "") -> None:
        """Ask it to end, wait, and end it. Not running is no error. `rest`: what it leaves behind that is marked so is
        ended as well."""
        pid = self.pid()
        if pid is not None:
            _kill(pid, number)
            if not wait_until(lambda: not self.alive(), grace_s):
                _kill(pid, signals.SIGKILL)
                wait_until(lambda: not self.alive(), 5)
        if rest:
            self.end_rest(rest)
        if pid is not None:
            self._record.unlink(missing_ok=True)

    def end_rest(self, mark: str) -> None:
        """End, at once, what it has left behind in its session when it ended: what its children had started. `mark`: a
        variable that these have in their environment. A number is used again; both together are nobody else's."""
        try:
            pid = int(json.loads(self._record.read_text())["pid"])
        except (FileNotFoundError, ValueError):
            return

        def all_ended() -> bool:
            left = [one for one in of_session(pid) if one != pid and _has(one, mark)]
            for one in left:
                _kill(one, signals.SIGKILL)
            return not left

        wait_until(all_ended, _REST_S)

    def _write(self, record: Mapping[str, object]) -> None:
        temporary = self._record.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(record))
        temporary.replace(self._record)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Two starters never start two."""
        with open_lock(self._directory / f"{self.name}.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def wait_until(holds: Callable[[], bool], timeout_s: float, every_s: float = 0.02) -> bool:
    """Whether it held within the time."""
    until = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() >= until:
            return False
        time.sleep(every_s)
    return True


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _has(pid: int, variable: str) -> bool:
    try:
        given = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return any(one.startswith(f"{variable}=".encode()) for one in given.split(b"\0"))


def _let_go(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _reap(pid: int) -> None:
    """If it is a child of ours that has ended, let it go; a zombie is not alive."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


class Account(TypedDict, total=False):
    """The arguments of subprocess.Popen that make a process run as an account, without any other group."""

    user: int
    group: int
    extra_groups: list[int]


def as_account(user: str | None) -> Account:
    """Empty for None: the account that this process has. Raises EngineError PR811 when there is no such account."""
    if user is None:
        return {}
    account = account_named(user)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def account_named(user: str) -> pwd.struct_passwd:
    """Raises EngineError PR811 when there is no such account."""
    try:
        return pwd.getpwnam(user)
    except KeyError as error:
        raise EngineError(
            "PR811",
            f"account {user}",
            value="is not on this machine",
            remedy="Name one that is, with PLANTROOM_POSTGRES_USER",
        ) from error
