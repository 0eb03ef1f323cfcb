"""A stranger who speaks to Temporal, and knows no more than its port: whatever he says of a night, it ends right."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio import workflow
from temporalio.api.batch.v1 import BatchOperationTermination
from temporalio.api.command.v1 import Command, StartTimerCommandAttributes
from temporalio.api.common.v1 import ActivityType, Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import CommandType, TaskQueueType
from temporalio.api.failure.v1 import ApplicationFailureInfo, CanceledFailureInfo, Failure
from temporalio.api.operatorservice.v1 import DeleteNamespaceRequest
from temporalio.api.taskqueue.v1 import RateLimit, TaskQueue
from temporalio.api.workflowservice.v1 import (
    DeprecateNamespaceRequest,
    PauseActivityRequest,
    PauseWorkflowExecutionRequest,
    PollWorkflowTaskQueueRequest,
    RespondActivityTaskCompletedByIdRequest,
    RespondActivityTaskFailedByIdRequest,
    RespondWorkflowTaskCompletedRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    StartActivityExecutionRequest,
    StartBatchOperationRequest,
    UpdateTaskQueueConfigRequest,
)
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from tests.house import House, tiny_estate

from plantroom.delivery.trains import steps as trains
from plantroom.rollout import steps as rollout
from plantroom.runtime.temporal import TASK_QUEUE

CLIENTS = {"alder": "pilot", "birch": "general", "cedar": "general"}
NAMESPACE = "default"
_TRIES_S = 30


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    made = House()
    try:
        estate = tiny_estate(CLIENTS)
        estate["rings"] = [{"name": ring, "concurrency": 1, "soak": "1s"} for ring in ("pilot", "general")]
        made.declare(estate)
        made.build("1.0", "2.0", "3.0")
        made.up()
        made.apply()
        yield made
    finally:
        made.end()


async def stranger(house: House) -> Client:
    return await Client.connect(house.settings().temporal_address or "")


def night(house: House, version: str, name: str, doing: Callable[[House], Coroutine[Any, Any, Any]]) -> Any:
    """A night during which a stranger does something; what he says of it. Its users take their time, so that drains
    do, which are waited for."""
    over = threading.Event()

    def use(client: str) -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                house.get(client, "/slow?2")

    users = [threading.Thread(target=use, args=(client,)) for client in CLIENTS]
    for user in users:
        user.start()
    try:
        house.run("release", "start", version, "--train", name, "--no-follow")
        told = asyncio.run(doing(house))
        house.wait("the end", lambda: house.train(name)["over"], 200)
    finally:
        over.set()
        for user in users:
            user.join()
    assert house.train(name)["state"] == "done", house.train(name)
    assert set(house.releases().values()) == {version}
    assert house.changed() == []
    assert house.rows("SELECT * FROM drain_lease") == []
    assert house.rows("SELECT * FROM change WHERE state = 'open'") == []
    return told


async def pending(client: Client) -> AsyncIterator[tuple[WorkflowHandle[Any, Any], Any]]:
    """Activities that are under way now, in changes and in trains."""
    async for one in client.list_workflows("ExecutionStatus = 'Running'"):
        handle = client.get_workflow_handle(one.id)
        try:
            described = await handle.describe()
        except RPCError:
            continue
        for activity in described.raw_description.pending_activities:
            yield handle, activity


@asynccontextmanager
async def bounded() -> AsyncIterator[None]:
    """Whom he meets is chance; by then the night is over."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_TRIES_S):
            yield


async def says_no(house: House) -> list[str]:
    """Up to four times that an activity has failed, in words that Temporal takes for final, or for a cancellation."""
    client = await stranger(house)
    failures = (
        Failure(message="a stranger says no", application_failure_info=ApplicationFailureInfo(non_retryable=True)),
        Failure(message="a stranger calls it off", canceled_failure_info=CanceledFailureInfo()),
        Failure(
            message="a stranger gives details",
            application_failure_info=ApplicationFailureInfo(
                non_retryable=True,
                details=Payloads(payloads=[Payload(metadata={"encoding": b"json/plain"}, data=b"400")] * 2),
            ),
        ),
    )
    struck: list[str] = []
    async with bounded():
        while len(struck) < 4:
            async for handle, activity in pending(client):
                asked = RespondActivityTaskFailedByIdRequest(
                    namespace=NAMESPACE,
                    workflow_id=handle.id,
                    activity_id=activity.activity_id,
                    failure=failures[len(struck) % 3],
                )
                try:
                    await client.workflow_service.respond_activity_task_failed_by_id(asked)
                except RPCError:
                    continue
                struck.append(activity.activity_type.name)
    return struck


