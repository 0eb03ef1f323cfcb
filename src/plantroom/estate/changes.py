"""What a plan is made from and what it is: typed data only. `plan.py` makes it, `render.py` puts it into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any

from plantroom.kernel.digest import digest
from plantroom.platforms.contract import Capability, DatabasePoolSeen, DatabaseSeen, InstanceSeen, RouteSeen, ServerSeen

JSON = str | int | bool | None | Sequence["JSON"] | Mapping[str, "JSON"]
Content = Mapping[str, JSON]


class ObjectKind(StrEnum):
    """What a plan is about, in the order in which things need each other."""

    ESTATE = "estate"
    """Its files as a whole: people, rings, bounds, and all else that no other object runs with."""
    SERVER = "server"
    DATABASE_POOL = "database pool"
    ENVIRONMENT = "environment"
    DATABASE = "database"
    FILE_STORE = "file store"
    INSTANCE = "instance"
    ROUTE = "route"


class Action(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    OBSERVED = "observed"
    """It differs from what is declared, or from what it was left as; it is only watched, so nothing is done."""


IDLE = frozenset({Action.UNCHANGED, Action.REFUSED, Action.OBSERVED})
"""What nobody acts on."""


class Status(StrEnum):
    """Of a record: where an environment is in its life."""

    PROVISIONING = "provisioning"
    LIVE = "live"
    SUSPENDED = "suspended"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Assignment:
    """One instance's place; slots of a process type count from 1."""

    process: str
    slot: int
    server: str


@dataclass(frozen=True, slots=True)
class Record:
    """What Plantroom recorded of an environment after its last change. `config` is the digest of what reached its
    instances; `change` names the plan or train that made it so."""

    environment: str
    status: Status
    application: str
    release: str
    artefact: str
    config: str
    assignments: tuple[Assignment, ...]
    change: str
    database_pool: str | None
    file_store: bool
    hosts: tuple[str, ...]
    go_live: date | None = None
    """While it is provisioning: the day that it waits for."""
    instances: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """By process type and slot, the name of what runs there; empty where nobody knows."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What the platform and the records say now."""

    servers: Sequence[ServerSeen] = ()
    pools: Sequence[DatabasePoolSeen] = ()
    databases: Sequence[DatabaseSeen] = ()
    file_stores: Sequence[str] = ()
    instances: Sequence[InstanceSeen] = ()
    routes: Sequence[RouteSeen] = ()
    records: Sequence[Record] = ()
    platform: str = "local"
    capabilities: frozenset[Capability] = frozenset(Capability)


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one object, and why. `before` is None when it is not there, `after` when it will not be; both
    are None for an unchanged one. Of an observed one, `after` is what would be. `environment` is the one it belongs to,
    if any. `held_by` names what is refused, where this one is refused only because it does not go without that. Never
    holds a secret's value, and a value of the environment only by its name."""

    action: Action
    kind: ObjectKind
    name: str
    reason: str
    before: Content | None = None
    after: Content | None = None
    environment: str | None = None
    held_by: str | None = None


@dataclass(frozen=True)
class Plan:
    """All changes, sorted by kind and name. A refused change is left out when the rest is applied; with `refusals`
    nothing of the plan may be applied. `generation` counts the applies that have ended, so the same wish a week later
    is another plan; `content` is the digest of the estate's data."""

    changes: tuple[Change, ...]
    commit: str
    dirty: bool
    generation: int
    content: str
    refusals: tuple[str, ...] = ()
    behind: tuple[Change, ...] = ()
    """What differs from the records of environments that are to become something else. No part of what is done: as
    they change, their parts are brought to what is declared."""

    @cached_property
    def effective(self) -> tuple[Change, ...]:
        """Those that something is to be done for."""
        return tuple(change for change in self.changes if change.action not in IDLE)

    @cached_property
    def refused(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.action is Action.REFUSED)

    @cached_property
    def observed(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.action is Action.OBSERVED)

    @cached_property
    def digest(self) -> str:
        """Of everything that the plan would do or refuses to do, and of the files that it was made from. What stays as
        it is does not count: a night that goes on meanwhile does not make another plan of it."""
        said = [change_data(change) for change in self.changes if change.action is not Action.UNCHANGED]
        return digest(
            {
                "format": 3,
                "commit": self.commit,
                "dirty": self.dirty,
                "generation": self.generation,
                "content": self.content,
                "refusals": self.refusals,
                "changes": said,
            }
        )


def as_data(plan: Plan) -> dict[str, Any]:
    """The plan as JSON-like data, with its digest."""
    return {
        "digest": plan.digest,
        "commit": plan.commit,
        "dirty": plan.dirty,
        "generation": plan.generation,
        "content": plan.content,
        "refusals": list(plan.refusals),
        "changes": [change_data(change) for change in plan.changes],
    }


def change_data(change: Change) -> dict[str, Any]:
    return {
        "action": change.action.value,
        "kind": change.kind.value,
        "name": change.name,
        "reason": change.reason,
        "before": change.before,
        "after": change.after,
        "environment": change.environment,
        "held_by": change.held_by,
    }


def from_data(data: Mapping[str, Any]) -> Plan:
    """The plan that `as_data` wrote. ValueError when its digest is not the one that is written with it."""
    plan = Plan(
        changes=tuple(
            Change(
                Action(change["action"]),
                ObjectKind(change["kind"]),
                change["name"],
                change["reason"],
                change["before"],
                change["after"],
                change["environment"],
                change["held_by"],
            )
            for change in data["changes"]
        ),
        commit=data["commit"],
        dirty=data["dirty"],
        generation=data["generation"],
        content=data["content"],
        refusals=tuple(data["refusals"]),
    )
    if plan.digest != data["digest"]:
        raise ValueError(f"the plan's content has the digest {plan.digest}, not {data['digest']}")
    return plan
