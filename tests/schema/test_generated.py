"""A release whose migration is made when its artefact is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from plantroom import bootstrap
from plantroom.delivery.artefacts.definition import DefinitionError
from plantroom.delivery.artefacts.model import Artefact
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
    schema = built(tmp_path / "other", short_dir, SHRUNK, GENERATE + "  allow: [loses data]\n").schema
    assert schema is not None
    assert schema.proof is not None
    assert schema.proof["lost"] == ["column public.item.name"]


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
        (GENERATE + "  allow: [everything]\n", "Known here: loses data, changes values, fails with rows"),
    ],
)
def test_a_definition_that_cannot_be_meant(tmp_path: Path, short_dir: Path, more: str, said: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        built(tmp_path, short_dir, GROWN, more)
    assert said in str(caught.value)
