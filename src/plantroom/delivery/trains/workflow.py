"""A release night: rings in order, each with concurrency, soak and verdict; a bad one takes every ring back.

The rows in PostgreSQL say what has happened; each step asks them. So a train whose history is gone is started again
from its name alone, and goes on where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from plantroom.delivery.trains import steps
    from plantroom.delivery.trains.model import TrainState
    from plantroom.rollout import steps as rollout
    from plantroom.rollout.workflow import ask, change_environment, defer

_LOOK_AGAIN = timedelta(seconds=2)
_JUDGING = timedelta(seconds=60)
_ALWAYS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
_CALENDAR = timedelta(hours=6)
"""After which those that may not start yet are asked about once more, should a wake-up have been lost."""


class Line:
    """Environments that wait, in their order, and when each of them may start."""

    def __init__(self, waiting: Sequence[str], hours: Sequence[steps.Hours]) -> None:
        self._order = {environment: place for place, environment in enumerate(waiting)}
        self._waiting = list(waiting)
        self._spans: dict[str, tuple[datetime, datetime] | None] = {}
        self._again = False
        self.hours(hours, workflow.now())

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def hours(self, hours: Sequence[steps.Hours], now: datetime) -> None:
        """As they are from now on."""
        self._spans = {}
        for one in hours:
            span = None
            if one.opens_s is not None:
                span = (now + timedelta(seconds=one.opens_s), now + timedelta(seconds=one.closes_s))
            self._spans.update(dict.fromkeys(one.environments, span))

    def clear(self) -> None:
        self._waiting.clear()

    def put_back(self, environment: str) -> None:
        """It came too late, or too early: it may not start after all, and is asked about again soon."""
        self._waiting.append(environment)
        self._waiting.sort(key=self._order.__getitem__)
        self._spans[environment] = None
        self._again = True

    def take(self, most: int, now: datetime) -> list[str]:
        """The first ones that may start now."""
        taken: list[str] = []
        for environment in self._waiting:
            if len(taken) >= most:
                break
            span = self._spans.get(environment, _ALWAYS)
            if span is not None and span[0] <= now < span[1]:
                taken.append(environment)
        for environment in taken:
            self._waiting.remove(environment)
        return taken

    def closed_for(self, now: datetime) -> timedelta | None:
        """How long to wait before looking again; None when nothing waits."""
        if not self._waiting:
            return None
        again, self._again = self._again, False
        if again:
            return _LOOK_AGAIN
        spans = (self._spans.get(environment) for environment in self._waiting)
        opens = min((span[0] for span in spans if span is not None and span[0] > now), default=now + _CALENDAR)
        return min(opens - now, _CALENDAR)


@workflow.defn(name=steps.WORKFLOW)
class ReleaseTrain:
    def __init__(self) -> None:
        self._woken = False

    @workflow.signal(name=steps.ABORT)
    def abort(self) -> None:
        self._woken = True

    @workflow.run
    async def run(self, given: steps.TrainInput) -> str:
        ring = await defer(steps.RING, given, steps.RingView)
        if ring.back:
            return await self._take_back(given.train, ring.back)
        if not ring.there and ring.waiting:
            await self._roll(given.train, ring)
        if ring.aborted:
            return await self._end(given.train, TrainState.ABORTED, "")
        if not ring.there:
            return await self._end(given.train, TrainState.DONE, "")
        if ring.passed:
            return workflow.continue_as_new(steps.TrainInput(given.train, given.ring + 1))
        bad = await self._roll(given.train, ring)
        if workflow.info().is_continue_as_new_suggested() and not bad:
            return workflow.continue_as_new(given)
        if not bad:
            bad = await self._soak(given.train, ring)
        if bad:
            return await self._take_back(given.train, bad)
        return workflow.continue_as_new(steps.TrainInput(given.train, given.ring + 1))

    async def _roll(self, train: str, ring: steps.RingView) -> str:
        """Change the ring's environments, some at a time, in order, but for those that may not start yet: these go
        first once they may. The reason to stop, if too many failed."""
        line = Line(ring.waiting, ring.hours)
        under_way: list[asyncio.Task[None]] = []
        failed: list[str] = []
        stop = False

        async def one(environment: str) -> None:
            nonlocal stop
            boarded = await defer(steps.BOARD, steps.TrainStep(train, environment), steps.Boarded)
            if boarded.closed:
                line.put_back(environment)
            if not boarded.change:
                return
            result = await change_environment(boarded.change)
            ended = steps.TrainStep(train, environment, result.done, result.why)
            await defer(steps.ALIGHT, ended, bool)
            if not result.done:
                failed.append(f"{environment}: {result.why}")
                stop = ring.failed + len(failed) >= ring.max_unhealthy

        def moved() -> bool:
            return self._woken or any(task.done() for task in under_way)

        while True:
            for task in [task for task in under_way if task.done()]:
                under_way.remove(task)
                await task
            if stop or workflow.info().is_continue_as_new_suggested():
                line.clear()
            free = ring.concurrency - len(under_way)
            under_way += [asyncio.create_task(one(environment)) for environment in line.take(free, workflow.now())]
            if not under_way and not line:
                break
            # All of what waits is closed, or all places are taken.
            wait = line.closed_for(workflow.now()) if len(under_way) < ring.concurrency else None
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(moved, timeout=wait)
                if not self._woken:
                    continue
            now = await defer(steps.HOURS, steps.TrainStep(train, ring.name), steps.HoursView)
            if now.goes_on:
                self._woken = False
                line.hours(now.hours, workflow.now())
            else:
                line.clear()
                await asyncio.gather(*under_way)
        if stop or ring.failed >= ring.max_unhealthy:
            count = ring.failed + len(failed)
            return f"{count} unhealthy in ring {ring.name} (stops at {ring.max_unhealthy}): {'; '.join(failed)}"
        return ""

    async def _soak(self, train: str, ring: steps.RingView) -> str:
        """Wait, then ask for the verdict; the reason when it is bad. Only a person's abort cuts it short, no signal."""
        soaked = workflow.now() + timedelta(seconds=ring.soak_s)
        while workflow.now() < soaked:
            if await self._aborted_within(train, soaked - workflow.now()):
                return ""
        deadline = workflow.now() + timedelta(seconds=ring.unknown_deadline_s)
        while True:
            judged = await ask(
                steps.JUDGE, steps.TrainStep(train, ring.name), steps.Judged, _JUDGING, rollout.HEARTBEAT
            )
            if judged.verdict in ("allowed", "aborted"):
                return ""
            if judged.verdict == "refused":
                return judged.why
            if workflow.now() >= deadline:
                return f"still unknown after {ring.unknown_deadline_s} s: {judged.why}"
            if await self._aborted_within(train, _LOOK_AGAIN):
                return ""

    async def _take_back(self, train: str, why: str) -> str:
        """This ring and every earlier one, the newest first."""
        turned = await defer(steps.TURN, steps.TrainStep(train, why=why), steps.Turned)
        slots = asyncio.Semaphore(turned.concurrency)

        async def one(environment: str) -> None:
            async with slots:
                boarded = await defer(steps.BOARD_BACK, steps.TrainStep(train, environment), steps.Boarded)
                if not boarded.change:
                    return
                result = await change_environment(boarded.change)
                ended = steps.TrainStep(train, environment, result.done, result.why)
                await defer(steps.ALIGHT_BACK, ended, bool)

        await asyncio.gather(*(one(environment) for environment in turned.environments))
        return await self._end(train, TrainState.STOPPED, why)

    async def _end(self, train: str, state: TrainState, why: str) -> str:
        await defer(steps.END, steps.TrainStep(train, state.value, why=why), bool)
        return state.value

    async def _aborted_within(self, train: str, time: timedelta) -> bool:
        """Wait, or until woken; a signal is anybody's, so whether the train was aborted is asked of PostgreSQL."""
        try:
            await workflow.wait_condition(lambda: self._woken, timeout=time)
        except TimeoutError:
            return False
        self._woken = False
        return await defer(steps.ABORTED, steps.TrainStep(train), bool)
