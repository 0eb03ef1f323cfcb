"""The main job as a user drives it: provision, release, take back, suspend, retire; on real engines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.house import House, tiny_estate

CLIENTS = {"alder": "pilot", "birch": "pilot", "cedar": "general"}


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    made = House()
    try:
        made.declare(tiny_estate(CLIENTS))
        made.build("1.0", "2.0", "3.0")
        made.up()
        made.apply()
        yield made
    finally:
        made.end()


class TestNight:
    """In this order, on one house."""

    def test_an_applied_estate_plans_to_nothing_and_serves(self, house: House) -> None:
        assert house.changed() == []
        for client in CLIENTS:
            status, headers, _ = house.get(client)
            assert (status, headers["x-release"]) == (200, "1.0")

    def test_a_release_reaches_everyone_ring_by_ring(self, house: House) -> None:
        house.run("release", "start", "2.0", "--train", "two")
        assert house.releases() == dict.fromkeys(CLIENTS, "2.0")
        order = [
            entry["subject"].rsplit("/", 1)[-1]
            for entry in house.ledger()
            if entry["verb"] == "train.ring" and entry["phase"] == "outcome"
        ]
        assert order == ["pilot", "general"]
        for client in CLIENTS:
            assert house.get(client)[1]["x-release"] == "2.0"

    def test_a_release_that_one_client_cannot_bear_ends_on_nobody(self, house: House) -> None:
        (house.home / "files" / "birch" / "production" / "poison").touch()
        house.run("release", "start", "3.0", "--train", "three", good=(3,))
        assert house.releases() == dict.fromkeys(CLIENTS, "2.0")
        states = {one["environment"]: one["state"] for one in house.train("three")["targets"]}
        assert states == {
            "alder/production": "back",
            "birch/production": "failed",
            "cedar/production": "waiting",
        }
        admitted = {
            entry["subject"].split("/")[0]
            for entry in house.ledger()
            if entry["verb"] == "rollout.admit" and entry["payload"].get("direction") == "forward"
            if entry["seq"] > max(e["seq"] for e in house.ledger() if e["key"] == "train:three")
        }
        # alder had it, and was brought back by a change of its own; birch and cedar never let it in.
        assert admitted == {"alder"}
        assert "not healthy" in house.run("why", "birch")

    def test_workers_never_overlap(self, house: House) -> None:
        for client in CLIENTS:
            lines = (house.home / "files" / client / "production" / "worker.log").read_text().split("\n")
            events = [line.split()[1] for line in lines if line]
            assert events == ["begin", "end"] * (len(events) // 2) + ["begin"] * (len(events) % 2)
            assert len(events) >= 3

    def test_a_client_is_suspended_and_comes_back_with_its_data(self, house: House) -> None:
        estate = tiny_estate(CLIENTS)
        estate["clients"]["cedar"]["environments"]["production"]["state"] = "suspended"
        house.declare(estate)
        house.apply()
        status, headers, _ = house.get("cedar")
        assert status == 503
        assert "retry-after" in {name.lower() for name in headers}
        assert house.changed() == []
        house.declare(tiny_estate(CLIENTS))
        house.apply()
        assert house.get("cedar")[1]["x-release"] == "2.0"

    def test_a_client_is_retired_and_its_last_dump_and_files_are_kept(self, house: House) -> None:
        estate = tiny_estate(CLIENTS, bounds={"max_deletions": 1, "max_deletions_percent": 50})
        estate["clients"]["cedar"]["environments"]["production"]["state"] = "retired"
        house.declare(estate)
        house.apply()
        kept = {path.name for path in (house.home / "archive" / "cedar").rglob("*") if path.is_file()}
        assert kept == {"database.dump", "files.tar", "retired.json"}
        (told,) = house.data("why", "cedar")["environments"]
        assert told["archive"]["place"] == str(next((house.home / "archive" / "cedar").iterdir()))
        assert told["archive"]["by"] == "tester"
        assert "retired by tester" in house.run("why", "cedar")
        assert house.get("cedar")[0] == 404
        assert house.changed() == []

    def test_the_ledger_is_intact(self, house: House) -> None:
        assert house.data("ledger", "verify")["intact"]
