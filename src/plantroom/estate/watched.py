"""What is declared as observed: held against what is there and what was last applied, and never changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from plantroom.estate.changes import Action, Assignment, Change, ObjectKind, Record, Status
from plantroom.estate.config import config_changed, counts_of
from plantroom.estate.effective import Place, scales_of
from plantroom.estate.model import EnvironmentState, Estate, Management
from plantroom.estate.parts import BEHIND, Seen, Wanted, as_recorded, diff, hosts_changed

NOTHING_SEEN = "nothing of it is seen"


def watched(changes: Iterable[Change]) -> Iterator[Change]:
    """The same differences of what Plantroom only watches, as nothing that anybody acts on."""
    for change in changes:
        if change.action is Action.UNCHANGED:
            yield change
            continue
        reason = change.reason
        if change.action is Action.CREATED and BEHIND not in reason:
            reason = "declared, and not seen"
        yield replace(change, action=Action.OBSERVED, reason=reason)


def not_ours(changes: Iterable[Change]) -> Iterator[Change]:
    """The same of what was never Plantroom's: nobody did anything behind its back there."""
    for change in watched(changes):
        yield replace(change, reason=change.reason.replace(f", changed {BEHIND}", "").replace(f" {BEHIND}", ""))


def environment_changes(estate: Estate, place: Place, record: Record | None, seen: Seen) -> Iterator[Change]:
    """An observed environment and its parts. One that Plantroom changed once is held against what it was left as, and
    its declaration too; any other one against its declaration, wherever its instances run."""
    name, before = place.name, record
    if record is not None and (record.status is Status.RETIRED or record.go_live is not None):
        before = None
    retired = place.environment.state is EnvironmentState.RETIRED
    if before is None and not retired and name not in seen.environments():
        yield Change(Action.OBSERVED, ObjectKind.ENVIRONMENT, name, NOTHING_SEEN, environment=name)
        return
    reasons = [] if before is None else list(_differences(estate, place, before))
    action = Action.OBSERVED if reasons else Action.UNCHANGED
    reason = "; ".join(reasons) or Management.OBSERVED.value
    yield Change(action, ObjectKind.ENVIRONMENT, name, reason, environment=name)
    if before is not None:
        yield from watched(diff(as_recorded(before), seen))
    elif retired:
        yield from not_ours(diff(Wanted(name, record), seen))
    else:
        yield from not_ours(diff(_as_declared(estate, place, seen), seen))


def _differences(estate: Estate, place: Place, record: Record) -> Iterator[str]:
    """What is declared otherwise than it was last applied."""
    environment = place.environment
    was, declared = record.status.value, environment.state.value
    if was != declared and record.status is not Status.PROVISIONING:
        yield f"declared {declared}, was left {was}"
    if environment.application != record.application:
        yield f"declared with {environment.application}, was left with {record.application}"
        return
    if set(environment.hosts) != set(record.hosts):
        yield hosts_changed(record.hosts, environment.hosts)
    if environment.state is EnvironmentState.LIVE and record.status is Status.LIVE:
        counts = counts_of(record)
        for process, scale in scales_of(estate, environment).items():
            if scale.instances != counts.get(process, 0):
                yield f"{process}: {scale.instances} declared, {counts.get(process, 0)} were left"
    if environment.database_pool != record.database_pool:
        pools = [pool or "no pool" for pool in (environment.database_pool, record.database_pool)]
        yield f"its database: declared in {pools[0]}, was left in {pools[1]}"
    if environment.file_store != record.file_store:
        yield "a file store is declared" if environment.file_store else "no file store is declared"
    if config_changed(estate, place, record):
        yield "values, secret references or limits changed"


def _as_declared(estate: Estate, place: Place, seen: Seen) -> Wanted:
    """Every declared instance, on the server where it is seen."""
    environment = place.environment
    live = environment.state is EnvironmentState.LIVE
    servers = {(one.process, one.slot): one.server for one in seen.instances.get(place.name, ())}
    slots = [
        (process, slot)
        for process, scale in scales_of(estate, environment).items()
        for slot in range(1, scale.instances + 1)
    ]
    return Wanted(
        environment=place.name,
        record=None,
        assignments=tuple(Assignment(*slot, servers.get(slot, "")) for slot in slots) if live else (),
        hosts=environment.hosts,
        suspended=environment.state is EnvironmentState.SUSPENDED,
        database_pool=environment.database_pool,
        file_store=environment.file_store,
    )
