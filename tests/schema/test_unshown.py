"""What the proof's rows cannot show, and what they show that is no loss."""

from __future__ import annotations

import pytest

from plantroom.delivery.schema.engines import Pgmig
from plantroom.delivery.schema.generate import by_hand, generate
from plantroom.delivery.schema.ground import Ground, said
from plantroom.delivery.schema.hazards import measure
from plantroom.delivery.schema.model import Hazard, HazardClass, Status
from plantroom.delivery.schema.policy import judge
from plantroom.delivery.schema.renames import declared
from plantroom.delivery.schema.statements import split
from plantroom.kernel.verdict import Allowed

LOSES, CHANGES, FAILS = HazardClass.LOSES_DATA, HazardClass.CHANGES_VALUES, HazardClass.FAILS_WITH_ROWS

BEFORE = """
CREATE TYPE stage AS ENUM ('a', 'b', 'c', 'd', 'e');
CREATE TABLE item (id integer PRIMARY KEY, stage stage, stages stage[], note text, size integer, at timestamp);
CREATE TABLE closed (id integer NOT NULL, state text NOT NULL CHECK (state IN ('yes', 'no')));
CREATE TABLE flags (done boolean, paid boolean DEFAULT true, CHECK (paid OR NOT done));
CREATE TABLE seen (id integer, note text);
CREATE FUNCTION cleans() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN DELETE FROM item WHERE id > 1000; END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION notes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN INSERT INTO seen (id) VALUES (1); END IF; -- don't DELETE
    RETURN NEW;
END $$;
CREATE TABLE watched (id integer, other integer);
CREATE TRIGGER cleans AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION cleans();
CREATE TABLE noted (id integer, other integer);
CREATE TRIGGER notes AFTER UPDATE ON noted FOR EACH ROW EXECUTE FUNCTION notes();
CREATE TABLE ruled (id integer, other integer);
CREATE FUNCTION purges() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN DELETE FROM seen WHERE id > 1000; RETURN 1; END $$;
CREATE SEQUENCE ticket;
CREATE TABLE numbered (id serial, computed integer);
CREATE TABLE by_year (id integer, at date) PARTITION BY RANGE (at);
CREATE TABLE of_2020 PARTITION OF by_year FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE RULE ruled AS ON INSERT TO ruled DO ALSO DELETE FROM seen WHERE id > 1000;
"""


@pytest.fixture(scope="module")
def begun(ground: Ground) -> str:
    ground.create("begun")
    failed = ground.load("begun", split(BEFORE))
    assert not failed, said(failed)
    return "begun"


def told(ground: Ground, start: str, script: str, *kinds: HazardClass) -> list[tuple[HazardClass, str]]:
    return [
        (one.kind, one.subject)
        for one in hazards(ground, start, script)
        if one.kind in (kinds or (LOSES, CHANGES, FAILS))
    ]


def hazards(ground: Ground, start: str, script: str) -> list[Hazard]:
    return list(measure(ground, start, split(script)).hazards)


ANEW = "ALTER TYPE stage RENAME TO was; CREATE TYPE stage AS ENUM ({});"
STAGE, STAGES = "column public.item.stage", "column public.item.stages"


