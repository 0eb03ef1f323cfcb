"""The `sim` platform: the contract in memory, deterministic, with faults, counting every effect."""

from __future__ import annotations

from collections.abc import Collection

from plantroom.kernel.errors import PlatformError
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
    """The contract's Platform. `effects` says what happened, how often and in which order. It answers to the name of
    the platform that it stands in for, and has all but what it `lacks`."""

    def __init__(
        self,
        faults: Faults = never,
        unhealthy: Unhealthy = _well,
        failing: Failing = _runs,
        *,
        name: str = "local",
        lacks: Collection[Capability] = (),
    ) -> None:
        self._name = name
        self._lacks = frozenset(lacks)
        self.effects = Effects(faults)
        self._machines = SimMachines(self.effects)
        self._workloads = SimWorkloads(self.effects, self._machines, unhealthy)
        self._traffic = SimTraffic(self.effects, self._up)
        self._databases = SimDatabases(self.effects, failing)
        self._files = SimFiles(self.effects)

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset(Capability) - self._lacks

    @property
    def name(self) -> str:
        return self._name

    @property
    def machines(self) -> SimMachines:
        self._need(Capability.SERVERS)
        return self._machines

    @property
    def workloads(self) -> SimWorkloads:
        self._need(Capability.INSTANCES)
        return self._workloads

    @property
    def traffic(self) -> SimTraffic:
        self._need(Capability.TRAFFIC)
        return self._traffic

    @property
    def databases(self) -> SimDatabases:
        self._need(Capability.DATABASES)
        return self._databases

    @property
    def files(self) -> SimFiles:
        self._need(Capability.FILES)
        return self._files

    def _need(self, capability: Capability) -> None:
        if capability in self._lacks:
            raise PlatformError("PR405", f"the platform {self._name}", value=f"has no {capability.value}")

    def _up(self, instance: str) -> bool:
        there = self._machines.instances.get(instance)
        return there is not None and there.running and self._workloads.unhealthy(there.spec) is None
