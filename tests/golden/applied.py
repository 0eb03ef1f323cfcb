"""What the platform and the records would say once an estate is applied; for tests and benches."""

from __future__ import annotations

from collections.abc import Mapping

from plantroom.estate.effective import Place, management_of, places, release_of, server_names
from plantroom.estate.model import EnvironmentState, Estate, Management
from plantroom.estate.plan import Assignment, Observed, Record, Status, config_of
from plantroom.kernel.digest import digest
from plantroom.kernel.verdict import Refused
from plantroom.platforms.contract import (
    Admission,
    DatabasePoolSeen,
    DatabaseSeen,
    InstanceSeen,
    MemberSeen,
    ProcessKind,
    RouteSeen,
    Running,
    ServerSeen,
)

ARTEFACT = digest("the artefact of every release")


def applied(estate: Estate, placements: Mapping[str, tuple[Assignment, ...] | Refused]) -> Observed:
    """Every managed environment that could be placed is as declared; retired ones are gone."""
    servers = [
        ServerSeen(name, pool_name, pool.region, True)
        for pool_name, pool in estate.server_pools.items()
        for name in server_names(pool_name, pool.servers)
    ]
    pools = [DatabasePoolSeen(name, pool.region, True) for name, pool in estate.database_pools.items()]
    databases: list[DatabaseSeen] = []
    stores: list[str] = []
    instances: list[InstanceSeen] = []
    routes: list[RouteSeen] = []
    records: list[Record] = []
    for place in places(estate):
        environment, placed = place.environment, placements.get(place.name, ())
        if management_of(estate, place) is not Management.MANAGED or isinstance(placed, Refused):
            continue
        live = environment.state is EnvironmentState.LIVE
        assignments = placed if live else ()
        records.append(_record(estate, place, assignments))
        if environment.state is EnvironmentState.RETIRED:
            continue
        if environment.database_pool:
            databases.append(DatabaseSeen(environment.database_pool, place.name, ()))
        if environment.file_store:
            stores.append(place.name)
        own = [_instance(place, one) for one in assignments]
        members = tuple(MemberSeen(one.id, Admission.ADMITTED, True) for one in own if one.kind is ProcessKind.WEB)
        instances += own
        routes.append(RouteSeen(place.name, environment.hosts, not live, members))
    return Observed(servers, pools, databases, stores, instances, routes, records)


def _record(estate: Estate, place: Place, assignments: tuple[Assignment, ...]) -> Record:
    environment = place.environment
    return Record(
        environment=place.name,
        status=Status(environment.state.value),
        application=environment.application,
        release=release_of(estate, environment),
        artefact=ARTEFACT,
        config=digest(config_of(estate, place.client_name, place.stage)),
        assignments=assignments,
        change="apply",
        database_pool=environment.database_pool,
        file_store=environment.file_store,
        hosts=environment.hosts,
    )


def _instance(place: Place, one: Assignment) -> InstanceSeen:
    return InstanceSeen(
        id=f"{place.client_name}-{place.stage}-{one.process}-{one.slot}",
        environment=place.name,
        process=one.process,
        kind=ProcessKind.WEB if one.process == "web" else ProcessKind.WORKER,
        slot=one.slot,
        server=one.server,
        artefact=ARTEFACT,
        state=Running.RUNNING,
        address="127.0.0.1",
        port=8000 + one.slot,
        started=1,
    )
