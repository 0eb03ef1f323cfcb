"""The `local` platform: everything on this machine, below one directory.

All state is in files, so any number of processes may use it at once, and any of them may be killed at any instant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from plantroom.platforms.contract import ArtefactSource, Capability
from plantroom.platforms.local.balancer import LocalPorts
from plantroom.platforms.local.databases import LocalDatabases
from plantroom.platforms.local.files import LocalFiles
from plantroom.platforms.local.reviving import each
from plantroom.platforms.local.servers import LocalMachines
from plantroom.platforms.local.traffic import LocalTraffic
from plantroom.platforms.local.workloads import LocalWorkloads
from plantroom.runtime.engines import EngineState
from plantroom.runtime.settings import socket_directory


class LocalPlatform:
    """The contract's Platform, and what keeps its engines running."""

    def __init__(
        self, home: Path, artefacts: ArtefactSource, ports: LocalPorts, own_balancer: Path | None = None
    ) -> None:
        """Raises EngineError PR805 when the directory of sockets is not safe."""
        run = socket_directory(home)
        self._machines = LocalMachines(home, run)
        self._workloads = LocalWorkloads(home, self._machines, artefacts)
        self._own_balancer = own_balancer
        self._traffic = LocalTraffic(home, run, ports, own_balancer)
        self._databases = LocalDatabases(home, run)
        self._files = LocalFiles(home)

    @property
    def name(self) -> str:
        return "local"

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset(Capability)

    @property
    def machines(self) -> LocalMachines:
        return self._machines

    @property
    def workloads(self) -> LocalWorkloads:
        return self._workloads

    @property
    def traffic(self) -> LocalTraffic:
        return self._traffic

    @property
    def databases(self) -> LocalDatabases:
        return self._databases

    @property
    def files(self) -> LocalFiles:
        return self._files

    async def revive(self) -> list[str]:
        """Start whatever should run and does not: the balancer, pools, servers with their instances. Their names.

        Cheap when all is well, since it is called every second. What fails to start does not keep the rest down; its
        error is raised at the end.
        """
        return await each([self._revive_traffic(), self._databases.revive(), self._machines.revive()])

    async def _revive_traffic(self) -> list[str]:
        return list(await asyncio.to_thread(self._traffic.revive))

    async def guard(self) -> list[str]:
        """Keep requests from whoever has taken an instance's port; whose it is. Cheap: it is called every second."""
        return await self._traffic.guard()

    async def shutdown(self) -> None:
        """End every process of this home; the next `revive` starts them again. Instances first, then what they use."""
        await self._machines.shutdown()
        await asyncio.to_thread(self._traffic.shutdown)
        await self._databases.shutdown()

    def engines(self) -> Sequence[EngineState]:
        pid, running = self._traffic.state()
        found = [
            EngineState("balancer", pid, running, "HAProxy" if pid or not self._own_balancer else "your own HAProxy")
        ]
        for pool in self._databases.pools():
            at = pool.cluster.pid()
            found.append(EngineState(f"pool {pool.name}", at, at is not None, "PostgreSQL"))
        for server in self._machines.servers():
            at = server.pid()
            found.append(EngineState(f"server {server.name}", at, at is not None, "supervisor"))
        return found
