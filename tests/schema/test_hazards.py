"""What PostgreSQL's documentation says of locks, rewrites and reads, by statement, measured.

ALTER TABLE, CREATE INDEX, CREATE TRIGGER and "Explicit Locking" of PostgreSQL 15 and 18, which say the same of all that
both know. A lock weaker than SHARE blocks nobody who reads or writes, and is not reported.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from plantroom.delivery.schema.ground import Ground, said
from plantroom.delivery.schema.hazards import measure
from plantroom.delivery.schema.model import Hazard, HazardClass
from plantroom.delivery.schema.statements import split

BEFORE = """
CREATE TABLE other (id integer PRIMARY KEY, name text);
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TABLE item (
    id integer PRIMARY KEY, size integer, name text, code varchar(10), price numeric(10,2), seen timestamp,
    kept integer NOT NULL DEFAULT 0, twice integer GENERATED ALWAYS AS (size * 2) STORED,
    number integer GENERATED ALWAYS AS IDENTITY
);
ALTER TABLE item ADD CONSTRAINT sized CHECK (size > 0) NOT VALID;
ALTER TABLE item ADD CONSTRAINT referred FOREIGN KEY (size) REFERENCES other NOT VALID;
CREATE INDEX item_name ON item (name);
CREATE TRIGGER item_noted BEFORE UPDATE ON item FOR EACH ROW EXECUTE FUNCTION noted();
CREATE TABLE plain (a integer, b text);
CREATE TABLE parted (a integer NOT NULL, b text) PARTITION BY LIST (a);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted_2 (a integer NOT NULL, b text);
CREATE MATERIALIZED VIEW names AS SELECT name FROM item;
CREATE VIEW shown AS SELECT id FROM other;
"""

READS = "AccessExclusiveLock"
SHARE, SHARE_ROW = "ShareLock", "ShareRowExclusiveLock"


class Case(NamedTuple):
    """`lock`: the strongest on the table, if it blocks anybody."""

    sql: str
    lock: str = ""
    rewrites: bool = False
    scans: bool = False
    also: tuple[HazardClass, ...] = ()
    table: str = "public.item"


LOSES, CHANGES, ALONE = HazardClass.LOSES_DATA, HazardClass.CHANGES_VALUES, HazardClass.NOT_TRANSACTIONAL
FAILS = HazardClass.FAILS_WITH_ROWS

CASES = [
    Case("ALTER TABLE item ADD COLUMN x integer", READS),
    Case("ALTER TABLE item ADD COLUMN x integer DEFAULT 5", READS),
    Case("ALTER TABLE item ADD COLUMN x integer NOT NULL DEFAULT 5", READS),
    Case("ALTER TABLE item ADD COLUMN x integer NOT NULL", also=(FAILS,)),
    Case("ALTER TABLE item ADD COLUMN x double precision DEFAULT random()", READS, rewrites=True),
    Case("ALTER TABLE item ADD COLUMN x serial", READS, rewrites=True),
    Case("ALTER TABLE item ADD COLUMN x bigint GENERATED ALWAYS AS (id + 1) STORED", READS, rewrites=True),
    Case("ALTER TABLE item DROP COLUMN price", READS, also=(LOSES,)),
    Case("ALTER TABLE item DROP COLUMN twice", READS),
    Case("ALTER TABLE item ALTER COLUMN size SET DEFAULT 1", READS),
    Case("ALTER TABLE item ALTER COLUMN kept DROP DEFAULT", READS),
    Case("ALTER TABLE item ALTER COLUMN price SET NOT NULL", READS, scans=True),
    Case("ALTER TABLE item ALTER COLUMN kept DROP NOT NULL", READS),
    Case("ALTER TABLE item ALTER COLUMN kept TYPE bigint", READS, rewrites=True),
    Case("ALTER TABLE item ALTER COLUMN code TYPE varchar(20)", READS),
    Case("ALTER TABLE item ALTER COLUMN code TYPE text", READS),
    Case("ALTER TABLE item ALTER COLUMN code TYPE varchar(5)", also=(FAILS,)),
    Case("ALTER TABLE item ALTER COLUMN price TYPE numeric(12,2)", READS),
    Case("ALTER TABLE item ALTER COLUMN price TYPE numeric(10,0)", READS, rewrites=True, also=(CHANGES,)),
    Case("ALTER TABLE item ALTER COLUMN seen TYPE timestamptz", READS, also=(CHANGES,)),
    Case("ALTER TABLE item ALTER COLUMN name TYPE integer USING name::integer", also=(FAILS,)),
    Case("ALTER TABLE item ALTER COLUMN twice DROP EXPRESSION", READS),
    Case("ALTER TABLE item ALTER COLUMN number DROP IDENTITY", READS),
    Case("ALTER TABLE item ALTER COLUMN name SET STORAGE EXTERNAL", READS),
    Case("ALTER TABLE item ALTER COLUMN name SET STATISTICS 500"),
    Case("ALTER TABLE item SET (fillfactor = 70)"),
    Case("ALTER TABLE item ADD CONSTRAINT c CHECK (id > 0)", READS, scans=True),
    Case("ALTER TABLE item ADD CONSTRAINT c CHECK (id > 0) NOT VALID", READS),
    Case("ALTER TABLE item VALIDATE CONSTRAINT sized", scans=True),
    Case("ALTER TABLE item ADD CONSTRAINT c UNIQUE (name)", READS, scans=True),
    Case("ALTER TABLE plain ADD PRIMARY KEY (a)", READS, scans=True, table="public.plain"),
    Case("ALTER TABLE plain ADD EXCLUDE USING btree (a WITH =)", READS, scans=True, table="public.plain"),
    Case("ALTER TABLE plain ADD FOREIGN KEY (a) REFERENCES other", SHARE_ROW, scans=True, table="public.plain"),
    Case("ALTER TABLE plain ADD FOREIGN KEY (a) REFERENCES other NOT VALID", SHARE_ROW, table="public.plain"),
    Case("ALTER TABLE item VALIDATE CONSTRAINT referred", scans=True),
    Case("ALTER TABLE item DROP CONSTRAINT sized", READS),
    Case("ALTER TABLE item RENAME TO thing", READS),
    Case("ALTER TABLE item RENAME COLUMN name TO title", READS),
    Case("ALTER TABLE item ENABLE ROW LEVEL SECURITY", READS),
    Case("ALTER TABLE item DISABLE TRIGGER item_noted", SHARE_ROW),
    Case("ALTER TABLE plain SET UNLOGGED", READS, rewrites=True, also=(LOSES,), table="public.plain"),
    Case("ALTER TABLE item REPLICA IDENTITY FULL", READS),
    Case("ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES IN (1, 2, 3)", also=(FAILS,)),
    Case("ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES IN (2, 3)", also=(FAILS,)),
    Case("ALTER TABLE parted DETACH PARTITION parted_1", READS, table="public.parted", also=(LOSES,)),
    Case("CREATE INDEX i ON item (size)", SHARE, scans=True),
    Case("CREATE INDEX CONCURRENTLY i ON item (size)", also=(ALONE,)),
    Case("DROP INDEX item_name", READS),
    Case("DROP INDEX CONCURRENTLY item_name", also=(ALONE,)),
    # SHARE on the table, but ACCESS EXCLUSIVE on each index, for which whoever reads the table asks first.
    Case("REINDEX TABLE item", READS, scans=True),
    Case("REINDEX INDEX item_name", READS, scans=True),
    Case("VACUUM FULL item", READS, rewrites=True, also=(ALONE,)),
    Case("VACUUM item", also=(ALONE,)),
    Case("CREATE TRIGGER t BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION noted()", SHARE_ROW),
    Case("DROP TRIGGER item_noted ON item", READS),
    Case("CREATE POLICY p ON item USING (true)", READS),
    Case("CREATE STATISTICS s ON size, kept FROM item"),
    Case("COMMENT ON TABLE item IS 'things'"),
    Case("GRANT SELECT ON item TO app_reader"),
    Case("CREATE VIEW more AS SELECT id FROM item"),
    Case("DROP VIEW shown", READS, table="public.shown"),
    Case("CLUSTER item USING item_pkey", READS, rewrites=True),
    Case("TRUNCATE plain", READS, rewrites=True, table="public.plain", also=(LOSES,)),
    Case("DROP TABLE plain", READS, table="public.plain", also=(LOSES,)),
    Case("REFRESH MATERIALIZED VIEW names", READS, rewrites=True, table="public.names"),
    Case("UPDATE item SET price = 0", scans=True, also=(CHANGES,)),
    Case("DELETE FROM plain", scans=True, also=(LOSES,), table="public.plain"),
]

NEWER = [
    Case("ALTER TABLE item ADD COLUMN x bigint GENERATED ALWAYS AS (id + 1) VIRTUAL", READS),
    Case("ALTER TABLE item ADD CONSTRAINT c NOT NULL price NOT VALID", READS),
    Case("ALTER TABLE item ALTER COLUMN twice SET EXPRESSION AS (size * 3)", READS, rewrites=True),
    Case("ALTER TABLE item ADD CONSTRAINT c CHECK (id > 0) NOT ENFORCED", READS),
]
"""What PostgreSQL 18 knows and 15 does not."""


@pytest.fixture(scope="module", autouse=True)
def before(ground: Ground) -> None:
    ground.create("from")
    failed = ground.load("from", split(BEFORE))
    assert not failed, said(failed)


def found(ground: Ground, sql: str) -> list[Hazard]:
    return list(measure(ground, "from", split(sql)).hazards)


@pytest.mark.parametrize("scratch", [18, 15], indirect=True)
@pytest.mark.parametrize("case", CASES, ids=[case.sql for case in CASES])
def test_what_it_does_is_measured(ground: Ground, case: Case) -> None:
    as_it_says(ground, case)


@pytest.mark.parametrize("case", NEWER, ids=[case.sql for case in NEWER])
def test_what_newer_versions_know_is_measured(ground: Ground, case: Case) -> None:
    as_it_says(ground, case)


def as_it_says(ground: Ground, case: Case) -> None:
    hazards = found(ground, case.sql)
    kinds = {one.kind for one in hazards}
    here = [one for one in hazards if one.subject == case.table]
    locks = [one.detail.split()[0] for one in here if one.kind in (HazardClass.BLOCKS_READS, HazardClass.BLOCKS_WRITES)]
    assert locks == ([case.lock] if case.lock else []), hazards
    assert (HazardClass.REWRITES in {one.kind for one in here}) == case.rewrites, hazards
    if not case.rewrites:
        assert (HazardClass.SCANS in {one.kind for one in here}) == case.scans, hazards
    assert kinds & {LOSES, CHANGES, ALONE, FAILS} == set(case.also), hazards


def test_a_lock_is_brief_when_nothing_is_read_or_written_under_it(ground: Ground) -> None:
    brief = {one.brief for one in found(ground, "ALTER TABLE item ADD COLUMN x integer")}
    long = {one.brief for one in found(ground, "ALTER TABLE item ALTER COLUMN kept TYPE bigint") if one.subject}
    assert brief == {True}
    assert False in long


def test_rows_that_go_after_a_statement_that_fails_are_seen(ground: Ground) -> None:
    sql = "ALTER TABLE item ADD COLUMN x integer NOT NULL; CREATE INDEX i ON item (x); DROP TABLE plain"
    hazards = found(ground, sql)
    assert [(one.statement, one.kind) for one in hazards if one.kind in (FAILS, LOSES)] == [(0, FAILS), (2, LOSES)]


def test_what_takes_no_row_of_ours_may_hold_those_of_others(ground: Ground) -> None:
    ground.create("unsown")
    schema = (
        "CREATE TABLE order_state (id integer PRIMARY KEY, state text NOT NULL CHECK (state IN ('open', 'done')));"
        "CREATE TABLE order_note (id integer PRIMARY KEY, kind text CHECK (kind IN ('call', 'mail')));"
    )
    assert not ground.load("unsown", split(schema))

    def lost(script: str) -> list[str]:
        return [one.subject for one in measure(ground, "unsown", split(script)).hazards if one.kind is LOSES]

    assert lost("ALTER TABLE order_state DROP COLUMN state") == ["column public.order_state.state"]
    assert lost("DROP TABLE order_state") == ["table public.order_state"]
    assert lost("ALTER TABLE order_note DROP COLUMN kind") == ["column public.order_note.kind"]
    # What a script makes for itself holds nothing of anybody's.
    assert lost("CREATE TABLE mine (a integer, CHECK (a IS NULL)); DROP TABLE mine") == []
    assert lost("ALTER TABLE order_note ADD COLUMN mine text; ALTER TABLE order_note DROP COLUMN mine") == []


def test_the_table_is_long_enough() -> None:
    assert len({case.sql for case in CASES}) >= 40


BREAKS = {
    "ALTER TABLE item DROP COLUMN price": "public.item.price",
    "ALTER TABLE item RENAME COLUMN name TO title": "public.item.name",
    "ALTER TABLE item RENAME TO thing": "public.item",
    "DROP TABLE plain": "public.plain",
    "DROP VIEW shown": "public.shown",
    "ALTER TABLE item ALTER COLUMN price SET NOT NULL": "public.item.price",
    "ALTER TABLE item ALTER COLUMN kept DROP DEFAULT": "public.item.kept",
    "ALTER TABLE plain ADD COLUMN x integer NOT NULL": "public.plain.x",
    "ALTER TABLE item ALTER COLUMN price TYPE numeric(10,0)": "public.item.price",
    "ALTER TABLE item ALTER COLUMN seen TYPE timestamptz": "public.item.seen",
    "ALTER TABLE item ADD CONSTRAINT c CHECK (id > 0)": "CHECK ((id > 0)) on public.item",
    "CREATE UNIQUE INDEX i ON item (name)": "(name) on public.item",
    "ALTER TABLE item ADD COLUMN x integer, ADD CONSTRAINT c CHECK (x < size)": "CHECK ((x < size)) on public.item",
    "ALTER TABLE plain ADD FOREIGN KEY (a) REFERENCES other": "FOREIGN KEY (a) REFERENCES other(id) on public.plain",
    'ALTER TABLE item DROP COLUMN "a.b"': 'public.item."a.b"',
    "DROP TRIGGER item_noted ON item; DROP FUNCTION noted(); DROP FUNCTION twice(integer)": "public.twice(integer)",
    "DROP TYPE mood": "public.mood",
    "ALTER TABLE other NO INHERIT base": "public.other in public.base",
    "DROP INDEX one_code": "(code) on public.item",
    "CREATE OR REPLACE VIEW few AS SELECT DISTINCT id FROM plain_rows": "public.few",
    "CREATE RULE gone AS ON INSERT TO plain_rows DO INSTEAD NOTHING": "gone on public.plain_rows",
    "REFRESH MATERIALIZED VIEW counted WITH NO DATA": "public.counted",
    "REVOKE EXECUTE ON FUNCTION twice(integer) FROM PUBLIC": "EXECUTE on public.twice(integer) for PUBLIC",
    "REVOKE USAGE ON SCHEMA more FROM PUBLIC": "USAGE on schema more for PUBLIC",
    "REVOKE UPDATE (id) ON plain_rows FROM PUBLIC": "UPDATE on public.plain_rows.id for PUBLIC",
    "DROP POLICY seen ON policed": "seen on public.policed",
    "DROP EXTENSION citext": "citext",
    "REVOKE SELECT ON plain_rows FROM PUBLIC": "SELECT on public.plain_rows for PUBLIC",
    "ALTER TABLE item ENABLE ROW LEVEL SECURITY": "public.item",
    "ALTER DOMAIN small SET NOT NULL": "NOT NULL on public.small",
    "DROP FUNCTION often(integer, integer); CREATE FUNCTION often(n integer, m integer) RETURNS integer"
    " LANGUAGE sql AS 'SELECT n * m'": "public.often(integer, integer)",
}
BEARS = [
    "ALTER TABLE item ADD COLUMN x integer",
    "ALTER TABLE item ADD COLUMN x integer NOT NULL DEFAULT 5",
    "ALTER TABLE item ALTER COLUMN kept DROP NOT NULL",
    "ALTER TABLE item ALTER COLUMN kept TYPE bigint",
    "ALTER TABLE item ALTER COLUMN code TYPE varchar(20)",
    "ALTER TABLE item ALTER COLUMN code TYPE text",
    "ALTER TABLE item ALTER COLUMN price TYPE numeric(12,2)",
    "ALTER TABLE item DROP CONSTRAINT sized",
    "DROP INDEX item_name; CREATE INDEX item_name ON item (name, size)",
    "DROP VIEW shown; CREATE VIEW shown AS SELECT id, name FROM other",
    "CREATE TABLE more (id integer PRIMARY KEY, item integer NOT NULL REFERENCES item)",
    "ALTER TYPE mood ADD VALUE 'glum'",
    "ALTER TABLE item ADD COLUMN x text NOT NULL DEFAULT 'a' CHECK (x IN ('a', 'b'))",
    "ALTER TABLE item ADD COLUMN x integer REFERENCES other; CREATE UNIQUE INDEX i ON item (x)",
]
MORE = """
CREATE TYPE mood AS ENUM ('fine');
CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n * 2';
ALTER TABLE item ADD COLUMN "a.b" integer;
CREATE TABLE base ();
ALTER TABLE other INHERIT base;
CREATE UNIQUE INDEX one_code ON item (code);
CREATE TABLE plain_rows (id integer);
CREATE VIEW few AS SELECT id FROM plain_rows;
GRANT SELECT ON plain_rows TO PUBLIC;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM plain_rows;
GRANT UPDATE (id) ON plain_rows TO PUBLIC;
CREATE SCHEMA more;
GRANT USAGE ON SCHEMA more TO PUBLIC;
CREATE TABLE policed (id integer);
ALTER TABLE policed ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON policed USING (id > 0);
CREATE EXTENSION citext;
CREATE DOMAIN small AS integer;
CREATE FUNCTION often(n integer, m integer DEFAULT 2) RETURNS integer LANGUAGE sql AS 'SELECT n * m';
"""


@pytest.fixture(scope="module")
def counted_on(ground: Ground) -> str:
    ground.create("counted_on", "from")
    failed = ground.load("counted_on", split(MORE))
    assert not failed, said(failed)
    return "counted_on"


def breaks(ground: Ground, start: str, sql: str) -> list[tuple[int, str]]:
    hazards = measure(ground, start, split(sql)).hazards
    return [(one.statement, one.subject) for one in hazards if one.kind is HazardClass.BREAKS_RUNNING]


@pytest.mark.parametrize("scratch", [18, 15], indirect=True)
@pytest.mark.parametrize("sql", BREAKS)
def test_what_the_running_release_would_miss_is_told(ground: Ground, counted_on: str, sql: str) -> None:
    statements = len(split(sql))
    # PostgreSQL refuses a column that must not be null where there are rows; nothing of it is there then.
    expected = [] if "ADD COLUMN x integer NOT NULL" in sql else [(statements - 1, BREAKS[sql])]
    assert breaks(ground, counted_on, sql) == expected


@pytest.mark.parametrize("scratch", [18, 15], indirect=True)
@pytest.mark.parametrize("sql", BEARS)
def test_what_the_running_release_bears_is_not_told(ground: Ground, counted_on: str, sql: str) -> None:
    assert breaks(ground, counted_on, sql) == []


def test_it_is_told_at_the_statement_since_which_it_is_missed(ground: Ground, counted_on: str) -> None:
    sql = "ALTER TABLE item RENAME price TO p; ALTER TABLE item RENAME p TO price; ALTER TABLE item DROP COLUMN price;"
    assert breaks(ground, counted_on, f"{sql} CREATE INDEX i ON item (size)") == [(2, "public.item.price")]


@pytest.mark.parametrize("sql", ["DROP TABLE plain", "UPDATE item SET price = 0", "ALTER TYPE mood ADD VALUE 'glum'"])
def test_what_cannot_be_undone_is_told(ground: Ground, counted_on: str, sql: str) -> None:
    hazards = measure(ground, counted_on, split(sql)).hazards
    assert HazardClass.CANNOT_BE_UNDONE in {one.kind for one in hazards}


@pytest.fixture(scope="module")
def unseen(ground: Ground) -> str:
    ground.create("unseen")
    failed = ground.load("unseen", split(UNSEEN))
    assert not failed, said(failed)
    return "unseen"


UNSEEN = """
CREATE TYPE place AS (street text, number varchar(10));
CREATE TYPE address AS (places place[], zip text);
CREATE TYPE idle AS (a text, b text);
CREATE TYPE stage AS ENUM ('open', 'done');
CREATE DOMAIN short AS varchar(5);
CREATE TABLE sale (day date NOT NULL, sum numeric(10,2)) PARTITION BY RANGE (day);
CREATE TABLE sale_2019 PARTITION OF sale FOR VALUES FROM ('2019-01-01') TO ('2020-01-01');
CREATE TABLE sale_old PARTITION OF sale FOR VALUES FROM ('2000-01-01') TO ('2019-01-01') PARTITION BY RANGE (day);
CREATE TABLE sale_2018 PARTITION OF sale_old FOR VALUES FROM ('2018-01-01') TO ('2019-01-01');
CREATE TABLE thing (
    id serial PRIMARY KEY, note varchar(100), sized numeric(12,4), wide text, at timestamp(3), spot address,
    stage stage, codes varchar(10)[], n integer, day date, key bigint GENERATED BY DEFAULT AS IDENTITY, doc json
);
CREATE TABLE closed (id serial, state text NOT NULL CHECK (state IN ('yes', 'no')));
CREATE SEQUENCE ticket;
CREATE FUNCTION purge() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DELETE FROM thing WHERE n > 1000; END $$;
"""


def refused(ground: Ground, start: str, script: str) -> list[tuple[str, str]]:
    kinds = (LOSES, CHANGES)
    hazards = measure(ground, start, split(script)).hazards
    assert not [one for one in hazards if one.kind is FAILS], hazards
    return [(one.kind.value, one.subject) for one in hazards if one.kind in kinds]


@pytest.mark.parametrize("scratch", [18, 15], indirect=True)
@pytest.mark.parametrize(
    ("script", "lost"),
    [
        ("DROP TABLE sale_2019", ["sale_2019"]),
        ("DROP TABLE sale_2018", ["sale_2018"]),
        ("DROP TABLE sale_old", ["sale_old", "sale_2018"]),
        (
            "DROP TABLE sale_2019;"
            "CREATE TABLE sale_2019 PARTITION OF sale FOR VALUES FROM ('2019-01-01') TO ('2020-01-01')",
            ["sale_2019"],
        ),
        ("CREATE TABLE more PARTITION OF sale FOR VALUES FROM ('2020-01-01') TO ('2021-01-01'); DROP TABLE more", []),
    ],
)
def test_a_partition_that_took_no_row_counts_as_lost(ground: Ground, unseen: str, script: str, lost: list[str]) -> None:
    assert sorted(refused(ground, unseen, script)) == sorted(("loses data", f"table public.{one}") for one in lost)


def test_one_that_is_detached_is_lost_to_its_table_and_then_itself(ground: Ground, unseen: str) -> None:
    gone = refused(ground, unseen, "ALTER TABLE sale DETACH PARTITION sale_2019; DROP TABLE sale_2019")
    assert gone == [("loses data", "partition public.sale_2019"), ("loses data", "table public.sale_2019")]


@pytest.mark.parametrize(
    ("column", "type_", "told"),
    [
        ("note", "varchar(90) USING note::varchar(90)", True),
        ("note", "char(200)", True),
        ("note", "short USING note::short", True),
        ("wide", "varchar(200) USING wide::varchar(200)", True),
        ("sized", "numeric(14,2)", True),
        ("sized", "numeric(12,5)", True),
        ("at", "timestamp(0)", True),
        ("codes", "varchar(9)[] USING codes::varchar(9)[]", True),
        ("doc", "jsonb", True),
        ("n", "real", True),
        ("note", "varchar(101)", False),
        ("note", "varchar", False),
        ("sized", "numeric(14,4)", False),
        ("sized", "numeric", False),
        ("sized", "text", False),
        ("at", "timestamp(4)", False),
        ("at", "timestamp", False),
        ("codes", "varchar(20)[]", False),
        ("stage", "text", False),
        ("n", "numeric(12)", False),
        ("n", "double precision", False),
    ],
)
def test_a_narrower_type_counts_as_changed_values(
    ground: Ground, unseen: str, column: str, type_: str, told: bool
) -> None:
    found = refused(ground, unseen, f"ALTER TABLE thing ALTER COLUMN {column} TYPE {type_}")
    assert found == ([("changes values", f"column public.thing.{column}")] if told else [])


def test_an_enum_that_is_made_anew_keeps_its_values(ground: Ground, unseen: str) -> None:
    script = (
        "ALTER TYPE stage RENAME TO stage_old; CREATE TYPE stage AS ENUM ('open', 'held', 'done');"
        "ALTER TABLE thing ALTER COLUMN stage TYPE stage USING stage::text::stage; DROP TYPE stage_old"
    )
    assert refused(ground, unseen, script) == []


@pytest.mark.parametrize("scratch", [18, 15], indirect=True)
def test_parts_of_a_composite_type_are_data(ground: Ground, unseen: str) -> None:
    def told(script: str) -> list[tuple[str, str]]:
        return refused(ground, unseen, script)

    assert told("ALTER TYPE address DROP ATTRIBUTE zip") == [("loses data", "attribute public.address.zip")]
    assert told("ALTER TYPE place DROP ATTRIBUTE street CASCADE") == [("loses data", "attribute public.place.street")]
    assert told("ALTER TYPE idle DROP ATTRIBUTE a") == []
    assert told("ALTER TYPE idle ALTER ATTRIBUTE a TYPE varchar(3)") == []
    assert told("ALTER TYPE address ADD ATTRIBUTE more text; ALTER TYPE address DROP ATTRIBUTE more") == []
    assert breaks(ground, unseen, "ALTER TYPE address DROP ATTRIBUTE zip") == [(0, "public.address.zip")]


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("DELETE FROM thing WHERE n > 1000", [("loses data", "rows of public.thing")]),
        ("TRUNCATE closed, thing", [("loses data", "rows of public.closed"), ("loses data", "rows of public.thing")]),
        ("WITH x AS (DELETE FROM thing WHERE n < 0 RETURNING id) SELECT 1", [("loses data", "rows of public.thing")]),
        ("UPDATE thing t SET note = '' WHERE n > 9000", [("changes values", "column public.thing.note")]),
        ("UPDATE thing SET (n, wide) = (SELECT 1, 'x') WHERE n > 9000", [
            ("changes values", "column public.thing.n"), ("changes values", "column public.thing.wide")]),
        ("INSERT INTO thing (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = thing.n",
         [("changes values", "column public.thing.n")]),
        ("DO $$ BEGIN DELETE FROM thing WHERE n > 1000; END $$", [("changes values", "")]),
        ("SELECT purge()", [("changes values", "")]),
        ("DO $$ BEGIN PERFORM 1; END $$", []),
        ("ALTER TABLE thing ADD COLUMN more text; UPDATE thing SET more = note WHERE n > 9", []),
        ("CREATE TABLE mine (a integer); DELETE FROM mine", []),
        ("SELECT 'DELETE FROM thing' -- UPDATE thing SET n = 1", []),
        ("GRANT DELETE, UPDATE, TRUNCATE ON thing TO app_reader", []),
    ],
)  # fmt: skip
def test_what_the_text_does_to_rows_counts_though_it_finds_none(
    ground: Ground, unseen: str, script: str, told: list[tuple[str, str]]
) -> None:
    assert sorted(refused(ground, unseen, script)) == sorted(told)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("ALTER SEQUENCE thing_id_seq RESTART", ["column public.thing.id"]),
        ("SELECT setval('thing_id_seq', 500)", ["column public.thing.id"]),
        ("ALTER SEQUENCE ticket RESTART", ["sequence public.ticket"]),
        ("DROP SEQUENCE ticket; CREATE SEQUENCE ticket", ["sequence public.ticket"]),
        ("ALTER TABLE thing ALTER id DROP DEFAULT; DROP SEQUENCE thing_id_seq;"
         "ALTER TABLE thing ALTER id ADD GENERATED ALWAYS AS IDENTITY", ["column public.thing.id"]),
        ("ALTER TABLE thing ALTER id DROP DEFAULT; DROP SEQUENCE thing_id_seq;"
         "ALTER TABLE thing ALTER id ADD GENERATED ALWAYS AS IDENTITY;"
         "SELECT setval('thing_id_seq', max(id)) FROM thing HAVING max(id) > 0", []),
        ("SELECT setval('ticket', 5000)", []),
        ("ALTER TABLE thing ADD COLUMN more serial", []),
    ],
)  # fmt: skip
def test_numbers_that_begin_again_are_told(ground: Ground, unseen: str, script: str, told: list[str]) -> None:
    assert refused(ground, unseen, script) == [("changes values", one) for one in told]
