"""The steps of a train: names, inputs and outputs. Ids and names only."""

from __future__ import annotations

from dataclasses import dataclass, field

WORKFLOW = "ReleaseTrain"
ABORT = "abort"
"""The signal that wakes a train up to see what a person has done meanwhile: aborted it, changed a calendar, let it
start outside of one. By itself it does nothing."""

RING = "train.ring"
HOURS = "train.hours"
BOARD = "train.board"
ALIGHT = "train.alight"
JUDGE = "train.judge"
TURN = "train.turn"
BOARD_BACK = "train.board-back"
ALIGHT_BACK = "train.alight-back"
END = "train.end"
ABORTED = "train.aborted"


@dataclass(frozen=True)
class TrainInput:
    train: str
    ring: int = 0


@dataclass(frozen=True)
class Hours:
    """When changes of these environments may start, in seconds from now: a workflow's clock is Temporal's, and may be
    another one. `opens_s` None: never."""

    environments: list[str]
    opens_s: float | None
    closes_s: float


@dataclass(frozen=True)
class RingView:
    """One ring as it stands: the environments that still wait, how many have failed, and the bounds. `back`: why the
    train is on its way back. `hours`: of those that a calendar says something of; the others may start at any time."""

    there: bool
    aborted: bool
    name: str = ""
    waiting: list[str] = field(default_factory=list)
    failed: int = 0
    concurrency: int = 1
    soak_s: int = 0
    max_unhealthy: int = 1
    unknown_deadline_s: int = 300
    passed: bool = False
    back: str = ""
    hours: list[Hours] = field(default_factory=list)


@dataclass(frozen=True)
class TrainStep:
    train: str
    name: str = ""
    done: bool = True
    why: str = ""


@dataclass(frozen=True)
class Boarded:
    """`change` is the change to run; empty when there is nothing to do, for `why`, or not yet: `closed`."""

    change: str
    why: str = ""
    closed: bool = False


@dataclass(frozen=True)
class HoursView:
    """As in `RingView`. `goes_on` is false once nothing boards any more."""

    hours: list[Hours]
    goes_on: bool


@dataclass(frozen=True)
class Judged:
    verdict: str
    why: str


@dataclass(frozen=True)
class Turned:
    """Environments to take back, the newest first."""

    environments: list[str]
    concurrency: int
