"""What no single value shows: references, uniqueness, residency, bounds. Pure.

The checks run on what could be read. `Declared` has the names that the files declare even where the thing itself is
wrong, so that one mistake does not make others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from plantroom.estate.effective import WEB, WEB_SERVERS, Place, management_of, places, pools_of, scales_of
from plantroom.estate.explain import Path, nearest
from plantroom.estate.model import (
    NAME_PATTERN,
    DatabasePool,
    EnvironmentState,
    Estate,
    Management,
    ServerPool,
)

RESERVED = frozenset({"PORT", "DATABASE_URL", "FILE_STORE"})
"""Variables that Plantroom itself gives to instances, besides those that begin with PLANTROOM_."""

_ALLOWANCE = re.compile(f"{NAME_PATTERN[1:-1]}/{NAME_PATTERN[1:-1]}")


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake before its place in the files is looked up: at `path`, or at the item `item` of the list there."""

    path: Path
    wrong: str
    right: str
    item: str | None = None
    also: Path | None = None
    """Where the other one of two is; its place is added to `wrong`."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Names by section as they are in the files. `whole` is false when some file could not be read to its end."""

    names: Mapping[str, frozenset[str]]
    whole: bool

    def every(self, section: str, read: Mapping[str, object]) -> bool:
        """Whether all that the section declares could be read, so that saying "none" is fair."""
        return self.whole and len(self.names.get(section, ())) == len(read)


def check(estate: Estate, declared: Declared) -> Iterator[Problem]:
    """Every problem, in no order that matters."""
    yield from _people(estate)
    yield from _settings(estate, declared)
    yield from _pools(estate, declared)
    yield from _rings(estate, declared)
    hosts: dict[str, Path] = {}
    known: dict[str, bool] = {}
    for place in places(estate):
        path = ("clients", place.client_name, "environments", place.stage)
        if place.client_name not in known:
            known[place.client_name] = True
            yield from _client(declared, place)
        yield from _references(estate, declared, place, path)
        yield from _variables(place, path)
        if place.environment.state is not EnvironmentState.RETIRED:
            yield from _hosts(place, path, hosts)
            yield from _servers(estate, declared, place, path)
            yield from _databases(estate, place, path)


def _missing(declared: Declared, section: str, name: str, path: Path, item: str | None = None) -> list[Problem]:
    names = declared.names.get(section, frozenset())
    what = f"the {section[:-1].replace('_', ' ')}"
    if name in names or not declared.whole:
        return []
    return [Problem(path, f"{what} {name} is not declared", nearest(name, names), item)]


def _people(estate: Estate) -> Iterator[Problem]:
    accounts: dict[str, str] = {}
    for name, person in estate.people.items():
        other = accounts.setdefault(person.account, name)
        if other != name:
            yield Problem(
                ("people", name, "account"),
                f"the account {person.account} is {other}'s too",
                "Nobody shares an account; give each person their own",
                also=("people", other, "account"),
            )


def _settings(estate: Estate, declared: Declared) -> Iterator[Problem]:
    for stage in estate.estate.production_stages:
        if "production_stages" in estate.estate.model_fields_set:
            yield from _missing(declared, "stages", stage, ("estate", "production_stages"), stage)
    allow = estate.estate.allow
    for key in ("delete_environments", "delete_databases", "delete_file_stores"):
        names: tuple[str, ...] = getattr(allow, key)
        for name in names:
            if not _ALLOWANCE.fullmatch(name):
                yield Problem(
                    ("estate", "allow", key),
                    f'"{name}" names no environment',
                    "Write client/stage, as in harbour/production",
                    name,
                )


def _pools(estate: Estate, declared: Declared) -> Iterator[Problem]:
    sections: tuple[tuple[str, Mapping[str, ServerPool] | Mapping[str, DatabasePool]], ...] = (
        ("server_pools", estate.server_pools),
        ("database_pools", estate.database_pools),
    )
    for section, pools in sections:
        for name, pool in pools.items():
            yield from _missing(declared, "regions", pool.region, (section, name, "region"))


def _rings(estate: Estate, declared: Declared) -> Iterator[Problem]:
    sizes: dict[str, int] = {}
    for place in places(estate):
        if place.environment.state is not EnvironmentState.RETIRED:
            sizes[place.client.ring] = sizes.get(place.client.ring, 0) + 1
    whole = declared.every("clients", estate.clients)
    for ring in estate.rings:
        size = sizes.get(ring.name, 0)
        if whole and size and ring.max_unhealthy > size:
            yield Problem(
                ("rings", ring.name, "max_unhealthy"),
                f"{ring.max_unhealthy} unhealthy environments stop the ring, which has {size}",
                f"Give at most {size}, or the ring can never be stopped by count",
            )


def _client(declared: Declared, place: Place) -> Iterator[Problem]:
    path = ("clients", place.client_name)
    yield from _missing(declared, "rings", place.client.ring, (*path, "ring"))
    for region in place.client.residency:
        yield from _missing(declared, "regions", region, (*path, "residency"), region)


