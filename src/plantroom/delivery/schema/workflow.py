"""Looking at the fleet's schemas, making a way back, and bringing databases to a schema outside of a train."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from plantroom.delivery.schema import steps
    from plantroom.rollout.workflow import AGAIN, defer

_SILENCE = timedelta(seconds=10)
"""A worker that is silent for this long is taken for dead. Longer than what hashing a large fleet keeps it from
anything else."""

_THRICE = RetryPolicy(maximum_attempts=3)


@workflow.defn(name=steps.LOOK_WORKFLOW)
class SchemaLook:
    @workflow.run
    async def run(self, given: steps.LookInput) -> bool:
        await workflow.execute_activity(
            steps.LOOK,
            given,
            start_to_close_timeout=timedelta(minutes=30),
            heartbeat_timeout=_SILENCE,
            retry_policy=_THRICE,
        )
        return True


@workflow.defn(name=steps.REPAIR_WORKFLOW)
class SchemaRepair:
    @workflow.run
    async def run(self, given: steps.RepairInput) -> bool:
        await workflow.execute_activity(
            steps.REPAIR,
            given,
            start_to_close_timeout=timedelta(minutes=30),
            heartbeat_timeout=_SILENCE,
            retry_policy=_THRICE,
        )
        return True


@workflow.defn(name=steps.RUN_WORKFLOW)
class SchemaRun:
    """Batch after batch until nothing waits, or until too many have failed. The rows say which are left."""

    @workflow.run
    async def run(self, name: str) -> str:
        while True:
            batch: steps.Batch = await workflow.execute_activity(
                steps.BATCH,
                name,
                result_type=steps.Batch,
                start_to_close_timeout=steps.LONG,
                heartbeat_timeout=_SILENCE,
                retry_policy=AGAIN,
            )
            if batch.stop or not batch.left:
                return await defer(steps.END, steps.RunEnd(name, batch.stop), str)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(name)
