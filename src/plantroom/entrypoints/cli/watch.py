"""What `plantroom up` starts and watches, and `down` ends. Heavy to import, so commands do it when they need it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from rich.markup import escape

from plantroom import bootstrap
from plantroom.kernel.errors import EngineError
from plantroom.runtime.beating import Pulse
from plantroom.runtime.clock import now
from plantroom.runtime.engines import Engines, EngineState
from plantroom.runtime.files import private
from plantroom.runtime.http import Client
from plantroom.runtime.locks import open_lock
from plantroom.runtime.processes import started_at
from plantroom.runtime.settings import Settings, remove_sockets
from plantroom.runtime.terminal import err, out, working

_LOOK = 1.0
"""Seconds between two looks at everything that should be running."""

_RENEWAL_ROUND = 3600.0
"""Seconds between two looks at certificates, which are renewed with a month to live."""

_BACK_OFF = 2.0
"""Seconds before a part that ended at once is started again."""

SILENCE_S = 30.0
"""After so long without a sign of life the worker is ended and started again. It gives one every second; on a machine
that is out of breath it takes some seconds to give the first."""

_MODULES = {"api": "plantroom.entrypoints.web", "worker": "plantroom.entrypoints.worker"}
_GIVES_SIGNS = "worker"
"""The one whose silence nobody would notice: what it is to do is left lying, and nothing fails."""


def watch(settings: Settings, estate: Path, new_temporal: bool = False) -> None:
    """Until a signal ends it. Raises EngineError PR810 when there is one for this home already."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with _only_one(settings):
        asyncio.run(_Up(settings, estate, new_temporal).run())


def end(settings: Settings) -> None:
    """All of it, in the order in which nothing complains. Blocking."""
    _end_up(settings)
    engines = Engines(settings)
    asyncio.run(bootstrap.platform(engines.addresses()).shutdown())
    asyncio.run(engines.stop())
    remove_sockets(settings.home)


def states(settings: Settings) -> list[EngineState]:
    """Every part of this home, running or not."""
    engines = Engines(settings)
    own = [(name, _pid(settings, name)) for name in ("up", "api", "worker")]
    return [
        *(EngineState(name, pid, pid is not None, "") for name, pid in own),
        *engines.states(),
        *bootstrap.platform(engines.addresses()).engines(),
    ]