def _references(estate: Estate, declared: Declared, place: Place, path: Path) -> Iterator[Problem]:
    environment = place.environment
    yield from _missing(declared, "stages", place.stage, path)
    yield from _missing(declared, "applications", environment.application, (*path, "application"))
    application = estate.applications.get(environment.application)
    if application is not None:
        for process in environment.instances:
            if process not in application.processes:
                yield Problem(
                    (*path, "instances", process),
                    f"{environment.application} has no process type {process}",
                    nearest(process, application.processes),
                )
    for pool in environment.server_pools:
        yield from _missing(declared, "server_pools", pool, (*path, "server_pools"), pool)
    if environment.database_pool is not None:
        yield from _missing(declared, "database_pools", environment.database_pool, (*path, "database_pool"))


def _variables(place: Place, path: Path) -> Iterator[Problem]:
    environment = place.environment
    for section, names in (("values", environment.values), ("secrets", environment.secrets)):
        for name in names:
            if name in RESERVED or name.startswith("PLANTROOM_"):
                yield Problem((*path, section, name), f"{name} is given by Plantroom itself", "Choose another variable")
    for name, secret in environment.secrets.items():
        if name in environment.values:
            yield Problem(
                (*path, "secrets", name),
                f"{name} is among the values too",
                "Keep one of the two",
                also=(*path, "values", name),
            )
        if (secret.env is None) == (secret.file is None):
            wrong = "a secret with neither env nor file" if secret.env is None else "a secret with both env and file"
            yield Problem((*path, "secrets", name), wrong, "Give exactly one: env (a variable) or file (a path)")


def _hosts(place: Place, path: Path, hosts: dict[str, Path]) -> Iterator[Problem]:
    here = (*path, "hosts")
    for host in place.environment.hosts:
        first = hosts.setdefault(host, here)
        if first != here:
            yield Problem(
                here, f"the host name {host} is taken", "A host name leads to one environment", host, also=first
            )
    if len(set(place.environment.hosts)) < len(place.environment.hosts):
        yield Problem(here, "the same host name twice", "Name each host once")


def _servers(estate: Estate, declared: Declared, place: Place, path: Path) -> Iterator[Problem]:
    environment, residency = place.environment, place.client.residency
    pools = estate.server_pools
    managed = management_of(estate, place) is Management.MANAGED
    sound = True
    for name in environment.server_pools:
        pool = pools.get(name)
        if pool is None:
            sound = False
        elif residency and pool.region not in residency:
            sound = False
            yield Problem(
                (*path, "server_pools"),
                f"the server pool {name} is in {pool.region}, outside of the client's residency",
                _in(residency, pools),
                name,
            )
        elif managed and pool.management is not Management.MANAGED:
            sound = False
            yield Problem(
                (*path, "server_pools"),
                f"the server pool {name} is {pool.management}",
                "Name managed pools, or declare the environment observed",
                name,
            )
    if not managed or not sound or not declared.every("server_pools", pools):
        return
    candidates = pools_of(pools, place)
    servers = sum(pools[name].servers for name in candidates)
    if not servers:
        wrong = "no managed server pool" + (f" is in {' or '.join(residency)}" if residency else " is declared")
        where = ("clients", place.client_name, "residency") if residency else path
        yield Problem(where, wrong, "Declare a server pool there" if residency else "Declare a server pool")
    elif place.stage in estate.estate.production_stages:
        yield from _production(estate, place, path, servers)


def _production(estate: Estate, place: Place, path: Path, servers: int) -> Iterator[Problem]:
    environment = place.environment
    if environment.application not in estate.applications:
        return
    web = scales_of(estate, environment).get(WEB)
    if web is None:
        return
    if web.instances < WEB_SERVERS:
        yield Problem(
            (*path, "instances", WEB),
            f"{place.name} is production and has {web.instances} web instance{'' if web.instances == 1 else 's'}",
            f"Give it at least {WEB_SERVERS}, here or in the application",
        )
    elif servers < WEB_SERVERS:
        named = bool(environment.server_pools)
        yield Problem(
            (*path, "server_pools") if named else path,
            f"{place.name} is production and can run on {servers} server",
            f"Its web instances must be on at least {WEB_SERVERS} servers: add servers to its pools, or add a pool",
        )


def _databases(estate: Estate, place: Place, path: Path) -> Iterator[Problem]:
    environment, residency = place.environment, place.client.residency
    pool = estate.database_pools.get(environment.database_pool or "")
    if pool is None:
        return
    if residency and pool.region not in residency:
        yield Problem(
            (*path, "database_pool"),
            f"the database pool {environment.database_pool} is in {pool.region}, outside of the client's residency",
            _in(residency, estate.database_pools),
        )
    elif management_of(estate, place) is Management.MANAGED and pool.management is not Management.MANAGED:
        yield Problem(
            (*path, "database_pool"),
            f"the database pool {environment.database_pool} is {pool.management}",
            "Name a managed pool, or declare the environment observed",
        )


def _in(residency: tuple[str, ...], pools: Mapping[str, ServerPool] | Mapping[str, DatabasePool]) -> str:
    inside = sorted(name for name, pool in pools.items() if pool.region in residency)
    regions = " or ".join(residency)
    return f"In {regions}: {', '.join(inside)}" if inside else f"Declare a pool in {regions}"
