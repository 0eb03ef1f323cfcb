"""What travels through Temporal is sealed: read by nobody else, and taken from nobody else."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter

from plantroom.kernel.errors import AccessError
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


async def test_what_is_not_sealed_or_sealed_by_somebody_else_or_altered_is_refused(tmp_path: Path) -> None:
    sealed = converter(tmp_path / "key")
    plain = await DataConverter.default.encode([GIVEN])
    foreign = await converter(tmp_path / "another").encode([GIVEN])
    (own,) = await sealed.encode([GIVEN])
    altered = Payload(metadata=own.metadata, data=own.data[:-1] + bytes([own.data[-1] ^ 1]))
    for payloads in (plain, foreign, [altered]):
        with pytest.raises(AccessError, match="PR603"):
            await sealed.decode(payloads, [StepInput])


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
