"""Machines and workloads: the same for every platform."""

from __future__ import annotations

import pytest
from tests.contract.workshop import CRASHING, MISSING, SERVERS, WORKER, environment, instance, server, until

from plantroom.kernel.errors import PlatformError
from plantroom.platforms.contract import InstanceSeen, Platform, Running


async def _seen(platform: Platform, name: str) -> InstanceSeen | None:
    return next((seen for seen in await platform.workloads.observe() if seen.id == name), None)


async def _healthy(platform: Platform, name: str) -> None:
    async def holds() -> bool:
        return await platform.workloads.healthy(name) is None

    await until(holds)


async def test_a_server_is_made_once(platform: Platform) -> None:
    first = await platform.machines.create(server())
    again = await platform.machines.create(server())
    assert first == again
    assert first.running
    assert [seen.name for seen in await platform.machines.observe()] == list(SERVERS)


async def test_a_server_name_is_not_taken_over(platform: Platform) -> None:
    with pytest.raises(PlatformError) as caught:
        await platform.machines.create(server(region="south"))
    assert caught.value.code == "PR402"


async def test_destroying_a_server_ends_what_is_on_it(platform: Platform) -> None:
    await platform.machines.create(server("gone-1", pool="gone"))
    spec = instance(environment(), on="gone-1")
    await platform.workloads.start(spec)
    await platform.machines.destroy("gone-1")
    await platform.machines.destroy("gone-1")
    assert "gone-1" not in [seen.name for seen in await platform.machines.observe()]
    assert await _seen(platform, spec.id) is None
    with pytest.raises(PlatformError) as caught:
        await platform.workloads.start(spec)
    assert caught.value.code == "PR401"


async def test_one_instance_is_found_as_it_is_observed(platform: Platform) -> None:
    spec = instance(environment())
    assert await platform.workloads.find(spec.id) is None
    await platform.workloads.start(spec)
    await _healthy(platform, spec.id)

    async def settled() -> bool:
        return await platform.workloads.find(spec.id) == await _seen(platform, spec.id)

    await until(settled)
    found = await platform.workloads.find(spec.id)
    assert found is not None
    assert (found.id, found.environment, found.server) == (spec.id, spec.environment, spec.server)
    await platform.workloads.stop(spec.id)
    assert await platform.workloads.find(spec.id) is None


async def test_an_instance_is_started_once(platform: Platform) -> None:
    spec = instance(environment())
    first = await platform.workloads.start(spec)
    again = await platform.workloads.start(spec)
    assert first.port == again.port > 0
    await _healthy(platform, spec.id)
    seen = await _seen(platform, spec.id)
    assert seen is not None
    assert (seen.environment, seen.process, seen.server, seen.artefact) == (
        spec.environment,
        "web",
        spec.server,
        spec.artefact,
    )
    assert seen.started == 1
    assert seen.state in (Running.RUNNING, Running.STARTING)
    await platform.workloads.stop(spec.id)


async def test_a_stopped_instance_is_forgotten(platform: Platform) -> None:
    spec = instance(environment())
    await platform.workloads.start(spec)
    await platform.workloads.stop(spec.id)
    await platform.workloads.stop(spec.id)
    assert await _seen(platform, spec.id) is None
    with pytest.raises(PlatformError) as caught:
        await platform.workloads.healthy(spec.id)
    assert caught.value.code == "PR401"


async def test_instances_of_one_server_have_ports_of_their_own(platform: Platform) -> None:
    specs = [instance(environment()) for _ in range(3)]
    ports = {(await platform.workloads.start(spec)).port for spec in specs}
    assert len(ports) == 3
    for spec in specs:
        await platform.workloads.stop(spec.id)


async def test_a_worker_is_healthy_once_it_has_run(platform: Platform) -> None:
    spec = instance(environment(), WORKER)
    assert (await platform.workloads.start(spec)).port == 0
    await _healthy(platform, spec.id)
    await platform.workloads.stop(spec.id)


async def test_an_artefact_that_cannot_be_had_leaves_nothing(platform: Platform) -> None:
    spec = instance(environment(), artefact=MISSING)
    with pytest.raises(PlatformError) as caught:
        await platform.workloads.start(spec)
    assert caught.value.code == "PR405"
    assert await _seen(platform, spec.id) is None


@pytest.mark.embedded
async def test_an_instance_that_ends_is_not_healthy(local: Platform) -> None:
    spec = instance(environment(), CRASHING)
    await local.workloads.start(spec)

    async def tried_again() -> bool:
        seen = await _seen(local, spec.id)
        return seen is not None and seen.started >= 2

    await until(tried_again)
    assert await local.workloads.healthy(spec.id) is not None
    await local.workloads.stop(spec.id)