@dataclass(slots=True)
class _Up:
    settings: Settings
    estate: Path
    new_temporal: bool = False
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)
    pulse: Pulse | None = None
    renewal: float = 0.0

    async def run(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        began = time.monotonic()
        engines = Engines(self.settings)
        with working("starting the engines"):
            settings = await engines.start(self.new_temporal)
        platform = bootstrap.platform(settings)
        await platform.revive()
        self._keep_children(settings)
        await self._ready(settings, stop)
        took = time.monotonic() - began
        where = f"http://127.0.0.1:{settings.http_port}  https://127.0.0.1:{settings.https_port}"
        out.print(f"[green]ready[/] in {took:.1f} s: {where}")
        out.print(f"state in {escape(str(settings.home))}, estate in {escape(str(self.estate))}")
        out.print("Ctrl-C leaves the engines and the instances running; `plantroom down` ends them")
        # Side by side: what does not start again keeps nobody from looking after the others.
        rounds = (
            self._revive(engines.revive),
            self._revive(platform.revive),
            self._tell("renewed the certificate of {}", lambda: self._renewed(platform.traffic.renew_due)),
            self._tell("[bold red]taken[/] out of traffic: {}", platform.guard),
            self._tell("[yellow]taken away from Temporal[/]: {}, which a stranger left there", engines.tidy),
        )
        watching = [asyncio.create_task(one) for one in rounds]
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _LOOK)
                break
            try:
                self._keep_children(settings)
            except OSError as error:
                # A full disk, too many processes: what runs is watched all the same, and the next look tries again.
                err.print(f"[bold red]could not restart[/]: {escape(str(error))}")
        for one in watching:
            one.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        self._end_children()

    async def _revive(self, revive: Callable[[], Awaitable[Iterable[str]]]) -> None:
        await self._tell("[yellow]restarted[/] {}", revive, "could not restart")

    async def _renewed(self, renew: Callable[[datetime], Awaitable[Iterable[str]]]) -> Iterable[str]:
        if time.monotonic() < self.renewal:
            return ()
        self.renewal = time.monotonic() + _RENEWAL_ROUND
        return await renew(now())

    async def _tell(
        self, words: str, look: Callable[[], Awaitable[Iterable[str]]], fails: str = "could not look"
    ) -> None:
        """Again and again: watching must go on whatever happens to what is watched."""
        while True:
            try:
                for name in await look():
                    err.print(words.format(escape(name)))
            except Exception as error:
                err.print(f"[bold red]{fails}[/]: {escape(str(error))}")
            await asyncio.sleep(_LOOK)

    def _keep_children(self, settings: Settings) -> None:
        self._end_silent()
        for name in _MODULES:
            child = self.children.get(name)
            if child is not None and child.poll() is None:
                continue
            if child is not None:
                if time.monotonic() - self.started[name] < _BACK_OFF:
                    continue
                err.print(f"[yellow]restarted[/] {name} (it ended with {child.returncode})")
            self.children[name] = self._spawn(name, settings)
            self.started[name] = time.monotonic()

    def _end_silent(self) -> None:
        """A worker that is stopped or hangs is no help, and may hold what another could do."""
        child = self.children.get(_GIVES_SIGNS)
        if child is None or self.pulse is None or child.poll() is not None:
            return
        if self.pulse.silent_s(_LOOK * 2) > SILENCE_S:
            err.print(f"[bold red]silent[/] {_GIVES_SIGNS} gave no sign of life for {SILENCE_S:.0f} s; ending it")
            child.kill()
            child.wait()

    def _spawn(self, name: str, settings: Settings) -> subprocess.Popen[bytes]:
        logs = settings.home / "logs"
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        given = {
            "PLANTROOM_DATABASE_URL": settings.database_url,
            "PLANTROOM_TEMPORAL_ADDRESS": settings.temporal_address,
            "PLANTROOM_TEMPORAL_NAMESPACE": settings.temporal_namespace,
            "PLANTROOM_HTTP_PORT": str(settings.http_port),
            "PLANTROOM_HTTPS_PORT": str(settings.https_port),
        }
        command = [sys.executable, "-m", _MODULES[name], "--home", str(settings.home), "--estate", str(self.estate)]
        command += ["--parent", str(os.getpid())]
        pulse = Pulse() if name == _GIVES_SIGNS else None
        command += [] if pulse is None else ["--pulse", str(pulse.write)]
        with open(logs / f"{name}.log", "ab", opener=private) as log, _handed_over(pulse):
            child = subprocess.Popen(
                command,
                env={**os.environ, **{key: value for key, value in given.items() if value}},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=() if pulse is None else (pulse.write,),
            )
        if pulse is not None:
            if self.pulse is not None:
                self.pulse.close()
            self.pulse = pulse
        (settings.home / f"{name}.json").write_text(json.dumps({"pid": child.pid, "started": started_at(child.pid)}))
        return child

    async def _ready(self, settings: Settings, stop: asyncio.Event) -> None:
        """Until the API answers anything at all."""
        while not stop.is_set():
            try:
                await asyncio.to_thread(Client(settings.api_socket).get, "/me")
            except EngineError as error:
                if error.code != "PR801":
                    return
                self._keep_children(settings)
                await asyncio.sleep(0.1)
            except Exception:
                return
            else:
                return

    def _end_children(self) -> None:
        for child in self.children.values():
            child.terminate()
        for child in self.children.values():
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


@contextlib.contextmanager
def _handed_over(pulse: Pulse | None) -> Iterator[None]:
    """The child's end of a pulse is the child's alone, once it has started; neither end stays when it has not."""
    try:
        yield
    except OSError:
        if pulse is not None:
            pulse.close()
        raise
    finally:
        if pulse is not None:
            pulse.handed_over()


def _pid(settings: Settings, name: str) -> int | None:
    """The process of a part, if it is still that process."""
    try:
        record = json.loads((settings.home / f"{name}.json").read_text())
    except (OSError, ValueError):
        return None
    pid = int(record["pid"])
    return pid if started_at(pid) == record["started"] is not None else None


def _end_up(settings: Settings) -> None:
    for name in ("up", "api", "worker"):
        pid = _pid(settings, name)
        if pid is None:
            continue
        os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + 15
        while _pid(settings, name) is not None:
            if time.monotonic() > until:
                os.kill(pid, signal.SIGKILL)
                break
            time.sleep(0.05)


@contextlib.contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    with open_lock(settings.home / "up.lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise EngineError(
                "PR810",
                "plantroom up",
                value="runs already",
                limit=f"one for {settings.home}",
                remedy="See `plantroom status`",
            ) from error
        record = settings.home / "up.json"
        record.write_text(json.dumps({"pid": os.getpid(), "started": started_at(os.getpid())}))
        yield
