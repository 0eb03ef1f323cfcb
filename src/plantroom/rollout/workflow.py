"""One environment's change: start new, wait until healthy, admit, drain old, stop old; on failure all the way back.

The same code goes both ways: going back is a change to the previous target, and what is already there is skipped. So a
change that was interrupted anywhere, and went on, ends as if nothing had happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import takewhile
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)

with workflow.unsafe.imports_passed_through():
    from plantroom.kernel.unsealed import UNSEALED, Unsealed
    from plantroom.rollout import steps
    from plantroom.rollout.model import Direction

T = TypeVar("T")

AGAIN = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=2, maximum_interval=timedelta(seconds=5)
)
"""Soon at first, since most of what does not answer is back in a moment."""

_ONCE = RetryPolicy(maximum_attempts=1)
"""For what `_patiently` tries again: Temporal's own bounds count the time in which no worker is there, too."""

_FAILED = (ActivityError, ApplicationError)
"""How an activity's failure arrives: a local one that is tried only once brings its own error, without a wrapping."""

_NOBODY = timedelta(minutes=1)
_SPARE = timedelta(seconds=10)

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
            found: T | Unsealed = await workflow.execute_local_activity(
                activity,
                given,
                activity_id=_own_id(),
                result_type=result,
                start_to_close_timeout=steps.SHORT,
                schedule_to_close_timeout=steps.PATIENCE,
                retry_policy=AGAIN,
            )
            if not isinstance(found, Unsealed):
                return found
        except _FAILED as error:
            if _for_good(error):
                raise
        await asyncio.sleep(_LOOK_AGAIN)


async def ask(activity: str, given: Any, result: type[T], limit: timedelta, silence: timedelta, attempts: int = 0) -> T:
    """One that may take long: tried until it is done, or `attempts` times. A worker that is silent for so long is taken
    for dead, and another one does it; that is no attempt."""
    failed = 0
    while True:
        try:
            found = await _execute(activity, given, result, limit, silence)
            if not isinstance(found, Unsealed):
                return found
        except _FAILED as error:
            if _for_good(error):
                raise
            failed += _tried(_cause(error)) is not None
            if attempts and failed >= attempts:
                raise
        await asyncio.sleep(_LOOK_AGAIN)


async def _execute(activity: str, given: Any, result: type[T], limit: timedelta, silence: timedelta) -> T | Unsealed:
    asked: Awaitable[T | Unsealed] = workflow.execute_activity(
        activity,
        given,
        activity_id=_own_id(),
        result_type=result,
        # Where no worker is there it is asked for anew, and so it is where somebody else keeps it from all of them.
        schedule_to_start_timeout=_NOBODY,
        start_to_close_timeout=limit,
        heartbeat_timeout=silence,
        retry_policy=_ONCE,
    )
    try:
        return await asyncio.wait_for(asked, (_NOBODY + limit + _SPARE).total_seconds())
    except TimeoutError:
        # Temporal itself would have said so before; somebody has told it to wait.
        return UNSEALED


def _own_id() -> str:
    """Of one run of an activity, and no other: a seal is good for it alone (`runtime.seal`)."""
    return str(workflow.uuid4())


async def _patiently(attempt: Callable[[], Awaitable[T | Unsealed]]) -> T:
    """What `attempt` brings, tried again until patience runs out; the failure of the last time then.

    Only failures of its own use patience up, each by the time that it was really tried for. That no worker is there, or
    that one ends in the middle, is nobody's failure, however long it lasts; nor is what somebody else says.
    """
    tried, pause = timedelta(), AGAIN.initial_interval
    longest = AGAIN.maximum_interval or pause
    while True:
        try:
            found = await attempt()
            if not isinstance(found, Unsealed):
                return found
        except _FAILED as error:
            if _for_good(error):
                raise
            took = _tried(_cause(error))
            if took is not None:
                tried += took + pause
            if tried >= steps.PATIENCE:
                raise
        await asyncio.sleep(pause.total_seconds())
        pause = min(pause * AGAIN.backoff_coefficient, longest)


def _cause(error: BaseException) -> BaseException | None:
    return error.cause if isinstance(error, ActivityError) else error


def _for_good(error: BaseException) -> bool:
    """Whether trying again would be wrong or in vain."""
    if is_cancelled_exception(error):
        # A cancellation that this workflow knows nothing of is somebody's word.
        return workflow.cancellation_reason() is not None
    said = _sealed(_cause(error))
    return said is not None and said[1]


def _tried(cause: BaseException | None) -> timedelta | None:
    """How long an activity was tried for before it failed; None when its worker was the matter, or somebody else."""
    said = _sealed(cause)
    return None if said is None else timedelta(seconds=said[0])


