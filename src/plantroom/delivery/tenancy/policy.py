"""From a plan to the work that an apply does, pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

from plantroom.delivery.tenancy.model import Work
from plantroom.estate.changes import IDLE, Action, Assignment, Change, ObjectKind, Plan, Status
from plantroom.estate.effective import management_of, milli, places, release_of
from plantroom.estate.model import EnvironmentState, Estate, Loaded, Management
from plantroom.estate.plan import uncommitted
from plantroom.kernel.verdict import Refused
from plantroom.rollout import policy as rollout_policy
from plantroom.rollout.model import ArtefactView, Target
from plantroom.rollout.policy import settle_revision, target_of
from plantroom.runtime.clock import stamp

_DATA = (ObjectKind.DATABASE, ObjectKind.FILE_STORE)
_PARTS = (*_DATA, ObjectKind.INSTANCE, ObjectKind.ROUTE)
_OF_ENVIRONMENT = (ObjectKind.ENVIRONMENT, *_PARTS)


def declared_environments(estate: Estate) -> set[str]:
    return {f"{client}/{stage}" for client, declared in estate.clients.items() for stage in declared.environments}


def titles(estate: Estate) -> dict[str, str]:
    """By client, where one is declared."""
    return {name: client.title for name, client in estate.clients.items() if client.title}


def managements(estate: Estate) -> dict[str, Management]:
    return {place.name: management_of(estate, place) for place in places(estate)}


def terms(estate: Estate) -> dict[str, dict[str, Any]]:
    """By environment that is managed: how it is changed (`rollout.model.TERMS`)."""
    bounds = {"drain_timeout_s": estate.estate.drain_timeout, "lock_timeout_ms": estate.estate.lock_timeout_ms}
    return {name: {"ring": estate.clients[name.split("/")[0]].ring, **bounds} for name in managed_environments(estate)}


def managed_environments(estate: Estate) -> set[str]:
    return {name for name, management in managements(estate).items() if management is Management.MANAGED}


def work_of(
    plan: Plan,
    loaded: Loaded,
    recorded: Mapping[str, Target],
    placements: Mapping[str, tuple[Assignment, ...] | Refused],
    artefacts: Mapping[tuple[str, str], str],
    today: date,
) -> Work:
    """What applying this plan comes to: each changed environment's target, and names of everything else.

    `artefacts` gives the digest of each (application, version) that a new environment starts on; the caller has checked
    that none is missing.
    """
    estate = loaded.estate
    declared = declared_environments(estate)
    managed = managed_environments(estate)
    refused = _refused(plan, _OF_ENVIRONMENT)
    as_it_was = refused - _refused(plan, _PARTS)
    servers, pools, clear, remove = _shared_parts(plan, estate, declared, recorded)
    ahead = {name: day for name, day in days_ahead(estate, today).items() if name not in recorded}
    environments: dict[str, dict[str, object]] = {}
    waiting: dict[str, tuple[Mapping[str, object], str]] = {}
    for name in sorted(_changed(plan)):
        previous = recorded.get(name)
        if name in as_it_was and previous is not None:
            # Only the wish is refused: what changed behind Plantroom's back is put right.
            environments[name] = previous.as_data()
        if name in refused or (name not in declared and name not in recorded):
            continue
        if name not in managed:
            # What no file declares any more retires; what is only watched is left as it is.
            if previous is not None and name not in declared:
                kept = estate.estate.keep_retired
                retired = replace(previous, status=Status.RETIRED, assignments=(), keep_retired_s=kept)
                environments[name] = retired.as_data()
            continue
        if name not in ahead:
            environments[name] = _target(estate, name, previous, placements, artefacts, plan.digest).as_data()
    for name, day in sorted(ahead.items()):
        if name not in refused:
            # All of them, changed or not: an apply takes the place of what waited before it.
            target = _target(estate, name, None, placements, artefacts, plan.digest)
            waiting[name] = (target.as_data(), stamp(datetime.combine(day, time(), UTC)))
    summary: dict[str, int] = {}
    for change in plan.changes:
        summary[change.action.value] = summary.get(change.action.value, 0) + 1
    return Work(
        generation=plan.generation,
        commit=plan.commit,
        content=plan.content,
        summary=summary,
        servers=servers,
        pools=pools,
        environments=environments,
        turns=turns(environments, recorded),
        waiting=waiting,
        clear=tuple(clear),
        remove_servers=tuple(remove),
        concurrency=estate.estate.concurrency,
    )


def days_ahead(estate: Estate, today: date) -> dict[str, date]:
    """The managed environments that go live on a day to come."""
    return {
        place.name: place.environment.go_live
        for place in places(estate)
        if place.environment.go_live is not None
        and place.environment.go_live > today
        and place.environment.state is EnvironmentState.LIVE
        and management_of(estate, place) is Management.MANAGED
    }


def without_under_way(plan: Plan, under_way: Mapping[str, str], hosts: Mapping[str, Collection[str]]) -> Plan:
    """The plan without what is being changed now, by (environment, who): half-way is neither drift nor a wish. A server
    that one of them is still to leave stays, and so does whoever is to have a host name of theirs. `hosts` are the host
    names that environments have now."""
    if not under_way:
        return plan
    left_out = {name: f"a change is under way, asked for by {who}" for name, who in under_way.items()}
    left_out |= _for_names(plan, under_way, hosts)
    changing = [change for change in plan.changes if change.environment in left_out]
    needed = {
        change.before.get("server") for change in changing if change.kind is ObjectKind.INSTANCE and change.before
    }
    kept = [
        replace(change, action=Action.UNCHANGED, reason="goes once the changes that are under way have left it")
        if change.kind is ObjectKind.SERVER and change.action is Action.DELETED and change.name in needed
        else change
        for change in plan.changes
        if change.environment not in left_out
    ]
    kept += [Change(Action.UNCHANGED, ObjectKind.ENVIRONMENT, name, reason) for name, reason in left_out.items()]
    order = {kind: place for place, kind in enumerate(ObjectKind)}
    return replace(
        plan,
        changes=tuple(sorted(kept, key=lambda change: (order[change.kind], change.name))),
        behind=tuple(change for change in plan.behind if change.environment not in left_out),
    )


def without_names(plan: Plan, hosts: Mapping[str, Collection[str]]) -> Plan:
    """The plan in which an environment is refused that is to have a host name of one that keeps it. `hosts` are the
    host names that environments have now."""
    lacks: dict[str, str] = {}
    routes = {change.environment or change.name: change for change in plan.changes if change.kind is ObjectKind.ROUTE}
    asked = -1
    while asked < len(lacks):
        # One that is refused gives nothing up, and so another may be.
        asked = len(lacks)
        for name, route in routes.items():
            if route.action in IDLE or name in lacks:
                continue
            for host, holder in _held_by_others(name, _hosts_after(route), hosts):
                if holder in lacks or not _gives_up(plan, holder, host):
                    lacks.setdefault(name, f"host name {host} of {holder}")

    def judged(change: Change) -> Change:
        name = change.environment or change.name
        if change.kind not in _OF_ENVIRONMENT or name not in lacks or change.action is Action.UNCHANGED:
            return change
        reason = f"it is to have {lacks[name]}, which keeps it"
        return replace(change, action=Action.REFUSED, reason=reason, held_by=lacks[name])

    return replace(plan, changes=tuple(judged(change) for change in plan.changes)) if lacks else plan


def _held_by_others(
    name: str, wanted: Collection[str], hosts: Mapping[str, Collection[str]]
) -> Iterator[tuple[str, str]]:
    for holder, names in hosts.items():
        if holder != name:
            yield from ((host, holder) for host in wanted if host in names)


def _gives_up(plan: Plan, holder: str, host: str) -> bool:
    for change in plan.changes:
        if (change.environment or change.name) != holder or change.action in IDLE:
            continue
        if change.kind is ObjectKind.ROUTE:
            return host not in _hosts_after(change)
        if change.kind is ObjectKind.ENVIRONMENT and _ends(change):
            return True
    return False


def _ends(change: Change) -> bool:
    return change.action is Action.DELETED or (change.after or {}).get("state") == Status.RETIRED.value


def _hosts_after(route: Change) -> list[str]:
    found = (route.after or {}).get("hosts")
    return [host for host in found if isinstance(host, str)] if isinstance(found, list) else []


def turns(environments: Mapping[str, Mapping[str, object]], recorded: Mapping[str, Target]) -> dict[str, list[str]]:
    """Whose change waits for those of others: what ends lets go of its host names at its very end."""
    ending = {
        host: name
        for name, data in environments.items()
        if data["status"] == Status.RETIRED.value and name in recorded
        for host in recorded[name].hosts
    }
    found: dict[str, list[str]] = {}
    for name, data in environments.items():
        wanted = data["hosts"] if name not in ending.values() else []
        givers = sorted({ending[host] for host in wanted if host in ending}) if isinstance(wanted, list) else []
        if givers:
            found[name] = givers
    return found


def _for_names(plan: Plan, under_way: Collection[str], hosts: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Who waits for a host name of one that is being changed, or of one that waits itself; and the reason."""
    held = {host: name for name in under_way for host in hosts.get(name, ())}
    routes = [change for change in plan.changes if change.kind is ObjectKind.ROUTE and change.action not in IDLE]
    waiting: dict[str, str] = {}
    asked = -1
    while asked < len(waiting):
        asked = len(waiting)
        for change in routes:
            name = change.environment or change.name
            of_others = [host for host in _hosts_after(change) if held.get(host, name) != name]
            if of_others and name not in waiting and name not in under_way:
                giver = held[of_others[0]]
                waiting[name] = f"waits for {of_others[0]}, which {giver} has until its own change has ended"
                held.update((host, name) for host in hosts.get(name, ()))
    return waiting