@pytest.mark.parametrize("scratch", [18, 15], indirect=True)
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (ANEW.format("'a', 'b', 'c', 'd'") + "ALTER TABLE item ALTER stage TYPE stage USING stage::text::stage;",
         [(FAILS, STAGE)]),
        (ANEW.format("'a', 'b', 'c', 'd'")
         + "ALTER TABLE item ALTER stages TYPE stage[] USING stages::text[]::stage[];",
         [(FAILS, STAGES)]),
        (ANEW.format("'e', 'd', 'c', 'b', 'a', 'f'")
         + "ALTER TABLE item ALTER stage TYPE stage USING stage::text::stage;", []),
        ("ALTER TYPE stage RENAME VALUE 'e' TO 'f'", [(CHANGES, "type stage")]),
        ("ALTER TYPE stage RENAME VALUE 'a' TO 'f'", [(CHANGES, STAGE)]),
        ("ALTER TYPE stage ADD VALUE 'f'", []),
        ("ALTER TABLE item ALTER note TYPE text USING nullif(note, 'gone')", [(CHANGES, "column public.item.note")]),
        ("ALTER TABLE item ALTER size TYPE bigint USING (size)::bigint, ALTER note TYPE varchar USING note::varchar",
         []),
        ("ALTER TABLE item ALTER size TYPE bigint, ALTER note TYPE text USING CASE id WHEN 1000 THEN '' ELSE note END",
         [(CHANGES, "column public.item.note")]),
        ("ALTER TABLE flags ALTER done TYPE boolean USING done::boolean AND paid",
         [(CHANGES, "column public.flags.done")]),
        ("ALTER TABLE flags ALTER done TYPE boolean USING (done)::boolean", []),
        ("INSERT INTO item (id) VALUES (100)", []),
        ("INSERT INTO item (id) VALUES (100); INSERT INTO item (id, note) VALUES (101, 'x')", []),
        ("INSERT INTO watched VALUES (100, 1)", [(CHANGES, "")]),
        ("UPDATE noted SET other = 1 WHERE id > 1000", [(CHANGES, "column public.noted.other")]),
        ("INSERT INTO noted VALUES (100, 1)", []),
        ("INSERT INTO ruled VALUES (100, 1)", [(CHANGES, "")]),
        ("SELECT count(*) FROM watched", []),
        ("DO $$ BEGIN IF (SELECT count(*) FROM item) > 100 THEN DROP TABLE item; END IF; END $$", [(CHANGES, "")]),
        ("ALTER TABLE item ADD COLUMN more integer DEFAULT purges()", [(CHANGES, "")]),
        ("ALTER TABLE seen ADD COLUMN purges integer", []),
        ("DROP SEQUENCE ticket", [(LOSES, "sequence public.ticket")]),
        ("ALTER SEQUENCE ticket RENAME TO coupon", []),
        ("ALTER TABLE numbered ALTER id DROP DEFAULT; DROP SEQUENCE numbered_id_seq", []),
        ("CREATE SEQUENCE brief; DROP SEQUENCE brief", []),
        ("ALTER TABLE item ENABLE ROW LEVEL SECURITY; ALTER TABLE item FORCE ROW LEVEL SECURITY", []),
        ("REVOKE ALL ON item FROM CURRENT_USER", []),
        ("REVOKE ALL ON item FROM CURRENT_USER; ALTER TABLE item DROP COLUMN note",
         [(LOSES, "column public.item.note")]),
    ],
)  # fmt: skip
def test_what_may_happen_to_rows_is_told(
    ground: Ground, begun: str, script: str, expected: list[tuple[HazardClass, str]]
) -> None:
    assert told(ground, begun, script) == expected


def test_nobody_waits_for_what_a_script_makes_itself(ground: Ground, begun: str) -> None:
    script = "CREATE TABLE made (id integer PRIMARY KEY, name text UNIQUE); CREATE INDEX more ON made (name)"
    assert [one for one in hazards(ground, begun, script) if one.subject == "public.made"] == []


def test_what_was_not_valid_yet_was_held_to_before(ground: Ground, begun: str) -> None:
    added = "ALTER TABLE item ADD CONSTRAINT sized CHECK (size < 1000) NOT VALID; "
    breaks = HazardClass.BREAKS_RUNNING
    assert len(told(ground, begun, added + "ALTER TABLE item VALIDATE CONSTRAINT sized", breaks)) == 1
    ground.create("held", begun)
    assert not ground.load("held", split(added))
    assert told(ground, "held", "ALTER TABLE item VALIDATE CONSTRAINT sized", breaks) == []


