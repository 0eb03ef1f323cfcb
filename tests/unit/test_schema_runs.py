"""Each database of a run when its turn comes: what an apply has taken out of Plantroom's hands is left as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from plantroom.delivery.schema import activities, fleet_policy, steps, store
from plantroom.delivery.schema.fleet_model import Run, RunState, RunTarget, Work
from plantroom.estate.changes import Status
from plantroom.estate.model import Management
from plantroom.kernel.errors import PlatformError
from plantroom.ledger.service import Ledger
from plantroom.platforms.contract import DatabaseSpec, PoolLoad, Script, Step
from plantroom.rollout import store as rollout_store
from plantroom.rollout.model import Target
from plantroom.runtime import clock
from plantroom.runtime.database import Database

FLEET = ("alder", "birch", "cedar", "doghs")
AT = "2027-01-01T00:00:00Z"


class Brought:
    """In place of the fleet: notes whose turn it was. `meanwhile` is what happens then, by client."""

    def __init__(self, **meanwhile: Any) -> None:
        self.turns: list[str] = []
        self.loads: list[PoolLoad] = []
        self._meanwhile = meanwhile

    async def load(self, _pool: str) -> PoolLoad:
        return self.loads.pop(0) if self.loads else PoolLoad(0, 0, 100)

    async def run(self, spec: DatabaseSpec, _script: Script, _limits: object) -> bool:
        client = spec.environment.partition("/")[0]
        self.turns.append(client)
        if client in self._meanwhile:
            await self._meanwhile[client]()
        return True


class Runs:
    def __init__(self, database: Database, directory: Path) -> None:
        self.database = database
        self.ledger = Ledger(database, directory / "ledger", "test", clock.now)

    async def begin(self, canaries: int = 1, stop_at: int = 1) -> None:
        """Of every client's database, all of them live and managed."""
        script = Script.of("outside:repair 1", [Step("SELECT 1")], "begins", "ends")
        work = Work("repair tiny 1.0", "", script, canaries, 1, stop_at)
        run = Run("run", "intent", "ada", AT, None, RunState.RUNNING, "", work)
        async with self.database.transaction() as connection:
            for client in FLEET:
                await rollout_store.keep(connection, target(client), "change", AT)
            await rollout_store.add_intent(connection, run.intent, "schema run", "ada", AT, {"work": work.as_data()})
            await store.add_run(connection, run, [(f"{client}/production", "data") for client in FLEET])

    async def say(self, **management: Management) -> None:
        """What an apply says meanwhile."""
        said = {f"{client}/production": management.get(client, Management.MANAGED) for client in FLEET}
        async with self.database.transaction() as connection:
            await rollout_store.set_managements(connection, said)

    async def batch(self, fleet: Brought) -> steps.Batch:
        nothing: Any = None
        made = activities.Activities(self.database, self.ledger, nothing, nothing, fleet, nothing, clock.now)  # type: ignore[arg-type]
        return await ActivityEnvironment().run(made.batch, "run")

    async def end(self, stopped: str = "") -> str:
        nothing: Any = None
        made = activities.Activities(self.database, self.ledger, nothing, nothing, nothing, nothing, clock.now)
        return await ActivityEnvironment().run(made.end, steps.RunEnd("run", stopped))

    async def states(self) -> dict[str, tuple[str, str]]:
        async with self.database.transaction() as connection:
            found = await store.targets(connection, "run")
        return {one.environment.partition("/")[0]: (one.state, one.why) for one in found}


@pytest.fixture
def runs(database: Database, tmp_path: Path) -> Runs:
    return Runs(database, tmp_path)


def target(client: str, status: Status = Status.LIVE) -> Target:
    return Target(
        *(f"{client}/production", status, "pilot", "tiny", "1.0", "sha256:1", "r1", "c1", (), "data", False, ())
    )


@pytest.mark.parametrize("management", [Management.OBSERVED, Management.EXTERNAL])
async def test_what_is_not_managed_any_more_when_its_turn_comes_is_left_out(runs: Runs, management: Management) -> None:
    await runs.begin()
    # The canary goes by itself; then an apply says otherwise of two, of one of them while the batch is under way.
    fleet = Brought()
    assert (await runs.batch(fleet)).left == 3
    await runs.say(birch=management)
    fleet = Brought(cedar=lambda: runs.say(birch=management, doghs=management))
    assert await runs.batch(fleet) == steps.Batch(0)
    assert fleet.turns == ["cedar"]
    left = ("left", f"it is {management} since the run began")
    assert await runs.states() == {"alder": ("done", ""), "birch": left, "cedar": ("done", ""), "doghs": left}
    assert await runs.end() == "done"


