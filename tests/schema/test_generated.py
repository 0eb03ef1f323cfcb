"""A release whose migration is made when its artefact is built."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from plantroom import bootstrap
from plantroom.delivery.artefacts.definition import DefinitionError
from plantroom.delivery.artefacts.model import Artefact, Blob, config_of, from_config
from plantroom.delivery.artefacts.service import Artefacts
from plantroom.kernel.errors import PlantroomError
from plantroom.runtime.settings import Settings

FIRST = "CREATE TABLE item (id integer PRIMARY KEY, name text);"
DEFINITION = """
application: shop
version: "{version}"
processes:
  web: {{command: [serve, "{{port}}"], health: /health}}
schema:
  initial: schema.sql
"""


def source(directory: Path, version: str, schema: str, more: str = "") -> Path:
    made = directory / version
    made.mkdir(parents=True)
    (made / "plantroom.app.yaml").write_text(DEFINITION.format(version=version) + more)
    (made / "schema.sql").write_text(schema)
    (made / "page.html").write_text("a page")
    return made


def built(home: Path, short_dir: Path, second: str, more: str) -> Artefact:
    artefacts = Artefacts(home / "layout", bootstrap.migrations(Settings(home=short_dir)))
    artefacts.build(source(home, "1.0", FIRST))
    return artefacts.build(source(home, "1.1", second, more))


GENERATE = '  from: "1.0"\n  generate: true\n'
ALLOW = "  allow: [loses data]\n"
GROWN = FIRST.replace("name text", "name text, size integer DEFAULT 0")
SHRUNK = FIRST.replace(", name text", "")


def test_the_script_is_frozen_in_the_artefact_with_its_proof(tmp_path: Path, short_dir: Path) -> None:
    schema = built(tmp_path, short_dir, GROWN, GENERATE).schema
    assert schema is not None
    assert schema.migrate is not None
    assert schema.proof is not None
    assert (schema.release, schema.previous) == ("1.1", "1.0")
    assert "ADD COLUMN" in schema.migrate.sql
    assert schema.proof["lost"] == []
    assert schema.proof["rows"] > 0
    assert schema.proof["from"] != schema.proof["to"]


def test_the_same_source_gives_the_same_digest(tmp_path: Path, short_dir: Path) -> None:
    digests = {built(tmp_path / name, short_dir, GROWN, GENERATE).digest for name in ("one", "other")}
    assert len(digests) == 1


def test_what_loses_rows_is_refused_until_it_is_allowed_by_name(tmp_path: Path, short_dir: Path) -> None:
    with pytest.raises(PlantroomError) as caught:
        built(tmp_path / "one", short_dir, SHRUNK, GENERATE)
    assert caught.value.code == "PR008"
    assert "loses data: column public.item.name" in caught.value.value
    schema = built(tmp_path / "other", short_dir, SHRUNK, GENERATE + ALLOW + "  contract: now\n").schema
    assert schema is not None
    assert schema.proof is not None
    assert schema.proof["lost"] == ["column public.item.name"]
    assert (schema.expanded, schema.contract) == (None, None)


def test_what_is_dropped_is_held_back_for_the_next_release(tmp_path: Path, short_dir: Path) -> None:
    artefact = built(tmp_path, short_dir, SHRUNK, GENERATE + ALLOW)
    schema = artefact.schema
    assert schema is not None
    assert schema.migrate is not None
    assert schema.proof is not None
    assert schema.expanded is not None
    assert schema.contract is not None
    assert schema.proof["lost"] == []
    assert schema.contract.proof["lost"] == ["column public.item.name"]
    assert "DROP COLUMN" not in schema.migrate.sql
    assert "DROP COLUMN" in schema.contract.script.sql
    # The two join, and the schema between can be made anew.
    assert schema.migrate.ends == schema.expanded.ends == schema.contract.script.begins
    assert schema.contract.script.ends == schema.initial.ends
    assert (schema.contract.release, schema.contract.after) == ("1.1", schema.migrate.sha256)
    assert schema.held is None
    config = config_of(artefact)
    assert from_config(config, artefact.digest, artefact.config or Blob("", "", 0), artefact.layers) == artefact


def test_what_was_held_back_is_in_the_next_release_whatever_that_changes(tmp_path: Path, short_dir: Path) -> None:
    artefacts = Artefacts(tmp_path / "layout", bootstrap.migrations(Settings(home=short_dir)))
    artefacts.build(source(tmp_path, "1.0", FIRST))
    first = artefacts.build(source(tmp_path, "1.1", SHRUNK, GENERATE + ALLOW)).schema
    assert first is not None
    assert first.contract is not None
    patch = artefacts.build(source(tmp_path, "1.1.1", SHRUNK, '  from: "1.1"\n')).schema
    again = artefacts.build(source(tmp_path, "1.1.2", SHRUNK, '  from: "1.1.1"\n')).schema
    wider = SHRUNK.replace("PRIMARY KEY", "PRIMARY KEY, size integer")
    second = artefacts.build(source(tmp_path, "1.2", wider, GENERATE.replace("1.0", "1.1.2"))).schema
    third = artefacts.build(source(tmp_path, "1.3", wider, '  from: "1.2"\n')).schema
    assert patch is not None
    assert again is not None
    assert second is not None
    assert third is not None
    assert patch.held == again.held == second.held == first.contract
    assert (patch.release, again.release, second.previous) == ("1.1", "1.1", "1.1")
    # Nothing is left over by one that held nothing back.
    assert (third.release, third.held) == ("1.2", None)


def test_a_release_that_only_drops_changes_nothing_yet(tmp_path: Path, short_dir: Path) -> None:
    two = FIRST + "CREATE VIEW names AS SELECT name FROM item;"
    artefacts = Artefacts(tmp_path / "layout", bootstrap.migrations(Settings(home=short_dir)))
    artefacts.build(source(tmp_path, "1.0", two))
    schema = artefacts.build(source(tmp_path, "1.1", FIRST, GENERATE)).schema
    assert schema is not None
    assert schema.migrate is not None
    assert schema.contract is not None
    assert schema.migrate.begins == schema.migrate.ends
    assert "DROP VIEW" in schema.contract.script.sql


def test_what_cannot_be_held_back_is_refused(tmp_path: Path, short_dir: Path) -> None:
    two = FIRST + "CREATE VIEW names AS SELECT name FROM item;"
    wanted = FIRST.replace("name text", "name varchar(9)")
    artefacts = Artefacts(tmp_path / "layout", bootstrap.migrations(Settings(home=short_dir)))
    artefacts.build(source(tmp_path, "1.0", two))
    more = GENERATE + "  allow: [changes values, fails with rows]\n"
    with pytest.raises(PlantroomError) as caught:
        artefacts.build(source(tmp_path / "one", "1.1", wanted, more))
    assert caught.value.code == "PR017"
    assert "view public.names" in caught.value.value
    schema = artefacts.build(source(tmp_path / "other", "1.1", wanted, more + "  contract: now\n")).schema
    assert schema is not None
    assert schema.contract is None


def test_what_is_written_by_hand_is_not_split(tmp_path: Path, short_dir: Path) -> None:
    artefacts = Artefacts(tmp_path / "layout", bootstrap.migrations(Settings(home=short_dir)))
    artefacts.build(source(tmp_path, "1.0", FIRST))
    made = source(tmp_path, "1.1", SHRUNK, '  from: "1.0"\n  migrate: by_hand.sql\n' + ALLOW)
    (made / "by_hand.sql").write_text("ALTER TABLE item DROP COLUMN name;")
    schema = artefacts.build(made).schema
    assert schema is not None
    assert schema.migrate is not None
    assert (schema.contract, schema.migrate.ends) == (None, schema.initial.ends)


def test_what_cannot_be_one_transaction_is_refused(tmp_path: Path, short_dir: Path) -> None:
    with pytest.raises(PlantroomError) as caught:
        built(tmp_path, short_dir, FIRST + "CREATE PUBLICATION p FOR ALL TABLES;", GENERATE)
    assert caught.value.code == "PR009"


def test_equal_schemas_need_no_migration(tmp_path: Path, short_dir: Path) -> None:
    with pytest.raises(PlantroomError) as caught:
        built(tmp_path, short_dir, FIRST, GENERATE)
    assert caught.value.code == "PR007"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("  generate: true\n", "schema.from: it is missing"),
        (GENERATE + "  migrate: schema.sql\n", "schema.generate: there is a script as well"),
        ('  from: "1.0"\n  allow: [loses data]\n', "schema.allow: there is no migration"),
        (GENERATE + "  contract: later\n", "Either next (what is dropped goes with the next release) or now"),
        ('  from: "1.0"\n  contract: now\n', "schema.contract: the script is not generated"),
        ('  from: "1.0"\n  migrate: schema.sql\n  contract: now\n', "schema.contract: the script is not generated"),
        (GENERATE + "  allow: [everything]\n", "Known here: loses data, changes values, fails with rows"),
    ],
)
def test_a_definition_that_cannot_be_meant(tmp_path: Path, short_dir: Path, more: str, said: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        built(tmp_path, short_dir, GROWN, more)
    assert said in str(caught.value)


ASK = """
import os, pathlib, sys
import psycopg
pathlib.Path(os.environ["FILE_STORE"], "a").write_text("a")
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
    [user, rows] = connection.execute("SELECT current_user, count(*) FROM item").fetchone()
    connection.execute("INSERT INTO item VALUES (1, 'one')")