def _sealed(cause: BaseException | None) -> tuple[float, bool] | None:
    """What a worker has said of a failure (`runtime.temporal`)."""
    if not isinstance(cause, ApplicationError) or len(cause.details) != 2:
        return None
    took, final = cause.details
    return (took, final) if isinstance(took, int | float) and isinstance(final, bool) else None


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
        await defer(steps.FINISH, steps.StepInput(change, ended.value, text), steps.StepResult)
        return steps.ChangeResult(not why, why, stuck)

    async def _go(self, change: str, direction: Direction) -> str:
        """The whole way in one direction; the reason when it could not be gone to its end."""
        try:
            # Not a local one: what is to be done is in the history before any of it is done. Prepared again in the
            # middle, it would leave out what is done and not yet recorded, and that would never be.
            given = steps.StepInput(change, direction.value)
            view = await _ordinary(steps.PREPARE, given, steps.ChangeView, steps.SHORT)
            if not view.done:
                return view.why
            return await self._all(_steps(view), change, direction)
        except _FAILED as error:
            if is_cancelled_exception(error) and workflow.cancellation_reason() is not None:
                raise
            # Tried for as long as patience allows: it is not known what is the matter, so nothing more is done.
            what = error.activity_type if isinstance(error, ActivityError) else steps.RUN
            return f"{what} did not end: {_cause(error) or error}"

    async def _all(self, todo: list[steps.Step], change: str, direction: Direction) -> str:
        """Every step in order: the short ones that follow each other as one activity, what lasts by itself. Why it
        could not be gone to its end. What cannot be had back of a route keeps no instance from coming back."""
        without = ""
        while todo:
            step = todo[0]
            if step.verb in steps.LASTING:
                result = await self._long(todo.pop(0), change, direction, steps.LONG)
            else:
                short = list(takewhile(lambda step: step.verb not in steps.LASTING, todo))
                ran = await self._run(steps.RunInput(change, direction.value, short))
                todo, result = todo[ran.count :], ran.last
                if result.wait or not result.done:
                    step = todo.pop(0)
                if result.wait:
                    result = await self._long(step, change, direction, timedelta(seconds=step.limit_s + 10))
            if not result.done:
                if direction is not Direction.BACK or step.verb != steps.ROUTE:
                    return result.why
                without = result.why
        return without

    async def _run(self, given: steps.RunInput) -> steps.RunResult:
        async def attempt() -> steps.RunResult | Unsealed:
            found: steps.RunResult | Unsealed = await workflow.execute_local_activity(
                steps.RUN,
                given,
                activity_id=_own_id(),
                result_type=steps.RunResult,
                start_to_close_timeout=steps.SHORT * len(given.steps),
                retry_policy=_ONCE,
            )
            return found

        result = await _patiently(attempt)
        return steps.RunResult(result.count, steps.StepResult(result.last.done, result.last.why, result.last.wait))

    async def _long(self, step: steps.Step, change: str, direction: Direction, timeout: timedelta) -> steps.StepResult:
        result = await _ordinary(step.verb, step.given(change, direction.value), steps.StepResult, timeout)
        return steps.StepResult(result.done, result.why)


async def _ordinary(activity: str, given: steps.StepInput, result: type[T], limit: timedelta) -> T:
    async def attempt() -> T | Unsealed:
        return await _execute(activity, given, result, limit, steps.HEARTBEAT)

    return await _patiently(attempt)


def _steps(view: steps.ChangeView) -> list[steps.Step]:
    """All that is to be done, in order."""
    found = [steps.Step(part) for part in view.parts]
    for move in view.moves:
        found += _move(move, view.drain_timeout_s)
    return found + [steps.Step(part) for part in view.last]


def _move(move: steps.MoveView, drain_timeout_s: int) -> list[steps.Step]:
    new: list[steps.Step] = []
    if move.new:
        new = [
            steps.Step(steps.START, move.new, move.process, move.slot),
            steps.Step(steps.AWAIT_HEALTHY, move.new, move.process, move.slot, move.start_timeout_s),
        ]
    if not move.web:
        # A worker never overlaps with its successor: the old one has ended before the new one begins.
        return [*(steps.Step(steps.STOP, old) for old in move.old), *new]
    if move.new:
        new.append(steps.Step(steps.ADMIT, move.new))
    for old in move.old:
        new += [
            steps.Step(steps.DRAIN, old),
            # Bounded: what is still in flight after the time allowed is cut off by the stop.
            steps.Step(steps.AWAIT_DRAINED, old, limit_s=drain_timeout_s),
            steps.Step(steps.STOP, old),
        ]
    return new
