"""Every mistake in one run: one of shape hides none of the others, and brings none that it is not."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plantroom.estate.errors import EstateError
from plantroom.estate.loader import load

SOUND: dict[str, Any] = {
    "estate": {"name": "small", "production_stages": ["production"], "drain_timeout": "5s"},
    "people": {"ada": {"name": "Ada", "account": "ada"}, "eve": {"name": "Eve", "account": "eve"}},
    "applications": {"site": {"release": "1", "management": "managed", "processes": {"web": {"instances": 2}}}},
    "stages": {"uat": {}, "production": {}},
    "regions": {"north": {}, "south": {}},
    "server_pools": {
        "mesh": {"region": "north", "servers": 2, "management": "managed"},
        "tide": {"region": "south", "servers": 2},
    },
    "database_pools": {"north-a": {"region": "north", "management": "managed"}},
    "rings": [{"name": "pilot", "max_unhealthy": 2}, {"name": "late", "soak": "5s"}],
    "clients": {
        "harbour": {
            "title": "Harbour",
            "residency": ["north"],
            "ring": "pilot",
            "environments": {
                "production": {
                    "application": "site",
                    "server_pools": ["mesh"],
                    "database_pool": "north-a",
                    "hosts": ["harbour.example.com"],
                    "instances": {"web": 2},
                    "values": {"A": "a"},
                    "secrets": {"B": {"env": "B"}},
                    "state": "live",
                },
                "uat": {"application": "site", "hosts": ["uat.example.com"]},
            },
        }
    },
}

WRONG = copy.deepcopy(SOUND)
"""With references to nothing everywhere."""
WRONG["server_pools"]["mesh"]["region"] = "norrth"
WRONG["database_pools"]["north-a"]["region"] = "norrth"
WRONG["clients"]["mill"] = {
    "title": "Mill",
    "residency": ["norrth"],
    "ring": "pilott",
    "environments": {
        "uatt": {
            "application": "sitte",
            "server_pools": ["messh"],
            "database_pool": "northh-a",
            "hosts": ["mill.example.com"],
            "values": {"A": "a"},
            "secrets": {"B": {"env": "B", "file": "/b"}},
            "go_live": "2027-01-01",
        }
    },
}
REFERENCES = {
    "server_pools/mesh/region",
    "database_pools/north-a/region",
    "clients/mill/residency",
    "clients/mill/ring",
    "clients/mill/environments/uatt",
    "clients/mill/environments/uatt/application",
    "clients/mill/environments/uatt/server_pools",
    "clients/mill/environments/uatt/database_pool",
    "clients/mill/environments/uatt/secrets/B",
}

JUNK: list[Any] = ["???", -7.5, [[]], {"no": "thing"}]
"""At most places neither is right; where one is, nothing is wrong."""


def places(data: Any, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    for step in data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ():
        yield (*path, step)
        yield from places(data[step], *path, step)


def spoilt(data: Any, path: tuple[str | int, ...], junk: Any) -> Any:
    found = inside = copy.deepcopy(data)
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = junk
    return found


def mistakes(directory: Path, data: Any) -> list[tuple[str, str]]:
    (directory / "a.yaml").write_text(json.dumps(data))
    try:
        load(directory)
    except EstateError as error:
        return [(one.path, one.wrong) for one in error.mistakes]
    return []


def named(data: Any, path: tuple[str | int, ...]) -> str:
    steps = [str(step) for step in path]
    if path[0] == "rings" and len(path) > 1:
        steps[1] = data["rings"][path[1]]["name"]
    elif isinstance(path[-1], int):
        del steps[-1]
    return "/".join(steps)


def within(path: str, outer: str) -> bool:
    return path == outer or path.startswith(f"{outer}/")


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_one_mistake_of_shape_brings_no_others(tmp_path: Path, junk: Any) -> None:
    assert mistakes(tmp_path, SOUND) == []
    caught = 0
    for path in places(SOUND):
        if isinstance(junk, dict) and (len(path) == 1 or path[-1] == "environments"):
            continue  # a mapping like any other, which lacks what is referred to, or counted
        spoilt_one = spoilt(SOUND, path, junk)
        # A ring whose name is the junk is known by its number.
        allowed = {
            named(SOUND, path),
            *((f"rings/{int(path[1]) + 1}", f"rings/{junk}") if path[0] == "rings" and len(path) > 1 else ()),
        }
        found = mistakes(tmp_path, spoilt_one)
        caught += bool(found)
        assert [one for one in found if not any(within(one[0], place) for place in allowed)] == [], path
    assert caught > 40


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_one_mistake_of_shape_hides_no_others(tmp_path: Path, junk: Any) -> None:
    before = mistakes(tmp_path, WRONG)
    assert {path for path, _ in before} == REFERENCES
    for path in places(WRONG):
        found = mistakes(tmp_path, spoilt(WRONG, path, junk))
        place = named(WRONG, path)
        expected = {one for one in before if not within(one[0], place)}
        if path[0] in SOUND and path[0] not in ("estate", "people", "clients"):
            # Who could be meant is not known any more, where a name is.
            renamed = len(path) == 1 or path[-1] == "name" or (path[0] == "rings" and len(path) == 2)
            expected = {
                one for one in expected if not (renamed and f"the {str(path[0])[:-1]} ".replace("_", " ") in one[1])
            }
        assert expected - set(found) == set(), path
