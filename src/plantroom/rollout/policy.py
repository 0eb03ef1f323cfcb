"""Decisions of a change, pure: what is to be started, in which order, and with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from plantroom.estate.changes import Assignment, Status
from plantroom.estate.effective import milli
from plantroom.estate.model import EnvironmentState, Estate, Management
from plantroom.estate.plan import config_of
from plantroom.kernel.digest import digest
from plantroom.kernel.errors import PlanError
from plantroom.platforms.contract import (
    Admission,
    InstanceSeen,
    InstanceSpec,
    ProcessKind,
    RouteSeen,
    RouteSpec,
    Running,
    SecretRef,
)
from plantroom.rollout.model import ArtefactView, Change, Move, Size, Target

_STATUS = {
    EnvironmentState.LIVE: Status.LIVE,
    EnvironmentState.SUSPENDED: Status.SUSPENDED,
    EnvironmentState.RETIRED: Status.RETIRED,
}


def target_of(
    estate: Estate,
    environment: str,
    *,
    assignments: tuple[Assignment, ...],
    release: str,
    artefact: str,
    revision: str,
) -> Target:
    """The target that the estate declares for an environment, on this release."""
    client_name, stage = environment.split("/")
    client = estate.clients[client_name]
    declared = client.environments[stage]
    application = estate.applications[declared.application]
    return Target(
        environment=environment,
        status=_STATUS[declared.state],
        ring=client.ring,
        application=declared.application,
        release=release,
        artefact=artefact,
        revision=revision,
        config=digest(config_of(estate, client_name, stage)),
        assignments=assignments if declared.state is EnvironmentState.LIVE else (),
        database_pool=declared.database_pool,
        file_store=declared.file_store,
        hosts=declared.hosts,
        values=dict(declared.values),
        secrets={name: SecretRef(secret.env, secret.file) for name, secret in declared.secrets.items()},
        sizes={name: Size(scale.memory_mib, milli(scale.cpus)) for name, scale in application.processes.items()},
        drain_timeout_s=estate.estate.drain_timeout,
        lock_timeout_ms=estate.estate.lock_timeout_ms,
        keep_retired_s=estate.estate.keep_retired,
    )


def misfits(assignments: Sequence[Assignment], database_pool: str | None, artefact: ArtefactView) -> list[str]:
    """Why the artefact cannot run as the estate wants it to, in words; empty when it can."""
    found = []
    counts: dict[str, int] = {}
    for assignment in assignments:
        counts[assignment.process] = counts.get(assignment.process, 0) + 1
    for process, count in sorted(counts.items()):
        spec = artefact.processes.get(process)
        if spec is None:
            known = ", ".join(sorted(artefact.processes))
            found.append(f"{artefact.application} {artefact.version} has no process type {process} (it has {known})")
        elif spec.singleton and count > 1:
            found.append(f"{process} is a singleton in {artefact.application} {artefact.version}, {count} are declared")
    if artefact.schema and database_pool is None:
        found.append(
            f"{artefact.application} {artefact.version} needs a database, the environment has no database_pool"
        )
    return found


def moves(
    target: Target, artefact: ArtefactView, seen: Sequence[InstanceSeen], routes: Sequence[RouteSeen]
) -> tuple[Move, ...]:
    """Every slot's way from what is there to the target, in the order in which to go: web slots first, since they
    overlap and users feel them, then workers, then what no slot wants any more. A slot that is right already has none.
    """
    serving = {
        member.instance
        for route in routes
        if route.environment == target.environment
        for member in route.members
        if member.admission is Admission.ADMITTED and member.up
    }
    there = [one for one in seen if one.environment == target.environment]
    wanted: dict[tuple[str, int], str] = {}
    for assignment in target.assignments:
        wanted[(assignment.process, assignment.slot)] = target.instance(assignment.process, assignment.slot)
    found: list[Move] = []
    kept = set(wanted.values())
    for (process, slot), new in sorted(wanted.items(), key=lambda item: (not _is_web(artefact, item[0][0]), item[0])):
        old = tuple(
            sorted(one.id for one in there if (one.process, one.slot) == (process, slot) and one.id not in kept)
        )
        web = _is_web(artefact, process)
        running = any(one.id == new and one.state is Running.RUNNING for one in there)
        if running and not old and (not web or new in serving):
            continue
        found.append(Move(process, slot, web, new, old))
    for one in sorted(there, key=lambda one: one.id):
        if (one.process, one.slot) not in wanted and one.id not in kept:
            found.append(Move(one.process, one.slot, one.kind is ProcessKind.WEB, None, (one.id,)))
    return tuple(found)


def instance_spec(
    target: Target, artefact: ArtefactView, process: str, slot: int, given: Mapping[str, str]
) -> InstanceSpec:
    """What to start in a slot. `given` are the variables that the platform hands out (database, file store).
    Raises PlanError when the slot has no server in the target."""
    server = next((one.server for one in target.assignments if (one.process, one.slot) == (process, slot)), None)
    if server is None:
        raise PlanError("PR204", f"{target.environment} {process} {slot}", value="has no place in the target")
    size = target.sizes[process]
    variables = {
        **target.values,
        **given,
        "PLANTROOM_CLIENT": target.client,
        "PLANTROOM_ENVIRONMENT": target.environment,
        "PLANTROOM_RELEASE": target.release,
        "PLANTROOM_STAGE": target.stage,
    }
    return InstanceSpec(
        id=target.instance(process, slot),
        environment=target.environment,
        process=artefact.processes[process],
        slot=slot,
        server=server,
        artefact=target.artefact,
        memory_mib=size.memory_mib,
        cpu_milli=size.cpu_milli,
        variables=variables,
        secrets=target.secrets,
        template={name: value for name, value in artefact.variables.items() if name not in variables},
    )


def route_of(target: Target, artefact: ArtefactView) -> RouteSpec:
    health = next((spec.health_path for spec in artefact.processes.values() if spec.kind is ProcessKind.WEB), None)
    return RouteSpec(target.environment, target.hosts, health or "/", target.status is not Status.LIVE)


def names_left(change: Change, side: Target, routes: Sequence[RouteSeen]) -> tuple[str, ...]:
    """The host names of one side of a change, without those that the environment had and another one has by now: an
    apply may have moved them meanwhile. On the way back to names that are all gone, those that it was to have stay.
    A name that is only wanted is among them, whoever has it."""
    had = () if change.previous is None else change.previous.hosts
    others = {host for route in routes if route.environment != change.environment for host in route.hosts}
    left = tuple(host for host in side.hosts if host not in others or host not in had)
    return left or tuple(host for host in change.target.hosts if host not in others) or side.hosts


def not_managed(management: Management | None) -> str:
    """Why only an apply may change an environment, in words, or "" when it is managed. None: no file declares it."""
    if management is Management.MANAGED:
        return ""
    return f"it is {'not declared' if management is None else management.value}"


def _is_web(artefact: ArtefactView, process: str) -> bool:
    spec = artefact.processes.get(process)
    return spec is not None and spec.kind is ProcessKind.WEB


def rebased(wanted: Target, now: Target | None, revision: str) -> Target:
    """What an apply wants, on the release that the environment is on by now: which one is for trains to say."""
    if now is None:
        return wanted
    moved = replace(wanted, release=now.release, artefact=now.artefact, revision=revision)
    return settle_revision(moved, now)


def settle_revision(wanted: Target, previous: Target | None) -> Target:
    """Keep the revision, and so the running instances, when nothing changed that an instance is started with. A repair,
    another host name or another slot does not restart what runs well."""
    if previous is None:
        return wanted

    def started_with(target: Target) -> tuple[object, ...]:
        release = (target.artefact, target.release)
        return (*release, target.values, target.secrets, target.sizes, target.database_pool, target.file_store)

    if started_with(wanted) != started_with(previous):
        return wanted
    return replace(wanted, revision=previous.revision)
