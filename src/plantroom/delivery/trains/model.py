"""A train takes a release through rings. Its rows in PostgreSQL are the authority; the workflow only drives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

NEWEST = "newest"
"""In place of a name: the train that was started last. So no train has this name."""


class TrainState(StrEnum):
    WAITING = "waiting"
    """All that it still has to change in its ring may not start yet. Only told, never kept."""
    ROLLING = "rolling"
    SOAKING = "soaking"
    GOING_BACK = "going back"
    DONE = "done"
    STOPPED = "stopped"
    """By a verdict; every ring that had the release is back on the one before, but for what has left."""
    ABORTED = "aborted"
    """By a person; each environment is on one release or the other, as its row says."""

    @property
    def ended(self) -> bool:
        return self in (TrainState.DONE, TrainState.STOPPED, TrainState.ABORTED)


class TargetState(StrEnum):
    WAITING = "waiting"
    CHANGING = "changing"
    DONE = "done"
    FAILED = "failed"
    """Its change failed, and it is on its previous release."""
    GOING_BACK = "going back"
    BACK = "back"
    """It had the release, and was taken back from it."""
    LEFT = "left"
    """It is not live or not managed any more, by an apply since the train began; the train leaves it alone. One that
    had the release by then keeps it when the train goes back."""
    STUCK = "stuck"
    """It could not be taken back: a person must look."""


@dataclass(frozen=True, slots=True)
class RingPolicy:
    """A ring of the estate with its bounds as whole numbers for the environments that it has on this train."""

    name: str
    concurrency: int
    soak_s: int
    max_unhealthy: int
    max_errors_percent: int
    unknown_deadline_s: int

    def as_data(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "concurrency": self.concurrency,
            "soak_s": self.soak_s,
            "max_unhealthy": self.max_unhealthy,
            "max_errors_percent": self.max_errors_percent,
            "unknown_deadline_s": self.unknown_deadline_s,
        }

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> RingPolicy:
        return RingPolicy(**data)


@dataclass(frozen=True, slots=True)
class Train:
    name: str
    intent: str
    application: str
    release: str
    artefact: str
    actor: str
    started: str
    ended: str | None
    state: TrainState
    ring: str
    why: str
    abort_by: str
    rings: tuple[RingPolicy, ...]
    passed: tuple[str, ...] = ()
    """The rings whose verdict was good. No later ring begins before all earlier ones are among them."""


@dataclass(frozen=True, slots=True)
class TrainTarget:
    """`finished` orders the ends of changes, so that the newest goes back first; `ended` is when. `baseline` are the
    balancer's counts at that moment."""

    train: str
    environment: str
    ring: str
    place: int
    state: TargetState
    change: str
    back: str | None
    why: str
    finished: int | None
    ended: str
    baseline: Mapping[str, int] | None
    from_release: str


@dataclass(frozen=True, slots=True)
class Health:
    """What was seen of one environment at the end of a soak. None: it could not be seen."""

    environment: str
    failed: str
    healthy: int | None
    minimum: int
    requests: int | None
    errors_5xx: int | None


@dataclass(frozen=True, slots=True)
class Asked:
    """An apply that somebody asked for, and what of it failed once it has ended."""

    digest: str
    actor: str
    open: bool
    failed: tuple[str, ...]
