"""The words of a fleet's schemas: what its databases have, and runs that bring them to another. Frozen, pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from plantroom.platforms.contract import Script, Step


class Standing(StrEnum):
    """How a database's schema stands to the one that its release left."""

    AS_RELEASED = "as released"
    ACCEPTED = "accepted"
    """It differs, and somebody said that it may."""
    DRIFTED = "drifted"
    UNKNOWN = "unknown"
    """Nothing was proven of the release, or the database does not answer."""


@dataclass(frozen=True, slots=True)
class Found:
    """One database as it was seen. `release` is the one that left its schema; `running` the one its client runs.
    `fingerprint` is "" when it could not be taken, for `why`."""

    environment: str
    pool: str
    application: str
    running: str
    release: str
    fingerprint: str
    expected: str
    why: str = ""

    def as_data(self) -> dict[str, Any]:
        return {
            "environment": self.environment,
            "pool": self.pool,
            "application": self.application,
            "running": self.running,
            "release": self.release,
            "fingerprint": self.fingerprint,
            "expected": self.expected,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Group:
    """Databases that are alike. `difference` says in words how they differ from what their release left."""

    application: str
    release: str
    fingerprint: str
    expected: str
    standing: Standing
    environments: Sequence[str]
    difference: Sequence[str] = ()
    why: str = ""

    def as_data(self) -> dict[str, Any]:
        return {
            "application": self.application,
            "release": self.release,
            "fingerprint": self.fingerprint,
            "expected": self.expected,
            "standing": self.standing.value,
            "environments": list(self.environments),
            "difference": list(self.difference),
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Look:
    """What one pass over the fleet saw, and for how long it looked."""

    found: Sequence[Found]
    differences: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By fingerprint and expected one, with a space between."""
    seconds: float = 0.0

    def as_data(self) -> dict[str, Any]:
        return {
            "found": [one.as_data() for one in self.found],
            "differences": {name: list(lines) for name, lines in self.differences.items()},
            "seconds": self.seconds,
        }

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Look:
        return Look([Found(**one) for one in data["found"]], dict(data["differences"]), data["seconds"])


class RunState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    """Too many failed; those that wait were not touched."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a run does: bring databases to the schema of `artefact`, or run `script` on each.

    The first `canaries` go by themselves, and the rest only when all of them are well. Nothing begins any more once
    `stop_at` have failed.
    """

    about: str
    artefact: str
    script: Script | None
    canaries: int
    per_pool: int
    stop_at: int

    def as_data(self) -> dict[str, Any]:
        return {
            "about": self.about,
            "artefact": self.artefact,
            "script": None if self.script is None else script_data(self.script),
            "canaries": self.canaries,
            "per_pool": self.per_pool,
            "stop_at": self.stop_at,
        }

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Work:
        script = data["script"]
        return Work(
            data["about"],
            data["artefact"],
            None if script is None else script_from(script),
            data["canaries"],
            data["per_pool"],
            data["stop_at"],
        )


@dataclass(frozen=True, slots=True)
class Run:
    """Its rows are the authority; the workflow only drives them."""

    name: str
    intent: str
    actor: str
    started: str
    ended: str | None
    state: RunState
    why: str
    work: Work


LEFT = "left"
"""The state of a database that an apply has taken out of Plantroom's hands since the run began. It has not failed."""


@dataclass(frozen=True, slots=True)
class RunTarget:
    environment: str
    pool: str
    place: int
    state: str
    why: str


def script_data(script: Script) -> dict[str, Any]:
    return {
        "release": script.release,
        "steps": [[one.sql, one.alone, one.clear, one.done, one.batch] for one in script.parts],
        "begins": script.begins,
        "ends": script.ends,
    }


def script_from(data: Mapping[str, Any]) -> Script:
    return Script.of(data["release"], [Step(*one) for one in data["steps"]], data["begins"], data["ends"])
