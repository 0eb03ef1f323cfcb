"""What a release drops, from its own night to the one after it, as a user sees it; on real engines."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

import psycopg
import pytest
from tests.house import TINY, House, tiny_estate

from plantroom.platforms.contract import DatabaseSpec

CLIENTS = {"alder": "pilot", "birch": "pilot", "cedar": "general"}
NOTES = "CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL{});\n"
TAGGED, UNTAGGED, SIZED = NOTES.format(", tag text NOT NULL"), NOTES.format(""), NOTES.format(", size bigint")
OLD, NEW = "INSERT INTO notes (body, tag) VALUES ('old', 'x')", "INSERT INTO notes (body) VALUES ('new')"


def build(house: House, version: str, schema: str, more: str = "") -> None:
    source = house.home / "source" / version
    shutil.copytree(TINY, source, ignore=shutil.ignore_patterns("__pycache__"))
    definition = source / "plantroom.app.yaml"
    definition.write_text(definition.read_text().replace("VERSION", version).replace("PYTHON", sys.executable) + more)
    (source / "initial.sql").write_text(schema)
    house.run("artefact", "build", str(source))


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    made = House()
    try:
        made.declare(tiny_estate(CLIENTS))
        build(made, "1.0", TAGGED)
        build(made, "2.0", UNTAGGED, '  from: "1.0"\n  generate: true\n  allow: [loses data]\n')
        build(made, "3.0", UNTAGGED, '  from: "2.0"\n')
        build(made, "4.0", SIZED, '  from: "3.0"\n  generate: true\n')
        made.up()
        made.apply()
        yield made
    finally:
        made.end()


def write(house: House, client: str, statement: str) -> None:
    """In the client's database, as its role."""
    spec = DatabaseSpec("data", f"{client}/production")
    with psycopg.connect(house.platform().databases.variables(spec)["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(statement.encode())


def tagged(house: House) -> set[str]:
    """The clients whose notes still have the column."""
    found = set()
    for client in house.releases():
        try:
            write(house, client, "SELECT tag FROM notes")
        except psycopg.errors.UndefinedColumn:
            continue
        found.add(client)
    return found


def standings(house: House) -> dict[str, str]:
    return {
        name.split("/")[0]: f"{one['standing']} {one['release']}"
        for one in house.data("schema", "status")["groups"]
        for name in one["environments"]
    }


def ran(house: House, since: int) -> dict[str, list[str]]:
    """The scripts that each client was brought on by, in the ledger's entries after one."""
    found: dict[str, list[str]] = {}
    for entry in house.ledger()[since:]:
        if entry["verb"] in ("rollout.schema", "schema.bring") and entry["phase"] == "outcome":
            names = [one["release"] for one in entry["payload"]["data"].get("ran", ())]
            found.setdefault(entry["subject"].split("/")[0], []).extend(names)
    return found


class TestExpandAndContract:
    """In this order, on one house."""

    def test_the_artefact_tells_both_halves(self, house: House) -> None:
        told = house.run("artefact", "show", "tiny@2.0")
        assert told.index("migration made by") < told.index("held back for the next release, made by")
        assert told.index("held back") < told.index('DROP COLUMN "tag"')
        data = house.data("artefact", "show", "tiny@2.0")["schema"]
        assert "DROP COLUMN" not in data["migrate"]
        assert data["contract"]["proof"]["lost"] == ["column public.notes.tag"]
        assert "what 2.0 held back comes first" in house.run("artefact", "show", "tiny@4.0")

    def test_a_release_that_would_drop_what_runs_is_refused_before_its_night(self, house: House) -> None:
        house.run("schema", "apply", "2.0")
        assert standings(house) == dict.fromkeys(CLIENTS, "as released 2.0")
        # 1.0 runs on with it, so nothing may go.
        error = house.data("release", "start", "4.0", "--train", "jump", good=(1,))["error"]
        assert error["code"] == "PR706"
        assert "release 2.0 first" in error["value"]
        house.run("schema", "apply", "4.0", good=(3,))
        failed = [one["why"] for one in house.data("schema", "run", good=(3,))["databases"] if one["why"]]
        assert len(failed) == 1
        assert "release 2.0 first" in failed[0]
        for client in CLIENTS:
            write(house, client, OLD)

    def test_the_gates_say_what_stands_against_it(self, house: House) -> None:
        estate = tiny_estate(CLIENTS)
        estate["rings"][0]["migrations"] = {"refused": ["loses data"], "second_person": ["not transactional"]}
        house.declare(estate)
        house.apply()
        assert house.data("release", "gates", "2.0")["open"]
        shut = house.data("release", "gates", "4.0", good=(2,))
        assert [one["verdict"] for one in shut["gates"]] == ["allowed", "refused"]
        assert "ring pilot refuses" in house.run("release", "gates", "4.0", good=(2,))
        said = house.data("schema", "approve", "4.0", "--why", "read")
        assert any(one["class"] == "loses data" for script in said["scripts"] for one in script["hazards"])
        house.declare(tiny_estate(CLIENTS))
        house.apply()

    def test_both_releases_work_on_what_the_night_leaves(self, house: House) -> None:
        house.run("release", "start", "2.0", "--train", "two")
        assert house.releases() == dict.fromkeys(CLIENTS, "2.0")
        assert tagged(house) == set(CLIENTS)
        for client in CLIENTS:
            write(house, client, OLD)
            write(house, client, NEW)

    def test_a_client_that_is_made_at_the_release_never_has_it(self, house: House) -> None:
        estate = tiny_estate(CLIENTS | {"doghs": "general"})
        estate["applications"]["tiny"]["release"] = "2.0"
        house.declare(estate)
        house.apply()
        assert tagged(house) == set(CLIENTS)
        assert standings(house) == dict.fromkeys([*CLIENTS, "doghs"], "as released 2.0")
        assert "no drift" in house.run("schema", "drift")

    def test_drift_is_told_against_what_is_there_now(self, house: House) -> None:
        write(house, "cedar", "CREATE INDEX by_hand ON notes (tag)")
        (found,) = house.data("schema", "drift", good=(2,))
        assert found["difference"] == ["index public.by_hand is too much"]
        made = house.data("schema", "repair", found["fingerprint"].rpartition(":")[2][:12])
        house.run("schema", "apply", made["digest"])
        assert tagged(house) == set(CLIENTS)
        assert standings(house)["cedar"] == "as released 2.0"

    def test_what_was_accepted_meanwhile_stays_accepted(self, house: House) -> None:
        write(house, "cedar", "CREATE INDEX by_hand ON notes (body)")
        (found,) = house.data("schema", "drift", good=(2,))
        house.run("schema", "accept", found["fingerprint"].rpartition(":")[2][:12], "--why", "an index of their own")
        assert standings(house)["cedar"] == "accepted 2.0"

    def test_it_goes_with_the_next_release_and_stays_gone_when_that_is_taken_back(self, house: House) -> None:
        since = len(house.ledger())
        (house.home / "files" / "birch" / "production" / "poison").touch()
        house.run("release", "start", "3.0", "--train", "three", good=(3,))
        assert house.releases() == dict.fromkeys([*CLIENTS, "doghs"], "2.0")
        assert ran(house, since) == {"alder": ["contract:2.0"], "birch": ["contract:2.0"]}
        assert tagged(house) == {"cedar"}
        for client in CLIENTS:
            write(house, client, NEW)
            assert house.get(client)[0] == 200
        assert standings(house) == dict.fromkeys([*CLIENTS, "doghs"], "as released 2.0") | {"cedar": "accepted 2.0"}
        (house.home / "files" / "birch" / "production" / "poison").unlink()

    def test_everyone_comes_to_the_next_schema_from_where_they_are(self, house: House) -> None:
        since = len(house.ledger())
        house.run("release", "start", "4.0", "--train", "four")
        assert ran(house, since) == {
            "alder": ["4.0"],
            "birch": ["4.0"],
            "cedar": ["contract:2.0", "4.0"],
            "doghs": ["4.0"],
        }
        assert standings(house) == dict.fromkeys([*CLIENTS, "doghs"], "as released 4.0") | {"cedar": "accepted 4.0"}
        assert tagged(house) == set()

    def test_nobody_returns_to_what_needs_what_is_gone(self, house: House) -> None:
        # One that was made at 2.0 was never on 1.0, and no script leads it there: that is known before the night.
        answer = house.data("release", "start", "1.0", "--train", "return", good=(1,))
        assert answer["error"]["code"] == "PR706"
        assert answer["error"]["value"].startswith("doghs/production: tiny@1.0 needs schema 1.0 and has no migration")
        estate = tiny_estate(CLIENTS | {"doghs": "general"})
        estate["applications"]["tiny"]["release"] = "2.0"
        estate["clients"]["doghs"]["environments"]["production"]["state"] = "suspended"
        house.declare(estate)
        house.apply()
        house.run("release", "start", "1.0", "--train", "return", good=(3,))
        assert house.releases() == dict.fromkeys([*CLIENTS, "doghs"], "4.0")
        why = [one["why"] for one in house.train("return")["targets"] if one["state"] == "failed"]
        assert any("has lost since what 2.0 drops" in one for one in why)
        assert "intact" in house.run("ledger", "verify")
