"""The schemas of a fleet as a user sees to them: drift found, accepted and repaired; a release's schema ahead of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

import psycopg
import pytest
from tests.house import TINY, House, tiny_estate

from plantroom.platforms.contract import DatabaseSpec

CLIENTS = {"alder": "pilot", "birch": "pilot", "cedar": "general", "doghs": "general"}
GROWN = (
    "CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL,\n"
    "  mood text DEFAULT 'fair' CHECK (mood <> ''));\n"
    "CREATE INDEX notes_mood ON notes (mood);\n"
)


SLOW = f"{GROWN}CREATE TABLE ran (what text);\n"
BY_HAND = "CREATE TABLE ran (what text); SELECT pg_sleep(4); INSERT INTO ran VALUES ('3.0');\n"


def build(house: House, version: str, schema: str | None = None, by_hand: str = "") -> None:
    """As a user would, with its schema proven."""
    source = house.home / "source" / version
    shutil.copytree(TINY, source, ignore=shutil.ignore_patterns("__pycache__"))
    definition = source / "plantroom.app.yaml"
    text = definition.read_text().replace("VERSION", version).replace("PYTHON", sys.executable)
    if schema is not None:
        (source / "initial.sql").write_text(schema)
        text += '  from: "2.0"\n  migrate: by_hand.sql\n' if by_hand else '  from: "1.0"\n  generate: true\n'
        (source / "by_hand.sql").write_text(by_hand)
    definition.write_text(text)
    house.run("artefact", "build", str(source))


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    made = House()
    try:
        made.declare(tiny_estate(CLIENTS))
        build(made, "1.0")
        build(made, "2.0", GROWN)
        made.up()
        made.apply()
        yield made
    finally:
        made.end()


def by_hand(house: House, client: str, *statements: str) -> None:
    """In the client's database, as its role."""
    spec = DatabaseSpec("data", f"{client}/production")
    with psycopg.connect(house.platform().databases.variables(spec)["DATABASE_URL"], autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def standings(house: House) -> dict[str, str]:
    found = house.data("schema", "status")
    return {
        name.split("/")[0]: f"{one['standing']} {one['release']}"
        for one in found["groups"]
        for name in one["environments"]
    }


class TestFleetSchemas:
    """In this order, on one house."""

    def test_a_new_fleet_is_as_released(self, house: House) -> None:
        assert standings(house) == dict.fromkeys(CLIENTS, "as released 1.0")
        assert "no drift" in house.run("schema", "drift")
        assert "a second" in house.run("schema", "status")

    def test_drift_is_told_in_words(self, house: House) -> None:
        by_hand(house, "birch", "CREATE INDEX by_hand ON notes (body)")
        by_hand(house, "cedar", "ALTER TABLE notes ADD COLUMN extra int", "ALTER TABLE notes ALTER body DROP NOT NULL")
        by_hand(house, "doghs", "ALTER TABLE notes ADD COLUMN extra int", "ALTER TABLE notes ALTER body DROP NOT NULL")
        found = house.data("schema", "drift", good=(2,))
        assert {tuple(one["environments"]): one["difference"] for one in found} == {
            ("birch/production",): ["index public.by_hand is too much"],
            ("cedar/production", "doghs/production"): [
                "column public.notes.extra is too much",
                "constraint notes_body_not_null on public.notes is missing",
            ],
        }

    def test_what_was_accepted_is_no_drift(self, house: House) -> None:
        mark = self.mark(house, "birch")
        house.run("schema", "accept", mark, "--why", "an index of their own")
        assert standings(house)["birch"] == "accepted 1.0"
        accepted = [one for one in house.ledger() if one["verb"] == "schema.accept"]
        assert [(one["actor"], one["subject"]) for one in accepted] == [("tester", "birch/production")]

    def test_a_way_back_is_proven_and_loses_nothing_unasked(self, house: House) -> None:
        mark = self.mark(house, "cedar")
        assert "PR008" in house.run("schema", "repair", mark, "--json", good=(1,))
        found = house.data("schema", "repair", mark, "--allow", "loses data")
        assert [name for name, _ in found["databases"]] == ["cedar/production", "doghs/production"]
        # Nothing is changed by asking; and one that is another by now is left alone.
        assert standings(house)["cedar"] == "drifted 1.0"
        by_hand(house, "doghs", "ALTER TABLE notes ADD COLUMN still_more int")
        house.run("schema", "apply", found["digest"], good=(3,))
        assert standings(house) == {
            "alder": "as released 1.0",
            "birch": "accepted 1.0",
            "cedar": "as released 1.0",
            "doghs": "drifted 1.0",
        }
        run = house.data("schema", "run", good=(3,))
        failed = {one["environment"]: one["why"] for one in run["databases"] if one["state"] == "failed"}
        assert list(failed) == ["doghs/production"]
        assert "PR406" in failed["doghs/production"]

    def test_a_drifted_database_stops_a_run_and_keeps_its_rows(self, house: House) -> None:
        by_hand(house, "birch", "INSERT INTO notes (body) VALUES ('before')")
        house.run("schema", "apply", "2.0", "--stop-at", "1", good=(3,))
        run = house.data("schema", "run", good=(3,))
        assert {one["environment"].split("/")[0]: one["state"] for one in run["databases"]} == {
            "alder": "done",
            "birch": "done",
            "cedar": "done",
            "doghs": "failed",
        }
        # What was accepted stays accepted: the script was proven on a clone of it.
        assert standings(house) == {
            "alder": "as released 2.0",
            "birch": "accepted 2.0",
            "cedar": "as released 2.0",
            "doghs": "drifted 1.0",
        }
        by_hand(house, "birch", "INSERT INTO notes (body, mood) VALUES ('after', 'good')")
        assert house.releases() == dict.fromkeys(CLIENTS, "1.0")
        assert house.get("birch")[0] == 200

    def test_put_right_the_release_reaches_everyone(self, house: House) -> None:
        found = house.data("schema", "repair", self.mark(house, "doghs"), "--allow", "loses data")
        house.run("schema", "apply", found["digest"])
        house.run("release", "start", "2.0", "--train", "two")
        assert house.releases() == dict.fromkeys(CLIENTS, "2.0")
        assert standings(house)["doghs"] == "as released 2.0"
        ran = {
            entry["subject"]: [one["release"] for one in entry["payload"]["data"].get("ran", ())]
            for entry in house.ledger()
            if entry["verb"] == "rollout.schema" and entry["phase"] == "outcome"
        }
        # The other three had it already.
        assert ran == {f"{client}/production": ["2.0"] if client == "doghs" else [] for client in CLIENTS}
        assert "intact" in house.run("ledger", "verify")

    def test_a_run_goes_on_where_it_was_when_its_worker_or_up_is_killed(self, house: House) -> None:
        build(house, "3.0", SLOW, BY_HAND)
        name = house.data("schema", "apply", "3.0", "--per-pool", "1")["run"]

        def done() -> int:
            return sum(one["state"] == "done" for one in house.data("schema", "run", name)["databases"])

        house.wait("the first to be done", lambda: done() > 0, 60)
        assert done() < len(CLIENTS)
        house.kill("worker")
        house.wait("another to be done", lambda: done() > 1, 90)
        assert done() < len(CLIENTS)
        house.kill("up")
        house.up()
        house.wait("the run to be over", lambda: bool(house.data("schema", "run", name)["over"]), 90)
        assert house.data("schema", "run", name)["state"] == "done"
        assert standings(house) == dict.fromkeys(CLIENTS, "as released 3.0") | {"birch": "accepted 3.0"}
        for client in CLIENTS:
            url = house.platform().databases.variables(DatabaseSpec("data", f"{client}/production"))["DATABASE_URL"]
            with psycopg.connect(url) as connection:
                assert connection.execute("SELECT what FROM ran").fetchall() == [("3.0",)]
        told = [
            one["subject"] for one in house.ledger() if one["verb"] == "schema.bring" and one["key"].startswith(name)
        ]
        assert sorted(told) == [f"{client}/production" for client in CLIENTS]
        assert "intact" in house.run("ledger", "verify")

    def test_what_is_observed_is_looked_at_and_never_changed(self, house: House) -> None:
        estate = tiny_estate(CLIENTS)
        estate["clients"]["alder"]["management"] = "observed"
        house.declare(estate)
        house.apply()
        assert set(standings(house)) == set(CLIENTS)
        run = house.data("schema", "apply", "3.0")
        assert [one["environment"].split("/")[0] for one in run["databases"]] == ["birch", "cedar", "doghs"]

    def mark(self, house: House, client: str) -> str:
        for one in house.data("schema", "status")["groups"]:
            if f"{client}/production" in one["environments"]:
                return str(one["fingerprint"]).rpartition(":")[2][:12]
        raise AssertionError(client)
