"""Data that a migration fills in: some rows at a time, after what is added and before what asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from plantroom import bootstrap
from plantroom.delivery.artefacts.definition import DefinitionError
from plantroom.delivery.artefacts.model import Artefact, Schema
from plantroom.delivery.artefacts.service import Artefacts
from plantroom.delivery.schema.fills import Fill, placed, read, tightened
from plantroom.delivery.schema.ground import Ground
from plantroom.delivery.schema.model import SchemaError, Script
from plantroom.delivery.schema.statements import split
from plantroom.kernel.errors import PlantroomError
from plantroom.platforms import contract
from plantroom.runtime.settings import Settings

FILL = "UPDATE item SET code = upper(name) WHERE ctid IN (SELECT ctid FROM item WHERE code IS NULL LIMIT 10)"
FIRST = "CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);"
CODED = FIRST.replace("name text NOT NULL", "name text NOT NULL, code text NOT NULL")
REPLACED = FIRST.replace("name text NOT NULL", "code text NOT NULL")
DEFINITION = """
application: shop
version: "{version}"
processes:
  web: {{command: [serve, "{{port}}"], health: /health}}
schema:
  initial: schema.sql
"""


def statements(script: str, fill: str = FILL) -> list[str]:
    fills = read([Fill("code", fill)])
    return ["FILL" if one.batch else one.sql for one in placed(split(script), fills)]


def test_a_fill_comes_after_what_is_added_and_before_what_asks_for_it() -> None:
    assert statements("ALTER TABLE item ADD COLUMN code text NOT NULL; CREATE INDEX i ON item (name)") == [
        "ALTER TABLE item ADD COLUMN code text",
        "FILL",
        "ALTER TABLE item ALTER COLUMN code SET NOT NULL",
        "CREATE INDEX i ON item (name)",
    ]


def test_what_is_taken_from_its_table_goes_last() -> None:
    assert statements(
        "ALTER TABLE item DROP COLUMN name; ALTER TABLE item DROP COLUMN other; ALTER TABLE item ADD COLUMN code text"
    ) == [
        "ALTER TABLE item ADD COLUMN code text",
        "FILL",
        "ALTER TABLE item DROP COLUMN name",
        "ALTER TABLE item DROP COLUMN other",
    ]


def test_a_column_that_it_does_not_speak_of_is_left_as_it_is() -> None:
    given = "ALTER TABLE item ADD COLUMN size integer NOT NULL"
    assert statements(given) == [given, "FILL"]
    default = "ALTER TABLE item ADD COLUMN code text DEFAULT 'a' NOT NULL"
    assert statements(default) == [default, "FILL"]


def test_what_tightens_a_filled_column_is_known() -> None:
    script = split('ALTER TABLE "public"."item" ALTER COLUMN "code" SET NOT NULL; ALTER TABLE a ALTER b SET NOT NULL')
    assert tightened(script, read([Fill("code", FILL)])) == {
        0: 'ALTER TABLE "public"."item" ALTER COLUMN "code" DROP NOT NULL'
    }


@pytest.mark.parametrize("sql", [f"{FILL}; {FILL}", "DROP TABLE item", "SELECT 1", ""])
def test_only_one_statement_that_changes_rows_is_a_fill(sql: str) -> None:
    with pytest.raises(SchemaError, match="PR018 the fill code: is n"):
        read([Fill("code", sql)])


def test_its_text_for_psql_goes_on_until_it_finds_no_row(ground: Ground) -> None:
    ground.create("filled")
    assert not ground.load("filled", split(f"{FIRST} ALTER TABLE item ADD COLUMN code text"))
    with ground.session("filled") as session:
        session.owner.execute("INSERT INTO item SELECT n, 'a' FROM generate_series(1, 35) n")
        session.owner.execute(Script("by hand", read([Fill("code", FILL)])).text.split("off;\n")[1].encode())
        assert session.owner.execute("SELECT count(*) FROM item WHERE code = 'A'").fetchone() == (35,)


def built(home: Path, short_dir: Path, second: str, more: str = "", fill: str = FILL) -> Artefact:
    artefacts = Artefacts(home / "layout", bootstrap.migrations(Settings(home=short_dir)))
    made = None
    for version, schema in (("1.0", FIRST), ("1.1", second)):
        there = home / version
        there.mkdir(parents=True)
        generated = f'  from: "1.0"\n  generate: true\n  fills: [code.sql]\n{more}' if version == "1.1" else ""
        (there / "plantroom.app.yaml").write_text(DEFINITION.format(version=version) + generated)
        (there / "schema.sql").write_text(schema)
        (there / "code.sql").write_text(fill)
        (there / "page.html").write_text("a page")
        made = artefacts.build(there)
    assert made is not None
    return made


def schema_of(artefact: Artefact) -> Schema:
    assert artefact.schema is not None
    return artefact.schema


def kinds(script: contract.Script) -> list[str]:
    return ["fill" if one.batch else one.sql for one in script.parts]


def test_a_filled_column_must_have_a_value_only_with_the_next_release(tmp_path: Path, short_dir: Path) -> None:
    schema = schema_of(built(tmp_path, short_dir, CODED))
    assert schema.migrate is not None
    assert schema.contract is not None
    assert schema.expanded is not None
    first, fill = kinds(schema.migrate)
    assert "ADD COLUMN" in first
    assert "NOT NULL" not in first
    assert fill == "fill"
    then = kinds(schema.contract.script)
    # What the release before has added meanwhile is filled first.
    assert then[0] == "fill"
    assert any("NOT NULL" in one for one in then[1:])
    assert Artefacts(tmp_path / "layout").show("shop@1.1").schema == schema


def test_what_a_fill_reads_is_held_back(tmp_path: Path, short_dir: Path) -> None:
    schema = schema_of(built(tmp_path, short_dir, REPLACED, "  allow: [loses data]\n"))
    assert schema.migrate is not None
    assert schema.contract is not None
    assert "DROP COLUMN" not in schema.migrate.sql
    then = kinds(schema.contract.script)
    assert then[0] == "fill"
    assert any("DROP COLUMN" in one for one in then[1:])


def test_a_fill_that_never_ends_or_fails_is_refused(tmp_path: Path, short_dir: Path) -> None:
    for name, fill, why in (
        ("never", FILL.replace("code IS NULL", "true"), "it still finds rows"),
        ("fails", FILL.replace("upper(name)", "CAST(1 / (id - id) AS text)"), "division by zero"),
    ):
        with pytest.raises(PlantroomError) as caught:
            built(tmp_path / name, short_dir, CODED, fill=fill)
        assert caught.value.code == "PR008"
        assert why in caught.value.value


def test_a_fill_that_overwrites_what_there_was_is_refused(tmp_path: Path, short_dir: Path) -> None:
    over = "UPDATE item SET name = 'x' WHERE ctid IN (SELECT ctid FROM item WHERE name <> 'x' LIMIT 10)"
    with pytest.raises(PlantroomError, match=r"PR008 .*changes values: column public.item.name"):
        built(tmp_path, short_dir, CODED.replace("code text NOT NULL", "code text"), fill=over)


def test_fills_are_of_a_generated_script_and_no_part_of_the_schema(tmp_path: Path) -> None:
    for more, wrong in (
        ("  fills: [a.sql]\n", "schema.fills: the script is not generated"),
        ('  from: "1.0"\n  generate: true\n  fills: [schema.sql]\n', "schema.fills.0: it is a part of `initial`"),
        ('  from: "1.0"\n  generate: true\n  fills: [b.sql]\n', "schema.fills.0: there is no file b.sql"),
    ):
        there = tmp_path / wrong[:20].replace(":", "").replace(" ", "")
        there.mkdir(exist_ok=True)
        (there / "plantroom.app.yaml").write_text(DEFINITION.format(version="1.1") + more)
        for name in ("schema.sql", "a.sql", "page.html"):
            (there / name).write_text(FIRST)
        with pytest.raises(DefinitionError) as caught:
            Artefacts(tmp_path / "layout").build(there)
        assert wrong in str(caught.value)
