"""What is declared. Frozen; every name is checked by the loader, which also resolves references.

Units: memory in MiB, CPU in cores (thousandths at most), times in seconds, written `30s`, `5m`, `2h` in files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from plantroom.estate.values import (
    LINE_PATTERN,
    AnyZone,
    Clock,
    Cpus,
    Day,
    Drain,
    Duration,
    Host,
    Moment,
    Name,
    Open,
    Percent,
    RuleText,
    Share,
    Text,
    Variable,
    Version,
    Zone,
)

Work = Literal["releases", "patches"]
"""What a calendar is about: trains, and patch cycles."""


class Management(StrEnum):
    """Managed: Plantroom changes it. Observed: it is watched, never changed. External: it is known by name only."""

    MANAGED = "managed"
    OBSERVED = "observed"
    EXTERNAL = "external"


class Declared(BaseModel):
    """Base of everything in the files: frozen, and nothing in it that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Managed(Declared):
    """Base of what Plantroom can change, watch, or merely know."""

    management: Management = Management.MANAGED


class Person(Declared):
    """A named person. `account` is the local account by which the kernel names them on the Unix socket."""

    name: Annotated[str, StringConstraints(pattern=LINE_PATTERN, max_length=200)]
    account: Annotated[str, StringConstraints(pattern=LINE_PATTERN, max_length=64)]


class Scale(Declared):
    """How many instances of a process type an environment has, and what each may use."""

    instances: Annotated[int, Field(ge=0, le=100)] = 1
    memory_mib: Annotated[int, Field(ge=1, le=1048576)] = 128
    cpus: Cpus = 0.1


class Application(Managed):
    """`release` is what a new environment starts on, unless the environment says otherwise."""

    release: Version
    processes: Mapping[Name, Scale] = Field(min_length=1)


class Window(Declared):
    """When a change may start: on the days of a rule, at a time of the day, for so long. `zone` None: the estate's, or
    the client's where the client declares it; `client` means each client's own. `since`: the first day of a rule that
    counts from one. `changes` empty means: of every kind."""

    on: RuleText
    at: Clock = "00:00"
    lasts: Open
    zone: AnyZone | None = None
    since: Day | None = None
    changes: tuple[Work, ...] = ()


class Freeze(Declared):
    """When no change may start. Again and again, as a window (`on`, `lasts`), or once (`begins`, `ends`); a day that
    it ends on is its last one."""

    why: Annotated[str, StringConstraints(pattern=LINE_PATTERN, max_length=200)] | None = None
    begins: Moment | None = None
    ends: Moment | None = None
    on: RuleText | None = None
    at: Clock = "00:00"
    lasts: Open | None = None
    zone: AnyZone | None = None
    since: Day | None = None
    changes: tuple[Work, ...] = ()


class Calendar(Declared):
    """Where any windows are declared, a change may start in one of them alone. A freeze wins."""

    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()


HazardName = Literal[
    "loses data",
    "changes values",
    "fails with rows",
    "rewrites",
    "blocks reads",
    "blocks writes",
    "scans",
    "breaks the running version",
    "cannot be undone",
    "not transactional",
]
"""What a migration may do to rows, and to those who work meanwhile."""


class Migrations(Declared):
    """What of a migration nobody brings to these environments alone, and what nobody brings to them at all."""

    second_person: tuple[HazardName, ...] = ()
    refused: tuple[HazardName, ...] = ()


class Stage(Declared):
    """What an environment is for: `development`, `testing`, `uat`, `production` …

    `after`: the stage that an artefact must have been brought to before it comes to this one."""

    after: Name | None = None
    migrations: Migrations = Migrations()


class Region(Declared):
    """Where pools are, and where a client's data may have to stay."""


class ServerPool(Managed):
    """`servers` interchangeable servers, named `<pool>-1`, `<pool>-2`, …, each with this memory and these CPUs."""

    region: Name
    servers: Annotated[int, Field(ge=1, le=1000)]
    memory_mib: Annotated[int, Field(ge=16, le=16777216)] = 4096
    cpus: Cpus = 4
    calendar: Calendar = Calendar()


class DatabasePool(Managed):
    """One database engine, whose capacity many environments share."""

    region: Name
    calendar: Calendar = Calendar()


class Secret(Declared):
    """Exactly one of the two; the value is read when an instance starts and is stored nowhere."""

    env: Variable | None = None
    file: Annotated[str, StringConstraints(pattern=LINE_PATTERN)] | None = None


class EnvironmentState(StrEnum):
    LIVE = "live"
    SUSPENDED = "suspended"
    RETIRED = "retired"


