"""Safer forms end where the plain ones do, and stop nobody for as long as a table is long."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from plantroom.delivery.schema import dumps
from plantroom.delivery.schema.generate import FROM, by_hand
from plantroom.delivery.schema.ground import Ground, said
from plantroom.delivery.schema.model import Diff, HazardClass, SaferForm, Status, longest
from plantroom.delivery.schema.statements import split

BEFORE = """
CREATE SCHEMA "Odd one";
CREATE TABLE other (id integer PRIMARY KEY, name text);
CREATE TABLE item (
    id integer, size integer, name text, code varchar(10), kept integer NOT NULL DEFAULT 0,
    CONSTRAINT named UNIQUE (name), CONSTRAINT small CHECK (size < 1000)
);
CREATE INDEX item_code ON item (code);
CREATE INDEX item_size ON item (size);
CREATE VIEW sizes AS SELECT size FROM item;
CREATE TABLE "Odd one"."It's" ("A" integer, "b c" text);
CREATE INDEX "Old" ON "Odd one"."It's" ("A");
CREATE TABLE parted (a integer NOT NULL, b text, c integer) PARTITION BY LIST (a);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1, 3);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2) PARTITION BY LIST (c);
CREATE TABLE parted_2_2 PARTITION OF parted_2 FOR VALUES IN (2);
CREATE INDEX parted_1_c ON parted_1 (c);
CREATE INDEX parted_a ON parted (a);
CREATE MATERIALIZED VIEW names AS SELECT id, name FROM item;
"""


@pytest.fixture(scope="module", autouse=True)
def before(ground: Ground) -> None:
    ground.create(FROM)
    failed = ground.load(FROM, split(BEFORE))
    assert not failed, said(failed)


def proven(ground: Ground, sql: str) -> Diff:
    """Proven: the safer form has ended by pg_dump where the plain one does."""
    found = by_hand(ground, split(sql), None)
    assert found.status is Status.PROVEN, found.attempts
    return found


def safer(ground: Ground, sql: str) -> SaferForm:
    found = proven(ground, sql).safer
    assert found is not None
    return found


def texts(form: SaferForm) -> list[str]:
    return [one.sql for one in form.script.statements]


class Case(NamedTuple):
    """`parts`: what is to be found in the safer script, in this order, whatever is in quotes."""

    sql: str
    parts: tuple[str, ...]
    brief: bool = False
    """Whether the plain one stops others for a moment only."""


CASES = {
    "index": Case("CREATE INDEX made ON item (size)", ("CREATE INDEX CONCURRENTLY made ON item (size)",)),
    "unique index": Case(
        "create unique index made on public.item using btree (id desc) include (size) where id > 0",
        ("CREATE unique INDEX CONCURRENTLY made ON public.item using btree (id desc) include (size) where id > 0",),
    ),
    "index on quoted names": Case(
        """CREATE INDEX "New, one" ON "Odd one"."It's" ("b c")""",
        ("""CREATE INDEX CONCURRENTLY "New, one" ON "Odd one"."It's" ("b c")""",),
    ),
    "index of a materialised view": Case("CREATE UNIQUE INDEX made ON names (id)", ("INDEX CONCURRENTLY made",)),
    "index of one partition": Case(
        "CREATE INDEX made ON parted_1 (b)", ("CREATE INDEX CONCURRENTLY made ON parted_1",)
    ),
    "index of a partitioned table": Case(
        "CREATE INDEX made ON parted (c)",
        (
            "CREATE INDEX made ON ONLY parted (c)",
            "CREATE INDEX parted_2_c_idx ON ONLY public.parted_2 (c)",
            "CREATE INDEX CONCURRENTLY parted_2_2_c_idx ON public.parted_2_2 (c)",
            "ALTER INDEX public.parted_2_c_idx ATTACH PARTITION public.parted_2_2_c_idx",
            "ALTER INDEX public.made ATTACH PARTITION public.parted_2_c_idx",
            "ALTER INDEX public.made ATTACH PARTITION public.parted_1_c",  # which was there
        ),
    ),
    "index made anew": Case(
        "DROP INDEX item_size; CREATE INDEX item_size ON item (size, id)",
        (
            "CREATE INDEX CONCURRENTLY plantroom_index_1 ON item (size, id)",
            "DROP INDEX CONCURRENTLY item_size",
            "ALTER INDEX public.plantroom_index_1 RENAME TO item_size",
        ),
    ),
    "index that goes": Case("DROP INDEX IF EXISTS item_size", ("DROP INDEX CONCURRENTLY IF EXISTS item_size",), True),
    "indexes that go": Case(
        """DROP INDEX item_size, "Odd one"."Old";""",
        ("DROP INDEX CONCURRENTLY item_size", """DROP INDEX CONCURRENTLY "Odd one"."Old\""""),
        True,
    ),
    "check": Case(
        "ALTER TABLE item ADD CONSTRAINT made CHECK (size > 0 AND name <> 'a, b')",
        ("made CHECK (size > 0 AND name <> 'a, b') NOT VALID", "COMMIT", "ALTER TABLE item VALIDATE CONSTRAINT made"),
    ),
    "check without a name": Case(
        "ALTER TABLE item ADD CHECK (size > 0)",
        ("ADD CONSTRAINT item_size_check CHECK (size > 0) NOT VALID", "VALIDATE CONSTRAINT item_size_check"),
    ),
    "check of a partitioned table": Case(
        "ALTER TABLE parted ADD CONSTRAINT made CHECK (c > 0)",
        ("ADD CONSTRAINT made CHECK (c > 0) NOT VALID", "VALIDATE CONSTRAINT made"),
    ),
    "check made anew": Case(
        "ALTER TABLE item DROP CONSTRAINT small; ALTER TABLE item ADD CONSTRAINT small CHECK (size < 2000)",
        ("DROP CONSTRAINT small;\nALTER TABLE", "NOT VALID", "VALIDATE CONSTRAINT small"),
    ),
    "foreign key": Case(
        "ALTER TABLE ONLY public.item ADD CONSTRAINT made FOREIGN KEY (size) REFERENCES other (id) ON DELETE CASCADE"
        " DEFERRABLE INITIALLY DEFERRED",
        ("DEFERRABLE INITIALLY DEFERRED NOT VALID", "ALTER TABLE public.item VALIDATE CONSTRAINT made"),
    ),
    "foreign key without a name": Case(
        "ALTER TABLE item ADD FOREIGN KEY (size) REFERENCES other",
        ("ADD CONSTRAINT item_size_fkey FOREIGN KEY (size) REFERENCES other NOT VALID", "VALIDATE"),
    ),
    "not null": Case(
        "ALTER TABLE item ALTER size SET NOT NULL",
        (
            "ALTER TABLE item ADD CONSTRAINT plantroom_not_null_1 CHECK (size IS NOT NULL) NOT VALID",
            "ALTER TABLE item VALIDATE CONSTRAINT plantroom_not_null_1",
            "ALTER TABLE item ALTER size SET NOT NULL",
            "ALTER TABLE item DROP CONSTRAINT plantroom_not_null_1",
        ),
    ),
    "not null of a partitioned table": Case(
        "ALTER TABLE parted ALTER COLUMN b SET NOT NULL", ("VALIDATE", "ALTER COLUMN b SET NOT NULL", "DROP CONSTRAINT")
    ),
    "unique": Case(
        "ALTER TABLE item ADD CONSTRAINT made UNIQUE NULLS NOT DISTINCT (size, code) INCLUDE (id) DEFERRABLE",
        (
            "CREATE UNIQUE INDEX CONCURRENTLY made ON item (size, code) INCLUDE (id) NULLS NOT DISTINCT",
            "ALTER TABLE item ADD CONSTRAINT made UNIQUE USING INDEX made DEFERRABLE",
        ),
    ),
    "unique without a name, on quoted names": Case(
        """ALTER TABLE "Odd one"."It's" ADD UNIQUE ("A", "b c")""",
        ("""ADD CONSTRAINT "It's_A_b c_key" UNIQUE USING INDEX "It's_A_b c_key\"""",),
    ),
    "unique made anew": Case(
        "ALTER TABLE item DROP CONSTRAINT named; ALTER TABLE item ADD CONSTRAINT named UNIQUE (name, id)",
        (
            "CREATE UNIQUE INDEX CONCURRENTLY plantroom_index_1 ON item (name, id)",
            "ALTER TABLE item DROP CONSTRAINT named;\nALTER TABLE item ADD CONSTRAINT named UNIQUE USING INDEX",
        ),
    ),
    "primary key": Case(
        "ALTER TABLE item ADD PRIMARY KEY (id, kept)",
        (
            "CHECK (id IS NOT NULL) NOT VALID",
            "VALIDATE CONSTRAINT plantroom_not_null_1",
            "CREATE UNIQUE INDEX CONCURRENTLY item_pkey ON item (id, kept)",
            "ALTER COLUMN id SET NOT NULL;\nALTER TABLE item ADD CONSTRAINT item_pkey PRIMARY KEY USING INDEX",
            "DROP CONSTRAINT plantroom_not_null_1",
        ),
    ),
    "several in one": Case(
        "ALTER TABLE item ADD COLUMN more integer, ALTER COLUMN size SET NOT NULL, ADD CONSTRAINT made CHECK (id > 0)",
        ("ALTER TABLE item ADD COLUMN more integer;", "VALIDATE CONSTRAINT plantroom", "VALIDATE CONSTRAINT made"),
    ),
    "a table by its new name": Case(
        "ALTER TABLE item RENAME TO thing; CREATE INDEX made ON thing (size)",
        ("RENAME TO thing", "CREATE INDEX CONCURRENTLY made ON thing (size)"),
    ),
    "what needs it follows it": Case(
        "ALTER TABLE item ADD CONSTRAINT made UNIQUE (id); COMMENT ON CONSTRAINT made ON item IS 'm';"
        " ALTER TABLE other ADD CONSTRAINT there FOREIGN KEY (id) REFERENCES item (id);"
        " COMMENT ON CONSTRAINT there ON other IS 't'; ALTER TABLE item ADD COLUMN more integer",
        ("ADD COLUMN more", "CONCURRENTLY made", "USING INDEX", "'m'", "there FOREIGN KEY", "VALIDATE", "'t'"),
    ),
    "what is gone for a moment is not gone for long": Case(
        "DROP VIEW sizes; CREATE INDEX made ON item (size); CREATE VIEW sizes AS SELECT size, id FROM item",
        ("DROP VIEW sizes;\nCREATE VIEW sizes", "COMMIT", "CREATE INDEX CONCURRENTLY made"),
    ),
    "what goes without a successor goes last": Case(
        "DROP INDEX item_size; CREATE INDEX made ON item (size, id)", ("CONCURRENTLY made", "DROP INDEX CONCURRENTLY")
    ),
    "identity of a column that was nullable": Case(
        "ALTER TABLE item ALTER COLUMN id SET NOT NULL; ALTER TABLE item ALTER id ADD GENERATED ALWAYS AS IDENTITY",
        ("VALIDATE CONSTRAINT", "ALTER COLUMN id SET NOT NULL", "ADD GENERATED ALWAYS"),
    ),
    "a column that is no key any more": Case(
        "ALTER TABLE other DROP CONSTRAINT other_pkey; ALTER TABLE other ADD CONSTRAINT other_pkey PRIMARY KEY (name);"
        " ALTER TABLE other ALTER COLUMN id DROP NOT NULL",
        ("CREATE UNIQUE INDEX CONCURRENTLY", "DROP CONSTRAINT other_pkey", "USING INDEX", "id DROP NOT NULL"),
    ),
    "rows are worked on in their order": Case(
        "ALTER TABLE item ADD COLUMN more integer; CREATE UNIQUE INDEX made ON item (id);"
        " INSERT INTO item (id) VALUES (1) ON CONFLICT DO NOTHING; UPDATE item SET more = id;"
        " ALTER TABLE item ALTER COLUMN more SET NOT NULL",
        ("CONCURRENTLY made", "INSERT", "UPDATE", "NOT VALID", "VALIDATE", "SET NOT NULL", "DROP CONSTRAINT"),
    ),
    "remarks in front": Case("-- for the list\nCREATE INDEX made ON item (size)", ("CREATE INDEX CONCURRENTLY made",)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_it_stops_nobody_for_long(ground: Ground, case: Case) -> None:
    plain = proven(ground, case.sql)
    assert bool(longest(plain.hazards)) != case.brief, plain.hazards
    form = plain.safer
    assert form is not None
    assert longest(form.hazards) == []
    assert HazardClass.REWRITES not in {one.kind for one in form.hazards}
    left = form.script.text.replace('"', "")
    for part in case.parts:
        _, found, left = left.partition(part.replace('"', ""))
        assert found, form.script.text
    assert all(one.done for one in form.script.statements if one.alone)
    # The locks of what comes before it would be held as long as it takes.
    assert all(len(group) == 1 for group in form.script.groups() if "VALIDATE" in " ".join(one.sql for one in group))


def test_it_ends_at_the_same_schema(ground: Ground) -> None:
    """By pg_dump, for all of them at once, asked here once more."""
    script = "; ".join(
        CASES[name].sql
        for name in ("index", "index of a partitioned table", "not null", "primary key", "unique made anew")
    ).replace("INDEX made ON parted", "INDEX parted_made ON parted")
    form = safer(ground, script)
    ends = []
    for name, statements in (("plain", split(script)), ("safely", split(form.script.text))):
        ground.create(name, FROM)
        assert ground.load(name, statements) == []
        ends.append(ground.dump(name))
    assert dumps.difference(*ends) == []


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE item ALTER COLUMN kept TYPE bigint",
        "ALTER TABLE item ADD COLUMN made double precision DEFAULT random()",
        "ALTER TABLE item ADD CONSTRAINT made EXCLUDE USING btree (id WITH =)",
        "ALTER TABLE parted ADD CONSTRAINT made UNIQUE (a, b, c)",
    ],
)
def test_where_there_is_no_safer_form_the_hazard_stays(ground: Ground, sql: str) -> None:
    found = proven(ground, sql)
    assert found.safer is None
    assert longest(found.hazards)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE made (a integer); CREATE INDEX i ON made (a); ALTER TABLE made ADD PRIMARY KEY (a)",
        "DROP TABLE other; CREATE TABLE other (id integer); CREATE INDEX i ON other (id)",
        "ALTER TABLE item ADD CONSTRAINT made CHECK (size > 0) NOT VALID",
        "ALTER TABLE item ALTER COLUMN kept SET NOT NULL",
        "CREATE INDEX CONCURRENTLY made ON item (size)",
        "CREATE INDEX made ON ONLY parted (b)",
        "DROP INDEX parted_a",
        "DROP INDEX item_size; ALTER TABLE item DROP COLUMN size CASCADE",
        "CREATE INDEX ON item (size)",
        'SET search_path = "Odd one"; CREATE INDEX made ON "It\'s" ("A")',
        "CREATE INDEX made ON item (size) -- a remark\n",
        "COMMENT ON TABLE item IS 'CREATE INDEX made ON item (size)'",
    ],
)
def test_what_needs_none_or_cannot_be_read_is_left(ground: Ground, sql: str) -> None:
    assert proven(ground, sql).safer is None


