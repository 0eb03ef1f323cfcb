"""What a train cannot be called, and what is said of one that is not there."""

from __future__ import annotations

from typing import Any

import pytest

from plantroom.kernel.errors import ReleaseError


async def test_no_train_takes_the_name_by_which_the_newest_is_asked_for(simulate: Any) -> None:
    async with simulate({"alder": "pilot"}) as world:
        await world.apply()
        with pytest.raises(ReleaseError, match=r"PR705 train newest: the name is taken.*any name but newest.*--train"):
            await world.release("2.0", "newest")
        assert await world.core.trains.trains() == []


async def test_a_train_that_is_not_there_is_told_with_what_to_do(simulate: Any) -> None:
    async with simulate({}) as world:
        with pytest.raises(ReleaseError, match=r"PR707 train: there is none yet.*release start VERSION"):
            await world.core.trains.status(None)
        for asked in (world.core.trains.status("nosuch"), world.core.trains.abort("nosuch", "tester")):
            with pytest.raises(ReleaseError, match=r"PR707 train nosuch: there is none\. See `plantroom release list`"):
                await asked
