"""What no single value shows: references, uniqueness, residency, bounds. Pure.

The checks run on what could be read, of a malformed object too. `Declared` has the names that the files declare even
where the thing itself is wrong, and knows what could not be read, so that one mistake does not make others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from plantroom.estate.effective import (
    WEB,
    WEB_SERVERS,
    Place,
    management_of,
    places,
    pools_of,
    scales_of,
    stages_before,
)
from plantroom.estate.explain import Path, nearest
from plantroom.estate.model import (
    Calendar,
    Client,
    DatabasePool,
    EnvironmentState,
    Estate,
    Freeze,
    Management,
    ServerPool,
    Window,
)
from plantroom.estate.readable import NOTHING_GONE, Gone
from plantroom.estate.rules import parse
from plantroom.estate.values import NAME_PATTERN, YEARS

RESERVED = frozenset({"PORT", "DATABASE_URL", "FILE_STORE"})
"""Variables that Plantroom itself gives to instances, besides those that begin with PLANTROOM_."""

_NAME = re.compile(NAME_PATTERN)
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
    of_key: bool = False
    """It is about the key at `path`, and holds whatever the value there is."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Names by section as they are in the files. `whole` is false when some file could not be read to its end; `gone`
    is what could not be read in those that were."""

    names: Mapping[str, frozenset[str]]
    whole: bool
    gone: Gone = NOTHING_GONE

    def every(self, section: str) -> bool:
        """Whether all that the section declares could be read, so that saying "none" is fair."""
        return self.whole and not self.gone.touches(section)


def check(estate: Estate, declared: Declared) -> Iterator[Problem]:
    """Every problem, in no order that matters."""
    yield from _people(estate)
    yield from _settings(estate, declared)
    yield from _stages(estate, declared)
    yield from _pools(estate, declared)
    yield from _rings(estate, declared)
    yield from _calendars(estate, declared)
    for name, client in estate.clients.items():
        yield from _client(declared, name, client)
    hosts: dict[str, Path] = {}
    gone = declared.gone
    for place in places(estate):
        path = ("clients", place.client_name, "environments", place.stage)
        yield from _references(estate, declared, place, path)
        yield from _variables(place, path, gone)
        # Of one that is retired nothing more is asked, and that is not known here.
        if place.environment.state is not EnvironmentState.RETIRED and not gone.at(*path, "state"):
            yield from _hosts(place, path, hosts)
            yield from _servers(estate, declared, place, path)
            yield from _databases(estate, declared, place, path)


def _missing(
    declared: Declared, section: str, name: str, path: Path, item: str | None = None, of_key: bool = False
) -> list[Problem]:
    names = declared.names.get(section, frozenset())
    # What could not be read as a section may declare anything, and what is no name may stand for any.
    if name in names or declared.gone.at(section) or not declared.whole or not all(map(_NAME.fullmatch, names)):
        return []
    what = f"the {section[:-1].replace('_', ' ')}"
    return [Problem(path, f"{what} {name} is not declared", nearest(name, names), item, of_key=of_key)]


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


def _stages(estate: Estate, declared: Declared) -> Iterator[Problem]:
    for name, stage in estate.stages.items():
        if stage.after is not None:
            path = ("stages", name, "after")
            yield from _missing(declared, "stages", stage.after, path)
            if name in stages_before(estate, name):
                yield Problem(path, f"{name} comes after itself", "Let each stage come after an earlier one")


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
    counted = declared.whole and not declared.gone.of("clients", "ring", "environments", "state")
    for ring in estate.rings:
        size = sizes.get(ring.name, 0)
        if counted and size and ring.max_unhealthy > size:
            yield Problem(
                ("rings", ring.name, "max_unhealthy"),
                f"{ring.max_unhealthy} unhealthy environments stop the ring, which has {size}",
                f"Give at most {size}, or the ring can never be stopped by count",
            )


def _calendars(estate: Estate, declared: Declared) -> Iterator[Problem]:
    found: list[tuple[Path, Calendar]] = [(("estate", "calendar"), estate.estate.calendar)]
    found += [(("rings", ring.name, "calendar"), ring.calendar) for ring in estate.rings]
    sections: dict[str, Mapping[str, ServerPool] | Mapping[str, DatabasePool] | Mapping[str, Client]] = {
        "server_pools": estate.server_pools,
        "database_pools": estate.database_pools,
        "clients": estate.clients,
    }
    for section, named in sections.items():
        found += [((section, name, "calendar"), one.calendar) for name, one in named.items()]
    for path, calendar in found:
        # Where something of it is gone, the rest of its lists have other places.
        if calendar == Calendar() or any(gone[: len(path)] == path for gone in declared.gone.paths):
            continue
        for place, window in enumerate(calendar.windows):
            yield from _first_day((*path, "windows", place), window)
        for place, freeze in enumerate(calendar.freezes):
            yield from _freeze((*path, "freezes", place), freeze)


def _freeze(path: Path, freeze: Freeze) -> Iterator[Problem]:
    given = freeze.model_fields_set
    once, again = given & {"begins", "ends"}, given & {"on", "lasts", "at", "since"}
    if (once and again) or not (once >= {"begins", "ends"} or again >= {"on", "lasts"}):
        wrong = "a freeze that comes once and again" if once and again else "a freeze that does not say when it is"
        yield Problem(path, wrong, "Give begins and ends, or on and lasts")
    elif freeze.begins is not None and freeze.ends is not None and freeze.ends < freeze.begins:
        wrong = f"it ends on {freeze.ends}, before it begins on {freeze.begins}"
        yield Problem((*path, "ends"), wrong, "Give an end that comes later")
    yield from _first_day(path, freeze)


def _first_day(path: Path, declared: Window | Freeze) -> Iterator[Problem]:
    if declared.since is None and declared.on is not None and parse(declared.on).anchored:
        yield Problem((*path, "on"), "the rule counts from a first day", "Give it, as in since: 2027-01-01")
    if declared.since is not None and declared.since.year not in YEARS:
        bounds = f"from {YEARS.start} to {YEARS.stop - 1}"
        yield Problem((*path, "since"), f"{declared.since} is too far away", f"Give a day in a year {bounds}")


def _client(declared: Declared, name: str, client: Client) -> Iterator[Problem]:
    path = ("clients", name)
    yield from _missing(declared, "rings", client.ring, (*path, "ring"))
    for region in client.residency:
        yield from _missing(declared, "regions", region, (*path, "residency"), region)


def _references(estate: Estate, declared: Declared, place: Place, path: Path) -> Iterator[Problem]:
    environment = place.environment
    if _NAME.fullmatch(place.stage):
        yield from _missing(declared, "stages", place.stage, path, of_key=True)
    yield from _missing(declared, "applications", environment.application, (*path, "application"))
    application = estate.applications.get(environment.application)
    if application is not None and not declared.gone.in_or_at("applications", environment.application, "processes"):
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


def _variables(place: Place, path: Path, gone: Gone) -> Iterator[Problem]:
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
        here = (*path, "secrets", name)
        given = [key for key in ("env", "file") if getattr(secret, key) is not None or (*here, key) in gone.paths]
        if len(given) == 2 or (not given and not gone.in_or_at(*here)):
            wrong = "a secret with both env and file" if given else "a secret with neither env nor file"
            yield Problem(here, wrong, "Give exactly one: env (a variable) or file (a path)")


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
    environment, residency = place.environment, _residency(declared, place)
    pools = estate.server_pools
    managed = _managed(estate, declared, place, path)
    sound = residency is not None and not declared.gone.in_or_at(*path, "server_pools")
    for name in environment.server_pools:
        pool = pools.get(name)
        if pool is None:
            sound = False
        elif _outside(declared, pool.region, residency, "server_pools", name):
            sound = False
            yield Problem(
                (*path, "server_pools"),
                f"the server pool {name} is in {pool.region}, outside of the client's residency",
                _in(residency or (), pools),
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
    known = all(pool.region in declared.names["regions"] for pool in pools.values())
    if not managed or not sound or not known or not declared.every("server_pools"):
        return
    candidates = pools_of(pools, place)
    servers = sum(pools[name].servers for name in candidates)
    if not servers:
        wrong = "no managed server pool" + (f" is in {' or '.join(residency)}" if residency else " is declared")
        where = ("clients", place.client_name, "residency") if residency else path
        yield Problem(where, wrong, "Declare a server pool there" if residency else "Declare a server pool")
    elif place.stage in estate.estate.production_stages and not declared.gone.at("estate", "production_stages"):
        yield from _production(estate, declared, place, path, servers)


def _managed(estate: Estate, declared: Declared, place: Place, path: Path) -> bool:
    """Whether Plantroom changes the environment, for certain."""
    said = (path, path[:2], ("applications", place.environment.application))
    unread = any(declared.gone.at(*one, "management") for one in said)
    return not unread and management_of(estate, place) is Management.MANAGED


def _residency(declared: Declared, place: Place) -> tuple[str, ...] | None:
    """None when it is not known."""
    unread = declared.gone.in_or_at("clients", place.client_name, "residency")
    return None if unread else place.client.residency


def _outside(declared: Declared, region: str, residency: tuple[str, ...] | None, *pool: str) -> bool:
    """For certain: a region that is not declared may be one of the residency's, written wrongly."""
    known = region in declared.names["regions"] and not declared.gone.at(*pool, "region")
    return bool(residency) and region not in (residency or ()) and known


