"""The platform contract: small Protocols behind which servers, databases and traffic live.

Rules for every adapter, checked by the one suite in `tests/contract/`:

* Every method that changes something is idempotent: called again with the same arguments it changes nothing and
  returns what the first call would have. A caller may be killed at any point and call again.
* An adapter translates and decides nothing: no retries that hide a failure, no choice of server, no clean-up of what
  it was not told to remove.
* `observe` tells what is really there now, never what was asked for.
* Errors are `PlatformError` with a code: PR401 not there, PR402 conflict (the name is taken by something else),
  PR403 busy (a lock or a limit; worth trying again), PR404 unreachable (unknown whether it was done), PR405 failed,
  PR406 refused by the caller's own check.
* An environment is named `client/stage`, for instance `harbour/production`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from plantroom.kernel.digest import sha256

LONGEST_DRAIN_S = 60
"""Seconds that a request has before a balancer may end it, whatever is reloaded meanwhile; only `Traffic.remove` is
sooner. So an estate cannot ask for a longer drain."""


class Capability(StrEnum):
    """What an adapter can do. What it lacks is refused when it is planned."""

    SERVERS = "servers"
    INSTANCES = "instances"
    TRAFFIC = "traffic"
    DATABASES = "databases"
    FILES = "files"


class ProcessKind(StrEnum):
    WEB = "web"
    WORKER = "worker"


# -- machines ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """One server of a pool. Memory in MiB; CPU in thousandths of a core."""

    name: str
    pool: str
    region: str
    memory_mib: int
    cpu_milli: int


@dataclass(frozen=True, slots=True)
class ServerSeen:
    name: str
    pool: str
    region: str
    running: bool


class Machines(Protocol):
    async def observe(self) -> Sequence[ServerSeen]:
        """Every server that exists, running or not, by name."""

    async def create(self, spec: ServerSpec) -> ServerSeen:
        """Make the server and start it; a server that exists but is stopped is started with all its instances."""

    async def destroy(self, name: str) -> None:
        """End the server and everything on it. A server that is not there is no error."""


# -- workloads --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """How one process type of an artefact runs; part of the artefact, so the same on every platform.

    `command` is a list of arguments; `{port}`, `{app}` (the unpacked artefact) and `{python}` are replaced in each.
    `health_path` is asked by HTTP GET and answers 200 when the instance can serve; None for a worker, which counts as
    healthy when it has run for a second without ending. Times are in seconds.
    """

    name: str
    kind: ProcessKind
    command: tuple[str, ...]
    health_path: str | None = None
    start_timeout_s: int = 30
    stop_grace_s: int = 10
    singleton: bool = False


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is read when the instance starts: an environment variable of whoever starts it, or a file. The
    value itself is never stored by Plantroom."""

    env: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class InstanceSpec:
    """One running copy of one process type on one server.

    `id` is unique on the platform and never used for two different specs. `variables` are plain environment
    variables; `secrets` are references only. `template` are variables in which `{port}`, `{app}` and `{python}` stand
    for the instance's own, as in the command of its process.
    """

    id: str
    environment: str
    process: ProcessSpec
    slot: int
    server: str
    artefact: str
    memory_mib: int
    cpu_milli: int
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, SecretRef] = field(default_factory=dict)
    template: Mapping[str, str] = field(default_factory=dict)


class Running(StrEnum):
    RUNNING = "running"
    STARTING = "starting"
    STOPPED = "stopped"
    """Declared on its server, but not running: ended, killed, or stopped by hand."""


@dataclass(frozen=True, slots=True)
class InstanceSeen:
    """`port` is the TCP port on `address` for `web`, else 0. `started` counts how often the process was started."""

    id: str
    environment: str
    process: str
    kind: ProcessKind
    slot: int
    server: str
    artefact: str
    state: Running
    address: str
    port: int
    started: int


class Workloads(Protocol):
    async def observe(self) -> Sequence[InstanceSeen]:
        """Every instance on every server that can be reached, by id."""

    async def find(self, instance: str) -> InstanceSeen | None:
        """One instance as `observe` has it, at a cost that does not grow with the number of others; None when it is not
        there."""

    async def start(self, spec: InstanceSpec) -> InstanceSeen:
        """Install the artefact on the server if it is not there, and start the instance. Returns once the process
        exists; health is asked for separately. A running instance of this id is left as it is; a stopped one is
        started again. PR401 when the server is not there; PR405 when the artefact cannot be installed."""

    async def stop(self, instance: str) -> None:
        """Ask the instance to end, wait for its grace, end it, and forget it. Not there is no error."""

    async def healthy(self, instance: str) -> str | None:
        """None when the instance answers its health check now; else, in words, why not. PR401 when not there."""


# -- traffic ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """Which host names lead to an environment. `suspended` answers every request with a clear 503 page."""

    environment: str
    hosts: tuple[str, ...]
    health_path: str
    suspended: bool = False


