"""A release night: rings in order, each with concurrency, soak and verdict; a bad one takes every ring back.

The rows in PostgreSQL say what has happened; each step asks them. So a train whose history is gone is started again
from its name alone, and goes on where it was.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from plantroom.delivery.trains import steps
    from plantroom.delivery.trains.model import TrainState
    from plantroom.rollout import steps as rollout
    from plantroom.rollout.workflow import AGAIN, change_environment, defer

_LOOK_AGAIN = timedelta(seconds=2)


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
        """Change the ring's environments, some at a time; the reason to stop, if too many failed."""
        slots = asyncio.Semaphore(ring.concurrency)
        failed: list[str] = []
        stop = False

        async def one(environment: str) -> None:
            nonlocal stop
            async with slots:
                if stop or workflow.info().is_continue_as_new_suggested():
                    return
                boarded = await defer(steps.BOARD, steps.TrainStep(train, environment), steps.Boarded)
                if not boarded.change:
                    return
                result = await change_environment(boarded.change)
                ended = steps.TrainStep(train, environment, result.done, result.why)
                await defer(steps.ALIGHT, ended, bool)
                if not result.done:
                    failed.append(f"{environment}: {result.why}")
                    stop = ring.failed + len(failed) >= ring.max_unhealthy

        await asyncio.gather(*(one(environment) for environment in ring.waiting))
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
            judged: steps.Judged = await workflow.execute_activity(
                steps.JUDGE,
                steps.TrainStep(train, ring.name),
                result_type=steps.Judged,
                start_to_close_timeout=timedelta(seconds=60),
                heartbeat_timeout=rollout.HEARTBEAT,
                retry_policy=AGAIN,
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