def _production(estate: Estate, declared: Declared, place: Place, path: Path, servers: int) -> Iterator[Problem]:
    environment = place.environment
    if environment.application not in estate.applications:
        return
    web = scales_of(estate, environment).get(WEB)
    scale = ("applications", environment.application, "processes", WEB, "instances")
    unread = declared.gone.at(*path, "instances", WEB) or declared.gone.at(*scale)
    if web is None or unread:
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


def _databases(estate: Estate, declared: Declared, place: Place, path: Path) -> Iterator[Problem]:
    environment, residency = place.environment, _residency(declared, place)
    name = environment.database_pool or ""
    pool = estate.database_pools.get(name)
    if pool is None:
        return
    if _outside(declared, pool.region, residency, "database_pools", name):
        yield Problem(
            (*path, "database_pool"),
            f"the database pool {name} is in {pool.region}, outside of the client's residency",
            _in(residency or (), estate.database_pools),
        )
    elif _managed(estate, declared, place, path) and pool.management is not Management.MANAGED:
        yield Problem(
            (*path, "database_pool"),
            f"the database pool {name} is {pool.management}",
            "Name a managed pool, or declare the environment observed",
        )


def _in(residency: tuple[str, ...], pools: Mapping[str, ServerPool] | Mapping[str, DatabasePool]) -> str:
    inside = sorted(name for name, pool in pools.items() if pool.region in residency)
    regions = " or ".join(residency)
    return f"In {regions}: {', '.join(inside)}" if inside else f"Declare a pool in {regions}"