class Admission(StrEnum):
    ADMITTED = "admitted"
    DRAINING = "draining"
    """Gets no new request; what it has in flight goes on."""


@dataclass(frozen=True, slots=True)
class MemberSeen:
    """`up` is the balancer's own health check."""

    instance: str
    admission: Admission
    up: bool


@dataclass(frozen=True, slots=True)
class RouteSeen:
    environment: str
    hosts: tuple[str, ...]
    suspended: bool
    members: tuple[MemberSeen, ...]


@dataclass(frozen=True, slots=True)
class TrafficCount:
    """Responses to clients since the balancer began to count for this environment; only ever grows, but for a restart
    of the balancer, after which it begins at 0 again."""

    requests: int
    errors_5xx: int


class Traffic(Protocol):
    async def observe(self) -> Sequence[RouteSeen]:
        """Every route as the balancer has it now, by environment."""

    async def route(self, specs: Sequence[RouteSpec]) -> None:
        """Make or change routes, all in one step (at most one reload). Members and drains are kept."""

    async def unroute(self, environments: Sequence[str]) -> None:
        """Remove routes and their members. Not there is no error."""

    async def admit(self, environment: str, instance: str, address: str, port: int) -> None:
        """Let the balancer send new requests to the instance. Ends a drain. PR401 when the route is not there."""

    async def drain(self, environment: str, instance: str) -> None:
        """Send no new request to it. Not there is no error."""

    async def in_flight(self, environment: str, instance: str) -> int:
        """Requests and connections that the instance still has, those from before a reload included."""

    async def remove(self, environment: str, instance: str) -> None:
        """Forget a member. Not there is no error."""

    async def count(self, environment: str) -> TrafficCount:
        """PR401 when the route is not there; PR404 when the balancer does not answer."""


# -- databases and files ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DatabasePoolSpec:
    name: str
    region: str


@dataclass(frozen=True, slots=True)
class DatabasePoolSeen:
    name: str
    region: str
    running: bool


@dataclass(frozen=True, slots=True)
class PoolLoad:
    """Who is in a pool now. `connections` of at most `most`; `active`: those of clients that run a statement."""

    active: int
    connections: int
    most: int


@dataclass(frozen=True, slots=True)
class DatabaseSpec:
    pool: str
    environment: str


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a script that is committed by itself: statements that are one transaction or, when `alone`, one
    statement that PostgreSQL takes outside of a transaction only.

    One that is alone can be cut off half-way. `done` is a query for one boolean, whether it is wholly done; `clear` is
    a statement that takes away what is half done. Without them it is run again as it stands. One with `clear` blocks
    nobody while it waits for others, so it waits for as long as a statement may run.

    One that is a `batch` is a statement that takes some rows at a time: it is committed and run again until it finds
    none, so that no lock is held for as long as a table is long. Cut off, it goes on with what is left.
    """

    sql: str
    alone: bool = False
    clear: str = ""
    done: str = ""
    batch: bool = False

    @property
    def how(self) -> str:
        """What is not a transaction of its own, in words."""
        if self.alone:
            return "outside of a transaction"
        return "again and again, until it finds no row" if self.batch else ""


@dataclass(frozen=True, slots=True)
class Script:
    """What leads a database to a release's schema. `sha256` is the hash of `sql` in UTF-8.

    `steps` are its parts in order; without any, all of it is one transaction. `begins` and `ends` are the fingerprints
    of the schema that it leads from and to, or "" when nobody has proven them.
    """

    release: str
    sha256: str
    sql: str
    steps: tuple[Step, ...] = ()
    begins: str = ""
    ends: str = ""

    @staticmethod
    def of(release: str, steps: Sequence[Step], begins: str = "", ends: str = "") -> Script:
        """Of several steps; its text says which of them are alone."""
        text = "\n".join(f"-- {how}\n{one.sql}\n" if (how := one.how) else one.sql for one in steps)
        return Script(release, sha256(text.encode()), text, tuple(steps), begins, ends)

    @property
    def parts(self) -> tuple[Step, ...]:
        return self.steps or (Step(self.sql),)


OUTSIDE = "outside:"
"""Scripts that belong to no release are recorded under names that begin so, as no version does. What they end leaves
nothing of any other that was under way."""

CONTRACT = "contract:"
"""What a release drops, and has held back for the next one, is recorded under its name with this before it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a step of a script may wait for a lock, and how long one statement of it may run."""

    lock_timeout_ms: int
    statement_timeout_ms: int = 25 * 60 * 1000
    """Shorter than a caller waits for a whole script, so that the statement is what is named."""


Rows = Sequence[Sequence[Any]]
Run = Callable[[str], Awaitable[Rows]]
"""Run one query that only reads, and give its rows."""
Question = Callable[[int, str, Run], Awaitable[Rows]]
"""What to find out, for the major version of a server and the name of a database's role, by however many queries."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`version` is the server's major version."""

    version: int
    rows: Rows


@dataclass(frozen=True, slots=True)
class Check:
    """What must hold before a script's first step and after its last, in their transactions. Both say, in words, what
    speaks against it, or nothing."""

    question: Question
    before: Callable[[Answer], str]
    after: Callable[[Answer], str]


@dataclass(frozen=True, slots=True)
class ScriptSeen:
    release: str
    sha256: str


@dataclass(frozen=True, slots=True)
class DatabaseSeen:
    """`scripts` are those recorded in the database itself, in the order in which they were applied. `wrong` says in
    words what no longer keeps it apart as it was made: what its role may do, and who else may enter."""

    pool: str
    environment: str
    scripts: tuple[ScriptSeen, ...]
    wrong: tuple[str, ...] = ()


class Inside(Protocol):
    """One environment's database, for as long as one connection to it is held: `Databases.enter`."""

    async def scripts(self) -> Sequence[ScriptSeen]: ...
    async def apply(self, script: Script, limits: Limits, check: Check | None = None) -> bool: ...
    async def ask(self, question: Question) -> Answer: ...


