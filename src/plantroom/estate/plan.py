"""The plan: what is declared against what is there and what was recorded. Pure, with `today` as an argument.

A plan never changes which release an environment runs; release trains do that. It never moves data, and deletes it
only where the estate's allowances name it and its bounds are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from plantroom.estate.abilities import able, lacking
from plantroom.estate.capacity import pool_changes, server_changes
from plantroom.estate.changes import (
    IDLE,
    JSON,
    Action,
    Assignment,
    Change,
    Content,
    ObjectKind,
    Observed,
    Plan,
    Record,
    Status,
    as_data,
    from_data,
)
from plantroom.estate.config import config_changed, config_of
from plantroom.estate.deletions import judged, may_not_go
from plantroom.estate.effective import Place, management_of, places, release_of
from plantroom.estate.model import EnvironmentState, Estate, Loaded, Management
from plantroom.estate.parts import Seen, Wanted, as_recorded, diff, hosts_changed
from plantroom.estate.values import written
from plantroom.estate.watched import environment_changes
from plantroom.kernel.digest import digest
from plantroom.kernel.verdict import Refused
from plantroom.platforms.contract import Capability

__all__ = [
    "JSON",
    "Action",
    "Assignment",
    "Change",
    "Content",
    "ObjectKind",
    "Observed",
    "Plan",
    "Record",
    "Status",
    "as_data",
    "config_of",
    "from_data",
    "make",
]

Placements = Mapping[str, tuple[Assignment, ...] | Refused]

_KINDS = {kind: index for index, kind in enumerate(ObjectKind)}


def make(loaded: Loaded, observed: Observed, placements: Placements, generation: int, today: date) -> Plan:
    """The plan that leads from `observed` to `loaded`. `placements` are those of `rollout.placement.place`; an
    environment whose placement is refused is refused. An applied estate plans to nothing: all unchanged."""
    estate = loaded.estate
    records = {record.environment: record for record in observed.records}
    seen = Seen(observed)
    gone, retiring = _going(estate, records)
    refusals = may_not_go(estate, gone, retiring, observed)
    found: list[Change] = []
    for place in places(estate):
        record = records.get(place.name)
        if management_of(estate, place) is Management.MANAGED:
            stays = refusals.get(place.name) or lacking(estate, place, observed) or _elsewhere(place, record, observed)
            change, wanted = _decided(estate, place, record, placements, stays, today)
            found += [change] if wanted is None else [change, *diff(wanted, seen)]
        else:
            found += _left_alone(estate, place, record, seen)
    found += _undeclared(estate, records, seen, gone, refusals)
    found = [*judged(estate, found, observed, [record for name, record in retiring.items() if name not in refusals])]
    behind = tuple(_behind(found, records, seen))
    changes = [
        *able(server_changes(estate, observed, _leaving(found)), Capability.SERVERS, observed),
        *able(pool_changes(estate, observed), Capability.DATABASES, observed),
        *found,
    ]
    changes.sort(key=lambda change: (_KINDS[change.kind], change.name))
    return Plan(
        changes=tuple(changes),
        commit=loaded.commit,
        dirty=loaded.dirty,
        generation=generation,
        content=loaded.content,
        refusals=tuple(_refusals(loaded, changes)),
        behind=behind,
    )


def _behind(found: Iterable[Change], records: Mapping[str, Record], seen: Seen) -> Iterator[Change]:
    """What differs from the records of environments that are to become something else."""
    for change in found:
        record = records.get(change.name)
        if change.kind is not ObjectKind.ENVIRONMENT or (change.action in IDLE and not change.held_by):
            continue
        if record is not None and record.go_live is None and record.status is not Status.RETIRED:
            yield from (part for part in diff(as_recorded(record), seen) if part.action not in IDLE)


def _leaving(changes: Iterable[Change]) -> set[str | None]:
    """The environments that become all of what is declared."""
    changes = list(changes)
    refused = {change.environment for change in changes if change.action is Action.REFUSED}
    return {change.environment for change in changes if change.action not in IDLE} - refused


def _decided(
    estate: Estate,
    place: Place,
    record: Record | None,
    placements: Placements,
    stays: str,
    today: date,
) -> tuple[Change, Wanted | None]:
    """What happens to a managed environment, and which parts it shall have. None leaves them alone. `stays` is why it
    may not become what is declared, or ""."""
    there = record is not None and record.status is not Status.RETIRED and record.go_live is None
    if stays and record is not None and there:
        return _kept(record, stays)
    if stays:
        return _environment(Action.REFUSED, place.name, stays), None
    if record is not None and record.go_live is not None:
        return _waiting(estate, place, record, placements, today)
    if record is None or record.status is Status.RETIRED:
        return _new(estate, place, record, placements, today)
    return _existing(estate, place, record, placements)


def _elsewhere(place: Place, record: Record | None, observed: Observed) -> str:
    """Why no database is made for it where its pool really is, or "" when one may be, or is there already."""
    environment, residency = place.environment, place.client.residency
    there = next((pool for pool in observed.pools if pool.name == environment.database_pool), None)
    has = record is not None and record.go_live is None and record.database_pool is not None
    ends = environment.state is EnvironmentState.RETIRED
    if there is None or has or ends or not residency or there.region in residency:
        return ""
    return f"its database pool {there.name} is in {there.region}, outside of its client's residency"


def _kept(record: Record, refusal: str) -> tuple[Change, Wanted]:
    """One that may not go as it is declared to, and stays as it is recorded."""
    return _environment(Action.REFUSED, record.environment, refusal, _recorded_content(record)), as_recorded(record)


def _left_alone(estate: Estate, place: Place, record: Record | None, seen: Seen) -> Iterable[Change]:
    """One that Plantroom watches, or knows by name only. What waited for its day while it was managed waits no more."""
    management = management_of(estate, place)
    if record is not None and record.go_live is not None:
        reason = f"it is {management} now; it never went live"
        return [_environment(Action.DELETED, place.name, reason, _recorded_content(record))]
    if management is Management.OBSERVED:
        return environment_changes(estate, place, record, seen)
    return [_environment(Action.UNCHANGED, place.name, management.value)]


def _new(
    estate: Estate, place: Place, record: Record | None, placements: Placements, today: date
) -> tuple[Change, Wanted | None]:
    name, environment = place.name, place.environment
    if environment.state is EnvironmentState.RETIRED:
        if record is None:
            return _environment(Action.UNCHANGED, name, "retired before it was ever live"), None
        return _environment(Action.UNCHANGED, name, "retired"), Wanted(name, record)
    if record is not None:
        reason = "it was retired, and its data is in its final dump only; declare it under a new name"
        return _environment(Action.REFUSED, name, reason), None
    if environment.state is EnvironmentState.SUSPENDED:
        return _environment(Action.UNCHANGED, name, "suspended before it was ever live"), None
    placement = placements.get(name, ())
    if isinstance(placement, Refused):
        return _environment(Action.REFUSED, name, placement.reason), None
    after = _declared_content(estate, place, placement, None)
    reason = f"new client environment, starts on release {release_of(estate, environment)}"
    if environment.go_live is not None and environment.go_live > today:
        # Nothing of it is made before that day.
        return _environment(Action.CREATED, name, f"{reason}, goes live on {environment.go_live}", after=after), None
    wanted = _wanted(place, None, placement)
    return _environment(Action.CREATED, name, reason, after=after), wanted


def _waiting(
    estate: Estate, place: Place, record: Record, placements: Placements, today: date
) -> tuple[Change, Wanted | None]:
    """One that was applied and waits for its day: as new, unless that is still what is declared."""
    change, wanted = _new(estate, place, None, placements, today)
    environment = place.environment
    if change.action is not Action.CREATED or wanted is not None:
        return change, wanted
    same = record.go_live == environment.go_live and record.release == release_of(estate, environment)
    if same and not config_changed(estate, place, record):
        return _environment(Action.UNCHANGED, place.name, f"goes live on {environment.go_live}"), None
    reason = f"goes live on {environment.go_live}, was to on {record.go_live}; starts as it is declared now"
    return _environment(Action.UPDATED, place.name, reason, _recorded_content(record), change.after), None


def _existing(estate: Estate, place: Place, record: Record, placements: Placements) -> tuple[Change, Wanted | None]:
    name, environment = place.name, place.environment
    before = _recorded_content(record)
    if environment.state is EnvironmentState.RETIRED:
        reason = (
            f"retires: a final dump and its files are kept for {written(estate.estate.keep_retired)}, everything else "
            "of it goes; state: retired names it, so that estate.allow need not"
        )
        after: Content = {**before, "state": Status.RETIRED.value}
        return _environment(Action.UPDATED, name, reason, before, after), None
    placement = placements.get(name, ()) if environment.state is EnvironmentState.LIVE else ()
    if isinstance(placement, Refused):
        return _kept(record, placement.reason)
    if refusal := _never(place, record):
        return _kept(record, refusal)
    reasons = list(_reasons(estate, place, record, placement))
    wanted = _wanted(place, record, placement)
    if not reasons:
        return _environment(Action.UNCHANGED, name, ""), wanted
    after = _declared_content(estate, place, placement, record)
    return _environment(Action.UPDATED, name, "; ".join(reasons), before, after), wanted


def _never(place: Place, record: Record) -> str:
    """Why a plan cannot do what is declared, or "" when it can."""
    environment = place.environment
    if environment.application != record.application:
        return f"runs {record.application}: an environment never changes to another application"
    pool = environment.database_pool
    if record.database_pool is not None and pool is not None and pool != record.database_pool:
        return f"its database is in {record.database_pool}: a move of data to {pool} needs a migration of its own"
    return ""


def _reasons(estate: Estate, place: Place, record: Record, placement: tuple[Assignment, ...]) -> Iterator[str]:
    environment = place.environment
    declared = Status(environment.state.value)
    if record.status is Status.PROVISIONING:
        yield "its provisioning has not ended"
    elif record.status is not declared:
        yield "resumes" if declared is Status.LIVE else "suspends: a clear 503 page, its data stays"
    if set(environment.hosts) != set(record.hosts):
        yield hosts_changed(record.hosts, environment.hosts)
    if declared is Status.LIVE and record.status is not Status.SUSPENDED:
        yield from _moves(record.assignments, placement)
    if environment.database_pool != record.database_pool:
        yield "gets a database" if environment.database_pool else "has no database any more"
    if environment.file_store != record.file_store:
        yield "gets a file store" if environment.file_store else "has no file store any more"
    if config_changed(estate, place, record):
        yield "values, secret references or limits changed"


def _moves(before: Iterable[Assignment], after: Iterable[Assignment]) -> Iterator[str]:
    was = {(one.process, one.slot): one.server for one in before}
    will = {(one.process, one.slot): one.server for one in after}
    if was == will:
        return
    for slot in sorted(was.keys() | will.keys()):
        label = f"{slot[0]}/{slot[1]}"
        if slot not in was:
            yield f"{label} is added on {will[slot]}"
        elif slot not in will:
            yield f"{label} on {was[slot]} goes"
        elif was[slot] != will[slot]:
            yield f"{label} moves from {was[slot]} to {will[slot]}"


def _going(estate: Estate, records: Mapping[str, Record]) -> tuple[dict[str, Record], dict[str, Record]]:
    """Of the environments that something was made of: those that no file declares any more, and those that retire."""
    declared = {place.name: place for place in places(estate)}
    gone: dict[str, Record] = {}
    retiring: dict[str, Record] = {}
    for name, record in records.items():
        place = declared.get(name)
        if record.status is Status.RETIRED or record.go_live is not None:
            continue
        if place is None:
            gone[name] = record
        elif place.environment.state is EnvironmentState.RETIRED and management_of(estate, place) is Management.MANAGED:
            retiring[name] = record
    return gone, retiring


def _undeclared(
    estate: Estate,
    records: Mapping[str, Record],
    seen: Seen,
    gone: Mapping[str, Record],
    refusals: Mapping[str, str],
) -> Iterator[Change]:
    """What was recorded or seen of environments that no file declares."""
    declared = {place.name for place in places(estate)}
    for name, record in records.items():
        if name not in declared and record.go_live is not None:
            reason = "no file declares it any more; it never went live"
            yield _environment(Action.DELETED, name, reason, _recorded_content(record))
    for name, record in gone.items():
        if name in refusals:
            change, wanted = _kept(record, refusals[name])
        else:
            reason = "no file declares it any more"
            change = _environment(Action.DELETED, name, reason, _recorded_content(record))
            wanted = Wanted(name, record)
        yield change
        yield from diff(wanted, seen)
    for name in sorted(seen.environments() - declared - gone.keys()):
        yield from diff(Wanted(name, records.get(name)), seen)


def _wanted(place: Place, record: Record | None, placement: tuple[Assignment, ...]) -> Wanted:
    environment = place.environment
    return Wanted(
        environment=place.name,
        record=record,
        assignments=placement,
        hosts=environment.hosts,
        suspended=environment.state is EnvironmentState.SUSPENDED,
        database_pool=environment.database_pool,
        file_store=environment.file_store,
    )


def _declared_content(
    estate: Estate, place: Place, placement: tuple[Assignment, ...], record: Record | None
) -> Content:
    environment = place.environment
    return {
        "state": environment.state.value,
        "application": environment.application,
        "release": record.release if record else release_of(estate, environment),
        "config": digest(config_of(estate, place.client_name, place.stage)),
        "hosts": sorted(environment.hosts),
        "values": sorted(environment.values),
        "secrets": sorted(environment.secrets),
        "database_pool": environment.database_pool,
        "file_store": environment.file_store,
        "instances": _placed(placement),
    }


def _recorded_content(record: Record) -> dict[str, JSON]:
    return {
        "state": record.status.value,
        "application": record.application,
        "release": record.release,
        "config": record.config,
        "hosts": sorted(record.hosts),
        "database_pool": record.database_pool,
        "file_store": record.file_store,
        "instances": _placed(record.assignments),
    }


def _placed(assignments: tuple[Assignment, ...]) -> dict[str, JSON]:
    return {f"{one.process}/{one.slot}": one.server for one in assignments}


def _environment(
    action: Action, name: str, reason: str, before: Content | None = None, after: Content | None = None
) -> Change:
    return Change(action, ObjectKind.ENVIRONMENT, name, reason, before, after, name)


def uncommitted(loaded: Loaded) -> str:
    """In what way a tree is dirty; without Git there is no commit to differ from."""
    return "the files differ from the commit" if loaded.commit else "the files are in no Git commit"


def _refusals(loaded: Loaded, changes: Iterable[Change]) -> Iterator[str]:
    settings = loaded.estate.estate
    if not loaded.dirty or settings.allow.dirty_tree:
        return
    touched = {
        change.environment
        for change in changes
        if change.environment is not None
        and change.action not in IDLE
        and change.environment.partition("/")[2] in settings.production_stages
    }
    if touched:
        environments = f"{len(touched)} production environment{'' if len(touched) == 1 else 's'}"
        yield f"{uncommitted(loaded)}, and {environments} would change: commit them, or set estate.allow.dirty_tree"
