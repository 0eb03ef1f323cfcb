"""Placement over generated estates, one sentence each."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from plantroom.estate.effective import Place, milli, places, scales_of, server_names
from plantroom.estate.model import Estate
from plantroom.estate.plan import Assignment
from plantroom.kernel.verdict import Refused
from plantroom.rollout.placement import place

RUNS = settings(max_examples=120, deadline=None)
REGIONS = ("north", "south")


@st.composite
def estates(draw: st.DrawFn, least_clients: int = 0) -> Estate:
    pools = {
        f"pool-{number}": {
            "region": draw(st.sampled_from(REGIONS)),
            "servers": draw(st.integers(1, 4)),
            "memory_mib": draw(st.sampled_from([256, 512, 1024])),
            "cpus": draw(st.sampled_from([0.5, 1, 2.5])),
            "management": draw(st.sampled_from(["managed", "managed", "managed", "observed"])),
        }
        for number in range(draw(st.integers(1, 3)))
    }
    applications = {
        name: {
            "release": "1",
            "processes": {
                process: {
                    "instances": draw(st.integers(0, 4)),
                    "memory_mib": draw(st.sampled_from([16, 64, 100])),
                    "cpus": draw(st.sampled_from([0.05, 0.1, 0.333])),
                }
                for process in draw(st.sampled_from([("web",), ("web", "worker"), ("api", "web")]))
            },
        }
        for name in ("one", "two")
    }
    clients = {
        f"client-{number}": {
            "ring": "pilot",
            "residency": draw(st.sampled_from([(), ("north",), ("south",), REGIONS])),
            "environments": {
                stage: {
                    "application": draw(st.sampled_from(("one", "two"))),
                    "hosts": (f"client-{number}.{stage}.test",),
                    "server_pools": draw(st.sampled_from([(), (), ("pool-0",)])),
                    "state": draw(st.sampled_from(["live", "live", "suspended", "retired"])),
                }
                for stage in draw(st.sampled_from([("production",), ("uat",), ("uat", "production")]))
            },
        }
        for number in range(draw(st.integers(least_clients, 8)))
    }
    return Estate.model_validate(
        {
            "estate": {"name": "generated"},
            "people": {"ada": {"name": "Ada", "account": "ada"}},
            "applications": applications,
            "stages": {"uat": {}, "production": {}},
            "regions": {region: {} for region in REGIONS},
            "server_pools": pools,
            "rings": ({"name": "pilot"},),
            "clients": clients,
        }
    )


def placed(
    estate: Estate, current: dict[str, tuple[Assignment, ...]] | None = None
) -> dict[str, tuple[Assignment, ...]]:
    found = place(estate, current or {})
    return {name: one for name, one in found.items() if not isinstance(one, Refused)}


def by_name(estate: Estate) -> dict[str, Place]:
    return {one.name: one for one in places(estate)}


@RUNS
@given(estates())
def test_no_server_gets_more_than_it_has(estate: Estate) -> None:
    known = by_name(estate)
    memory: dict[str, int] = {}
    cpu: dict[str, int] = {}
    for name, assignments in placed(estate).items():
        scales = scales_of(estate, known[name].environment)
        for one in assignments:
            memory[one.server] = memory.get(one.server, 0) + scales[one.process].memory_mib
            cpu[one.server] = cpu.get(one.server, 0) + milli(scales[one.process].cpus)
    for pool_name, pool in estate.server_pools.items():
        for server in server_names(pool_name, pool.servers):
            assert memory.get(server, 0) <= pool.memory_mib
            assert cpu.get(server, 0) <= milli(pool.cpus)


@RUNS
@given(estates())
def test_residency_named_pools_and_observed_pools_are_respected(estate: Estate) -> None:
    known = by_name(estate)
    for name, assignments in placed(estate).items():
        place_ = known[name]
        for one in assignments:
            pool_name = one.server.rpartition("-")[0]
            pool = estate.server_pools[pool_name]
            assert not place_.client.residency or pool.region in place_.client.residency
            assert not place_.environment.server_pools or pool_name in place_.environment.server_pools
            assert pool.management == "managed"


@RUNS
@given(estates())
def test_an_environment_gets_every_slot_once_or_none(estate: Estate) -> None:
    known = by_name(estate)
    for name, assignments in placed(estate).items():
        scales = scales_of(estate, known[name].environment)
        wanted = [(process, slot) for process, scale in scales.items() for slot in range(1, scale.instances + 1)]
        assert [(one.process, one.slot) for one in assignments] == sorted(wanted)


@RUNS
@given(estates())
def test_production_web_is_on_two_servers_or_refused(estate: Estate) -> None:
    for name, assignments in placed(estate).items():
        web = {one.server for one in assignments if one.process == "web"}
        assert not name.endswith("/production") or not web or len(web) >= 2


@RUNS
@given(estates())
def test_placing_again_moves_nothing(estate: Estate) -> None:
    first = placed(estate)
    again = placed(estate, first)
    assert {name: again[name] for name in first} == first


@RUNS
@given(estates(least_clients=1), st.data())
def test_adding_a_client_moves_no_other(estate: Estate, data: st.DataObject) -> None:
    new = data.draw(st.sampled_from(list(estate.clients)))
    others = {name: client for name, client in estate.clients.items() if name != new}
    before = placed(estate.model_copy(update={"clients": others}))
    after = placed(estate, before)
    assert {name: after[name] for name in before} == before


@RUNS
@given(estates(), st.data())
def test_losing_a_server_moves_only_what_was_on_it(estate: Estate, data: st.DataObject) -> None:
    before = placed(estate)
    pool_name = data.draw(st.sampled_from(list(estate.server_pools)))
    pool = estate.server_pools[pool_name]
    if pool.servers == 1:
        return
    gone = f"{pool_name}-{pool.servers}"
    smaller = estate.model_copy(
        update={
            "server_pools": {
                **estate.server_pools,
                pool_name: pool.model_copy(update={"servers": pool.servers - 1}),
            }
        }
    )
    after = placed(smaller, before)
    for name, assignments in before.items():
        stayed = {one for one in assignments if one.server != gone}
        assert name not in after or stayed <= set(after[name])


@RUNS
@given(estates())
def test_the_order_of_the_files_does_not_matter(estate: Estate) -> None:
    turned = estate.model_copy(update={"clients": dict(reversed(list(estate.clients.items())))})
    assert place(turned, {}) == place(estate, {})


@RUNS
@given(estates())
def test_a_refusal_says_a_number(estate: Estate) -> None:
    for one in place(estate, {}).values():
        if isinstance(one, Refused) and "no managed server pool" not in one.reason:
            assert any(character.isdigit() for character in one.reason)


@RUNS
@given(estates())
def test_a_refused_environment_takes_no_room(estate: Estate) -> None:
    found = place(estate, {})
    refused = {name for name, one in found.items() if isinstance(one, Refused)}
    clients = {}
    for name, client in estate.clients.items():
        stages = {
            stage: environment for stage, environment in client.environments.items() if f"{name}/{stage}" not in refused
        }
        if stages:
            clients[name] = client.model_copy(update={"environments": stages})
    without = place(estate.model_copy(update={"clients": clients}), {})
    assert without == {name: one for name, one in found.items() if name not in refused}
