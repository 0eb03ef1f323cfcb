"""Traffic of the local platform: HAProxy on loopback, changed at run time, reloaded only for a new or lost route.

Every change is written to the state first and then made in the worker that listens; workers from before a reload only
finish what they have. Changes are differences between what is wanted and what the worker says it has, so what was
changed by hand is put right when a method is called again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from plantroom.kernel.errors import PlatformError
from plantroom.platforms.contract import Admission, MemberSeen, RouteSeen, RouteSpec, TrafficCount
from plantroom.platforms.local import haproxy_live as live
from plantroom.platforms.local.balancer import Balancer, LocalPorts
from plantroom.platforms.local.certificates import serial
from plantroom.platforms.local.haproxy_config import (
    FRONTEND,
    HOSTS_MAP,
    SUSPENDED_MAP,
    Count,
    Member,
    Route,
    Wanted,
    certificate_file,
    decode,
    encode,
    refuse_unfit,
    refuse_unfit_address,
)
from plantroom.platforms.local.listeners import strangers
from plantroom.runtime.clock import now

_FRONTEND_ROW = 1
_BACKEND_ROW = 2
_SERVER_ROWS = 4
"""Kinds of rows that `show stat` is asked for."""
_REMOVE_S = 5
"""Idle connections to a member are closed within two seconds; HAProxy forgets no server that has any."""


class LocalTraffic:
    """`Traffic` of the platform contract. `home` keeps the state in `balancer/`; `run` is a short directory for the
    socket. With HAProxy not running, every method but `revive`, `shutdown` and `state` raises PR404."""

    def __init__(self, home: Path, run: Path, ports: LocalPorts, own: Path | None = None) -> None:
        """`own`: the master socket of an HAProxy that the user runs; see `Balancer`."""
        self._balancer = Balancer(home, run, ports, own)
        self._taken: set[tuple[str, str]] = set()

    @property
    def authority(self) -> Path:
        """The certificate that clients must trust to use HTTPS here."""
        return self._balancer.authority.certificate

    # -- process --------------------------------------------------------------------------------------------------

    def revive(self) -> list[str]:
        """Start HAProxy with all routes and members unless it runs; the names of what was started. Blocking."""
        return ["haproxy"] if self._balancer.start() else []

    async def guard(self) -> list[str]:
        """Send nothing to a member on whose port another account listens, for as long as it does; what was found now.

        Only the worker is told: who is admitted stays as it is. Does nothing while HAProxy does not answer."""
        routes = self._balancer.load().routes
        members = {
            (environment, instance): member
            for environment, route in routes.items()
            for instance, member in route.members.items()
            if member.admitted
        }
        strange = await asyncio.to_thread(strangers, {member.port for member in members.values()})
        taken = {key for key, member in members.items() if member.port in strange}
        if taken == self._taken:
            return []
        found = []
        async with self._balancer.changing():
            worker = await self._balancer.current()
            for key in sorted(taken - self._taken):
                server = "/".join(map(encode, key))
                # One that HAProxy does not have (yet) comes with the next look.
                with suppress(PlatformError):
                    await self._balancer.tell(worker, f"set server {server} state drain")
                    await self._balancer.tell(worker, f"shutdown sessions server {server}")
                    self._taken.add(key)
                    found.append(f"{key[1]} (account {strange[members[key].port]} has its port)")
            for key in sorted(self._taken - taken):
                if key in members:
                    await self._admit(worker, *key, members[key])
                self._taken.discard(key)
        return found

    def shutdown(self) -> None:
        """End HAProxy and its workers. Blocking. Not running is no error."""
        self._balancer.stop()

    def state(self) -> tuple[int | None, bool]:
        """Process id of the master, if it is ours, and whether it runs. Blocking."""
        return self._balancer.state()

    # -- routes ---------------------------------------------------------------------------------------------------

    async def observe(self) -> Sequence[RouteSeen]:
        async with self._balancer.reading():
            worker = await self._balancer.current()
            backends = live.backends(await self._balancer.ask(worker, "show backend"))
            servers = live.servers(await self._balancer.ask(worker, "show servers state"))
            hosts = live.map_entries(await self._balancer.ask(worker, f"show map {HOSTS_MAP}"))
            suspended = live.map_entries(await self._balancer.ask(worker, f"show map {SUSPENDED_MAP}"))
            listens = await self._listens(worker)
            routes = self._balancer.load().routes

        def serves(backend: str, name: str, one: live.LiveServer) -> bool:
            """Whether requests come to it, where it really is. One that was moved or is not asked for its health is as
            good as none: it is to be admitted again. So is each one while nothing listens."""
            route = routes.get(decode(backend))
            member = None if route is None else route.members.get(decode(name))
            there = member is None or (one.checked and (one.address, one.port) == (member.address, member.port))
            return listens and there and one.admitted()

        seen = (
            RouteSeen(
                environment=decode(backend),
                hosts=tuple(sorted(host for host, to in hosts.items() if to == backend)),
                suspended=backend in suspended,
                members=tuple(
                    MemberSeen(
                        decode(name),
                        Admission.ADMITTED if serves(backend, name, one) else Admission.DRAINING,
                        one.running,
                    )
                    for name, one in sorted(servers.get(backend, {}).items())
                ),
            )
            for backend in backends
        )
        return sorted(seen, key=lambda route: route.environment)

    async def route(self, specs: Sequence[RouteSpec]) -> None:
        async with self._balancer.changing():
            before = self._balancer.load()
            wanted = _with_routes(before, specs)
            await asyncio.to_thread(self._balancer.certify, wanted)
            await self._install(wanted)
            for spec in specs:
                await self._settle_certificate(spec.environment)
            await self._settle(await self._balancer.current(), wanted, specs)

    async def unroute(self, environments: Sequence[str]) -> None:
        gone = frozenset(environments)
        async with self._balancer.changing():
            wanted = self._balancer.load().without(gone)
            # The names first: nobody is sent to a backend that is about to go.
            await self._forget_names(await self._balancer.current(), gone)
            await asyncio.to_thread(self._balancer.certify, wanted)
            await self._install(wanted)

    async def renew_certificate(self, environment: str) -> None:
        """A new leaf, used from the next handshake on, without a reload. PR401 when the route is not there."""
        async with self._balancer.changing():
            route = self._balancer.load().routes.get(environment)
            if route is None:
                raise _no_route(environment)
            path = self._balancer.directory / certificate_file(environment)
            await asyncio.to_thread(self._balancer.authority.issue, path, route.certified(), now())
            await self._settle_certificate(environment)

    async def renew_due(self, at: datetime) -> list[str]:
        """Renew every certificate with less than a month to live at this instant; for which environments it was."""
        async with self._balancer.reading():
            routes = self._balancer.load().routes
        found = [
            name
            for name, route in routes.items()
            if self._balancer.authority.due(self._balancer.directory / certificate_file(name), route.certified(), at)
        ]
        for name in found:
            await self.renew_certificate(name)
        return found

    # -- members --------------------------------------------------------------------------------------------------

    async def admit(self, environment: str, instance: str, address: str, port: int) -> None:
        refuse_unfit_address(instance, address, port)
        member = Member(address, port, admitted=True)
        async with self._balancer.changing():
            await self._set_member(environment, instance, member)
            await self._admit(await self._balancer.current(), environment, instance, member)

    async def drain(self, environment: str, instance: str) -> None:
        backend, server = encode(environment), encode(instance)
        async with self._balancer.changing():
            member = _member(self._balancer.load(), environment, instance)
            if member is not None:
                await self._set_member(environment, instance, replace(member, admitted=False))
            worker = await self._balancer.current()
            there = (await self._servers(worker, backend) or {}).get(server)
            await self._tell_all(worker, live.to_drain(backend, server, there))

    async def in_flight(self, environment: str, instance: str) -> int:
        question = f"show stat {encode(environment)} {_SERVER_ROWS} -1"
        found: list[int] = []

        async def look(worker: int) -> None:
            found.append(live.sessions(await self._balancer.ask(worker, question), encode(instance)))

        async with self._balancer.reading():
            await self._in_each_worker(look)
        return sum(found)

    async def remove(self, environment: str, instance: str) -> None:
        """What it still has in flight is cut, but for what a worker from before a reload has.

        PR403 when HAProxy does not let go of it in time.
        """
        until = time.monotonic() + _REMOVE_S
        while True:
            async with self._balancer.changing():
                left = await self._forget(environment, instance)
            if left is None:
                return
            if time.monotonic() >= until:
                raise PlatformError("PR403", f"member {instance}", value=left, limit=f"within {_REMOVE_S} s")
            await asyncio.sleep(0.05)

    async def count(self, environment: str) -> TrafficCount:
        """Requests that end in a worker after a reload are counted if this is asked for while the worker lives."""
        question = f"show stat {encode(environment)} {_BACKEND_ROW} -1"
        counts: dict[int, Mapping[str, Count]] = {}

        async def look(worker: int) -> None:
            counts[worker] = live.counts(await self._balancer.ask(worker, question))

        async with self._balancer.changing():
            found = await self._balancer.workers()
            await self._in_each_worker(look)
            here = counts.pop(found.current).get(environment)
            if here is None:
                raise _no_route(environment)
            wanted = self._balancer.load()
            noted = wanted.noting(found.all(), counts)
            # Noted before it is told: a later answer is never less than this one.
            if noted != wanted:
                self._balancer.save(noted)
        total = noted.counted(environment, found.current, here)
        return TrafficCount(total.requests, total.errors_5xx)

    # -- how ------------------------------------------------------------------------------------------------------

    async def _install(self, wanted: Wanted) -> None:
        """Save, and reload if the worker's shape is another one. A configuration that HAProxy refuses is not saved."""
        found = await self._balancer.workers()
        worker = found.current
        answer = await self._balancer.ask(worker, "get var proc.shape")
        if f"<{self._balancer.shape(wanted)}>" in answer:
            self._balancer.save(wanted)
            return
        await asyncio.to_thread(self._balancer.check, wanted)
        text = await self._balancer.ask(worker, f"show stat -1 {_BACKEND_ROW} -1")
        self._balancer.save(wanted.noting(found.all(), {worker: live.counts(text)}))
        await self._balancer.reload()

    async def _settle(self, worker: int, wanted: Wanted, specs: Sequence[RouteSpec]) -> None:
        """Names, suspension and admitted members of these routes, in a worker that knows them."""
        known = set(live.backends(await self._balancer.ask(worker, "show backend")))
        hosts = live.map_entries(await self._balancer.ask(worker, f"show map {HOSTS_MAP}"))
        suspended = live.map_entries(await self._balancer.ask(worker, f"show map {SUSPENDED_MAP}"))
        routes = {spec.environment: wanted.routes[spec.environment] for spec in specs}
        routes = {encode(name): route for name, route in routes.items() if encode(name) in known}
        # What goes, then what comes: a name may move from one of these routes to another.
        names: dict[str, str | None] = {host: None for host, backend in hosts.items() if backend in routes}
        names.update({host: backend for backend, route in routes.items() for host in route.hosts})
        pauses = {backend: "suspended" if route.suspended else None for backend, route in routes.items()}
        await self._tell_all(worker, live.to_map(HOSTS_MAP, hosts, names))
        await self._tell_all(worker, live.to_map(SUSPENDED_MAP, suspended, pauses))
        for backend, route in routes.items():
            for instance, member in route.members.items():
                if member.admitted:
                    await self._admit(worker, decode(backend), instance, member)

    async def _forget_names(self, worker: int, environments: frozenset[str]) -> None:
        backends = {encode(environment) for environment in environments}
        for name in (HOSTS_MAP, SUSPENDED_MAP):
            there = live.map_entries(await self._balancer.ask(worker, f"show map {name}"))
            gone = [key for key, value in there.items() if (value if name == HOSTS_MAP else key) in backends]
            await self._tell_all(worker, live.to_map(name, there, dict.fromkeys(gone)))

    async def _settle_certificate(self, environment: str) -> None:
        """The worker that listens has the leaf that is on disk."""
        name = certificate_file(environment)
        path = self._balancer.directory / name
        worker = await self._balancer.current()
        if f"Serial: {serial(path)}" in await self._balancer.ask(worker, f"show ssl cert {name}"):
            return
        # The empty line ends what is handed over.
        await self._balancer.tell(worker, f"set ssl cert {name} <<\n{path.read_text().strip()}\n")
        await self._balancer.tell(worker, f"commit ssl cert {name}")

    async def _set_member(self, environment: str, instance: str, member: Member) -> None:
        """Into the state, if HAProxy is there to have it too. PR401 when the route is not there."""
        wanted = self._balancer.load()
        route = wanted.routes.get(environment)
        if route is None:
            raise _no_route(environment)
        if route.members.get(instance) != member:
            await self._balancer.current()
            changed = replace(route, members={**route.members, instance: member})
            self._balancer.save(replace(wanted, routes={**wanted.routes, environment: changed}))

    async def _admit(self, worker: int, environment: str, instance: str, member: Member) -> None:
        """PR401 when the worker does not have the route, or not yet: its reload never came."""
        backend, server = encode(environment), encode(instance)
        servers = await self._servers(worker, backend)
        if servers is None:
            raise _no_route(environment)
        await self._tell_all(worker, live.to_admit(backend, server, servers.get(server), member))
        if not await self._listens(worker):
            await self._listen(worker)

    async def _listens(self, worker: int) -> bool:
        return live.listens(await self._balancer.ask(worker, f"show stat {FRONTEND} {_FRONTEND_ROW} -1"))

    async def _listen(self, worker: int) -> None:
        """Connections are taken again. What was shut down for good is so only in that worker."""
        answer = await self._balancer.ask(worker, f"enable frontend {FRONTEND}")
        if not await self._listens(worker):
            if not answer.strip():
                raise PlatformError("PR403", "the balancer", value="does not listen")
            await self._balancer.reload()

    async def _forget(self, environment: str, instance: str) -> str | None:
        """None when the worker that listens no longer has it; else why it still has."""
        wanted = self._balancer.load()
        worker = await self._balancer.current()
        route = wanted.routes.get(environment)
        if route is not None and instance in route.members:
            members = {name: one for name, one in route.members.items() if name != instance}
            self._balancer.save(replace(wanted, routes={**wanted.routes, environment: replace(route, members=members)}))
        backend, server = encode(environment), encode(instance)
        if server not in (await self._servers(worker, backend) or {}):
            return None
        await self._balancer.tell(worker, f"set server {backend}/{server} state maint")
        await self._balancer.tell(worker, f"shutdown sessions server {backend}/{server}")
        answer = await self._balancer.ask(worker, f"del server {backend}/{server}")
        return None if "Server deleted" in answer else answer

    async def _servers(self, worker: int, backend: str) -> Mapping[str, live.LiveServer] | None:
        """None in a worker that does not know the backend."""
        answer = await self._balancer.ask(worker, f"show servers state {backend}")
        return None if answer.startswith("Can't find backend") else live.servers(answer).get(backend, {})

    async def _tell_all(self, worker: int, commands: Sequence[str]) -> None:
        for command in commands:
            await self._balancer.tell(worker, command)

    async def _in_each_worker(self, act: Callable[[int], Awaitable[None]]) -> None:
        """An old worker that ends meanwhile has nothing left, and is passed over."""
        found = await self._balancer.workers()
        for worker in found.all():
            try:
                await act(worker)
            except PlatformError:
                if worker == found.current:
                    raise