def test_one_that_cannot_be_has_the_others_all_the_same(ground: Ground) -> None:
    """The view needs the key; the index is built CONCURRENTLY nevertheless, and the hazard of the key stays."""
    sql = (
        "ALTER TABLE item ADD CONSTRAINT made PRIMARY KEY (id); CREATE INDEX i ON item (size);"
        " CREATE VIEW grouped AS SELECT id, name FROM item GROUP BY id"
    )
    form = safer(ground, sql)
    assert [one for one in texts(form) if "CONCURRENTLY" in one] == ["CREATE INDEX CONCURRENTLY i ON item (size)"]
    assert {one.statement for one in longest(form.hazards)} == {0}


def test_the_plain_script_stays_the_answer(ground: Ground) -> None:
    sql = "CREATE INDEX made ON item (size)"
    found = proven(ground, sql)
    assert found.script is not None
    assert [one.sql for one in found.script.statements] == [sql]


def test_a_temporary_name_is_gone(ground: Ground) -> None:
    form = safer(ground, CASES["primary key"].sql + ";" + CASES["index made anew"].sql)
    ground.create("safely", FROM)
    assert ground.load("safely", list(form.script.statements)) == []
    assert "plantroom_not_null" not in ground.dump_text("safely")
    assert "plantroom_index" not in ground.dump_text("safely")
