"""What travels through Temporal is sealed: read by nobody else, and taken from nobody else."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    SerializationContext,
    WorkflowSerializationContext,
)
from temporalio.exceptions import ApplicationError

from plantroom.kernel.unsealed import UNSEALED
from plantroom.rollout.steps import StepInput
from plantroom.runtime.seal import converter

GIVEN = StepInput("0123-harbour-production", "forward", "harbour-production-web-1-aabbccdd")


async def test_a_message_comes_back_whole_and_cannot_be_read_on_the_way(tmp_path: Path) -> None:
    sealed = converter(tmp_path / "key")
    payloads = await sealed.encode([GIVEN])
    assert b"harbour" not in payloads[0].SerializeToString()
    assert await sealed.decode(payloads, [StepInput]) == [GIVEN]
    again = await sealed.encode([GIVEN])
    assert again[0].data != payloads[0].data, "the same words never look the same"


async def test_what_is_not_sealed_or_sealed_by_somebody_else_or_altered_is_not_taken(tmp_path: Path) -> None:
    sealed = converter(tmp_path / "key")
    (plain,) = await DataConverter.default.encode([GIVEN])
    (foreign,) = await converter(tmp_path / "another").encode([GIVEN])
    (own,) = await sealed.encode([GIVEN])
    altered = Payload(metadata=own.metadata, data=own.data[:-1] + bytes([own.data[-1] ^ 1]))
    short = Payload(metadata=own.metadata, data=own.data[:5])
    for payload in (plain, foreign, altered, short, Payload()):
        assert await sealed.decode([payload], [StepInput]) == [UNSEALED]


def of_activity(**other: str) -> ActivitySerializationContext:
    """Of a step of a change."""
    named = {"workflow_id": "0123-harbour", "activity_type": "rollout.prepare", "activity_id": "a", **other}
    return ActivitySerializationContext(
        namespace="default", activity_task_queue="plantroom", workflow_type="EnvironmentChange", is_local=False, **named
    )


ELSEWHERE = (
    of_activity(activity_type="rollout.finish"),
    of_activity(activity_id="b"),
    of_activity(workflow_id="0123-clinic"),
    WorkflowSerializationContext(namespace="default", workflow_id="0123-harbour"),
)


@pytest.mark.parametrize("place", ELSEWHERE)
async def test_a_seal_is_good_in_one_place(tmp_path: Path, place: SerializationContext) -> None:
    sealed = converter(tmp_path / "key")
    payloads = await sealed.with_context(of_activity()).encode([GIVEN])
    assert await sealed.with_context(of_activity()).decode(payloads, [StepInput]) == [GIVEN]
    for elsewhere in (sealed.with_context(place), sealed):
        assert await elsewhere.decode(payloads, [StepInput]) == [UNSEALED]
    # The other way round as well.
    payloads = await sealed.with_context(place).encode([GIVEN])
    assert await sealed.with_context(of_activity()).decode(payloads, [StepInput]) == [UNSEALED]


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "home" / "temporal.key"
    makers = [threading.Thread(target=converter, args=(path,)) for _ in range(8)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert path.stat().st_mode & 0o777 == 0o600
    first = path.read_bytes()
    assert len(first) == 32
    converter(path)
    assert path.read_bytes() == first
    assert [one.name for one in path.parent.iterdir()] == ["temporal.key"]


async def test_what_a_failure_says_is_read_by_nobody_else(tmp_path: Path) -> None:
    sealed, failure = converter(tmp_path / "key"), Failure()
    await sealed.encode_failure(ApplicationError("harbour's database is away", 4.0, False), failure)
    assert b"harbour" not in failure.SerializeToString()
    told = await sealed.decode_failure(failure)
    assert isinstance(told, ApplicationError)
    assert (told.message, list(told.details)) == ("harbour's database is away", [4.0, False])
    failure.encoded_attributes.CopyFrom(Payload(metadata={"encoding": b"json/plain"}, data=b'{"message": "mine"}'))
    assert "mine" not in str(await sealed.decode_failure(failure))
