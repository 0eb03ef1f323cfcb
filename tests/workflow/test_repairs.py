"""What somebody changed by hand is drift, and an apply puts it right, whether a client is live or suspended."""

from __future__ import annotations

from typing import Any

import pytest
from tests.house import tiny_estate

from plantroom.delivery.tenancy import policy
from plantroom.estate.changes import Action, ObjectKind

CLIENTS = {"alder": "pilot"}
WRONG = ("its role is a superuser", "everybody may connect to it")


@pytest.mark.parametrize("state", ["live", "suspended"])
async def test_a_database_that_was_opened_is_closed_again(simulate: Any, state: str) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        estate = tiny_estate(CLIENTS)
        estate["clients"]["alder"]["environments"]["production"]["state"] = state
        world.declare(estate)
        await world.apply()
        world.platform.databases.wrong["alder/production"] = WRONG
        (change,) = policy.drift((await world.core.tenancy.plan()).plan)
        assert (change.action, change.kind) == (Action.UPDATED, ObjectKind.DATABASE)
        assert change.reason == f"{'; '.join(WRONG)}, changed behind Plantroom's back"
        before = dict(world.platform.effects.done)
        await world.apply()
        assert (await world.core.tenancy.plan()).plan.effective == ()
        repaired = ("create database", "alder/production")
        assert world.platform.effects.done == before | {repaired: before[repaired] + 1}
