"""Which servers an environment's instances run on. Pure.

What is placed stays where it is while that is still right, so adding one client moves no other. What is new goes to
the least loaded server that may have it: the one whose larger share of memory and CPU is smallest afterwards (the
dominant share of Ghodsi et al., "Dominant Resource Fairness", 2011). Declared limits are never exceeded, and a
client's residency is never left: a server that is there counts where it really is, whatever is declared.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from plantroom.estate.effective import (
    WEB,
    WEB_SERVERS,
    Place,
    management_of,
    milli,
    places,
    pools_of,
    scales_of,
    server_names,
)
from plantroom.estate.model import EnvironmentState, Estate, Management
from plantroom.estate.plan import Assignment
from plantroom.kernel.verdict import Refused
from plantroom.platforms.contract import ServerSeen

FULL = 1_000_000
"""A load is in millionths of a server, rounded up: an instance fits exactly when the load is at most this."""

TIES = 4
"""How many equally loaded servers are compared by hash. It spreads environments over servers that are alike; comparing
all of them would cost a hash for each server and instance."""


@dataclass(slots=True)
class _Server:
    name: str
    memory_mib: int
    cpu_milli: int
    used_mib: int = 0
    used_milli: int = 0

    def load_with(self, memory_mib: int, cpu_milli: int) -> int:
        """The larger share in millionths, were this placed here too."""
        memory = -(-(self.used_mib + memory_mib) * FULL // self.memory_mib)
        cpu = -(-(self.used_milli + cpu_milli) * FULL // self.cpu_milli)
        return memory if memory > cpu else cpu

    def take(self, memory_mib: int, cpu_milli: int) -> None:
        self.used_mib += memory_mib
        self.used_milli += cpu_milli


@dataclass(frozen=True, slots=True)
class _Size:
    memory_mib: int
    cpu_milli: int


@dataclass(frozen=True, slots=True)
class _Range:
    """Where an environment may run: the servers of these pools but for those `barred`, which are really elsewhere."""

    pools: tuple[str, ...]
    barred: tuple[str, ...] = ()


@dataclass(slots=True)
class _Wish:
    """One environment's slots: those kept, and those that need a server."""

    place: Place
    where: _Range
    sizes: dict[str, _Size]
    kept: list[Assignment]
    open: list[tuple[str, int]]


def place(
    estate: Estate, current: Mapping[str, tuple[Assignment, ...]], seen: Iterable[ServerSeen] = ()
) -> Mapping[str, tuple[Assignment, ...] | Refused]:
    """Assignments for every managed environment that is not retired (a suspended one keeps its room), sorted by process
    type and slot; or why there can be none. `current` is what is assigned now, by environment; `seen` are the servers
    that are there.

    Web instances of one environment are on different servers as far as those suffice, and in production on at least
    two. An environment is placed whole or not at all; where it is refused, what it has now keeps its room.
    """
    servers = {
        name: _Server(name, pool.memory_mib, milli(pool.cpus))
        for pool_name, pool in estate.server_pools.items()
        if pool.management is Management.MANAGED
        for name in server_names(pool_name, pool.servers)
    }
    members = {pool_name: server_names(pool_name, pool.servers) for pool_name, pool in estate.server_pools.items()}
    regions = {server.name: server.region for server in seen}
    away = {
        name: regions[name]
        for pool_name, pool in estate.server_pools.items()
        for name in members[pool_name]
        if regions.get(name, pool.region) != pool.region
    }
    wishes = [
        _wish(estate, one, current.get(one.name, ()), servers, members, away)
        for one in sorted(places(estate), key=lambda one: one.name)
        if one.environment.state is not EnvironmentState.RETIRED and management_of(estate, one) is Management.MANAGED
    ]
    room = _Room(servers, members)
    return {wish.place.name: _placed(estate, wish, room, away) for wish in wishes}


def _wish(
    estate: Estate,
    one: Place,
    current: tuple[Assignment, ...],
    servers: Mapping[str, _Server],
    members: Mapping[str, tuple[str, ...]],
    away: Mapping[str, str],
) -> _Wish:
    """Keep what may stay, and take its room."""
    scales = scales_of(estate, one.environment)
    sizes = {process: _Size(scale.memory_mib, milli(scale.cpus)) for process, scale in scales.items()}
    pools, residency = pools_of(estate.server_pools, one), one.client.residency
    mine = [name for name, region in away.items() if residency and region not in residency]
    where = _Range(pools, tuple(sorted(name for pool in pools for name in mine if name in members[pool])))
    allowed = {server for pool in pools for server in members[pool]} - set(where.barred) if current else set()
    wanted = {(process, slot) for process, scale in scales.items() for slot in range(1, scale.instances + 1)}
    kept: list[Assignment] = []
    for assignment in sorted(current, key=lambda it: (it.process, it.slot)):
        slot = (assignment.process, assignment.slot)
        if slot not in wanted or assignment.server not in allowed:
            continue
        size, server = sizes[assignment.process], servers[assignment.server]
        if server.load_with(size.memory_mib, size.cpu_milli) <= FULL:
            server.take(size.memory_mib, size.cpu_milli)
            wanted.discard(slot)
            kept.append(assignment)
    if _crowded(estate, one, kept, wanted):
        crowded = next(assignment for assignment in reversed(kept) if assignment.process == WEB)
        kept.remove(crowded)
        wanted.add((crowded.process, crowded.slot))
        size = sizes[WEB]
        servers[crowded.server].take(-size.memory_mib, -size.cpu_milli)
    return _Wish(one, where, sizes, kept, sorted(wanted))


