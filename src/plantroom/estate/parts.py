"""The parts of one environment, wanted against seen: database, file store, instances, route. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from plantroom.estate.changes import Action, Assignment, Change, Content, ObjectKind, Observed, Record, Status
from plantroom.estate.effective import WEB
from plantroom.kernel.digest import short
from plantroom.platforms.contract import (
    Admission,
    DatabaseSeen,
    InstanceSeen,
    ProcessKind,
    RouteSeen,
    Running,
)

BEHIND = "behind Plantroom's back"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an environment shall have. `route` None: no route. `record` is what was there after its last change, if
    there was one; what is missing then was taken away by somebody else."""

    environment: str
    record: Record | None
    assignments: tuple[Assignment, ...] = ()
    hosts: tuple[str, ...] | None = None
    suspended: bool = False
    database_pool: str | None = None
    file_store: bool = False

    @property
    def ends(self) -> bool:
        """No environment: whatever is there of it goes."""
        return self.hosts is None

    @property
    def was_there(self) -> bool:
        return self.record is not None and self.record.status in (Status.LIVE, Status.SUSPENDED)


def as_recorded(record: Record) -> Wanted:
    """What an environment keeps while a change of it is refused."""
    return Wanted(
        environment=record.environment,
        record=record,
        assignments=record.assignments,
        hosts=record.hosts,
        suspended=record.status is Status.SUSPENDED,
        database_pool=record.database_pool,
        file_store=record.file_store,
    )


class Seen:
    """The observation by environment, and which servers and database pools run."""

    def __init__(self, observed: Observed) -> None:
        self.instances: dict[str, list[InstanceSeen]] = {}
        self.databases: dict[str, list[DatabaseSeen]] = {}
        for instance in observed.instances:
            self.instances.setdefault(instance.environment, []).append(instance)
        for database in observed.databases:
            self.databases.setdefault(database.environment, []).append(database)
        self.routes: Mapping[str, RouteSeen] = {route.environment: route for route in observed.routes}
        self.file_stores = frozenset(observed.file_stores)
        self.stopped_servers = frozenset(server.name for server in observed.servers if not server.running)
        self.stopped_pools = frozenset(pool.name for pool in observed.pools if not pool.running)

    def environments(self) -> set[str]:
        """Every environment that something was seen of."""
        return {*self.instances, *self.databases, *self.routes, *self.file_stores}


def diff(wanted: Wanted, seen: Seen) -> Iterator[Change]:
    """Changes of every part. Deletions of databases and file stores come unjudged; allowances are for the caller."""
    yield from _database(wanted, seen)
    yield from _file_store(wanted, seen)
    chosen: dict[Assignment, InstanceSeen] = {}
    yield from _instances(wanted, seen, chosen)
    yield from _route(wanted, seen, chosen)


def _database(wanted: Wanted, seen: Seen) -> Iterator[Change]:
    name, pool = wanted.environment, wanted.database_pool
    there = {database.pool: database for database in seen.databases.get(name, ())}
    if pool is not None:
        after: Content = {"pool": pool}
        if pool in there and there[pool].wrong:
            wrong = there[pool].wrong
            reason = f"{'; '.join(wrong)}, changed {BEHIND}"
            before: Content = {"pool": pool, "wrong": list(wrong)}
            yield _change(Action.UPDATED, ObjectKind.DATABASE, name, name, reason, before=before, after=after)
        elif pool in there:
            yield _change(Action.UNCHANGED, ObjectKind.DATABASE, name, name, "")
        elif pool in seen.stopped_pools:
            yield _change(Action.UNCHANGED, ObjectKind.DATABASE, name, name, f"not seen: its pool {pool} does not run")
        else:
            dropped = wanted.was_there and wanted.record is not None and wanted.record.database_pool == pool
            reason = f"dropped {BEHIND}" if dropped else f"new in {pool}"
            yield _change(Action.CREATED, ObjectKind.DATABASE, name, name, reason, after=after)
    for other in sorted(there):
        if other != pool:
            reason = f"its database is in {pool}" if pool else _not_declared(wanted, "database_pool")
            label = f"{name}@{other}" if pool else name
            yield _change(Action.DELETED, ObjectKind.DATABASE, label, name, reason, before={"pool": other})


