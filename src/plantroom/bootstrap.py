"""The only wiring: every room gets here what it needs from the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from plantroom.delivery.artefacts.service import Artefacts, Catalogue
from plantroom.delivery.schema import activities as schema_activities
from plantroom.delivery.schema import workflow as schema_workflow
from plantroom.delivery.schema.clones import Clones
from plantroom.delivery.schema.fleet import Fleet
from plantroom.delivery.schema.gate import MigrationGate
from plantroom.delivery.schema.proving import Migrations, Schemas
from plantroom.delivery.schema.service import SchemaService
from plantroom.delivery.tenancy import activities as tenancy_activities
from plantroom.delivery.tenancy import workflow as tenancy_workflow
from plantroom.delivery.tenancy.service import TenancyService
from plantroom.delivery.trains import activities as trains_activities
from plantroom.delivery.trains import workflow as trains_workflow
from plantroom.delivery.trains.gate import StageGate
from plantroom.delivery.trains.service import TrainService, WaitingTrains
from plantroom.kernel.errors import EngineError
from plantroom.ledger.service import Journal, Ledger
from plantroom.platforms.contract import Platform
from plantroom.platforms.local.balancer import LocalPorts
from plantroom.platforms.local.platform import LocalPlatform
from plantroom.rollout import activities as rollout_activities
from plantroom.rollout import workflow as rollout_workflow
from plantroom.rollout.almanac import Almanac
from plantroom.rollout.archives import Archives
from plantroom.rollout.service import Reconciler
from plantroom.runtime import clock, faults
from plantroom.runtime.database import Database
from plantroom.runtime.settings import Settings
from plantroom.runtime.temporal import TemporalCourier

ORIGIN = "plantroom/ledger"
"""The name under which checkpoints are signed."""

WORKFLOWS = [
    rollout_workflow.EnvironmentChange,
    tenancy_workflow.Observe,
    tenancy_workflow.Apply,
    tenancy_workflow.GoLive,
    trains_workflow.ReleaseTrain,
    schema_workflow.SchemaLook,
    schema_workflow.SchemaRepair,
    schema_workflow.SchemaRun,
]


@dataclass(frozen=True, slots=True)
class Core:
    """What the API and the worker share. No platform: the API never touches one."""

    settings: Settings
    database: Database
    ledger: Ledger
    catalogue: Catalogue
    courier: TemporalCourier
    tenancy: TenancyService
    trains: TrainService
    schemas: SchemaService
    almanac: Almanac


def migrations(settings: Settings) -> Migrations:
    return Migrations(Schemas(settings.home, settings.proof_postgres))


def artefacts(settings: Settings) -> Artefacts:
    return Artefacts(settings.home / "artefacts", migrations(settings))


def released(settings: Settings) -> Callable[[str], str]:
    """The schema of an artefact, by `application@version` or digest, as SQL; "" when it has none."""

    def read(name: str) -> str:
        schema = artefacts(settings).show(name).schema
        return "" if schema is None else schema.initial.sql

    return read


def core(
    settings: Settings, estate: Path, courier: TemporalCourier | None = None, now: clock.Clock = clock.now
) -> Core:
    """Raises EngineError PR807 when an engine's address is not known."""
    if settings.database_url is None or settings.temporal_address is None:
        raise EngineError(
            "PR807",
            "the engines' addresses",
            value="are not known",
            remedy="Start with `plantroom up`, or set PLANTROOM_DATABASE_URL and PLANTROOM_TEMPORAL_ADDRESS",
        )
    database = Database(settings.database_url)
    ledger = Ledger(database, settings.home / "ledger", ORIGIN, now)
    catalogue = Catalogue(artefacts(settings))
    courier = courier or TemporalCourier(settings.temporal_address, settings.temporal_namespace, settings.temporal_key)
    tenancy = TenancyService(database, ledger, estate, catalogue, courier, (WaitingTrains(database, courier),), now)
    migrations_gate = MigrationGate(database, catalogue)
    stages_gate = StageGate(database)
    gates = (stages_gate, migrations_gate)
    trains = TrainService(database, ledger, tenancy, catalogue, courier, gates, now)
    schemas = SchemaService(database, ledger, tenancy, catalogue, courier, migrations_gate, (stages_gate,), now)
    almanac = Almanac(database, tenancy, now)
    return Core(settings, database, ledger, catalogue, courier, tenancy, trains, schemas, almanac)


def platform(settings: Settings) -> LocalPlatform:
    """Raises EngineError PR807 when the balancer's ports are not known."""
    if settings.http_port is None or settings.https_port is None:
        raise EngineError("PR807", "the balancer's ports", value="are not known", remedy="Start with `plantroom up`")
    ports = LocalPorts(http=settings.http_port, https=settings.https_port)
    return LocalPlatform(settings.home, artefacts(settings).layout, ports, settings.haproxy_socket)


@dataclass(frozen=True, slots=True)
class Hands:
    """What the worker has beyond the core: the platform, and everything that acts on it."""

    platform: Platform
    rollout: rollout_activities.Activities
    tenancy: tenancy_activities.Activities
    trains: trains_activities.Activities
    schemas: schema_activities.Activities
    reconciler: Reconciler
    archives: Archives


def hands(core: Core, platform: Platform, now: clock.Clock = clock.now) -> Hands:
    archive = core.settings.home / "archive"
    journal = Journal(core.database, core.ledger, faults.from_environment())
    clones = Clones(Schemas(core.settings.home, core.settings.proof_postgres))
    fleet = Fleet(core.database, platform, core.catalogue, clones, now)
    return Hands(
        platform,
        rollout_activities.Activities(core.database, journal, platform, core.catalogue, fleet, archive, now),
        tenancy_activities.Activities(core.database, core.ledger, journal, platform, core.catalogue, now),
        trains_activities.Activities(core.database, core.ledger, journal, platform, now),
        schema_activities.Activities(core.database, core.ledger, platform, core.catalogue, fleet, clones, now),
        Reconciler(core.database, core.ledger, platform, now),
        Archives(core.database, journal, archive, now),
    )
