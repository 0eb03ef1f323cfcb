"""What ran is run again from its history alone, by workflows made anew: any use of time or of chance would show."""

from __future__ import annotations

from typing import Any

from temporalio.worker import Replayer

from plantroom import bootstrap
from plantroom.delivery.trains import store
from plantroom.runtime.temporal import sandbox


async def test_the_history_of_a_night_replays(simulate: Any) -> None:
    async with simulate({"alder": "pilot", "birch": "general"}) as world:
        await world.apply()
        await world.release("2.0", "night")
        await world.ended("night")
        async with world.core.database.transaction() as connection:
            changes = [target.change for target in await store.targets(connection, "night")]
        client = world.environment.client
        replayer = Replayer(
            workflows=bootstrap.WORKFLOWS, workflow_runner=sandbox(), data_converter=client.data_converter
        )
        kinds = []
        for name in ("train-night", *changes):
            history = await client.get_workflow_handle(name).fetch_history()
            await replayer.replay_workflow(history)
            kinds.append(history.events[0].workflow_execution_started_event_attributes.workflow_type.name)
        assert kinds == ["ReleaseTrain", "EnvironmentChange", "EnvironmentChange"]