def _file_store(wanted: Wanted, seen: Seen) -> Iterator[Change]:
    name, there = wanted.environment, wanted.environment in seen.file_stores
    kind = ObjectKind.FILE_STORE
    if wanted.file_store and there:
        yield _change(Action.UNCHANGED, kind, name, name, "")
    elif wanted.file_store:
        removed = wanted.was_there and wanted.record is not None and wanted.record.file_store
        yield _change(Action.CREATED, kind, name, name, f"removed {BEHIND}" if removed else "new", after={})
    elif there:
        yield _change(Action.DELETED, kind, name, name, _not_declared(wanted, "file_store"), before={})


def _not_declared(wanted: Wanted, key: str) -> str:
    return "it belongs to no environment" if wanted.ends else f"its environment declares no {key}"


def _instances(wanted: Wanted, seen: Seen, chosen: dict[Assignment, InstanceSeen]) -> Iterator[Change]:
    name, record = wanted.environment, wanted.record
    artefact = record.artefact if record else None
    slots: dict[tuple[str, int], list[InstanceSeen]] = {}
    for one in seen.instances.get(name, ()):
        slots.setdefault((one.process, one.slot), []).append(one)
    before = {(one.process, one.slot): one.server for one in record.assignments} if record else {}
    for assignment in wanted.assignments:
        slot = (assignment.process, assignment.slot)
        label = f"{name}/{assignment.process}/{assignment.slot}"
        after: Content = {"server": assignment.server}
        there = slots.pop(slot, [])
        known = record.instances.get(slot, "") if record and before.get(slot) == assignment.server else ""
        if len(there) > 1:
            there.sort(key=lambda one: _oddity(one, assignment, artefact, known))
        if not there:
            action, reason = _absent(wanted, seen, before.get(slot))
            yield _change(action, ObjectKind.INSTANCE, label, name, reason, after=after)
            continue
        one = chosen[assignment] = there[0]
        if reason := _unlike(one, assignment, artefact, known):
            yield _change(Action.UPDATED, ObjectKind.INSTANCE, label, name, reason, before=_content(one), after=after)
        else:
            starting = "starting" if one.state is Running.STARTING else ""
            yield _change(Action.UNCHANGED, ObjectKind.INSTANCE, label, name, starting)
        yield from (_left_over(name, other, "a second one in its slot") for other in there[1:])
    for others in slots.values():
        reason = "no such instance is declared"
        if wanted.suspended or wanted.ends:
            reason = "suspended: no instance runs" if wanted.suspended else "it belongs to no environment"
        yield from (_left_over(name, other, reason) for other in others)


def _oddity(one: InstanceSeen, assignment: Assignment, artefact: str | None, known: str) -> tuple[bool | str, ...]:
    stopped = one.state is Running.STOPPED
    return one.artefact != artefact, one.server != assignment.server, one.id != known, stopped, one.id


def _absent(wanted: Wanted, seen: Seen, server: str | None) -> tuple[Action, str]:
    if server in seen.stopped_servers:
        return Action.UPDATED, f"comes back with its server {server}"
    if server is not None and wanted.was_there:
        return Action.CREATED, f"gone {BEHIND}"
    return Action.CREATED, "new"


def _unlike(one: InstanceSeen, assignment: Assignment, artefact: str | None, known: str) -> str:
    if one.server != assignment.server:
        return f"moves from {one.server} to {assignment.server}"
    if artefact is not None and one.artefact != artefact:
        return f"runs artefact {short(one.artefact)}, recorded is {short(artefact)}"
    if known and one.id != known:
        return f"is {one.id}, recorded is {known}"
    return f"stopped {BEHIND}" if one.state is Running.STOPPED else ""


