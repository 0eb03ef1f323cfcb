"""A release whose migration is made when its artefact is built."""

from __future__ import annotations

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
