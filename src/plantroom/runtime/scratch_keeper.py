"""Keeps one throw-away PostgreSQL: makes it, runs it, and removes it when whoever asked for it is gone.

Run by path with the standard library alone, as `python -I -S scratch_keeper.py '{…}'`. It lives as long as its standard
input is open: the other end is held by the process that uses the cluster, so that even `kill -9` of that one leaves
neither a server nor a directory behind.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1


def main() -> int:
    given: dict[str, Any] = json.loads(sys.argv[1])
    directory, programs = Path(given["directory"]), Path(given["programs"])
    # A terminal's Ctrl-C reaches the whole group; the end of the input says when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return _keep(directory, programs, given)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _keep(directory: Path, programs: Path, given: dict[str, Any]) -> int:
    account: dict[str, Any] = given["account"]
    data = directory / "data"
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    made = subprocess.run(
        [str(programs / "initdb"), "-D", str(data), *given["initdb"]],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=environment,
        **account,
    )
    if made.returncode != 0:
        sys.stdout.write(made.stderr[-1000:])
        return 1
    with (data / "postgresql.conf").open("a") as file:
        file.write(given["config"])
    (data / "pg_hba.conf").write_text("local all all peer map=plantroom\n")
    # Each by its name: `all` is known since PostgreSQL 16 only.
    roles = "".join(f'plantroom "{_account_name()}" {role}\n' for role in given["roles"])
    (data / "pg_ident.conf").write_text(roles)
    with (directory / "postgres.log").open("wb") as log:
        server = subprocess.Popen(
            [str(programs / "postgres"), "-D", str(data)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=environment,
            preexec_fn=_end_with_parent,  # noqa: PLW1509  (no thread has begun)
            **account,
        )
    threading.Thread(target=_until_alone, args=(server,), daemon=True).start()
    code = server.wait()
    if code != 0:
        sys.stdout.write((directory / "postgres.log").read_text(errors="replace")[-1000:])
    return 0


def _account_name() -> str:
    import pwd  # noqa: PLC0415  (by name, after isolation: nothing else of it is needed)

    return pwd.getpwuid(os.geteuid()).pw_name


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)


def _until_alone(server: subprocess.Popen[bytes]) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    server.send_signal(signal.SIGQUIT)


if __name__ == "__main__":
    sys.exit(main())
