"""One environment's change: start new, wait until healthy, admit, drain old, stop old; on failure all the way back.

The same code goes both ways: going back is a change to the previous target, and what is already there is skipped. So a
change that was interrupted anywhere, and went on, ends as if nothing had happened.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, ChildWorkflowError, WorkflowAlreadyStartedError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from plantroom.rollout import steps
    from plantroom.rollout.model import Direction

T = TypeVar("T")

AGAIN = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=2, maximum_interval=timedelta(seconds=5)
)
"""Soon at first, since most of what does not answer is back in a moment."""

_LOOK_AGAIN = 2
"""Seconds between two attempts at a step for which patience has run out once already."""


async def change_environment(change: str) -> steps.ChangeEnd:
    """Run a change that is open in PostgreSQL, as a child of the calling workflow, until PostgreSQL says it is over.

    What came of it is read there too. A child that somebody ended from outside leaves the change open in the middle: it
    is started again, and goes on. One that somebody else started by this id acts on the same rows.
    """
    while True:
        try:
            await workflow.execute_child_workflow(
                steps.WORKFLOW,
                change,
                id=change,
                result_type=steps.ChangeResult,
                task_timeout=workflow.info().task_timeout,
                # Run again after its history was lost, it finds its steps done and ends the same way.
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            )
        except WorkflowAlreadyStartedError:
            pass
        except ChildWorkflowError as error:
            if is_cancelled_exception(error) and workflow.cancellation_reason() is not None:
                raise
        end = await defer(steps.ENDED, steps.StepInput(change, ""), steps.ChangeEnd)
        if end.over:
            return end
        await asyncio.sleep(_LOOK_AGAIN)


async def defer(activity: str, given: Any, result: type[T]) -> T:
    """A short step that must not be lost because something did not answer for a while: tried until it is done."""
    while True:
        try:
            found: T = await workflow.execute_local_activity(
                activity,
                given,
                result_type=result,
                start_to_close_timeout=steps.SHORT,
                schedule_to_close_timeout=steps.PATIENCE,
                retry_policy=AGAIN,
            )
            return found
        except ActivityError as error:
            if is_cancelled_exception(error) or getattr(error.cause, "non_retryable", False):
                raise
            await asyncio.sleep(_LOOK_AGAIN)


@workflow.defn(name=steps.WORKFLOW)
class EnvironmentChange:
    @workflow.run
    async def run(self, change: str) -> steps.ChangeResult:
        why = await self._go(change, Direction.FORWARD)
        stuck = ""
        if why:
            stuck = await self._go(change, Direction.BACK)
        ended = Direction.BACK if why else Direction.FORWARD
        text = f"{why} | not back: {stuck}" if stuck else why
        await self._short(steps.FINISH, steps.StepInput(change, ended.value, text))
        return steps.ChangeResult(not why, why, stuck)

    async def _go(self, change: str, direction: Direction) -> str:
        """The whole way in one direction; the reason when it could not be gone to its end."""
        try:
            view: steps.ChangeView = await workflow.execute_local_activity(
                steps.PREPARE,
                steps.StepInput(change, direction.value),
                result_type=steps.ChangeView,
                start_to_close_timeout=steps.SHORT,
                schedule_to_close_timeout=steps.PATIENCE,
                retry_policy=AGAIN,
            )
            if not view.done:
                return view.why
            for part in view.parts:
                why = await self._part(part, change, direction)
                if why:
                    return why
            for move in view.moves:
                why = await self._move(move, change, direction, view.drain_timeout_s)
                if why:
                    return why
            for part in view.last:
                why = await self._part(part, change, direction)
                if why:
                    return why
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            # Tried for as long as patience allows: it is not known what is the matter, so nothing more is done.
            return f"{error.activity_type} did not end: {error.cause or error}"
        return ""

    async def _move(self, move: steps.MoveView, change: str, direction: Direction, drain_timeout_s: int) -> str:
        if not move.web:
            # A worker never overlaps with its successor: the old one has ended before the new one begins.
            for old in move.old:
                why = await self._stop(change, direction, old)
                if why:
                    return why
            return await self._start(move, change, direction) if move.new else ""
        if move.new:
            why = await self._start(move, change, direction)
            if why:
                return why
            admitted = await self._short(steps.ADMIT, steps.StepInput(change, direction.value, move.new))
            if not admitted.done:
                return admitted.why
        for old in move.old:
            drained = await self._short(steps.DRAIN, steps.StepInput(change, direction.value, old))
            if not drained.done:
                return drained.why
            # Bounded: what is still in flight after the time allowed is cut off by the stop.
            await self._wait(steps.AWAIT_DRAINED, steps.StepInput(change, direction.value, old), drain_timeout_s)
            why = await self._stop(change, direction, old)
            if why:
                return why
        return ""

    async def _start(self, move: steps.MoveView, change: str, direction: Direction) -> str:
        given = steps.StepInput(change, direction.value, move.new or "", move.process, move.slot)
        started = await self._short(steps.START, given)
        if not started.done:
            return started.why
        healthy = await self._wait(steps.AWAIT_HEALTHY, given, move.start_timeout_s)
        return "" if healthy.done else healthy.why

    async def _stop(self, change: str, direction: Direction, instance: str) -> str:
        stopped = await self._short(steps.STOP, steps.StepInput(change, direction.value, instance))
        return "" if stopped.done else stopped.why

    async def _part(self, part: str, change: str, direction: Direction) -> str:
        given = steps.StepInput(change, direction.value)
        if part in (steps.SCHEMA, steps.ARCHIVE, steps.REMOVE_DATA):
            result = await self._long(part, given, steps.LONG)
        else:
            result = await self._short(part, given)
        return "" if result.done else result.why

    async def _wait(self, activity: str, given: steps.StepInput, limit_s: int) -> steps.StepResult:
        """A glance first, as a short step; then as long as it takes, within the limit."""
        result = await self._short(activity, replace(given, glance=True))
        return await self._long(activity, given, timedelta(seconds=limit_s + 10)) if result.wait else result

    async def _short(self, activity: str, given: steps.StepInput) -> steps.StepResult:
        result: Any = await workflow.execute_local_activity(
            activity,
            given,
            result_type=steps.StepResult,
            start_to_close_timeout=steps.SHORT,
            schedule_to_close_timeout=steps.PATIENCE,
            retry_policy=AGAIN,
        )
        return steps.StepResult(result.done, result.why, result.wait)

    async def _long(self, activity: str, given: steps.StepInput, timeout: timedelta) -> steps.StepResult:
        result: Any = await workflow.execute_activity(
            activity,
            given,
            result_type=steps.StepResult,
            start_to_close_timeout=timeout,
            schedule_to_close_timeout=timeout + steps.PATIENCE,
            heartbeat_timeout=steps.HEARTBEAT,
            retry_policy=AGAIN,
        )
        return steps.StepResult(result.done, result.why)