async def test_what_has_left_has_not_failed(runs: Runs) -> None:
    await runs.begin(canaries=0)
    await runs.say(alder=Management.OBSERVED, birch=Management.EXTERNAL)
    fleet = Brought()
    assert await runs.batch(fleet) == steps.Batch(0), "one failure would have stopped it"
    assert fleet.turns == ["cedar", "doghs"]


async def test_each_client_is_told_in_the_ledger_that_it_was_left_out(runs: Runs) -> None:
    await runs.begin(canaries=0)
    await runs.say(birch=Management.OBSERVED)
    await runs.batch(Brought())
    [entry] = [item.entry for item in await runs.ledger.latest(10, "birch/production")]
    assert entry.payload == {
        "run": "run",
        "about": "repair tiny 1.0",
        "done": True,
        "why": "",
        "data": {"left": "it is observed since the run began"},
    }


async def test_one_that_is_tried_again_is_asked_for_again(runs: Runs) -> None:
    async def locked() -> None:
        await runs.say(alder=Management.OBSERVED)
        raise PlatformError("PR403", "the database of alder/production", value="is locked")

    await runs.begin()
    fleet = Brought(alder=locked)
    await runs.batch(fleet)
    assert fleet.turns == ["alder"]
    assert (await runs.states())["alder"] == ("left", "it is observed since the run began")


async def test_where_a_canary_has_left_the_next_one_goes_by_itself(runs: Runs) -> None:
    async def fails() -> None:
        raise PlatformError("PR405", "the database of birch/production", value="it cannot bear the data")

    await runs.begin(stop_at=3)
    await runs.say(alder=Management.OBSERVED)
    assert await runs.batch(Brought()) == steps.Batch(3)
    fleet = Brought(birch=fails)
    batch = await runs.batch(fleet)
    assert (fleet.turns, batch.left) == (["birch"], 2)
    assert "a canary" in batch.stop
    assert await runs.end(batch.stop) == "stopped"


async def test_one_that_retired_meanwhile_has_left_too(runs: Runs) -> None:
    await runs.begin(canaries=0)
    async with runs.database.transaction() as connection:
        await rollout_store.keep(connection, target("alder", Status.RETIRED), "change", AT)
    assert await runs.batch(Brought()) == steps.Batch(0)
    assert (await runs.states())["alder"] == ("left", "it is retired since the run began")


def test_one_that_no_file_declares_any_more_is_not_changed() -> None:
    assert fleet_policy.passed_by(target("alder"), None) == "it is not declared"
    assert fleet_policy.passed_by(None, None) == "it is gone"
    assert fleet_policy.passed_by(target("alder", Status.SUSPENDED), Management.MANAGED) == ""


def test_places_are_those_of_who_is_aboard() -> None:
    def here(states: Sequence[str]) -> list[tuple[str, int]]:
        targets = [RunTarget(f"c{place}", "data", place, state, "") for place, state in enumerate(states)]
        return [(one.environment, one.place) for one in fleet_policy.aboard(targets)]

    assert here(["left", "done", "waiting"]) == [("c1", 0), ("c2", 1)]


@pytest.mark.parametrize(
    ("load", "open_"),
    [
        (PoolLoad(0, 4, 100), 4),
        (PoolLoad(1, 10, 100), 3),
        (PoolLoad(9, 30, 100), 1),
        (PoolLoad(0, 85, 100), 2),
        (PoolLoad(0, 89, 100), 0),
        (None, 1),
    ],
)
def test_a_run_takes_what_the_clients_of_a_pool_leave_over(load: PoolLoad | None, open_: int) -> None:
    assert fleet_policy.slots(4, load) == open_


async def test_nothing_begins_while_a_pool_has_hardly_a_connection_left(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities, "_ASK_EVERY_S", 0.01)
    made = Runs(database, tmp_path)
    await made.begin()
    fleet = Brought()
    fleet.loads = [PoolLoad(0, 100, 100)] * 3
    await made.batch(fleet)
    assert fleet.turns == ["alder"]
    assert fleet.loads == []
    monkeypatch.setattr(activities, "PATIENCE_S", 0.05)
    fleet.loads = [PoolLoad(0, 100, 100)] * 10_000
    await made.batch(fleet)
    assert fleet.turns == list(FLEET)
    assert fleet.loads, "it has waited for room for ever"
