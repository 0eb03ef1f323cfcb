"""The steps of a change: activity names, what goes in and comes out, and how long each may take.

Payloads are ids and short lists, so that histories stay small whatever the estate's size.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

WORKFLOW = "EnvironmentChange"

PREPARE = "rollout.prepare"
RUN = "rollout.run"
DATABASE = "rollout.database"
FILES = "rollout.files"
SCHEMA = "rollout.schema"
ROUTE = "rollout.route"
START = "rollout.start"
AWAIT_HEALTHY = "rollout.await-healthy"
ADMIT = "rollout.admit"
DRAIN = "rollout.drain"
AWAIT_DRAINED = "rollout.await-drained"
STOP = "rollout.stop"
ARCHIVE = "rollout.archive"
REMOVE_DATA = "rollout.remove-data"
FINISH = "rollout.finish"
ENDED = "rollout.ended"

SHORT = timedelta(seconds=60)
"""One port call on a platform that answers; a start may unpack an artefact first."""

LASTING = (SCHEMA, ARCHIVE, REMOVE_DATA)
"""Steps that may take long, and go by themselves."""

LONG = timedelta(minutes=30)
"""A schema script or a dump. A heartbeat tells sooner when the worker is gone."""

GLANCE_S = 1.0
"""Seconds that a wait may take as a short step, before it becomes a wait of its own: most instances are healthy, and
most requests are over, sooner than Temporal hands out an activity."""

HEARTBEAT = timedelta(seconds=3)
"""A worker that is silent for this long is taken for dead, and the step is given to another."""

PATIENCE = timedelta(minutes=5)
"""How long a step is tried again while something does not answer, before the change counts as failed. Long enough for
an engine to be restarted, short enough for a release night. Time without a worker does not count."""


@dataclass(frozen=True)
class StepInput:
    """`direction` is `forward` or `back`; `name` is the instance or part that the step is about. `glance`: only for as
    long as `GLANCE_S`, and what is not so by then is to be waited for."""

    change: str
    direction: str
    name: str = ""
    process: str = ""
    slot: int = 0
    glance: bool = False


@dataclass(frozen=True)
class StepResult:
    """`wait`: nothing is decided yet."""

    done: bool
    why: str = ""
    wait: bool = False


@dataclass(frozen=True)
class Step:
    """One step of a change. `limit_s`: seconds that it may be waited for."""

    verb: str
    name: str = ""
    process: str = ""
    slot: int = 0
    limit_s: int = 0

    def given(self, change: str, direction: str, *, glance: bool = False) -> StepInput:
        return StepInput(change, direction, self.name, self.process, self.slot, glance)


@dataclass(frozen=True)
class RunInput:
    """Short steps in order."""

    change: str
    direction: str
    steps: list[Step]


@dataclass(frozen=True)
class RunResult:
    """`count` steps are done; `last` is what the next one said, done when the rest is to go on."""

    count: int
    last: StepResult


@dataclass(frozen=True)
class MoveView:
    process: str
    slot: int
    web: bool
    new: str | None
    old: list[str]
    start_timeout_s: int = 30


@dataclass(frozen=True)
class ChangeView:
    """What `prepare` found to be done: `parts` to make first, moves in order, `last` parts afterwards."""

    done: bool
    why: str = ""
    parts: list[str] = field(default_factory=list)
    moves: list[MoveView] = field(default_factory=list)
    last: list[str] = field(default_factory=list)
    drain_timeout_s: int = 30


@dataclass(frozen=True)
class ChangeEnd:
    """What PostgreSQL says of a change: whether it is over, and then what came of it."""

    over: bool
    done: bool = False
    why: str = ""


@dataclass(frozen=True)
class ChangeResult:
    """`done` False: it failed for `why`, and the environment is back on what it was unless `stuck` says otherwise."""

    done: bool
    why: str = ""
    stuck: str = ""
