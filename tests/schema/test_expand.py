"""A migration in two halves: the first drops nothing, and lets both releases work; the second drops what is left."""

from __future__ import annotations

import psycopg
import pytest
from tests.schema.versions import on_each

from plantroom.delivery.schema import sources
from plantroom.delivery.schema.engines import Pgmig
from plantroom.delivery.schema.expand import EXPANDED, Halves, halves
from plantroom.delivery.schema.generate import FROM, TO, generate
from plantroom.delivery.schema.ground import Ground
from plantroom.delivery.schema.model import Diff, HazardClass, SchemaError, Status
from plantroom.delivery.schema.renames import declared
from plantroom.delivery.schema.statements import split
from plantroom.runtime.scratch import OWNER

ITEM = "CREATE TABLE item (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL{});"
PLAIN = ITEM.format("")


def whole(ground: Ground, before: str, after: str) -> Diff:
    wanted = split(after)
    sources.load(ground, FROM, split(before), "before")
    sources.load(ground, TO, wanted, "after")
    found = generate(ground, [Pgmig()], declared(wanted))
    assert found.status is Status.PROVEN, found.attempts
    return found


def split_up(ground: Ground, before: str, after: str) -> Halves:
    found = halves(ground, whole(ground, before, after))
    assert found is not None
    return found


def texts(found: Diff) -> str:
    assert found.script is not None
    return "\n".join(one.sql for one in found.script.statements)


def breaking(found: Diff) -> list[str]:
    return [one.subject for one in found.hazards if one.kind is HazardClass.BREAKS_RUNNING]


def names(found: Halves) -> list[str]:
    return sorted(str(one) for one in found.held)


def written(ground: Ground, *statements: str) -> None:
    """By the owner, in the expanded schema."""
    with psycopg.connect(ground.url(EXPANDED, OWNER), autocommit=True) as connection:
        for one in statements:
            connection.execute(one.encode())


def refused(ground: Ground, before: str, after: str) -> str:
    found = whole(ground, before, after)
    with pytest.raises(SchemaError) as caught:
        halves(ground, found)
    assert caught.value.code == "PR017"
    assert "contract: now" in caught.value.remedy
    return caught.value.value


@on_each
def test_a_column_that_goes_is_held_back_and_need_not_be_written(ground: Ground) -> None:
    found = split_up(ground, ITEM.format(", code text NOT NULL"), ITEM.format(", size int DEFAULT 0"))
    assert names(found) == ["column public.item.code"]
    assert "DROP COLUMN" not in texts(found.expand)
    assert "DROP COLUMN" in texts(found.contract)
    assert found.expand.kept is not None
    assert found.contract.kept is not None
    assert found.expand.kept.lost == []
    assert found.contract.kept.lost == ["column public.item.code"]
    # By a measure of its own: the release before misses nothing, and neither does the new one when the rest goes.
    assert breaking(found.expand) == breaking(found.contract) == []
    # The release before, and the new one.
    written(ground, "INSERT INTO item (name, code) VALUES ('a', 'b')", "INSERT INTO item (name, size) VALUES ('a', 1)")


@on_each
def test_the_halves_join_and_end_where_the_whole_does(ground: Ground) -> None:
    before, after = ITEM.format(", code text"), ITEM.format(", size int")
    plain = whole(ground, before, after)
    assert breaking(plain) == ["public.item.code"]
    found = halves(ground, plain)
    assert found is not None
    assert (found.expand.begins, found.contract.ends) == (plain.begins, plain.ends)
    assert found.expand.ends == found.contract.begins
    assert len({found.expand.begins, found.expand.ends, found.contract.ends}) == 3


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (PLAIN, ITEM.format(", size int")),
        # A default, an index or a constraint that goes only loosens.
        (ITEM.format(" CHECK (name <> '')") + "CREATE INDEX item_name ON item (name);", PLAIN),
        (ITEM.format(" UNIQUE"), PLAIN),
        # What comes back by its name is there for whoever asks for it.
        (PLAIN + "CREATE VIEW v AS SELECT id FROM item;", PLAIN + "CREATE VIEW v AS SELECT name AS id FROM item;"),
        (PLAIN + "CREATE TABLE v (id bigint);", PLAIN + "CREATE VIEW v AS SELECT id FROM item;"),
        (PLAIN + "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';",
         PLAIN + "CREATE FUNCTION f(int) RETURNS text LANGUAGE sql AS 'SELECT ''x''';"),
        (ITEM.format(", mood text"), "-- plantroom: renamed from item\n" + PLAIN.replace("item", "thing").replace(
            "name text NOT NULL", "name text NOT NULL,\nfeeling text -- plantroom: renamed from mood\n")),
    ],
)  # fmt: skip
def test_what_drops_nothing_is_not_split(ground: Ground, before: str, after: str) -> None:
    assert halves(ground, whole(ground, before, after)) is None