def _left_over(name: str, one: InstanceSeen, reason: str) -> Change:
    label = f"{name}/{one.process}/{one.slot}@{one.id}"
    return _change(Action.DELETED, ObjectKind.INSTANCE, label, name, reason, before=_content(one))


def _content(one: InstanceSeen) -> Content:
    return {"id": one.id, "server": one.server, "artefact": one.artefact, "state": one.state.value}


def _route(wanted: Wanted, seen: Seen, chosen: Mapping[Assignment, InstanceSeen]) -> Iterator[Change]:
    name, there, kind = wanted.environment, seen.routes.get(wanted.environment), ObjectKind.ROUTE
    if wanted.hosts is None:
        if there is not None:
            yield _change(
                Action.DELETED, kind, name, name, "it belongs to no environment", before=_route_content(there)
            )
        return
    after: Content = {"hosts": sorted(wanted.hosts), "suspended": wanted.suspended}
    if there is None:
        reason = f"removed {BEHIND}" if wanted.was_there else "new"
        yield _change(Action.CREATED, kind, name, name, reason, after=after)
        return
    reasons = [*_leads(wanted, there), *_members(wanted, there, chosen)]
    if reasons:
        before = _route_content(there)
        yield _change(Action.UPDATED, kind, name, name, "; ".join(reasons), before=before, after=after)
    else:
        yield _change(Action.UNCHANGED, kind, name, name, "")


def _route_content(route: RouteSeen) -> Content:
    return {
        "hosts": sorted(route.hosts),
        "suspended": route.suspended,
        "members": [f"{member.instance} {member.admission.value}" for member in route.members],
    }


def _leads(wanted: Wanted, there: RouteSeen) -> Iterator[str]:
    hosts = set(wanted.hosts or ())
    if set(there.hosts) != hosts:
        by_file = wanted.record is not None and set(there.hosts) == set(wanted.record.hosts)
        yield hosts_changed(there.hosts, wanted.hosts or ()) + ("" if by_file else f", changed {BEHIND}")
    if there.suspended != wanted.suspended:
        recorded = wanted.record is not None and (wanted.record.status is Status.SUSPENDED)
        by_file = wanted.record is not None and there.suspended == recorded
        word = "suspends" if wanted.suspended else "resumes"
        yield word if by_file else f"{word}, changed {BEHIND}"


def _members(wanted: Wanted, there: RouteSeen, chosen: Mapping[Assignment, InstanceSeen]) -> Iterator[str]:
    if wanted.suspended and not there.suspended:
        return  # its members go with its instances
    serving = [one.id for one in chosen.values() if one.kind is ProcessKind.WEB]
    members = {member.instance: member.admission for member in there.members}
    for instance in serving:
        if instance not in members:
            yield f"{instance} is not admitted"
        elif members[instance] is Admission.DRAINING:
            yield f"{instance} is draining"
    for assignment in wanted.assignments:
        if assignment.process == WEB and assignment not in chosen:
            yield f"{assignment.process}/{assignment.slot} is to be admitted"
    for instance in sorted(members.keys() - set(serving)):
        yield f"{instance} is no instance of it"


def hosts_changed(before: Sequence[str], after: Sequence[str]) -> str:
    """`host names: +new.example.com -old.example.com`."""
    added = [f"+{host}" for host in sorted(set(after) - set(before))]
    removed = [f"-{host}" for host in sorted(set(before) - set(after))]
    return f"host names: {' '.join(added + removed)}"


def _change(
    action: Action,
    kind: ObjectKind,
    name: str,
    environment: str,
    reason: str,
    *,
    before: Content | None = None,
    after: Content | None = None,
) -> Change:
    return Change(action, kind, name, reason, before, after, environment)
