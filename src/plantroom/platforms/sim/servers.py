"""Simulated servers and the instances on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plantroom.kernel.errors import PlatformError
from plantroom.platforms.contract import (
    InstanceSeen,
    InstanceSpec,
    ProcessKind,
    Running,
    ServerSeen,
    ServerSpec,
)
from plantroom.platforms.sim.faults import Effects

Unhealthy = Callable[[InstanceSpec], str | None]
"""Why an instance does not pass its health check; None when it does."""

FIRST_PORT = 10_000


@dataclass(slots=True)
class Server:
    spec: ServerSpec
    running: bool = True


@dataclass(slots=True)
class Instance:
    spec: InstanceSpec
    port: int
    running: bool = True
    started: int = 1


class SimMachines:
    """The contract's Machines."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects
        self.servers: dict[str, Server] = {}
        self.instances: dict[str, Instance] = {}

    async def observe(self) -> Sequence[ServerSeen]:
        return [_server_seen(server) for _, server in sorted(self.servers.items())]

    async def create(self, spec: ServerSpec) -> ServerSeen:
        def change() -> bool:
            there = self.servers.get(spec.name)
            if there is None:
                self.servers[spec.name] = Server(spec)
                return True
            if (there.spec.pool, there.spec.region) != (spec.pool, spec.region):
                raise PlatformError("PR402", f"server {spec.name}", value=f"exists in pool {there.spec.pool}")
            started = not there.running
            there.spec, there.running = spec, True
            if started:
                for instance in self._on(spec.name):
                    instance.running = True
                    instance.started += 1
            return started

        await self._effects.act("create server", spec.name, change)
        return _server_seen(self.servers[spec.name])

    async def destroy(self, name: str) -> None:
        def change() -> bool:
            for instance in self._on(name):
                del self.instances[instance.spec.id]
            return self.servers.pop(name, None) is not None

        await self._effects.act("destroy server", name, change)

    def kill(self, name: str) -> None:
        """By somebody else's hand: the server stops, and its instances with it."""
        self.servers[name].running = False
        for instance in self._on(name):
            instance.running = False

    def _on(self, server: str) -> list[Instance]:
        return [instance for instance in self.instances.values() if instance.spec.server == server]


class SimWorkloads:
    """The contract's Workloads. `missing` are the digests of artefacts that cannot be installed."""

    def __init__(self, effects: Effects, machines: SimMachines, unhealthy: Unhealthy) -> None:
        self._effects = effects
        self._machines = machines
        self.unhealthy = unhealthy
        self.missing: set[str] = set()
        self._ports = FIRST_PORT

    async def observe(self) -> Sequence[InstanceSeen]:
        return [_instance_seen(instance) for _, instance in sorted(self._machines.instances.items())]

    async def find(self, instance: str) -> InstanceSeen | None:
        there = self._machines.instances.get(instance)
        return None if there is None else _instance_seen(there)

    async def start(self, spec: InstanceSpec) -> InstanceSeen:
        def change() -> bool:
            server = self._machines.servers.get(spec.server)
            if server is None:
                raise PlatformError("PR401", f"server {spec.server}", value="is not there")
            if not server.running:
                raise PlatformError("PR404", f"server {spec.server}", value="does not answer")
            there = self._machines.instances.get(spec.id)
            if there is not None and there.running:
                return False
            if spec.artefact in self.missing:
                raise PlatformError("PR405", f"instance {spec.id}", value=f"no artefact {spec.artefact}")
            if there is None:
                self._machines.instances[spec.id] = Instance(spec, self._port(spec))
            else:
                there.spec, there.running, there.started = spec, True, there.started + 1
            return True

        await self._effects.act("start", spec.id, change)
        return _instance_seen(self._machines.instances[spec.id])

    async def stop(self, instance: str) -> None:
        await self._effects.act("stop", instance, lambda: self._machines.instances.pop(instance, None) is not None)

    async def healthy(self, instance: str) -> str | None:
        there = self._machines.instances.get(instance)
        if there is None:
            raise PlatformError("PR401", f"instance {instance}", value="is not there")
        return self.unhealthy(there.spec) if there.running else "its process is stopped"

    def halt(self, instance: str) -> None:
        """By somebody else's hand: the process ends and is not started again."""
        self._machines.instances[instance].running = False

    def _port(self, spec: InstanceSpec) -> int:
        if spec.process.kind is not ProcessKind.WEB:
            return 0
        self._ports += 1
        return self._ports


def _server_seen(server: Server) -> ServerSeen:
    return ServerSeen(server.spec.name, server.spec.pool, server.spec.region, server.running)


def _instance_seen(instance: Instance) -> InstanceSeen:
    spec = instance.spec
    return InstanceSeen(
        id=spec.id,
        environment=spec.environment,
        process=spec.process.name,
        kind=spec.process.kind,
        slot=spec.slot,
        server=spec.server,
        artefact=spec.artefact,
        state=Running.RUNNING if instance.running else Running.STOPPED,
        address="127.0.0.1",
        port=instance.port,
        started=instance.started,
    )