def _no_route(environment: str) -> PlatformError:
    return PlatformError("PR401", f"route {environment}", value="is not there")


def _member(wanted: Wanted, environment: str, instance: str) -> Member | None:
    route = wanted.routes.get(environment)
    return None if route is None else route.members.get(instance)


def _with_routes(wanted: Wanted, specs: Sequence[RouteSpec]) -> Wanted:
    """Members stay. Raises PlatformError PR402 when two routes would have one host name, PR405 on unfit names."""
    routes = dict(wanted.routes)
    for spec in specs:
        members = routes[spec.environment].members if spec.environment in routes else {}
        routes[spec.environment] = Route(tuple(spec.hosts), spec.health_path, spec.suspended, members)
        refuse_unfit(spec.environment, routes[spec.environment])
    taken: dict[str, str] = {}
    # Those that stay as they are first: they have what the others want.
    asking = {spec.environment for spec in specs}
    for name, route in sorted(routes.items(), key=lambda item: item[0] in asking):
        for host in route.hosts:
            if taken.setdefault(host, name) != name:
                raise PlatformError(
                    "PR402",
                    f"host name {host}",
                    value=f"leads to {taken[host]}, and {name} wants it",
                    remedy=f"Take it from {taken[host]} first; where a change of that is under way, wait for its end",
                )
    return replace(wanted, routes=routes)
