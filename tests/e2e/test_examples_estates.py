"""The estates of the examples: free of mistakes, and with room for what they declare."""

from __future__ import annotations

from pathlib import Path

import pytest

from plantroom.estate.loader import load
from plantroom.rollout.placement import place

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("example", "clients", "instances"), [("workorders", 6, ["web", "web", "worker"]), ("brochure", 2, ["web", "web"])]
)
def test_everything_declared_has_a_place(example: str, clients: int, instances: list[str]) -> None:
    estate = load(EXAMPLES / example / "estate").estate
    assert len(estate.clients) == clients
    placed = place(estate, {})
    assert len(placed) == clients
    for name, assignments in placed.items():
        assert isinstance(assignments, tuple), assignments
        assert [one.process for one in assignments] == instances, name
        assert len({one.server for one in assignments if one.process == "web"}) == 2


def test_clients_of_the_north_stay_there() -> None:
    estate = load(EXAMPLES / "workorders" / "estate").estate
    assert [ring.name for ring in estate.rings] == ["pilot", "early", "general"]
    bound = [name for name, client in estate.clients.items() if client.residency == ("north",)]
    assert len(bound) == 3
    placed = place(estate, {})
    for name in bound:
        assignments = placed[f"{name}/production"]
        assert isinstance(assignments, tuple)
        assert {one.server for one in assignments} <= {"north-1", "north-2"}
        assert estate.clients[name].environments["production"].database_pool == "north"


def test_every_release_of_an_estate_can_be_built_from_its_example() -> None:
    for example in ("workorders", "brochure"):
        estate = load(EXAMPLES / example / "estate").estate
        (application,) = estate.applications.values()
        assert (EXAMPLES / example / "releases" / application.release / "plantroom.app.yaml").is_file()
