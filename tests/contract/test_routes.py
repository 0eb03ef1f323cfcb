"""Traffic: the same for every platform."""

from __future__ import annotations

import pytest
from tests.contract.workshop import environment, instance, route, until

from plantroom.kernel.errors import PlatformError
from plantroom.platforms.contract import Admission, Platform, RouteSeen


async def _seen(platform: Platform, name: str) -> RouteSeen | None:
    return next((seen for seen in await platform.traffic.observe() if seen.environment == name), None)


async def _admissions(platform: Platform, name: str) -> dict[str, Admission]:
    seen = await _seen(platform, name)
    return {} if seen is None else {member.instance: member.admission for member in seen.members}


async def test_a_route_is_made_changed_and_removed(platform: Platform) -> None:
    name = environment()
    hosts = ("one.example.test", "two.example.test")
    for _ in range(2):
        await platform.traffic.route([route(name, hosts=hosts)])
        seen = await _seen(platform, name)
        assert seen is not None
        assert (sorted(seen.hosts), seen.suspended, seen.members) == (sorted(hosts), False, ())
    await platform.traffic.route([route(name, hosts=hosts[:1], suspended=True)])
    seen = await _seen(platform, name)
    assert seen is not None
    assert (seen.hosts, seen.suspended) == (hosts[:1], True)
    await platform.traffic.unroute([name])
    await platform.traffic.unroute([name])
    assert await _seen(platform, name) is None


async def test_members_are_admitted_drained_and_removed(platform: Platform) -> None:
    name = environment()
    spec = instance(name)
    port = (await platform.workloads.start(spec)).port
    await platform.traffic.route([route(name)])
    for _ in range(2):
        await platform.traffic.admit(name, spec.id, "127.0.0.1", port)
        assert await _admissions(platform, name) == {spec.id: Admission.ADMITTED}

    async def up() -> bool:
        seen = await _seen(platform, name)
        return seen is not None and seen.members[0].up

    await until(up)
    for _ in range(2):
        await platform.traffic.drain(name, spec.id)
        assert await _admissions(platform, name) == {spec.id: Admission.DRAINING}
    assert await platform.traffic.in_flight(name, spec.id) == 0
    await platform.traffic.admit(name, spec.id, "127.0.0.1", port)
    assert await _admissions(platform, name) == {spec.id: Admission.ADMITTED}
    for _ in range(2):
        await platform.traffic.remove(name, spec.id)
        assert await _admissions(platform, name) == {}
    await platform.traffic.drain(name, spec.id)
    assert await _admissions(platform, name) == {}
    await platform.traffic.unroute([name])
    await platform.workloads.stop(spec.id)


async def test_a_changed_route_keeps_members_and_drains(platform: Platform) -> None:
    name, other = environment(), environment()
    first, second = instance(name), instance(name)
    await platform.traffic.route([route(name)])
    for number, spec in enumerate((first, second)):
        await platform.traffic.admit(name, spec.id, "127.0.0.1", 9000 + number)
    await platform.traffic.drain(name, first.id)
    await platform.traffic.route([route(name), route(other)])
    assert await _admissions(platform, name) == {first.id: Admission.DRAINING, second.id: Admission.ADMITTED}
    await platform.traffic.unroute([name, other])


async def test_what_is_not_routed_is_an_error_only_where_it_matters(platform: Platform) -> None:
    name = environment()
    for ask in (platform.traffic.admit(name, "any", "127.0.0.1", 9000), platform.traffic.count(name)):
        with pytest.raises(PlatformError) as caught:
            await ask
        assert caught.value.code == "PR401"
    await platform.traffic.drain(name, "any")
    await platform.traffic.remove(name, "any")
    assert await platform.traffic.in_flight(name, "any") == 0


async def test_a_new_route_has_counted_nothing(platform: Platform) -> None:
    name = environment()
    await platform.traffic.route([route(name)])
    counted = await platform.traffic.count(name)
    assert (counted.requests, counted.errors_5xx) == (0, 0)
    await platform.traffic.unroute([name])


async def test_names_move_among_routes_that_are_asked_for_together_and_from_no_other(platform: Platform) -> None:
    first, second, third = environment(), environment(), environment()
    names = {first: ("left.move.test",), second: ("right.move.test",)}
    await platform.traffic.route([route(name, hosts=hosts) for name, hosts in names.items()])
    for _ in range(2):
        await platform.traffic.route([route(first, hosts=names[second]), route(second, hosts=names[first])])
        seen = {route.environment: route.hosts for route in await platform.traffic.observe()}
        assert (seen[first], seen[second]) == (names[second], names[first])
    with pytest.raises(PlatformError) as refused:
        await platform.traffic.route([route(third, hosts=names[first])])
    assert refused.value.code == "PR402"
    assert f"leads to {second}" in refused.value.value
    await platform.traffic.unroute([first, second])
