"""Observing for a plan, applying a plan, and going live on the day that is declared."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from plantroom.delivery.tenancy import steps
    from plantroom.rollout.workflow import ask, change_environment, defer

_SILENCE = timedelta(seconds=10)
"""A worker that is silent for this long while it observes is taken for dead, and another looks. Longer than what a
large estate keeps the worker from anything else."""


@workflow.defn(name=steps.OBSERVE_WORKFLOW)
class Observe:
    @workflow.run
    async def run(self, observation: str) -> bool:
        await ask(steps.OBSERVE, observation, object, timedelta(minutes=5), _SILENCE, attempts=3)
        return True


@workflow.defn(name=steps.APPLY_WORKFLOW)
class Apply:
    """Servers and pools first, then each environment's change, then what nobody declares any more."""

    @workflow.run
    async def run(self, digest: str) -> steps.ApplyResult:
        view = await defer(steps.VIEW, steps.ApplyStep(digest), steps.ApplyView)
        failed: list[str] = []
        for names, verb in ((view.servers, steps.SERVER), (view.pools, steps.POOL)):
            for name in names:
                result = await defer(verb, steps.ApplyStep(digest, name), steps.ApplyResult)
                if not result.done:
                    failed.append(f"{name}: {result.why}")
        if not failed:
            if view.environments:
                # A name that does not move is missed, and told of, by the change of whoever was to have it.
                await defer(steps.ROUTES, steps.ApplyStep(digest), steps.ApplyResult)
            failed = await self._change(digest, view)
        for change, at in view.waiting:
            await _send_off(change, at)
        if not failed:
            for names, verb in ((view.clear, steps.CLEAR), (view.remove_servers, steps.REMOVE_SERVER)):
                for name in names:
                    result = await defer(verb, steps.ApplyStep(digest, name), steps.ApplyResult)
                    if not result.done:
                        failed.append(f"{name}: {result.why}")
        return await defer(steps.END, steps.ApplyStep(digest, failed=failed), steps.ApplyResult)

    async def _change(self, digest: str, view: steps.ApplyView) -> list[str]:
        slots = asyncio.Semaphore(view.concurrency)
        failed: list[str] = []
        over = {environment: asyncio.Event() for environment in view.environments}

        async def one(environment: str) -> None:
            for other in view.turns.get(environment, ()):
                await over[other].wait()
            async with slots:
                change = await defer(steps.BOARD, steps.ApplyStep(digest, environment), str)
                result = await change_environment(change)
                if not result.done:
                    failed.append(f"{environment}: {result.why}")
            over[environment].set()

        await asyncio.gather(*(one(environment) for environment in view.environments))
        return sorted(failed)


@workflow.defn(name=steps.GO_LIVE_WORKFLOW)
class GoLive:
    """Sleeps until the go-live date; then the change it waited with begins, unless a later apply took its place."""

    @workflow.run
    async def run(self, given: steps.GoLiveInput) -> bool:
        left = datetime.fromisoformat(given.at) - workflow.now()
        if left > timedelta():
            await asyncio.sleep(left.total_seconds())
        if not await defer(steps.WAKE, given, bool):
            return False
        return (await change_environment(given.change)).done


async def _send_off(change: str, at: str) -> None:
    try:
        await workflow.start_child_workflow(
            steps.GO_LIVE_WORKFLOW,
            steps.GoLiveInput(change, at),
            id=f"go-live-{change}",
            task_timeout=workflow.info().task_timeout,
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        )
    except WorkflowAlreadyStartedError:
        return
