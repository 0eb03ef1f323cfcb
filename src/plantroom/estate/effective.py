"""What the declaration comes to for one environment, defaults and overrides applied. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from plantroom.estate.model import Client, Environment, Estate, Management, Scale, ServerPool

WEB = "web"
"""The process type that serves requests; what holds for production is said about it."""

WEB_SERVERS = 2
"""Servers that a production environment's web instances are on at least: one may then fail or restart unnoticed."""

NOBODYS = frozenset({"root"})
"""Accounts that several people may use: whoever does is nobody's second person."""

_LEAST = (Management.EXTERNAL, Management.OBSERVED, Management.MANAGED)


@dataclass(frozen=True, slots=True)
class Place:
    """One environment with its client; `name` is `client/stage`."""

    name: str
    client_name: str
    stage: str
    client: Client
    environment: Environment


def places(estate: Estate) -> Iterator[Place]:
    """Every environment, in the order of the files."""
    for client_name, client in estate.clients.items():
        for stage, environment in client.environments.items():
            yield Place(f"{client_name}/{stage}", client_name, stage, client, environment)


def management_of(estate: Estate, place: Place) -> Management:
    """The least of what the environment, its client and its application allow Plantroom to do."""
    application = estate.applications.get(place.environment.application)
    declared = {place.environment.management, place.client.management}
    if application is not None:
        declared.add(application.management)
    return next(level for level in _LEAST if level in declared)


def second_people(estate: Estate) -> frozenset[str]:
    """The people who can be somebody else's second person: those with an account of their own."""
    return frozenset(name for name, person in estate.people.items() if person.account not in NOBODYS)


def scales_of(estate: Estate, environment: Environment) -> dict[str, Scale]:
    """By process type, in the order of the application: how many instances, with the environment's own counts."""
    own = environment.instances
    return {
        process: scale
        if own.get(process, scale.instances) == scale.instances
        else scale.model_copy(update={"instances": own[process]})
        for process, scale in estate.applications[environment.application].processes.items()
    }


def release_of(estate: Estate, environment: Environment) -> str:
    """The release a new environment starts on."""
    return environment.release or estate.applications[environment.application].release


def pools_of(pools: Mapping[str, ServerPool], place: Place) -> tuple[str, ...]:
    """Names of the managed server pools where the environment's instances may run, sorted: those it names, or all,
    without those outside of its client's residency."""
    named = place.environment.server_pools or tuple(pools)
    residency = place.client.residency
    return tuple(
        sorted(
            name
            for name in set(named)
            if (pool := pools.get(name)) is not None
            and pool.management is Management.MANAGED
            and (not residency or pool.region in residency)
        )
    )


def stages_before(estate: Estate, stage: str) -> list[str]:
    """The stages that an artefact passes before it comes to this one, the nearest first. Where they go round in a
    circle, each of it once."""
    found: list[str] = []
    declared = estate.stages.get(stage)
    while declared is not None and declared.after is not None and declared.after not in found:
        found.append(declared.after)
        declared = estate.stages.get(declared.after)
    return found


def server_names(pool: str, count: int) -> tuple[str, ...]:
    """`north-1`, `north-2`, …"""
    return tuple(f"{pool}-{number}" for number in range(1, count + 1))


def milli(cpus: float) -> int:
    """Cores in thousandths."""
    return round(cpus * 1000)
