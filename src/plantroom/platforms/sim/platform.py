"""The `sim` platform: the contract in memory, deterministic, with faults, counting every effect."""

from __future__ import annotations

from plantroom.platforms.contract import Capability, DatabaseSpec, InstanceSpec, Script
from plantroom.platforms.sim.data import Failing, SimDatabases, SimFiles
from plantroom.platforms.sim.faults import Effects, Faults, never
from plantroom.platforms.sim.servers import SimMachines, SimWorkloads, Unhealthy
from plantroom.platforms.sim.traffic import SimTraffic


def _well(spec: InstanceSpec) -> str | None:
    return None


def _runs(spec: DatabaseSpec, script: Script) -> str | None:
    return None


class SimPlatform:
    """The contract's Platform. `effects` says what happened, how often and in which order."""

    def __init__(self, faults: Faults = never, unhealthy: Unhealthy = _well, failing: Failing = _runs) -> None:
        self.effects = Effects(faults)
        self._machines = SimMachines(self.effects)
        self._workloads = SimWorkloads(self.effects, self._machines, unhealthy)
        self._traffic = SimTraffic(self.effects, self._up)
        self._databases = SimDatabases(self.effects, failing)
        self._files = SimFiles(self.effects)

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset(Capability)

    @property
    def machines(self) -> SimMachines:
        return self._machines

    @property
    def workloads(self) -> SimWorkloads:
        return self._workloads

    @property
    def traffic(self) -> SimTraffic:
        return self._traffic

    @property
    def databases(self) -> SimDatabases:
        return self._databases

    @property
    def files(self) -> SimFiles:
        return self._files

    def _up(self, instance: str) -> bool:
        there = self._machines.instances.get(instance)
        return there is not None and there.running and self._workloads.unhealthy(there.spec) is None