@pytest.mark.parametrize("scratch", [18], indirect=True)
def test_what_was_computed_and_is_to_be_kept_is_lost_with_its_column(ground: Ground) -> None:
    ground.create("computed")
    table = "CREATE TABLE t (a integer, g integer GENERATED ALWAYS AS (a * 2) {})"
    assert not ground.load("computed", split(table.format("VIRTUAL")))
    anew = "ALTER TABLE t DROP COLUMN g; ALTER TABLE t ADD COLUMN g integer"
    assert (LOSES, "column public.t.g") in told(ground, "computed", "ALTER TABLE t DROP COLUMN g, ADD COLUMN g integer")
    assert (LOSES, "column public.t.g") in told(ground, "computed", anew)
    assert told(ground, "computed", "ALTER TABLE t DROP COLUMN g") == []


def test_reading_a_table_that_took_no_row_is_reading_it(ground: Ground, begun: str) -> None:
    scans = HazardClass.SCANS
    assert told(ground, begun, "ALTER TABLE closed ADD CHECK (id > 0)", scans) == [(scans, "public.closed")]
    assert told(ground, begun, "CREATE INDEX i ON closed (id)", scans) == [(scans, "public.closed")]
    assert told(ground, begun, "ALTER TABLE closed ADD CHECK (id > 0) NOT VALID", scans) == []
    # Few rows or not, by an index or not.
    assert told(ground, begun, "CREATE TABLE copy AS SELECT * FROM item WHERE id > 0", scans) == [
        (scans, "public.item")
    ]
    locked = [one for one in hazards(ground, begun, "CREATE INDEX i ON closed (id)") if one.subject == "public.closed"]
    assert not any(one.brief for one in locked), locked


@pytest.mark.parametrize(("mark", "refused"), [(" -- plantroom: renamed from 'b'", False), ("", True)])
def test_an_enums_value_that_is_declared_as_renamed_keeps_its_rows(ground: Ground, mark: str, refused: bool) -> None:
    text = "CREATE TYPE stage AS ENUM (\n'a',\n'{}',{}\n'c'\n);\nCREATE TABLE item (id int, stage stage);"
    wanted = split(text.format("bb", mark))
    for name, statements in (("from", split(text.format("b", ""))), ("to", wanted)):
        ground.create(name)
        assert not ground.load(name, statements)
    found = generate(ground, [Pgmig()], declared(wanted))
    assert found.status is Status.PROVEN, found.attempts
    assert found.kept is not None
    assert (bool(found.kept.changed), judge(found.hazards) == Allowed()) == (refused, not refused), found.hazards


QUERY = "WITH gone AS (DELETE FROM item WHERE size > 1000000 RETURNING *) SELECT * FROM gone"
CHANGE = "WITH other AS (UPDATE item SET note = 'x' WHERE size > 1000000 RETURNING *) SELECT * FROM other"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (f"CREATE TABLE kept AS {QUERY}", [(LOSES, "rows of public.item")]),
        (f"CREATE TEMP TABLE kept AS ({QUERY})", [(LOSES, "rows of public.item")]),
        (f"({QUERY})", [(LOSES, "rows of public.item")]),
        (f"CREATE TABLE kept AS {CHANGE}", [(CHANGES, "column public.item.note")]),
        ("CREATE VIEW purging AS SELECT purges() AS x; SELECT * FROM purging", [(CHANGES, "")]),
        ("CREATE VIEW purging AS SELECT purges() AS x; TABLE purging", [(CHANGES, "")]),
        ("CREATE VIEW purging AS SELECT purges() AS x", []),
        ("SELECT lo_unlink(lo_create(0))", [(CHANGES, "")]),
        ("ALTER TABLE by_year DETACH PARTITION of_2020", [(LOSES, "partition public.of_2020")]),
        ("ALTER SEQUENCE ticket INCREMENT -1", [(CHANGES, "sequence public.ticket")]),
        ("ALTER TABLE item SET UNLOGGED", [(LOSES, "rows of item")]),
        (
            "ALTER TABLE noted RENAME id TO was; ALTER TABLE noted RENAME other TO id;"
            " ALTER TABLE noted RENAME was TO other",
            [(CHANGES, "column public.noted.other"), (CHANGES, "column public.noted.id")],
        ),
        ("ALTER TABLE noted RENAME id TO was; ALTER TABLE noted RENAME was TO id", []),
        (
            "ALTER TABLE noted RENAME id TO was; ALTER TABLE noted ADD COLUMN id integer",
            [(CHANGES, "column public.noted.id")],
        ),
        ("ALTER TABLE noted RENAME TO was; CREATE TABLE noted (id integer)", [(CHANGES, "table public.noted")]),
        ("ALTER TABLE noted RENAME TO was", []),
        (
            "ALTER TABLE item ALTER note TYPE varchar(9) USING note::varchar(5)::varchar(9)",
            [(CHANGES, "column public.item.note")],
        ),
        ("ALTER TABLE item ALTER note TYPE varchar USING (note)::text::varchar", []),
    ],
)  # fmt: skip
def test_what_a_query_does_on_the_way_is_told(
    ground: Ground, begun: str, script: str, expected: list[tuple[HazardClass, str]]
) -> None:
    assert sorted(told(ground, begun, script)) == sorted(expected)