async def answers(house: House) -> list[str]:
    """Up to three times in the place of a worker: with words of his own, and with what he has overheard."""
    client = await stranger(house)
    overheard = await anything(client, rollout.PREPARE)
    struck: list[str] = []
    async with bounded():
        while len(struck) < 3:
            async for handle, activity in pending(client):
                plain = Payload(metadata={"encoding": b"json/plain"}, data=b'{"done": true}')
                payload = plain if len(struck) % 2 == 0 else overheard[1]
                asked = RespondActivityTaskCompletedByIdRequest(
                    namespace=NAMESPACE,
                    workflow_id=handle.id,
                    activity_id=activity.activity_id,
                    result=Payloads(payloads=[payload]),
                )
                try:
                    await client.workflow_service.respond_activity_task_completed_by_id(asked)
                except RPCError:
                    continue
                struck.append(activity.activity_type.name)
    return struck


async def anything(client: Client, kind: str) -> tuple[Payload, Payload]:
    """What went into an activity of this kind, and what came out of it, as the history has them."""
    async for one in client.list_workflows():
        history = await client.get_workflow_handle(one.id, run_id=one.run_id).fetch_history()
        scheduled = {
            event.event_id: event.activity_task_scheduled_event_attributes
            for event in history.events
            if event.activity_task_scheduled_event_attributes.activity_type.name == kind
        }
        for event in history.events:
            ended = event.activity_task_completed_event_attributes
            if ended.scheduled_event_id in scheduled:
                return scheduled[ended.scheduled_event_id].input.payloads[0], ended.result.payloads[0]
    raise AssertionError(f"no {kind} was ever run")