print("asked as", user, "with", rows, "rows by", os.environ["PLANTROOM_RELEASE"])
"""
"""A release that knows of a name."""
ASK_LATER = ASK.replace("INSERT INTO item VALUES (1, 'one')", "INSERT INTO item (id) VALUES (1)")
CHECK = f'  check: [{sys.executable}, "{{app}}/ask.py"]\n'


def checked(home: Path, short_dir: Path, second: str, more: str, *asks: str) -> Artefact:
    artefacts = Artefacts(home / "layout", bootstrap.migrations(Settings(home=short_dir)))
    made = None
    for version, schema, text, ask in zip(("1.0", "1.1"), (FIRST, second), ("", GENERATE + more), asks, strict=True):
        there = source(home, version, schema, text + (CHECK if ask else ""))
        (there / "ask.py").write_text(ask)
        made = artefacts.build(there)
    assert made is not None
    return made


def said(artefact: Artefact) -> list[tuple[str, str, bool]]:
    assert artefact.schema is not None
    assert artefact.schema.proof is not None
    return [(one["release"], one["on"], one["passed"]) for one in artefact.schema.proof["checks"]]


def test_both_releases_are_asked_on_the_schema_on_which_they_meet(tmp_path: Path, short_dir: Path) -> None:
    made = checked(tmp_path, short_dir, SHRUNK, ALLOW, ASK, ASK_LATER)
    assert said(made) == [
        ("1.0", "the expanded schema", True),
        ("1.1", "the expanded schema", True),
        ("1.1", "the schema", True),
    ]
    assert made.schema is not None
    assert made.schema.check[1] == "{app}/ask.py"


def test_what_the_release_before_cannot_work_on_is_refused_until_it_is_allowed_by_name(
    tmp_path: Path, short_dir: Path
) -> None:
    now = ALLOW + "  contract: now\n"
    with pytest.raises(PlantroomError) as caught:
        checked(tmp_path / "one", short_dir, SHRUNK, now, ASK, ASK_LATER)
    assert (caught.value.code, caught.value.subject) == ("PR318", "the check of release 1.0 on the schema")
    assert "INSERT has more expressions than target columns" in caught.value.value
    allowed = now.replace("]", ", breaks the running version]")
    made = checked(tmp_path / "other", short_dir, SHRUNK, allowed, ASK, ASK_LATER)
    assert said(made) == [("1.0", "the schema", False), ("1.1", "the schema", True)]


def test_what_the_new_release_itself_cannot_work_on_is_refused(tmp_path: Path, short_dir: Path) -> None:
    with pytest.raises(PlantroomError, match=r"PR318 the check of release 1.1 on the schema: .*INSERT has more"):
        checked(tmp_path, short_dir, SHRUNK, ALLOW, ASK_LATER, ASK)


def test_a_release_without_a_check_is_not_asked_and_the_proof_says_so(tmp_path: Path, short_dir: Path) -> None:
    assert said(checked(tmp_path / "none", short_dir, GROWN, "", "", "")) == []
    assert said(checked(tmp_path / "new", short_dir, GROWN, "", "", ASK_LATER)) == [("1.1", "the schema", True)]


@pytest.mark.parametrize(
    ("ask", "why"),
    [("raise SystemExit(3)", "it ended with 3: and said nothing"), ("print('a'); 1 / 0", "ZeroDivisionError")],
)
def test_a_check_that_fails_says_why(tmp_path: Path, short_dir: Path, ask: str, why: str) -> None:
    with pytest.raises(PlantroomError) as caught:
        checked(tmp_path, short_dir, GROWN, "", "", ask)
    assert why in caught.value.value


def test_a_check_is_described_as_it_will_be_run(tmp_path: Path) -> None:
    for check, wrong in (('["{port}"]', "unknown placeholder {port}"), ('["{python}"]', "{python} without `python:`")):
        there = source(tmp_path / wrong[:3], "1.0", FIRST, f"  check: {check}\n")
        with pytest.raises(DefinitionError, match=re.escape(f"schema.check: {wrong}")):
            Artefacts(tmp_path / "layout").build(there)
