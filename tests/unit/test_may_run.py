"""What an environment runs, or may be returned to: what its database must still have."""

from __future__ import annotations

from plantroom.estate.changes import Status
from plantroom.rollout import store
from plantroom.rollout.model import Change, ChangeState, Target
from plantroom.runtime.database import Database

AT = "2027-01-01T00:00:00Z"


def on(artefact: str) -> Target:
    return Target(
        "alder/production", Status.LIVE, "pilot", "tiny", artefact, artefact, "", "", (), "data", False, ("a.test",)
    )


async def night(database: Database, intent: str, previous: str, artefact: str, state: ChangeState) -> None:
    """A change of the environment whose train is still under way."""
    async with database.transaction() as connection:
        await store.add_intent(connection, intent, "train", "ada", AT, {})
        change = Change(intent, intent, "alder/production", "ada", ChangeState.OPEN, on(artefact), on(previous))
        await store.open_change(connection, change, AT)
        if state is not ChangeState.OPEN:
            await store.set_change(connection, intent, state, "", AT)
            await store.keep(connection, on(artefact if state is ChangeState.DONE else previous), intent, AT)


async def may_run(database: Database) -> list[str]:
    async with database.transaction() as connection:
        return await store.may_run(connection, "alder/production")


async def test_what_a_train_may_take_back_is_still_needed_until_it_has_ended(database: Database) -> None:
    async with database.transaction() as connection:
        assert await store.may_run(connection, "alder/production") == []
        await store.keep(connection, on("1.0"), "first", AT)
    assert await may_run(database) == ["1.0"]
    await night(database, "to-1.1", "1.0", "1.1", ChangeState.OPEN)
    assert await may_run(database) == ["1.0"]
    async with database.transaction() as connection:
        await store.set_change(connection, "to-1.1", ChangeState.DONE, "", AT)
        await store.keep(connection, on("1.1"), "to-1.1", AT)
    # It is on 1.1, and its ring soaks: the verdict may send it back.
    assert await may_run(database) == ["1.0", "1.1"]
    async with database.transaction() as connection:
        await store.end_intent(connection, "to-1.1", {})
    assert await may_run(database) == ["1.1"]


async def test_what_came_to_nothing_is_not_returned_to_again(database: Database) -> None:
    await night(database, "to-1.1", "1.0", "1.1", ChangeState.FAILED)
    assert await may_run(database) == ["1.0"]


async def test_of_its_own_night_it_is_what_runs_until_then(database: Database) -> None:
    async with database.transaction() as connection:
        await store.keep(connection, on("1.1"), "first", AT)
    await night(database, "to-1.2", "1.1", "1.2", ChangeState.OPEN)
    assert await may_run(database) == ["1.1"]
