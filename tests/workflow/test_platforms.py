"""The estate says which platform it is for, and a platform says what it can do."""

from __future__ import annotations

from typing import Any

import pytest

from plantroom.estate.changes import ObjectKind
from plantroom.kernel.errors import PlanError
from plantroom.platforms.contract import Capability
from plantroom.platforms.sim import SimPlatform

CLIENTS = {"alder": "pilot"}


async def test_an_estate_for_another_platform_is_neither_planned_nor_applied(simulate: Any) -> None:
    async with simulate(CLIENTS, SimPlatform(name="elsewhere")) as world:
        for asked in (world.core.tenancy.plan(), world.core.tenancy.apply("sha256:" + "0" * 64, "tester")):
            with pytest.raises(PlanError) as caught:
                await asked
            assert caught.value.code == "PR208"
            assert "what runs here is elsewhere" in str(caught.value)
        assert world.platform.effects.history == []


async def test_what_the_platform_lacks_is_refused_and_the_rest_is_made(simulate: Any) -> None:
    async with simulate(CLIENTS, SimPlatform(lacks=[Capability.DATABASES])) as world:
        plan = (await world.core.tenancy.plan()).plan
        assert {(change.kind, change.reason) for change in plan.refused} == {
            (ObjectKind.DATABASE_POOL, "the platform local has no databases"),
            (ObjectKind.ENVIRONMENT, "the platform local has no databases"),
        }
        await world.apply()
        assert {verb for verb, _ in world.platform.effects.history} == {"create server"}


async def test_clients_are_told_by_their_titles(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        text = (world.estate / "estate.yaml").read_text()
        (world.estate / "estate.yaml").write_text(text.replace("  alder:\n", "  alder:\n    title: Alder & Sons\n"))
        await world.apply()
        (listed,) = await world.core.tenancy.environments()
        assert listed["title"] == "Alder & Sons"
        assert (await world.core.trains.why("alder"))["title"] == "Alder & Sons"
        (world.estate / "estate.yaml").write_text("[broken")
        assert [one["title"] for one in await world.core.tenancy.environments()] == [""]
