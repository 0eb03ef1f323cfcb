"""The faults of the simulated platform, on which property tests stand."""

from __future__ import annotations

import pytest

from plantroom.kernel.errors import PlatformError
from plantroom.platforms.contract import Capability, RouteSpec, ServerSpec
from plantroom.platforms.sim import Fault, SimPlatform, scripted, seeded

SERVER = ServerSpec("one-1", "one", "north", 512, 1000)


async def test_a_fault_before_leaves_nothing_done() -> None:
    platform = SimPlatform(scripted({("create server", "one-1", 1): Fault.BEFORE}))
    with pytest.raises(PlatformError) as caught:
        await platform.machines.create(SERVER)
    assert caught.value.code == "PR403"
    assert platform.effects.history == []
    await platform.machines.create(SERVER)
    assert platform.effects.done["create server", "one-1"] == 1


async def test_a_fault_after_is_done_once_however_often_it_is_tried() -> None:
    platform = SimPlatform(scripted({("create server", "one-1", nth): Fault.AFTER for nth in (1, 2)}))
    for _ in range(2):
        with pytest.raises(PlatformError) as caught:
            await platform.machines.create(SERVER)
        assert caught.value.code == "PR404"
    await platform.machines.create(SERVER)
    assert platform.effects.history == [("create server", "one-1")]
    assert [fault for _, _, fault in platform.effects.struck] == [Fault.AFTER, Fault.AFTER]


def test_what_it_lacks_cannot_be_used() -> None:
    platform = SimPlatform(lacks=[Capability.FILES])
    assert platform.capabilities == frozenset(Capability) - {Capability.FILES}
    with pytest.raises(PlatformError, match="PR405 the platform local: has no files"):
        _ = platform.files


def test_seeded_faults_are_the_same_each_time_and_end() -> None:
    calls = [("admit", f"instance-{number}", nth) for number in range(300) for nth in (1, 2, 3)]
    first, again, other = seeded(7, 20, 20), seeded(7, 20, 20), seeded(8, 20, 20)
    drawn = [first(*call) for call in calls]
    assert drawn == [again(*call) for call in calls]
    assert drawn != [other(*call) for call in calls]
    # 900 draws at 20 % each: 180 expected, with a standard deviation of 12.
    assert 120 < drawn.count(Fault.BEFORE) < 240
    assert 120 < drawn.count(Fault.AFTER) < 240
    assert all(first("admit", f"instance-{number}", 4) is None for number in range(300))


async def test_a_host_name_leads_to_one_environment() -> None:
    platform = SimPlatform()
    await platform.traffic.route([RouteSpec("a/production", ("one.example.test",), "/health")])
    with pytest.raises(PlatformError) as caught:
        await platform.traffic.route([RouteSpec("b/production", ("one.example.test",), "/health")])
    assert caught.value.code == "PR402"
