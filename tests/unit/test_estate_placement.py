"""Placement, case by case."""

from __future__ import annotations

from typing import Any

from plantroom.estate.model import Estate
from plantroom.estate.plan import Assignment
from plantroom.kernel.verdict import Refused
from plantroom.platforms.contract import ServerSeen
from plantroom.rollout.placement import place


def estate(servers: int, memory_mib: int, *clients: str, stage: str = "production", worker_mib: int = 0) -> Estate:
    processes: dict[str, Any] = {"web": {"instances": 2, "memory_mib": 60, "cpus": 0.1}}
    small: dict[str, Any] = {"web": {"instances": 2, "memory_mib": 50, "cpus": 0.1}}
    if worker_mib:
        processes["worker"] = {"instances": 1, "memory_mib": worker_mib}
    return Estate.model_validate(
        {
            "estate": {"name": "cases"},
            "people": {"ada": {"name": "Ada", "account": "ada"}},
            "applications": {
                "large": {"release": "1", "processes": processes},
                "small": {"release": "1", "processes": small},
            },
            "stages": {stage: {}},
            "regions": {"north": {}},
            "server_pools": {"mesh": {"region": "north", "servers": servers, "memory_mib": memory_mib, "cpus": 1}},
            "rings": ({"name": "pilot"},),
            "clients": {
                name: {
                    "ring": "pilot",
                    "environments": {stage: {"application": name.split("-")[0], "hosts": (f"{name}.test",)}},
                }
                for name in clients
            },
        }
    )


def test_what_was_taken_before_a_refusal_is_given_back() -> None:
    found = place(estate(2, 100, "large-a", "small-b", worker_mib=60), {})
    assert found["large-a/production"] == Refused(
        "worker/1 needs 60 MiB and 0.1 CPUs, and no server of mesh has both free (at most 40 MiB and 0.9 CPUs)"
    )
    assert not isinstance(found["small-b/production"], Refused)


def test_production_is_refused_where_only_one_server_has_room() -> None:
    asked = estate(2, 200, "large-a", "small-b")
    full = {"small-b/production": (Assignment("web", 1, "mesh-2"), Assignment("web", 2, "mesh-2"))}
    placed = place(asked, full)
    assert placed["small-b/production"] == (Assignment("web", 1, "mesh-2"), Assignment("web", 2, "mesh-1"))
    one = place(estate(1, 200, "large-a"), {})["large-a/production"]
    assert one == Refused(
        "its 2 web instances would be on 1 server, and production needs 2 "
        "(1 in mesh, the freest with 80 MiB and 0.8 CPUs)"
    )


def test_outside_of_production_one_server_is_enough() -> None:
    found = place(estate(1, 200, "large-a", stage="uat"), {})
    assert found["large-a/uat"] == (Assignment("web", 1, "mesh-1"), Assignment("web", 2, "mesh-1"))


def test_instances_spread_over_servers_that_are_alike() -> None:
    names = [f"small-{number}" for number in range(40)]
    found = place(estate(10, 1000, *names), {})
    loads: dict[str, int] = {}
    for assignments in found.values():
        assert not isinstance(assignments, Refused)
        for one in assignments:
            loads[one.server] = loads.get(one.server, 0) + 1
    assert set(loads.values()) == {8}


def test_what_no_longer_fits_its_server_moves() -> None:
    asked = estate(3, 60, "large-a")
    before = tuple(Assignment("web", slot, "mesh-1") for slot in (1, 2))
    after = place(asked, {"large-a/production": before})["large-a/production"]
    assert not isinstance(after, Refused)
    assert after[0] == before[0]
    assert after[1].server in ("mesh-2", "mesh-3")


def test_a_server_counts_where_it_really_is() -> None:
    asked = estate(3, 400, "large-a", "small-b")
    at_home = asked.clients["large-a"].model_copy(update={"residency": ("north",)})
    asked = asked.model_copy(update={"clients": {**asked.clients, "large-a": at_home}})
    seen = [ServerSeen(f"mesh-{number}", "mesh", "south", True) for number in (1, 2, 3)]
    found = place(asked, {}, seen)
    assert found["large-a/production"] == Refused(
        "no server of mesh is in its client's residency: mesh-1 is in south, mesh-2 is in south, mesh-3 is in south"
    )
    assert not isinstance(found["small-b/production"], Refused), "its data may be anywhere"
    some = place(asked, {}, seen[:1])["large-a/production"]
    assert not isinstance(some, Refused)
    assert {one.server for one in some} == {"mesh-2", "mesh-3"}
    before = {"large-a/production": (Assignment("web", 1, "mesh-1"), Assignment("web", 2, "mesh-2"))}
    assert place(asked, before, seen[:1])["large-a/production"] == (
        Assignment("web", 1, "mesh-3"),
        Assignment("web", 2, "mesh-2"),
    )
    one = place(asked, {}, seen[:2])["large-a/production"]
    assert isinstance(one, Refused)
    assert one.reason.endswith("; outside of its client's residency: mesh-1 is in south, mesh-2 is in south")
