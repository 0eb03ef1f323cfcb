"""A change takes one environment from what it is to a target, server by server, and back if it must."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from plantroom.estate.changes import Assignment, Record, Status
from plantroom.platforms.contract import ProcessSpec, SecretRef

KEEP_RETIRED_S = 90 * 86400
"""For targets that were recorded before they said how long their final dump and files are kept."""


class Direction(StrEnum):
    FORWARD = "forward"
    BACK = "back"


class ChangeState(StrEnum):
    WAITING = "waiting"
    """For its go-live date."""
    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    """And the environment is back on what it was."""
    SUPERSEDED = "superseded"
    """It waited, and a later apply took its place."""


@dataclass(frozen=True, slots=True)
class Size:
    memory_mib: int
    cpu_milli: int


TERMS = ("ring", "drain_timeout_s", "lock_timeout_ms")
"""Of a target, what says how its environment is changed, and not what it is."""


@dataclass(frozen=True, slots=True)
class Target:
    """All that an environment is to be. `revision` is the change that its instances were made by: the same revision
    means the same instances, so a repair starts them again and a redeployment makes new ones."""

    environment: str
    status: Status
    ring: str
    application: str
    release: str
    artefact: str
    revision: str
    config: str
    assignments: tuple[Assignment, ...]
    database_pool: str | None
    file_store: bool
    hosts: tuple[str, ...]
    values: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, SecretRef] = field(default_factory=dict)
    sizes: Mapping[str, Size] = field(default_factory=dict)
    drain_timeout_s: int = 30
    lock_timeout_ms: int = 2000
    keep_retired_s: int = KEEP_RETIRED_S

    @property
    def client(self) -> str:
        return self.environment.split("/")[0]

    @property
    def stage(self) -> str:
        return self.environment.split("/")[1]

    def instance(self, process: str, slot: int) -> str:
        """The name of an instance: for people in front; its end is unique by revision and server, so that no name is
        ever used for two different things."""
        server = next((one.server for one in self.assignments if (one.process, one.slot) == (process, slot)), "")
        mark = hashlib.sha256(f"{self.environment}:{self.revision}:{server}".encode()).hexdigest()[:8]
        return f"{self.client}-{self.stage}-{process}-{slot}-{mark}"

    def record(self, change: str) -> Record:
        return Record(
            environment=self.environment,
            status=self.status,
            application=self.application,
            release=self.release,
            artefact=self.artefact,
            config=self.config,
            assignments=self.assignments,
            change=change,
            database_pool=self.database_pool,
            file_store=self.file_store,
            hosts=self.hosts,
            instances={(one.process, one.slot): self.instance(one.process, one.slot) for one in self.assignments},
        )

    def as_data(self) -> dict[str, Any]:
        return {
            "environment": self.environment,
            "status": self.status.value,
            "ring": self.ring,
            "application": self.application,
            "release": self.release,
            "artefact": self.artefact,
            "revision": self.revision,
            "config": self.config,
            "assignments": [[one.process, one.slot, one.server] for one in self.assignments],
            "database_pool": self.database_pool,
            "file_store": self.file_store,
            "hosts": list(self.hosts),
            "values": dict(self.values),
            "secrets": {name: {"env": ref.env, "file": ref.file} for name, ref in self.secrets.items()},
            "sizes": {name: [size.memory_mib, size.cpu_milli] for name, size in self.sizes.items()},
            "drain_timeout_s": self.drain_timeout_s,
            "lock_timeout_ms": self.lock_timeout_ms,
            "keep_retired_s": self.keep_retired_s,
        }

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Target:
        return Target(
            environment=data["environment"],
            status=Status(data["status"]),
            ring=data["ring"],
            application=data["application"],
            release=data["release"],
            artefact=data["artefact"],
            revision=data["revision"],
            config=data["config"],
            assignments=tuple(Assignment(process, slot, server) for process, slot, server in data["assignments"]),
            database_pool=data["database_pool"],
            file_store=data["file_store"],
            hosts=tuple(data["hosts"]),
            values=dict(data["values"]),
            secrets={name: SecretRef(ref["env"], ref["file"]) for name, ref in data["secrets"].items()},
            sizes={name: Size(memory, cpu) for name, (memory, cpu) in data["sizes"].items()},
            drain_timeout_s=data["drain_timeout_s"],
            lock_timeout_ms=data["lock_timeout_ms"],
            keep_retired_s=data.get("keep_retired_s", KEEP_RETIRED_S),
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One row: the authority on which an environment is changed. `previous` None: the environment is new."""

    key: str
    intent: str
    environment: str
    actor: str
    state: ChangeState
    target: Target
    previous: Target | None
    why: str = ""
    returns: bool = False
    """It takes the environment back to what it has run before: as far as that is possible at all."""


@dataclass(frozen=True, slots=True)
class ArtefactView:
    """What a rollout needs to know of an artefact. `variables` may hold `{app}`. `schema`: it needs a database."""

    digest: str
    application: str
    version: str
    processes: Mapping[str, ProcessSpec]
    variables: Mapping[str, str]
    schema: bool


@dataclass(frozen=True, slots=True)
class Move:
    """One slot's way: from the instances that hold it now to the one that shall (None: to nobody)."""

    process: str
    slot: int
    web: bool
    new: str | None
    old: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Override:
    """Leave for one work (`train/2026-11`) to start until an instant, whatever calendars say; it takes a second person.
    Times are stamps."""

    subject: str
    why: str
    until: str
    asked_by: str
    asked_at: str
    confirmed_by: str | None = None
    confirmed_at: str | None = None

    def holds(self, now: str) -> bool:
        return self.confirmed_by is not None and now < self.until
