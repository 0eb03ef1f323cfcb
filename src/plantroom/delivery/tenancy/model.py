"""What the worker saw, and what an applied plan means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from plantroom.platforms.contract import (
    Capability,
    DatabasePoolSeen,
    DatabaseSeen,
    InstanceSeen,
    RouteSeen,
    ServerSeen,
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One observation of the whole platform."""

    servers: tuple[ServerSeen, ...]
    pools: tuple[DatabasePoolSeen, ...]
    databases: tuple[DatabaseSeen, ...]
    file_stores: tuple[str, ...]
    instances: tuple[InstanceSeen, ...]
    routes: tuple[RouteSeen, ...]
    platform: str
    capabilities: frozenset[Capability]

    def as_data(self) -> Any:
        return _SEEN.dump_python(self, mode="json")

    @staticmethod
    def from_data(data: Any) -> Seen:
        return _SEEN.validate_python(data)


_SEEN = TypeAdapter(Seen)


@dataclass(frozen=True, slots=True)
class Work:
    """The body of an apply's intent: everything its steps act on. Targets are those of `rollout`, as data."""

    generation: int
    commit: str
    content: str
    summary: Mapping[str, int]
    servers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pools: Mapping[str, str] = field(default_factory=dict)
    """Region by name."""
    environments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    waiting: Mapping[str, tuple[Mapping[str, Any], str]] = field(default_factory=dict)
    """Target and go-live instant by environment."""
    turns: Mapping[str, list[str]] = field(default_factory=dict)
    """By environment, those whose changes come before its own."""
    clear: tuple[str, ...] = ()
    """`kind name` of what nobody declares."""
    remove_servers: tuple[str, ...] = ()
    concurrency: int = 4

    def as_data(self) -> dict[str, Any]:
        found: dict[str, Any] = _WORK.dump_python(self, mode="json")
        return found

    @staticmethod
    def from_data(data: Any) -> Work:
        return _WORK.validate_python(data)


_WORK = TypeAdapter(Work)
