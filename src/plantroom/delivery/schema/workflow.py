"""Looking at the fleet's schemas, making a way back, and bringing databases to a schema outside of a train."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from plantroom.delivery.schema import steps
    from plantroom.rollout.workflow import ask, defer

_SILENCE = timedelta(seconds=10)
"""A worker that is silent for this long is taken for dead. Longer than what hashing a large fleet keeps it from
anything else."""


@workflow.defn(name=steps.LOOK_WORKFLOW)
class SchemaLook:
    @workflow.run
    async def run(self, given: steps.LookInput) -> bool:
        await ask(steps.LOOK, given, object, timedelta(minutes=30), _SILENCE, attempts=3)
        return True


@workflow.defn(name=steps.REPAIR_WORKFLOW)
class SchemaRepair:
    @workflow.run
    async def run(self, given: steps.RepairInput) -> bool:
        await ask(steps.REPAIR, given, object, timedelta(minutes=30), _SILENCE, attempts=3)
        return True


@workflow.defn(name=steps.RUN_WORKFLOW)
class SchemaRun:
    """Batch after batch until nothing waits, or until too many have failed. The rows say which are left."""

    @workflow.run
    async def run(self, name: str) -> str:
        while True:
            batch = await ask(steps.BATCH, name, steps.Batch, steps.LONG, _SILENCE)
            if batch.stop or not batch.left:
                return await defer(steps.END, steps.RunEnd(name, batch.stop), str)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(name)