def with_settings(plan: Plan, loaded: Loaded, applied: str) -> Plan:
    """The plan with the estate itself as one of its objects, where its files are not those that were applied and
    nothing else says so: a night takes its rings and bounds from what was applied."""
    if plan.effective or loaded.content == applied:
        return plan
    change = Change(
        Action.UPDATED,
        ObjectKind.ESTATE,
        loaded.estate.estate.name,
        "its files are not those that were applied; nothing that runs changes",
        before={"content": applied},
        after={"content": loaded.content},
    )
    refusals = plan.refusals
    if loaded.dirty and not loaded.estate.estate.allow.dirty_tree:
        refusals += (f"{uncommitted(loaded)}: commit them, or set estate.allow.dirty_tree",)
    return replace(plan, changes=(change, *plan.changes), refusals=refusals)


def without_artefacts(
    plan: Plan, missing: Mapping[tuple[str, str], list[str]], misfits: Mapping[str, Sequence[str]]
) -> Plan:
    """The plan in which environments that cannot start are refused, with all that belongs to them: there is no artefact
    for them, or theirs cannot run as is wanted."""
    lacks = {
        name: (f"there is no {lack}: build it with `plantroom artefact build PATH`", lack)
        for wanted, names in missing.items()
        for name in names
        for lack in [f"artefact of {' '.join(wanted)}"]
    }
    lacks |= {name: ("; ".join(wrong), wrong[0]) for name, wrong in misfits.items()}

    def judged(change: Change) -> Change:
        name = change.environment or change.name
        if change.kind not in _OF_ENVIRONMENT or name not in lacks or change.action is Action.UNCHANGED:
            return change
        reason, held_by = lacks[name]
        return replace(change, action=Action.REFUSED, reason=reason, held_by=held_by)

    return replace(plan, changes=tuple(judged(change) for change in plan.changes)) if lacks else plan


