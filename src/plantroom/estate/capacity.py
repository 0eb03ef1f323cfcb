"""Servers and database pools, declared against seen. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from plantroom.estate.changes import Action, Change, Content, ObjectKind, Observed, Status
from plantroom.estate.effective import milli, server_names
from plantroom.estate.model import DatabasePool, Estate, Management, ServerPool
from plantroom.estate.parts import BEHIND
from plantroom.estate.watched import not_ours
from plantroom.platforms.contract import DatabasePoolSeen, ServerSeen


def server_changes(estate: Estate, observed: Observed, leaving: Collection[str | None]) -> Iterator[Change]:
    """Every server of a managed or observed pool, and every other one that was seen. `leaving` are the environments
    that this plan changes: whatever they have on a server that is not declared goes elsewhere, or goes."""
    seen = {server.name: server for server in observed.servers}
    declared: set[str] = set()
    for pool_name, pool in estate.server_pools.items():
        if pool.management is Management.EXTERNAL:
            continue
        names = server_names(pool_name, pool.servers)
        declared.update(names)
        changes = (_server(name, pool_name, pool, seen.get(name)) for name in names)
        yield from changes if pool.management is Management.MANAGED else not_ours(changes)
    busy = _busy(observed)
    for name, server in seen.items():
        if name not in declared:
            on = busy.get(name, ())
            yield _further(estate, server, len(on), sum(environment not in leaving for environment in on))


def _server(name: str, pool_name: str, pool: ServerPool, there: ServerSeen | None) -> Change:
    after: Content = {
        "pool": pool_name,
        "region": pool.region,
        "memory_mib": pool.memory_mib,
        "cpu_milli": milli(pool.cpus),
    }
    if there is None:
        return _change(Action.CREATED, name, f"new in pool {pool_name}", after=after)
    before = _content(there)
    if there.region != pool.region:
        reason = f"it is in {there.region}, its pool in {pool.region}: a server never changes its region"
        return _change(Action.REFUSED, name, reason, before, after)
    if not there.running:
        return _change(Action.UPDATED, name, f"stopped {BEHIND}", before, after)
    return _change(Action.UNCHANGED, name, "")


def _further(estate: Estate, server: ServerSeen, instances: int, staying: int) -> Change:
    pool = estate.server_pools.get(server.pool)
    if pool is not None and pool.management is Management.EXTERNAL:
        return _change(Action.UNCHANGED, server.name, pool.management.value)
    if pool is not None and pool.management is Management.OBSERVED:
        return _change(Action.OBSERVED, server.name, f"{server.pool} declares {pool.servers} servers", _content(server))
    if staying:
        reason = f"goes with a plan that moves its {_instances(staying)}, which this one does not"
        return _change(Action.UNCHANGED, server.name, reason)
    reason = f"{server.pool} has {pool.servers} servers" if pool else f"no pool {server.pool} is declared"
    if instances:
        reason += f"; it goes when its {_instances(instances)} {'has' if instances == 1 else 'have'} left"
    return _change(Action.DELETED, server.name, reason, _content(server))


def _instances(count: int) -> str:
    return f"{count} instance{'' if count == 1 else 's'}"


def _busy(observed: Observed) -> dict[str, list[str]]:
    """The environment of each instance that is on a server, or is recorded to be."""
    slots = {(one.environment, one.process, one.slot, one.server) for one in observed.instances}
    slots.update(
        (record.environment, one.process, one.slot, one.server)
        for record in observed.records
        if record.status is not Status.RETIRED
        for one in record.assignments
    )
    busy: dict[str, list[str]] = {}
    for environment, _, _, server in slots:
        busy.setdefault(server, []).append(environment)
    return busy


def _content(server: ServerSeen) -> Content:
    return {"pool": server.pool, "region": server.region, "running": server.running}


def _change(
    action: Action, name: str, reason: str, before: Content | None = None, after: Content | None = None
) -> Change:
    return Change(action, ObjectKind.SERVER, name, reason, before, after)


def pool_changes(estate: Estate, observed: Observed) -> Iterator[Change]:
    """Every declared database pool, and every other one that was seen. A pool is never deleted: it holds data."""
    kind = ObjectKind.DATABASE_POOL
    seen = {pool.name: pool for pool in observed.pools}
    for name, pool in estate.database_pools.items():
        change = _pool(name, pool, seen.get(name), observed)
        if pool.management is Management.EXTERNAL:
            yield Change(Action.UNCHANGED, kind, name, pool.management.value)
        elif pool.management is Management.OBSERVED:
            yield from not_ours([change])
        else:
            yield change
    for name in seen:
        if name not in estate.database_pools:
            yield Change(Action.UNCHANGED, kind, name, "not declared; a database pool is never deleted by a plan")


def _pool(name: str, pool: DatabasePool, there: DatabasePoolSeen | None, observed: Observed) -> Change:
    kind = ObjectKind.DATABASE_POOL
    after: Content = {"region": pool.region}
    if there is None:
        recorded = any(
            record.database_pool == name and record.status in (Status.LIVE, Status.SUSPENDED)
            for record in observed.records
        )
        return Change(
            Action.CREATED, kind, name, f"removed {BEHIND}" if recorded else f"new in {pool.region}", None, after
        )
    before: Content = {"region": there.region}
    if there.region != pool.region:
        reason = f"it is in {there.region}, declared in {pool.region}: a move of data needs a migration of its own"
        return Change(Action.REFUSED, kind, name, reason, before, after)
    if not there.running:
        return Change(Action.UPDATED, kind, name, f"stopped {BEHIND}", before, after)
    return Change(Action.UNCHANGED, kind, name, "")
