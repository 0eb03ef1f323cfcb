"""Local servers: each a directory and a supervisor of its own, in a session of its own.

home/servers/<name>/server.json        what was declared; without it the server is being destroyed
home/servers/<name>/supervisord.conf   and .pid; its process record is supervisor.json
home/servers/<name>/instances/         <id>.json, <id>.conf and <id>.starts of each instance
home/servers/<name>/artefacts/         unpacked once per server, read-only, each with the list of its files
home/servers/<name>/logs/              of the supervisor and of every instance, rotated
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plantroom.kernel.errors import PlatformError
from plantroom.platforms.contract import ServerSeen, ServerSpec
from plantroom.platforms.local import launcher, records, supervision
from plantroom.platforms.local.ports import Ports
from plantroom.platforms.local.reviving import each
from plantroom.runtime.processes import Daemon

START_TIMEOUT_S = 20.0
"""A supervisor answers after a quarter of a second, later on a busy machine."""
STOP_GRACE_S = 30.0
"""For all instances of a server together, each of which has its own grace inside of it."""


class Server:
    """One server's directory and supervisor."""

    def __init__(self, directory: Path, run: Path) -> None:
        self.name = directory.name
        self.directory = directory
        self.instances = directory / "instances"
        self.pid_file = directory / "supervisord.pid"
        # A name of its own length would not fit into a socket's path.
        self.socket = run / f"s-{hashlib.sha256(self.name.encode()).hexdigest()[:10]}.sock"
        self._daemon = Daemon("supervisor", directory)

    def log(self, instance: str) -> Path:
        """What an instance prints."""
        return self.directory / "logs" / f"{instance}.log"

    def declared(self) -> dict[str, Any] | None:
        return records.read(self.directory / "server.json")

    def pid(self) -> int | None:
        return self._daemon.pid()

    async def call(self, method: str, *arguments: Any) -> Any:
        """Raises SupervisorFault, Away, or PlatformError PR404."""
        return await supervision.call(self.socket, method, *arguments)

    async def start(self) -> bool:
        """Start the supervisor, and with it its instances, unless it runs; returns when it answers. True when it was
        started now. Raises PlatformError PR405."""
        if self.pid() is not None:
            await self._answers()
            return False
        try:
            # One that was started by a process that ended before it could write that down.
            self._daemon.adopt(int(await self.call("supervisor.getPID")))
            return False
        except supervision.Away:
            pass
        # The kernel has ended the instances of one that was killed, but not what these had started.
        await asyncio.to_thread(self._daemon.end_rest, launcher.MARK)
        records.write_text(self.directory / "supervisord.conf", supervision.server_config(self.directory, self.socket))
        command = [sys.executable, "-m", supervision.SUPERVISED, "-c", str(self.directory / "supervisord.conf")]
        # The environment of whoever starts a server is where its secrets are read from, until a start of an instance
        # brings newer ones.
        self._daemon.spawn(
            command, log=self.directory / "logs" / "supervisord.out", env=dict(os.environ), cwd=self.directory
        )
        await self._answers()
        return True

    async def stop(self) -> None:
        """End the supervisor and its instances, each within its grace."""
        stopping = asyncio.ensure_future(asyncio.to_thread(self._daemon.stop, STOP_GRACE_S, rest=launcher.MARK))
        while not stopping.done():
            # Left alone, it looks once a second whether it was told to end and whether its instances have.
            with contextlib.suppress(supervision.Away, supervision.SupervisorFault, PlatformError):
                await self.call("supervisor.getState")
            await asyncio.wait([stopping], timeout=0.05)
        await stopping

    async def _answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                await self.call("supervisor.getState")
                return
            except supervision.Away as error:
                if self.pid() is None or time.monotonic() > deadline:
                    raise PlatformError(
                        "PR405",
                        f"server {self.name}",
                        value="its supervisor does not start",
                        remedy=f"See {self.directory / 'logs'}",
                    ) from error
            await asyncio.sleep(0.01)


class LocalMachines:
    """The contract's Machines."""

    def __init__(self, home: Path, run: Path) -> None:
        self._root = home / "servers"
        self._run = run
        self._ports = Ports(home)

    def servers(self) -> list[Server]:
        """Every declared server, by name."""
        if not self._root.is_dir():
            return []
        found = [Server(path.parent, self._run) for path in self._root.glob("*/server.json")]
        return sorted(found, key=lambda server: server.name)

    def server(self, name: str) -> Server | None:
        found = Server(self._root / name, self._run)
        return None if found.declared() is None else found

    async def observe(self) -> Sequence[ServerSeen]:
        return [seen for server in self.servers() if (seen := _seen(server)) is not None]

    async def create(self, spec: ServerSpec) -> ServerSeen:
        server = Server(self._root / spec.name, self._run)
        async with records.locked(self._root / f".{spec.name}.lock"):
            there = server.declared()
            if there is not None and (there["pool"], there["region"]) != (spec.pool, spec.region):
                raise PlatformError(
                    "PR402",
                    f"server {spec.name}",
                    value=f"exists in pool {there['pool']}, region {there['region']}",
                    limit=f"asked for pool {spec.pool}, region {spec.region}",
                )
            for name in ("instances", "artefacts", "logs"):
                (server.directory / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            wanted = {
                "name": spec.name,
                "pool": spec.pool,
                "region": spec.region,
                "memory_mib": spec.memory_mib,
                "cpu_milli": spec.cpu_milli,
            }
            if there != wanted:
                records.write(server.directory / "server.json", wanted)
            await server.start()
        return ServerSeen(spec.name, spec.pool, spec.region, running=True)

    async def destroy(self, name: str) -> None:
        server = Server(self._root / name, self._run)
        if not server.directory.exists():
            return
        async with records.locked(self._root / f".{name}.lock"):
            # First, so that nobody starts it again in between.
            (server.directory / "server.json").unlink(missing_ok=True)
            await server.stop()
            for path in server.instances.glob("*.json"):
                record = records.read(path)
                if record is not None:
                    self._ports.release(record["id"], record["port"])
            await asyncio.to_thread(_remove_tree, server.directory)

    async def revive(self) -> list[str]:
        """Start every declared server that does not run."""
        return await each(self._revive(server) for server in self.servers() if server.pid() is None)

    async def _revive(self, server: Server) -> list[str]:
        async with records.locked(self._root / f".{server.name}.lock"):
            wanted = server.declared() is not None
            return [f"server {server.name}"] if wanted and await server.start() else []

    async def shutdown(self) -> None:
        await asyncio.gather(*(server.stop() for server in self.servers()))


def _seen(server: Server) -> ServerSeen | None:
    declared = server.declared()
    if declared is None:
        return None
    return ServerSeen(server.name, declared["pool"], declared["region"], server.pid() is not None)


def _remove_tree(directory: Path) -> None:
    """Artefacts are read-only, their directories too."""
    for parent, _, _ in os.walk(directory):
        os.chmod(parent, 0o700)
    shutil.rmtree(directory, ignore_errors=False)