OLD = """
CREATE SCHEMA legacy;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE legacy.note (id serial PRIMARY KEY, item bigint NOT NULL REFERENCES item, mood mood DEFAULT 'good');
CREATE INDEX note_mood ON legacy.note (mood);
CREATE VIEW notes AS SELECT id, item FROM legacy.note;
CREATE MATERIALIZED VIEW moods AS SELECT mood, count(*) FROM legacy.note GROUP BY mood;
CREATE SEQUENCE ticket;
CREATE DOMAIN short AS text CHECK (length(VALUE) < 9);
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1';
CREATE PROCEDURE nothing() LANGUAGE sql AS 'SELECT 1';
"""


@on_each
def test_every_kind_that_goes_is_held_back_as_it_was(ground: Ground) -> None:
    found = split_up(ground, PLAIN + OLD, ITEM.format(", size int"))
    assert {one for one in names(found) if not one.startswith("sequence legacy.")} == {
        "domain public.short",
        "function public.twice",
        "materialized view public.moods",
        "procedure public.nothing",
        "schema legacy",
        "sequence public.ticket",
        "table legacy.note",
        "type public.mood",
        "view public.notes",
    }
    assert breaking(found.expand) == breaking(found.contract) == []
    # Nothing of it is touched, but for the reference that would keep the new release from deleting.
    assert [one.sql for one in (found.expand.script.statements if found.expand.script else ())] == [
        'ALTER TABLE "public"."item" ADD COLUMN "size" integer',
        'ALTER TABLE "legacy"."note" DROP CONSTRAINT "note_item_fkey"',
    ]
    written(
        ground,
        "INSERT INTO item (name) VALUES ('a')",
        "INSERT INTO legacy.note (item) VALUES (1)",
        "REFRESH MATERIALIZED VIEW moods",
        "DELETE FROM item",
        "CALL nothing()",
    )


STOPPING = {
    "blank": "code text NOT NULL CHECK (code <> '')",
    "missing": "code text, CHECK (code IS NOT NULL OR name = '')",
    "single": "code text NOT NULL UNIQUE",
    "given": "code text DEFAULT 'x' UNIQUE",
    "only_null": "code text UNIQUE NULLS NOT DISTINCT",
    "excluded": "code text DEFAULT 'x', EXCLUDE (code WITH =)",
    "compared": "code text DEFAULT 'x', CHECK (name <> code)",
    "numbered": "code bigint GENERATED BY DEFAULT AS IDENTITY, UNIQUE (code)",
    "linked": "code bigint NOT NULL REFERENCES other",
    "computed": "code text",
    "beside": "code text, other text, UNIQUE (name) INCLUDE (code)",
}


@on_each
def test_nothing_of_it_stops_the_new_release_from_writing(ground: Ground) -> None:
    other = "CREATE TABLE other (id bigint PRIMARY KEY);"
    table = "CREATE TABLE {} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL{});"
    before = other + "".join(table.format(name, f", {column}") for name, column in STOPPING.items())
    before += "CREATE UNIQUE INDEX computed_code ON computed (coalesce(code, ''));"
    found = split_up(ground, before, other + "".join(table.format(name, "") for name in STOPPING))
    assert set(names(found)) == {f"column public.{name}.code" for name in STOPPING} | {"column public.beside.other"}
    for name in STOPPING:
        written(ground, f"INSERT INTO {name} (name) VALUES ('x')", f"INSERT INTO {name} (name) VALUES ('x')")
    written(ground, "INSERT INTO other VALUES (1)", "UPDATE linked SET code = 1", "DELETE FROM other")