def drift(plan: Plan) -> tuple[Change, ...]:
    """The changes of a plan that nobody declared: what was changed behind Plantroom's back, and whatever differs of
    what is only watched.

    The parts of an environment whose declaration changes as well are held against what is recorded of it instead.
    """
    declared = {
        change.name
        for change in plan.changes
        if change.kind is ObjectKind.ENVIRONMENT and (change.action not in IDLE or change.held_by)
    }
    wishes = (ObjectKind.ENVIRONMENT, ObjectKind.ESTATE)
    changed = tuple(
        change
        for change in (*plan.effective, *plan.refused)
        if change.kind not in wishes and (change.environment or change.name) not in declared
    )
    return (*changed, *plan.behind, *plan.observed)


def missing_artefacts(
    plan: Plan, estate: Estate, recorded: Mapping[str, Target], artefacts: Mapping[tuple[str, str], str]
) -> dict[tuple[str, str], list[str]]:
    """Environments that cannot start, by the (application, version) that there is no artefact of."""
    found: dict[tuple[str, str], list[str]] = {}
    managed = managed_environments(estate)
    for name in sorted(_changed(plan)):
        if name in recorded or name not in managed:
            continue
        wanted = first_release(estate, name)
        if wanted not in artefacts:
            found.setdefault(wanted, []).append(name)
    return found


