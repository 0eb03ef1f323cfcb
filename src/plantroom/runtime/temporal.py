"""Temporal: the courier that carries names between the API and the worker, and the worker's factory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RawValue, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    ExecuteWorkflowInput,
    Interceptor,
    Worker,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from plantroom.kernel.errors import AccessError, EngineError
from plantroom.kernel.unsealed import UNSEALED
from plantroom.runtime.seal import converter

TASK_QUEUE = "plantroom"

_TASK_TIMEOUT = timedelta(seconds=2)
"""How long a workflow waits for a worker that has gone silent before another gets it; a fifth of Temporal's default, so
that a night goes on soon after its worker was killed. A worker that is only slow asks for more time at four fifths."""

_STICKY_TIMEOUT = timedelta(seconds=1)
"""How long a workflow waits for the worker that remembers it to take the next task, before any may; a tenth of
Temporal's default, for the same reason. One that remembers nothing reads the history again, which is short."""

_OWN_SHARE = 0.95
"""Of the time that an activity may take, after which it ends itself, and says so."""

_BEAT_S = 1
"""Seconds between two heartbeats: a third of the silence after which a worker is taken for dead."""


async def connect(address: str, namespace: str, key_file: Path, patience_s: float = 30) -> Client:
    """Raises EngineError PR806 when Temporal does not answer within `patience_s`."""
    loop = asyncio.get_running_loop()
    until = loop.time() + patience_s
    while True:
        try:
            # What listens without a word would be waited for without end.
            asked = Client.connect(address, namespace=namespace, data_converter=converter(key_file))
            return await asyncio.wait_for(asked, max(until - loop.time(), 1))
        except (RuntimeError, RPCError, TimeoutError, ValueError) as error:
            if loop.time() >= until:
                raise EngineError(
                    "PR806",
                    "Temporal",
                    value=f"does not answer at {address}",
                    remedy="See `plantroom status`, and whether PLANTROOM_TEMPORAL_ADDRESS is right",
                ) from error
            await asyncio.sleep(0.3)


class TemporalCourier:
    """Connects when it is first needed, and again after Temporal was away."""

    def __init__(self, address: str, namespace: str, key_file: Path, client: Client | None = None) -> None:
        self._address = address
        self._namespace = namespace
        self._key_file = key_file
        self._client = client

    async def start(self, workflow: str, given: object, id: str) -> None:
        client = await self._connected()
        await client.start_workflow(
            workflow,
            given,
            id=id,
            task_queue=TASK_QUEUE,
            task_timeout=_TASK_TIMEOUT,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        )

    async def call(self, workflow: str, given: object, id: str) -> None:
        client = await self._connected()
        try:
            await client.execute_workflow(
                workflow,
                given,
                id=id,
                task_queue=TASK_QUEUE,
                task_timeout=_TASK_TIMEOUT,
                execution_timeout=timedelta(minutes=10),
            )
        except WorkflowFailureError as error:
            cause: BaseException | None = error
            while cause is not None and cause.__cause__ is not None:
                cause = cause.__cause__
            raise EngineError(
                "PR815", workflow, value=f"ended badly: {cause}", remedy="See `plantroom status`"
            ) from error

    async def wake(self, id: str, signal: str) -> None:
        client = await self._connected()
        try:
            await client.get_workflow_handle(id).signal(signal)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    async def _connected(self) -> Client:
        if self._client is None:
            self._client = await connect(self._address, self._namespace, self._key_file)
        return self._client


def sandbox() -> SandboxedWorkflowRunner:
    """Workflows run where clock and chance are not theirs; our own modules are let through, since the pure ones are
    all that a workflow imports."""
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules("plantroom", "pydantic", "sqlalchemy")
    )


@asynccontextmanager
async def beating() -> AsyncIterator[None]:
    """Heartbeats of an activity while it is under way, whatever it waits for: silence means that its worker is gone."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(_BEAT_S)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()


class _Guarded(ActivityInboundInterceptor):
    """What a failure says of itself is sealed, as its details: for how many seconds the activity was tried, and whether
    to try again would be wrong. A workflow cannot know the one, since on its own clock time in which no worker is there
    goes on as well; and it takes nobody else's word for either."""

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        begun = time.monotonic()
        if any(one is UNSEALED for one in input.args):
            raise AccessError("PR603", "a message through Temporal", value="is not sealed for here: somebody sent it")
        limit = activity.info().start_to_close_timeout
        try:
            # Temporal's own bound is for an activity that is silent; anybody can be that in its place.
            async with asyncio.timeout(None if limit is None else limit.total_seconds() * _OWN_SHARE):
                return await super().execute_activity(input)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            took = time.monotonic() - begun
            final = isinstance(error, ApplicationError) and error.non_retryable
            text = str(error) or f"did not end within {limit}"
            raise ApplicationError(text, took, final, type=type(error).__name__, non_retryable=final) from error


class _Heard(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        if any(one is UNSEALED for one in input.args):
            raise ApplicationError(
                "PR603 a message through Temporal: is not sealed for here: somebody sent it", non_retryable=True
            )
        return await super().execute_workflow(input)


@workflow.defn(dynamic=True)
class _Unknown:
    """What no worker of ours knows ends, instead of standing under a name that may be wanted."""

    @workflow.run
    async def run(self, _given: Sequence[RawValue]) -> None:
        raise ApplicationError("PR603 a workflow: is none of Plantroom's: somebody started it", non_retryable=True)


class _Guard(Interceptor):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Guarded(next)

    def workflow_interceptor_class(
        self, _input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor] | None:
        return _Heard


def worker(
    client: Client, workflows: Sequence[type], activities: Sequence[Callable[..., Any]], *, cached: int = 500
) -> Worker:
    """One worker for everything. `cached` 0 makes every workflow task replay from its history, as tests do."""
    return Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[*workflows, _Unknown],
        activities=activities,
        workflow_runner=sandbox(),
        interceptors=[_Guard()],
        # A history that somebody else has written into ends its workflow, which is started again from the rows; left
        # to be tried again and again, it would stand still for good.
        workflow_failure_exception_types=[workflow.NondeterminismError],
        max_cached_workflows=cached,
        sticky_queue_schedule_to_start_timeout=_STICKY_TIMEOUT,
        max_concurrent_activities=100,
        max_concurrent_local_activities=100,
        graceful_shutdown_timeout=timedelta(seconds=2),
    )