def test_a_key_that_moves_to_another_column(ground: Ground) -> None:
    before = "CREATE TABLE item (code text PRIMARY KEY, id bigint GENERATED ALWAYS AS IDENTITY);"
    found = split_up(ground, before, "CREATE TABLE item (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);")
    assert names(found) == ["column public.item.code"]
    written(ground, "INSERT INTO item DEFAULT VALUES", "INSERT INTO item (code) VALUES ('x')")


def test_what_is_unique_stays_so_where_it_stops_nobody(ground: Ground) -> None:
    found = split_up(ground, ITEM.format(", code text UNIQUE"), PLAIN)
    assert texts(found.expand) == ""
    with pytest.raises(psycopg.errors.UniqueViolation):
        written(ground, "INSERT INTO item (name, code) VALUES ('a', 'x'), ('b', 'x')")


def test_a_trigger_goes_at_once_and_its_function_later(ground: Ground) -> None:
    trigger = (
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;"
        "CREATE TRIGGER no BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION no();"
    )
    found = split_up(ground, PLAIN + trigger, PLAIN)
    assert names(found) == ["function public.no"]
    assert texts(found.expand) == 'DROP TRIGGER "no" ON "public"."item"'
    written(ground, "INSERT INTO item (name) VALUES ('a')")


def test_what_takes_long_is_in_its_safer_form_in_both_halves(ground: Ground) -> None:
    before = ITEM.format(", code text") + "CREATE VIEW old AS SELECT 1 AS x; CREATE INDEX item_code ON item (code);"
    after = ITEM.format(", size int") + "CREATE INDEX item_size ON item (size);"
    found = split_up(ground, before, after)
    assert found.expand.safer is not None
    assert any(one.alone for one in found.expand.safer.script.statements)
    assert "item_code" not in texts(found.expand)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "CREATE TABLE item (id int) PARTITION BY LIST (id); CREATE TABLE ones PARTITION OF item FOR VALUES IN (1);",
            "CREATE TABLE item (id int) PARTITION BY LIST (id);",
            "table public.ones cannot be held back: it is a part of public.item",
        ),
        (
            "CREATE DOMAIN filled AS text NOT NULL;" + ITEM.format(", code filled"),
            "CREATE DOMAIN filled AS text NOT NULL;" + PLAIN,
            "column public.item.code cannot be held back: public.filled takes no null",
        ),
        (
            ITEM.format(", size int") + "CREATE VIEW sizes AS SELECT size FROM item;",
            ITEM.format(", size bigint"),
            "view public.sizes cannot be held back: while it is there, this fails: cannot alter type of a column",
        ),
        (
            "CREATE TYPE pair AS (a int, b int);" + PLAIN,
            "CREATE TYPE pair AS (a int);" + PLAIN,
            "column public.pair.b cannot be held back: the type public.pair would have one value more",
        ),
    ],
)
def test_what_cannot_be_held_back_is_refused_by_name(ground: Ground, before: str, after: str, said: str) -> None:
    assert said in refused(ground, before, after)


def test_names_are_told_apart(ground: Ground) -> None:
    odd = 'CREATE SCHEMA "Odd one"; CREATE TABLE "Odd one"."It\'s" ("A b" text NOT NULL CHECK ("A b" <> \'\'), c int);'
    found = split_up(ground, odd, 'CREATE SCHEMA "Odd one"; CREATE TABLE "Odd one"."It\'s" (c int);')
    assert names(found) == ["column Odd one.It's.A b"]
    written(ground, 'INSERT INTO "Odd one"."It\'s" (c) VALUES (1)')