class Databases(Protocol):
    async def observe_pools(self) -> Sequence[DatabasePoolSeen]: ...

    async def create_pool(self, spec: DatabasePoolSpec) -> DatabasePoolSeen:
        """Make the engine and start it; one that exists but is stopped is started."""

    async def load(self, pool: str) -> PoolLoad:
        """PR404 when the pool does not answer."""

    async def observe(self) -> Sequence[DatabaseSeen]:
        """Every environment's database in every pool that can be reached."""

    async def scripts(self, spec: DatabaseSpec) -> Sequence[ScriptSeen]:
        """Those of one database as `observe` has them, at a cost that does not grow with the number of others. PR401
        when the database is not there, PR404 when its pool does not answer."""

    async def create(self, spec: DatabaseSpec) -> None:
        """A database and a role of its own, without a password, which no other environment's role can enter. Of one
        that is there, what `observe` says is wrong is put right, and its data is left as it is."""

    async def apply(self, spec: DatabaseSpec, script: Script, limits: Limits, check: Check | None = None) -> bool:
        """Run the script once: each step with its record, in order, from the first that is not recorded. True when it
        ran now, False when all of it had run before. PR402 when another script is recorded for that release, or part
        of another; PR403 when a lock is not to be had in time, another is at it, or there was a deadlock; PR405 when a
        step fails (nothing remains of one that is a transaction); PR406 when `check` speaks against it, and then
        nothing of the step that it was asked for remains."""

    async def ask(self, spec: DatabaseSpec, question: Question) -> Answer:
        """What a query finds, that only reads. PR401 when the database is not there, PR404 when its pool does not
        answer."""

    def enter(self, spec: DatabaseSpec) -> AbstractAsyncContextManager[Inside]:
        """`scripts`, `apply` and `ask` of one database, one after the other and by one connection, which is most of
        what a look at it costs. PR401, PR403 and PR404 as they have them."""

    async def schema(self, spec: DatabaseSpec) -> str:
        """A dump of the schema alone, as text; whatever belongs to its role has no owner in it."""

    async def dump(self, spec: DatabaseSpec, destination: Path) -> None:
        """Write a restorable dump to `destination`, whole or not at all."""

    async def drop(self, spec: DatabaseSpec) -> None:
        """Remove database and role. Not there is no error."""

    def variables(self, spec: DatabaseSpec) -> Mapping[str, str]:
        """What an instance needs to reach it: `DATABASE_URL` (libpq URI without a password). Pure."""


class Files(Protocol):
    async def observe(self) -> Sequence[str]:
        """The environments that have a file store."""

    async def create(self, environment: str) -> None: ...

    async def archive(self, environment: str, destination: Path) -> None:
        """Pack the file store into a tar file, whole or not at all."""

    async def remove(self, environment: str) -> None:
        """Not there is no error."""

    def variables(self, environment: str) -> Mapping[str, str]:
        """`FILE_STORE`: the directory. Pure."""


class ArtefactSource(Protocol):
    """Where an adapter gets artefacts from; implemented by the artefact room, joined in `bootstrap.py`."""

    async def unpack(self, digest: str, destination: Path) -> None:
        """Verify and unpack, read-only, whole or not at all, with its list beside it (`runtime.tree`). What is there
        already is verified, and unpacked anew when it was altered. ArtefactError when the artefact is missing,
        truncated or altered: nothing is unpacked then."""


class Platform(Protocol):
    """One adapter. The parts that its capabilities do not name raise PR405 when used."""

    @property
    def name(self) -> str:
        """As `estate.platform` has it."""

    @property
    def capabilities(self) -> frozenset[Capability]: ...
    @property
    def machines(self) -> Machines: ...
    @property
    def workloads(self) -> Workloads: ...
    @property
    def traffic(self) -> Traffic: ...
    @property
    def databases(self) -> Databases: ...
    @property
    def files(self) -> Files: ...