class Environment(Managed):
    """One client at one stage. `server_pools` empty means: every pool that the client's residency allows.
    `database_pool` None means: no database. `go_live` None means: at once."""

    application: Name
    release: Version | None = None
    server_pools: tuple[Name, ...] = ()
    database_pool: Name | None = None
    file_store: bool = True
    hosts: tuple[Host, ...] = Field(min_length=1)
    values: Mapping[Variable, Text] = Field(default_factory=dict)
    secrets: Mapping[Variable, Secret] = Field(default_factory=dict)
    instances: Mapping[Name, Annotated[int, Field(ge=0, le=100)]] = Field(default_factory=dict)
    go_live: Day | None = None
    state: EnvironmentState = EnvironmentState.LIVE


class Client(Managed):
    """`residency`: the regions in which this client's data may be; empty means any. `ring` orders its changes. `zone`:
    the time zone of its people; None means the estate's."""

    title: str = ""
    residency: tuple[Name, ...] = ()
    ring: Name
    zone: Zone | None = None
    calendar: Calendar = Calendar()
    environments: Mapping[Name, Environment] = Field(min_length=1)


class Ring(Declared):
    """An ordered cohort. `concurrency` is a count or a percentage of the ring (rounded down, at least 1).

    The ring is stopped when `max_unhealthy` environments or `max_unhealthy_percent` of it are unhealthy, whichever
    is met first. During the soak an environment is unhealthy when its share of 5xx answers is above
    `max_errors_percent`. No data holds the ring, and stops it after `unknown_deadline`.
    """

    name: Name
    concurrency: Annotated[int, Field(ge=1, le=10000)] | Share = 1
    soak: Duration = 0
    max_unhealthy: Annotated[int, Field(ge=1, le=1000000)] = 1
    max_unhealthy_percent: Annotated[int, Field(ge=1, le=100)] = 100
    max_errors_percent: Percent = 5
    unknown_deadline: Duration = 300
    migrations: Migrations = Migrations()
    calendar: Calendar = Calendar()


class Bounds(Declared):
    """How much one plan may delete or retire; met by count or by percentage, whichever is smaller."""

    max_deletions: Annotated[int, Field(ge=0, le=1000000)] = 5
    max_deletions_percent: Percent = 10


class Allowances(Declared):
    """What may be deleted although it holds data, each by name (`client/stage`)."""

    delete_environments: tuple[str, ...] = ()
    delete_databases: tuple[str, ...] = ()
    delete_file_stores: tuple[str, ...] = ()
    dirty_tree: bool = False
    """Production may be planned from a Git tree with uncommitted changes, or from no Git tree at all."""


class Settings(Declared):
    """`platform`: where all of this lives; nothing is planned on any other one. `keep_retired`: how long a retired
    environment's final dump and files are kept. `concurrency`: how many environments an apply changes at once. `zone`:
    the time zone of calendars that name none."""

    name: Name
    platform: Literal["local"] = "local"
    production_stages: tuple[Name, ...] = ("production",)
    drain_timeout: Drain = 30
    lock_timeout_ms: Annotated[int, Field(ge=1, le=600000)] = 2000
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 4
    keep_retired: Duration = 90 * 86400
    zone: Zone = "UTC"
    calendar: Calendar = Calendar()
    bounds: Bounds = Bounds()
    allow: Allowances = Allowances()


class Estate(Declared):
    """Everything that is declared. Mappings keep the order of the files, which has no meaning but for rings."""

    estate: Settings
    people: Mapping[Name, Person] = Field(min_length=1)
    applications: Mapping[Name, Application] = Field(default_factory=dict)
    stages: Mapping[Name, Stage] = Field(default_factory=dict)
    regions: Mapping[Name, Region] = Field(default_factory=dict)
    server_pools: Mapping[Name, ServerPool] = Field(default_factory=dict)
    database_pools: Mapping[Name, DatabasePool] = Field(default_factory=dict)
    rings: tuple[Ring, ...] = ()
    clients: Mapping[Name, Client] = Field(default_factory=dict)


def visible(text: str) -> str:
    """The text with everything in it that cannot be seen written as an escape, so that it is one line and moves no
    terminal: `a\\nb` for a file of that name."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


@dataclass(frozen=True, slots=True)
class Source:
    """Where something is declared; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return visible(f"{self.file}:{self.line}:{self.column}")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in the files: where, at which path, what is wrong, and what would be right. `path` is
    empty where a file cannot be read that far."""

    source: Source
    path: str
    wrong: str
    right: str

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return visible(f"{self.source}: {where}{self.wrong}. {self.right}")


@dataclass(frozen=True, slots=True)
class Loaded:
    """An estate that has no mistakes. `commit` is the Git commit of its directory, or "" outside of Git; `dirty` is
    true when files differ from that commit (always, outside of Git). `content` is the digest of the files' data."""

    estate: Estate
    commit: str
    dirty: bool
    content: str
    sources: Mapping[str, Source] = field(repr=False, default_factory=dict)
    """By path, for instance `clients/harbour/environments/production`."""