def _crowded(estate: Estate, one: Place, kept: Iterable[Assignment], wanted: set[tuple[str, int]]) -> bool:
    """Whether all web instances of a production environment would stay on one server, so that one has to move."""
    on = [assignment.server for assignment in kept if assignment.process == WEB]
    return (
        one.stage in estate.estate.production_stages
        and len(on) >= WEB_SERVERS
        and len(set(on)) < WEB_SERVERS
        and not any(process == WEB for process, _ in wanted)
    )


class _Room:
    """Servers by load, for each set of pools and each size of instance.

    Each heap holds `(load with one more, hash of the server, server)`. Loads grow while instances are placed, so an
    entry may be too small but is never too large: what comes out first is weighed again, and goes back when it has
    grown.
    """

    def __init__(self, servers: Mapping[str, _Server], members: Mapping[str, tuple[str, ...]]) -> None:
        self._servers = servers
        self._members = members
        self._heaps: dict[tuple[_Range, _Size], list[tuple[int, int, str]]] = {}

    def names(self, where: _Range) -> list[str]:
        return [name for pool in where.pools for name in self._members[pool] if name not in where.barred]

    def take(self, environment: str, where: _Range, size: _Size, avoid: set[str]) -> str | None:
        """The best server that is not avoided, and its room with it; None when it fits nowhere else."""
        heap = self._heap(where, size)
        aside: list[tuple[int, int, str]] = []
        best: list[tuple[int, int, str]] = []
        while heap and len(best) < TIES:
            load, mark, name = heap[0]
            now = self._servers[name].load_with(size.memory_mib, size.cpu_milli)
            if now != load:
                heapq.heapreplace(heap, (now, mark, name))
                continue
            if load > FULL or (best and load > best[0][0]):
                break
            (aside if name in avoid else best).append(heapq.heappop(heap))
        chosen = max(best, key=lambda entry: (_hash(f"{environment} {entry[2]}"), entry[2]), default=None)
        for entry in aside + best:
            heapq.heappush(heap, entry)
        if chosen is None:
            return None
        self._servers[chosen[2]].take(size.memory_mib, size.cpu_milli)
        return chosen[2]

    def give_back(self, taken: Iterable[tuple[str, _Size]]) -> None:
        """Undo what was taken. Loads that shrink are what the heaps cannot follow, so they are made anew when needed;
        that is rare, since where nothing fits nothing was taken."""
        for name, size in taken:
            self._servers[name].take(-size.memory_mib, -size.cpu_milli)
            self._heaps.clear()

    def freest(self, where: _Range) -> str:
        """For a refusal: what the servers have left at most, each kind by itself."""
        servers = [self._servers[name] for name in self.names(where)]
        memory = max(server.memory_mib - server.used_mib for server in servers)
        cpu = max(server.cpu_milli - server.used_milli for server in servers)
        return f"{memory} MiB and {cpu / 1000:g} CPUs"

    def _heap(self, where: _Range, size: _Size) -> list[tuple[int, int, str]]:
        heap = self._heaps.get((where, size))
        if heap is None:
            heap = self._heaps[(where, size)] = [
                (self._servers[name].load_with(size.memory_mib, size.cpu_milli), _hash(name), name)
                for name in self.names(where)
            ]
            heapq.heapify(heap)
        return heap


def _placed(estate: Estate, wish: _Wish, room: _Room, away: Mapping[str, str]) -> tuple[Assignment, ...] | Refused:
    name = wish.place.name
    found = list(wish.kept)
    new: list[Assignment] = []
    refusal: Refused | None = None
    elsewhere = ", ".join(f"{server} is in {away[server]}" for server in wish.where.barred)
    if wish.open and not wish.where.pools:
        return Refused("no managed server pool may run it")
    if wish.open and not room.names(wish.where):
        return Refused(f"no server of {', '.join(wish.where.pools)} is in its client's residency: {elsewhere}")
    for process, slot in wish.open:
        size = wish.sizes[process]
        used = {assignment.server for assignment in found if assignment.process == process}
        server = room.take(name, wish.where, size, used)
        if server is None and used:
            server = room.take(name, wish.where, size, set())
        if server is None:
            refusal = _full(wish, room, process, slot)
            break
        assignment = Assignment(process, slot, server)
        found.append(assignment)
        new.append(assignment)
    refusal = refusal or _too_few(estate, wish, found, room)
    if refusal is not None:
        room.give_back((assignment.server, wish.sizes[assignment.process]) for assignment in new)
        return Refused(f"{refusal.reason}; outside of its client's residency: {elsewhere}") if elsewhere else refusal
    return tuple(sorted(found, key=lambda assignment: (assignment.process, assignment.slot)))


def _full(wish: _Wish, room: _Room, process: str, slot: int) -> Refused:
    size = wish.sizes[process]
    return Refused(
        f"{process}/{slot} needs {size.memory_mib} MiB and {size.cpu_milli / 1000:g} CPUs, and "
        f"no server of {', '.join(wish.where.pools)} has both free (at most {room.freest(wish.where)})"
    )


def _too_few(estate: Estate, wish: _Wish, found: Iterable[Assignment], room: _Room) -> Refused | None:
    on = [assignment.server for assignment in found if assignment.process == WEB]
    servers = len(set(on))
    if wish.place.stage not in estate.estate.production_stages or not on or servers >= WEB_SERVERS:
        return None
    return Refused(
        f"its {len(on)} web instance{'' if len(on) == 1 else 's'} would be on {servers} server, and "
        f"production needs {WEB_SERVERS} ({len(room.names(wish.where))} in {', '.join(wish.where.pools)}, "
        f"the freest with {room.freest(wish.where)})"
    )


def _hash(text: str) -> int:
    """The same on every machine and in every run, unlike `hash`."""
    return zlib.crc32(text.encode())