KEEPS = """
CREATE FUNCTION short(t text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower(t)';
CREATE TABLE t (a text CHECK (short(a) <> ''), b text GENERATED ALWAYS AS (short(a)) STORED);
CREATE INDEX by_short ON t (short(a));
"""


@pytest.mark.parametrize("scratch", [18, 15], indirect=True)
def test_what_a_function_has_computed_and_is_kept_is_told(ground: Ground) -> None:
    ground.create("keeps")
    assert not ground.load("keeps", split(KEEPS))
    other = "CREATE OR REPLACE FUNCTION short(t text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT {}(t)'"
    found = [one for one in hazards(ground, "keeps", other.format("upper")) if one.kind is CHANGES]
    assert [one.subject for one in found] == ["function public.short"]
    assert found[0].detail == "by its old body: column t.b, constraint t_a_check, index by_short"
    assert told(ground, "keeps", other.format("lower"), CHANGES) == []


@pytest.mark.parametrize("scratch", [18, 15], indirect=True)
def test_so_is_what_that_function_calls(ground: Ground) -> None:
    ground.create("keeps")
    head = "CREATE OR REPLACE FUNCTION public.inner_(t text) RETURNS text IMMUTABLE LANGUAGE plpgsql"
    inner = f"{head} AS 'BEGIN RETURN {{}}(t); END'"
    assert not ground.load("keeps", split(f"{inner.format('lower')}; {KEEPS.replace('lower(t)', 'public.inner_(t)')}"))
    found = [one.subject for one in hazards(ground, "keeps", inner.format("upper")) if one.kind is CHANGES]
    assert found == ["function public.short"]
    assert told(ground, "keeps", inner.format("lower"), CHANGES) == []


def test_what_fails_after_a_change_of_rows_only_is_told(ground: Ground) -> None:
    for name, more in (("from", ""), ("to", ", CONSTRAINT sized CHECK (n > 0)")):
        ground.create(name)
        text = "CREATE TABLE p (id integer PRIMARY KEY); CREATE TABLE c (id integer PRIMARY KEY, n integer"
        deferred = "p integer REFERENCES p DEFERRABLE INITIALLY DEFERRED"
        assert not ground.load(name, split(f"{text}, {deferred}{more})"))
    script = "INSERT INTO c SELECT id + 100, 1, id FROM p; ALTER TABLE c ADD CONSTRAINT sized CHECK (n > 0)"
    found = by_hand(ground, split(script), ground.dump("to"))
    assert found.status is Status.PROVEN
    failing = [one for one in found.hazards if one.kind is FAILS]
    assert [(one.statement, "pending trigger events" in one.detail) for one in failing] == [(1, True)]