@workflow.defn(name="Replayed", sandboxed=False)
class Replayed:
    """A workflow of his own, that has Plantroom's worker do a step with words which he has overheard."""

    @workflow.run
    async def run(self, verb: str, id: str) -> str:
        await workflow.execute_activity(
            verb,
            RawValue(Replayed.overheard),
            task_queue=TASK_QUEUE,
            activity_id=id,
            result_type=RawValue,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
        return "done"

    overheard = Payload()


VERBS = (trains.TURN, trains.JUDGE, trains.ALIGHT, trains.END, rollout.FINISH, rollout.PREPARE, rollout.ENDED)


async def repeats(house: House) -> list[str]:
    """Each step with what was said to others; how it ended."""
    client = await stranger(house)
    found = []
    async with Worker(client, task_queue="stranger", workflows=[Replayed], workflow_runner=UnsandboxedWorkflowRunner()):
        for kind in (rollout.PREPARE, trains.JUDGE):
            Replayed.overheard, _ = await anything(client, kind)
            for verb in VERBS:
                try:
                    name = f"stranger-{kind}-{verb}"
                    await client.execute_workflow(Replayed.run, args=[verb, "1"], id=name, task_queue="stranger")
                    found.append("taken")
                except WorkflowFailureError as error:
                    cause: BaseException = error
                    while cause.__cause__ is not None:
                        cause = cause.__cause__
                    found.append(str(cause))
    return found


def test_what_a_stranger_says_of_steps_is_passed_over(house: House) -> None:
    assert night(house, "2.0", "no", says_no)
    assert night(house, "3.0", "yes", answers)


def test_what_was_overheard_is_good_for_nothing_else(house: House) -> None:
    told = night(house, "2.0", "again", repeats)
    assert len(told) == 2 * len(VERBS)
    refused = [one for one in told if one == "AccessError: Encoded failure"]
    # A workflow of his own may be taken away before it is through.
    assert [one for one in told if one not in (*refused, "terminated by user via frontend")] == []
    assert len(refused) > len(VERBS)


async def decides(house: House) -> int:
    """In the place of a worker, what a workflow does next: it sets a timer that no code of Plantroom's sets."""
    timer = StartTimerCommandAttributes(timer_id="of-a-stranger", start_to_fire_timeout=Duration(seconds=1))
    return await says(
        house, Command(command_type=CommandType.COMMAND_TYPE_START_TIMER, start_timer_command_attributes=timer)
    )


async def has_it_do_nothing(house: House) -> int:
    """The same, and nothing is to be done, twice."""
    return await says(house) and await says(house)


async def says(house: House, *commands: Command) -> int:
    client = await stranger(house)

    async def poll() -> None:
        asked = PollWorkflowTaskQueueRequest(namespace=NAMESPACE, task_queue=TaskQueue(name=TASK_QUEUE))
        while True:
            with contextlib.suppress(RPCError):
                task = await client.workflow_service.poll_workflow_task_queue(asked, timeout=timedelta(seconds=30))
                if task.task_token:
                    answer = RespondWorkflowTaskCompletedRequest(task_token=task.task_token, commands=commands)
                    await client.workflow_service.respond_workflow_task_completed(answer)
                    return

    polls = [asyncio.create_task(poll()) for _ in range(8)]
    done, waiting = await asyncio.wait(polls, timeout=60, return_when=asyncio.FIRST_COMPLETED)
    for one in waiting:
        one.cancel()
    return len(done)


def test_a_history_that_a_stranger_has_written_into_is_left_behind(house: House) -> None:
    assert night(house, "3.0", "written", decides)


def test_a_workflow_of_which_a_stranger_says_that_nothing_is_to_be_done_goes_on(house: House) -> None:
    assert night(house, "2.0", "nothing", has_it_do_nothing)


async def pauses(house: House) -> str:
    """Whatever runs; what Temporal says to it."""
    client = await stranger(house)
    async for one in client.list_workflows("ExecutionStatus = 'Running'"):
        asked = PauseWorkflowExecutionRequest(namespace=NAMESPACE, workflow_id=one.id, run_id=one.run_id)
        try:
            await client.workflow_service.pause_workflow_execution(asked)
        except RPCError as error:
            return str(error)
    return "paused"


def test_nobody_has_a_workflow_wait(house: House) -> None:
    house.run("release", "start", "3.0", "--train", "wait", "--no-follow")
    assert asyncio.run(pauses(house)) != "paused"
    house.wait("the end", lambda: house.train("wait")["over"], 120)


async def deletes(house: House) -> None:
    """Everything that Temporal has, in the middle of a change."""
    client = await stranger(house)
    async with asyncio.timeout(60):
        while not [one async for one in client.list_workflows("ExecutionStatus = 'Running'")]:
            pass
    await asyncio.sleep(0.7)
    await client.operator_service.delete_namespace(DeleteNamespaceRequest(namespace=NAMESPACE))


def test_a_night_whose_history_is_deleted_ends_right(house: House) -> None:
    before = house.pid("temporal")
    night(house, "3.0", "gone", deletes)
    assert house.pid("temporal") != before
    assert "restarted temporal" in (house.home / "up.log").read_text()


async def closes(house: House) -> None:
    """The namespace, to all that is new."""
    asked = DeprecateNamespaceRequest(namespace=NAMESPACE)
    await (await stranger(house)).workflow_service.deprecate_namespace(asked)


async def nothing(house: House) -> None:
    return


def test_a_namespace_that_was_closed_is_made_anew(house: House) -> None:
    before = house.pid("temporal")
    asyncio.run(closes(house))
    house.wait("Temporal to be started anew", lambda: house.pids().get("temporal", before) != before, 30)
    night(house, "2.0", "closed", nothing)


async def leaves_behind(house: House) -> list[str]:
    """Whatever stands under a name that Plantroom will use, or goes on by itself; what was still there in the end."""
    client = await stranger(house)
    await asks_to_wait(client)
    await squats(client, "Mallory", "mallory")
    await squats(client, "Mallory", TASK_QUEUE)
    await squats(client, trains.WORKFLOW, TASK_QUEUE, start_delay=timedelta(days=99))
    for cron in ("* * * * *", "@every 1s"):
        await squats(client, trains.WORKFLOW, TASK_QUEUE, cron_schedule=cron)
    slow = UpdateTaskQueueConfigRequest.RateLimitUpdate(rate_limit=RateLimit(requests_per_second=0.001))
    await client.workflow_service.update_task_queue_config(
        UpdateTaskQueueConfigRequest(
            namespace=NAMESPACE,
            task_queue=TASK_QUEUE,
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
            update_queue_rate_limit=slow,
        )
    )
    found = []
    for refused in (
        StartActivityExecutionRequest(
            namespace=NAMESPACE,
            activity_id="m",
            activity_type=ActivityType(name=rollout.PREPARE),
            task_queue=TaskQueue(name=TASK_QUEUE),
            start_to_close_timeout=Duration(seconds=9),
        ),
        SetWorkerDeploymentCurrentVersionRequest(
            namespace=NAMESPACE, deployment_name="m", build_id="1", ignore_missing_task_queues=True
        ),
        StartBatchOperationRequest(
            namespace=NAMESPACE,
            job_id="m",
            reason="m",
            visibility_query="ExecutionStatus = 'Running'",
            termination_operation=BatchOperationTermination(),
        ),
    ):
        name_of = re.sub("(?<!^)([A-Z])", r"_\1", type(refused).__name__.removesuffix("Request")).lower()
        try:
            await getattr(client.workflow_service, name_of)(refused)
            found.append(name_of)
        except RPCError:
            pass
    return found


async def asks_to_wait(client: Client) -> None:
    """An activity of a change, before a worker has it, or while it has."""
    async with asyncio.timeout(_TRIES_S):
        while True:
            async for handle, activity in pending(client):
                asked = PauseActivityRequest(
                    namespace=NAMESPACE,
                    execution=WorkflowExecution(workflow_id=handle.id, run_id=handle.result_run_id or ""),
                    id=activity.activity_id,
                )
                try:
                    await client.workflow_service.pause_activity(asked)
                except RPCError:
                    continue
                return


async def squats(client: Client, workflow: str, queue: str, **more: Any) -> None:
    """Until it is taken away: what is listed of the one before may be late."""
    for _ in range(100):
        with contextlib.suppress(WorkflowAlreadyStartedError):
            await client.start_workflow(workflow, "x", id="train-squatted", task_queue=queue, **more)
            break
        await asyncio.sleep(0.2)
    await gone(client)


async def gone(client: Client) -> None:
    squatted = "WorkflowId = 'train-squatted' AND ExecutionStatus = 'Running'"
    for _ in range(100):
        if not [one async for one in client.list_workflows(squatted)]:
            return
        await asyncio.sleep(0.2)
    raise AssertionError("it is still there")


def test_what_a_stranger_leaves_behind_is_taken_away(house: House) -> None:
    assert night(house, "3.0", "left", leaves_behind) == []
    night(house, "2.0", "squatted", nothing)
    assert "taken away from Temporal: a limit" in (house.home / "up.log").read_text()


def test_temporal_can_be_made_to_forget(house: House) -> None:
    house.run("release", "start", "3.0", "--train", "forgotten", "--no-follow")
    house.kill("up")
    house.up("--new-temporal")
    house.wait("the end", lambda: house.train("forgotten")["over"], 120)
    assert set(house.releases().values()) == {"3.0"}

    async def known() -> int:
        return len([one async for one in (await stranger(house)).list_workflows("WorkflowId = 'train-squatted'")])

    assert asyncio.run(known()) == 0


def test_an_abort_of_a_train_whose_workflow_was_ended_leaves_nothing_half_done(house: House) -> None:
    house.run("release", "start", "2.0", "--train", "cut", "--no-follow")

    def changing() -> bool:
        return bool(house.rows("SELECT 1 FROM train_target WHERE train = 'cut' AND state = 'changing'"))

    async def terminate() -> None:
        await (await stranger(house)).get_workflow_handle("train-cut").terminate("by a stranger")

    house.wait("one to change", changing, 60)
    asyncio.run(terminate())
    house.run("release", "abort", "cut")
    house.wait("the end", lambda: house.train("cut")["over"], 120)
    assert house.train("cut")["state"] == "aborted"
    assert {one["state"] for one in house.train("cut")["targets"]} <= {"done", "failed", "waiting"}
    assert house.rows("SELECT * FROM change WHERE state = 'open'") == []
    assert house.rows("SELECT * FROM drain_lease") == []
    assert house.changed() == []
