"""The embedded Temporal asks nobody who he is: what a stranger leaves there is taken away, or cannot be left."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import EventType, NamespaceState, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeTaskQueueRequest,
    GetWorkflowExecutionHistoryReverseRequest,
    UpdateTaskQueueConfigRequest,
)
from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from plantroom.runtime.temporal import TASK_QUEUE

_NAMESPACE = "default"
_ANSWER_S = 3
_IDENTITY = "plantroom up"

_STILL = timedelta(seconds=5)
"""What ends its round with nothing to wait for is given this time: another may have it go on at once."""

_STIR = "plantroom.stir"
"""A signal that nobody listens to."""

_SWITCHES = (
    # Each lets whoever speaks to it make workflows wait until somebody finds out, or goes on by itself when he is gone.
    "frontend.WorkflowPauseEnabled",
    "frontend.WorkflowTimeSkippingEnabled",
    "frontend.workflowRulesAPIsEnabled",
    "frontend.enableBatcher",
    "frontend.enableSchedules",
    "activity.enableStandalone",
    # Tasks could be sent to a version of the worker that nobody runs.
    "system.enableDeployments",
    "system.enableDeploymentVersions",
    "frontend.workerVersioningDataAPIs",
    "frontend.workerVersioningRuleAPIs",
    "frontend.workerVersioningWorkflowAPIs",
)

TURNED_OFF = [word for switch in _SWITCHES for word in ("--dynamic-config-value", f"{switch}=false")]
"""Arguments for `temporal server start-dev`."""


class Tidy:
    """Looks after one Temporal, on loopback."""

    def __init__(self) -> None:
        self._client: Client | None = None

    async def serves(self, port: int) -> bool:
        """Whether it still has its namespace in use: whoever speaks to it can delete it, close it, or have it refuse
        workers. It makes one when it starts with nothing. What does not answer may be busy."""
        try:
            async with asyncio.timeout(_ANSWER_S):
                asked = DescribeNamespaceRequest(namespace=_NAMESPACE)
                found = await (await self._connected(port)).workflow_service.describe_namespace(asked)
        except RPCError as error:
            return error.status is not RPCStatusCode.NOT_FOUND
        except (TimeoutError, RuntimeError):
            self._client = None
            return True
        registered = found.namespace_info.state == NamespaceState.NAMESPACE_STATE_REGISTERED
        return registered and not found.config.bad_binaries.binaries

    async def tidy(self, port: int) -> list[str]:
        """End what nobody of ours has started, take back a limit to how fast tasks are given out, stir what waits for
        nothing; what was found. What Temporal does not answer in time comes with the next look."""
        found: list[str] = []
        for part in (_end_strange, _unlimited, _stir):
            with suppress(RPCError, TimeoutError, RuntimeError):
                async with asyncio.timeout(_ANSWER_S):
                    await part(await self._connected(port), found)
        return found

    async def _connected(self, port: int) -> Client:
        if self._client is None:
            self._client = await Client.connect(f"127.0.0.1:{port}", namespace=_NAMESPACE)
        return self._client


async def _end_strange(client: Client, found: list[str]) -> None:
    """What stands under a name that may be wanted, and that no worker takes up."""
    async for one in client.list_workflows("ExecutionStatus = 'Running'"):
        if await _strange(client, one):
            try:
                await client.get_workflow_handle(one.id, run_id=one.run_id).terminate("nobody of Plantroom started it")
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
            found.append(f"workflow {one.id}")


async def _stir(client: Client, _found: list[str]) -> None:
    """Somebody may have taken a workflow's task, and said that nothing is to be done; nothing would ever happen then. A
    signal has a worker of ours read it again, and see that this is not how it goes on (`NondeterminismError`). One that
    waits for a timer is stirred in vain at most once: it ends its round with a new timer."""
    now = datetime.now(UTC)
    async for one in client.list_workflows(f"ExecutionStatus = 'Running' AND TaskQueue = '{TASK_QUEUE}'"):
        handle = client.get_workflow_handle(one.id, run_id=one.run_id)
        try:
            described = (await handle.describe()).raw_description
            if (
                described.pending_activities
                or described.pending_children
                or described.HasField("pending_workflow_task")
            ):
                continue
            asked = GetWorkflowExecutionHistoryReverseRequest(
                namespace=_NAMESPACE,
                execution=described.workflow_execution_info.execution,
                maximum_page_size=1,
            )
            last = (await client.workflow_service.get_workflow_execution_history_reverse(asked)).history.events
            if not last or last[0].event_type != EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                continue
            if now - last[0].event_time.ToDatetime(UTC) > _STILL:
                await handle.signal(_STIR)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise


async def _strange(client: Client, one: WorkflowExecution) -> bool:
    """Ours are for our worker, and begin at once, but for one that follows itself at once: Temporal has that wait for a
    moment. What our worker does not know it ends itself."""
    wait = (one.execution_time or one.start_time) - one.start_time
    if one.task_queue != TASK_QUEUE or wait > timedelta(seconds=1):
        return True
    if not wait:
        return False
    handle = client.get_workflow_handle(one.id, run_id=one.run_id)
    async for event in handle.fetch_history_events(page_size=1):
        begun = event.workflow_execution_started_event_attributes
        # Again and again, or after it has failed.
        return bool(begun.cron_schedule) or begun.HasField("retry_policy")
    return False


async def _unlimited(client: Client, found: list[str]) -> None:
    kind = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
    described = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=_NAMESPACE, task_queue=TaskQueue(name=TASK_QUEUE), task_queue_type=kind, report_config=True
        )
    )
    limits = (described.config.queue_rate_limit, described.config.fairness_keys_rate_limit_default)
    if not any(one.HasField("rate_limit") for one in limits):
        return
    none = UpdateTaskQueueConfigRequest.RateLimitUpdate(reason="Plantroom sets none")
    await client.workflow_service.update_task_queue_config(
        UpdateTaskQueueConfigRequest(
            namespace=_NAMESPACE,
            identity=_IDENTITY,
            task_queue=TASK_QUEUE,
            task_queue_type=kind,
            update_queue_rate_limit=none,
            update_fairness_key_rate_limit_default=none,
        )
    )
    found.append("a limit to how fast tasks are given out")
