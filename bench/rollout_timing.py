"""How long every call of a platform's ports takes in one run, and the least time that a run of such calls could take.

A call's time is from when it is made to when it returns, waiting for locks and for its turn on a busy machine included:
that is what it takes there, and what a better order of calls could not take away.
"""

from __future__ import annotations

import inspect
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from temporalio import activity

from plantroom.platforms.contract import Capability, Platform


@dataclass(frozen=True, slots=True)
class Call:
    """`owner` is the workflow that it was made for: an environment's change, or the train itself. Seconds of one
    clock."""

    port: str
    method: str
    owner: str
    subject: str
    began: float
    ended: float
    answer: object

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass(slots=True)
class Times:
    calls: list[Call] = field(default_factory=list)

    def clear(self) -> None:
        self.calls.clear()


@dataclass(frozen=True, slots=True)
class Bound:
    """Seconds. `starts` is the applications' own: from `start` returning to the first health check that is answered."""

    work: float
    starts: float
    critical: float
    concurrency: int
    calls: int

    @property
    def least(self) -> float:
        return max(self.critical, self.work / self.concurrency)


def bound(calls: Sequence[Call], concurrency: int) -> Bound:
    """`max(critical path, total work / concurrency)`; the critical path is that of the environment with most work.

    A health check asked while an instance starts counts with its start, not twice.
    """
    starting = {call.subject: call for call in calls if (call.port, call.method) == ("workloads", "start")}
    healthy: dict[str, Call] = {}
    for call in calls:
        if call.method == "healthy" and call.answer is None and call.subject in starting:
            healthy.setdefault(call.subject, call)
    own = {
        name: max(0.0, healthy[name].ended - call.ended) if name in healthy else 0.0 for name, call in starting.items()
    }
    work: dict[str, float] = defaultdict(float)
    for call in calls:
        waiting = call.method == "healthy" and call.subject in healthy and call.ended <= healthy[call.subject].ended
        if not waiting:
            work[call.owner] += call.seconds
    for name, call in starting.items():
        work[call.owner] += own[name]
    changes = {call.owner for call in starting.values()}
    return Bound(
        work=sum(work.values()),
        starts=sum(own.values()),
        critical=max((work[owner] for owner in changes), default=0.0),
        concurrency=concurrency,
        calls=len(calls),
    )


def by_method(calls: Sequence[Call]) -> Mapping[str, tuple[int, float]]:
    """Number and seconds by `port.method`, most seconds first."""
    found: dict[str, tuple[int, float]] = {}
    for call in calls:
        name = f"{call.port}.{call.method}"
        number, seconds = found.get(name, (0, 0.0))
        found[name] = (number + 1, seconds + call.seconds)
    return dict(sorted(found.items(), key=lambda item: -item[1][1]))


class _Port:
    """Passes everything on; calls that are awaited are timed."""

    def __init__(self, name: str, real: object, times: Times) -> None:
        self._name = name
        self._real = real
        self._times = times

    def __getattr__(self, method: str) -> Any:
        real = getattr(self._real, method)
        return self._timed(method, real) if inspect.iscoroutinefunction(real) else real

    def _timed(self, method: str, real: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*given: Any, **named: Any) -> Any:
            owner = (activity.info().workflow_id or "") if activity.in_activity() else ""
            began = time.monotonic()
            answer: object = ...
            try:
                answer = await real(*given, **named)
                return answer
            finally:
                ended = time.monotonic()
                self._times.calls.append(Call(self._name, method, owner, _subject(given), began, ended, answer))

        return call


class TimedPlatform:
    """A platform with a clock at each of its ports."""

    def __init__(self, real: Platform) -> None:
        self.times = Times()
        self._real = real
        self.machines = _Port("machines", real.machines, self.times)
        self.workloads = _Port("workloads", real.workloads, self.times)
        self.traffic = _Port("traffic", real.traffic, self.times)
        self.databases = _Port("databases", real.databases, self.times)
        self.files = _Port("files", real.files, self.times)

    @property
    def name(self) -> str:
        return self._real.name

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self._real.capabilities

    def as_platform(self) -> Platform:
        return cast(Platform, self)


def _subject(given: Sequence[object]) -> str:
    """The instance or environment that a call is about; "" when it is about all."""
    if not given:
        return ""
    first = given[0]
    return first if isinstance(first, str) else str(getattr(first, "id", ""))