def misfits(
    plan: Plan,
    estate: Estate,
    recorded: Mapping[str, Target],
    placements: Mapping[str, tuple[Assignment, ...] | Refused],
    artefacts: Mapping[tuple[str, str], str],
    views: Mapping[str, ArtefactView],
) -> dict[str, list[str]]:
    """What changes and cannot run as is wanted on the artefact that it has or is to start on, with the reasons.
    `views` are those artefacts that can be read, by digest; of another one nothing is said."""
    found = {}
    managed = managed_environments(estate)
    for name in sorted(_changed(plan) & managed):
        client, stage = name.split("/")
        declared = estate.clients[client].environments[stage]
        digest = recorded[name].artefact if name in recorded else artefacts.get(first_release(estate, name), "")
        placed = placements.get(name, ())
        if digest not in views or isinstance(placed, Refused) or declared.state is EnvironmentState.RETIRED:
            continue
        assignments = placed if declared.state is EnvironmentState.LIVE else ()
        wrong = rollout_policy.misfits(assignments, declared.database_pool, views[digest])
        if wrong:
            found[name] = wrong
    return found


def first_release(estate: Estate, environment: str) -> tuple[str, str]:
    """The application and the version that a new environment starts on."""
    client, stage = environment.split("/")
    declared = estate.clients[client].environments[stage]
    return declared.application, release_of(estate, declared)


def _refused(plan: Plan, kinds: Collection[ObjectKind]) -> set[str]:
    """The environments of which something of these kinds is refused."""
    return {change.environment or change.name for change in plan.refused if change.kind in kinds}


def _changed(plan: Plan) -> set[str]:
    return {change.environment or change.name for change in plan.effective if change.kind in _OF_ENVIRONMENT}


def _target(
    estate: Estate,
    name: str,
    previous: Target | None,
    placements: Mapping[str, tuple[Assignment, ...] | Refused],
    artefacts: Mapping[tuple[str, str], str],
    digest: str,
) -> Target:
    placed = placements.get(name, ())
    assignments = () if isinstance(placed, Refused) else placed
    if previous is None:
        wanted = first_release(estate, name)
        return target_of(
            estate, name, assignments=assignments, release=wanted[1], artefact=artefacts[wanted], revision=digest
        )
    target = target_of(
        estate,
        name,
        assignments=assignments,
        release=previous.release,
        artefact=previous.artefact,
        revision=digest,
    )
    return settle_revision(target, previous)


def _left_to_clear(change: Change, declared: Set[str], recorded: Mapping[str, Target]) -> bool:
    """Whether no environment's own change takes this along: one that ends takes all of it, any other one what moves,
    and never data."""
    name = change.environment or change.name
    return change.kind in _DATA if name in declared else name not in recorded


def _shared_parts(
    plan: Plan, estate: Estate, declared: Set[str], recorded: Mapping[str, Target]
) -> tuple[dict[str, dict[str, object]], dict[str, str], list[str], list[str]]:
    servers: dict[str, dict[str, object]] = {}
    pools: dict[str, str] = {}
    clear: list[str] = []
    remove: list[str] = []
    for change in plan.effective:
        deleted = change.action is Action.DELETED
        if change.kind is ObjectKind.SERVER:
            if deleted:
                remove.append(change.name)
            else:
                pool = change.name.rsplit("-", 1)[0]
                made_as = estate.server_pools[pool]
                servers[change.name] = {
                    "name": change.name,
                    "pool": pool,
                    "region": made_as.region,
                    "memory_mib": made_as.memory_mib,
                    "cpu_milli": milli(made_as.cpus),
                }
        elif change.kind is ObjectKind.DATABASE_POOL and not deleted:
            pools[change.name] = estate.database_pools[change.name].region
        elif change.kind in _OF_ENVIRONMENT and deleted and _left_to_clear(change, declared, recorded):
            clear.append(f"{change.kind.value}:{change.name}")
    return servers, pools, clear, remove
