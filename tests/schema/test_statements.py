"""SQL is split where PostgreSQL would split it."""

from __future__ import annotations

import pytest
from tests.schema.versions import on_each

from plantroom.delivery.schema import dumps
from plantroom.delivery.schema.ground import Ground
from plantroom.delivery.schema.model import SchemaError
from plantroom.delivery.schema.statements import bare, split


def texts(sql: str) -> list[str]:
    return [bare(one.sql) for one in split(sql)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';', 'it''s;'", ["SELECT ';', 'it''s;'"]),
        (r"SELECT E'\';'; SELECT 2", [r"SELECT E'\';'", "SELECT 2"]),
        ('SELECT ";" FROM "a;""b"', ['SELECT ";" FROM "a;""b"']),
        ("DO $x$ BEGIN; $y$; END $x$; SELECT $$;$$", ["DO $x$ BEGIN; $y$; END $x$", "SELECT $$;$$"]),
        ("SELECT 1 -- one; two\n; /* ; /* ; */ ; */ SELECT 2", ["SELECT 1 -- one; two", "SELECT 2"]),
        (
            "CREATE RULE r AS ON INSERT TO a DO ALSO (DELETE FROM b; DELETE FROM c); SELECT 1",
            ["CREATE RULE r AS ON INSERT TO a DO ALSO (DELETE FROM b; DELETE FROM c)", "SELECT 1"],
        ),
        (
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3",
            [
                "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
                "SELECT 3",
            ],
        ),
        ("BEGIN; SELECT 1; COMMIT;", ["SELECT 1"]),
        ("\\restrict abc\nSELECT 1;\n\\unrestrict abc\n", ["SELECT 1"]),
        ("COPY a (x) FROM stdin;\n1;\n\\.\nSELECT 1;", ["SELECT 1"]),
        ("SELECT $1; SELECT a$b$c FROM t", ["SELECT $1", "SELECT a$b$c FROM t"]),
        (" ;; -- nothing\n", []),
    ],
)
def test_statements_end_where_they_should(sql: str, expected: list[str]) -> None:
    assert texts(sql) == expected


def test_a_statement_knows_its_line() -> None:
    assert [one.line for one in split("SELECT 1;\n\n-- about\nSELECT 2;\nSELECT 3")] == [1, 4, 5]


def test_what_stands_alone_and_what_is_a_boundary() -> None:
    sql = "CREATE INDEX CONCURRENTLY i ON t (a); ALTER TYPE e ADD VALUE 'x'; CREATE INDEX j ON t (a)"
    assert [(one.alone, one.boundary) for one in split(sql)] == [(True, False), (False, True), (False, False)]


def test_what_a_text_commits_is_committed_there() -> None:
    sql = "BEGIN; SET LOCAL lock_timeout = '1s'; DROP TABLE a; COMMIT; BEGIN; DROP TABLE b; END; DROP TABLE c"
    assert [one.boundary for one in split(sql)] == [False, True, True, False]
    assert texts("SET role TO DEFAULT") == ["SET role TO DEFAULT"]
    assert texts("SET ROLE NONE; SELECT set_config('search_path', '', false)") == [
        "SET ROLE NONE",
        "SELECT set_config('search_path', '', false)",
    ]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT 1;\n\\connect other", "line 2: \\connect is a command of psql"),
        ("SELECT 'open", "line 1: a quote that never ends"),
        ("\n/* open", "line 2: a comment that never ends"),
        ("DO $$ open", "line 1: a dollar quote that never ends"),
        ("BEGIN;\nDROP TABLE t;\nROLLBACK;", "line 3: ROLLBACK takes back or splits"),
        ("BEGIN; SAVEPOINT s; COMMIT", "line 1: SAVEPOINT s takes back or splits"),
        ("BEGIN;\nSET LOCAL search_path = x;", "line 2: SET LOCAL holds for one transaction only"),
        ("SELECT set_config('search_path', 'x', true)", "holds for one transaction only"),
        ("SET SESSION AUTHORIZATION other", "has what follows done by another role"),
        ("SET ROLE other", "has what follows done by another role"),
        ("SET role='other'", "has what follows done by another role"),
        ("SET SESSION role TO other", "has what follows done by another role"),
        ("SET session_authorization = other", "has what follows done by another role"),
    ],
)
def test_what_is_no_sql_is_refused_with_its_line(sql: str, said: str) -> None:
    with pytest.raises(SchemaError) as caught:
        split(sql)
    assert said in str(caught.value)


AWKWARD = r"""
CREATE TABLE "a;b" (x integer DEFAULT 1, y text DEFAULT 'it''s; so', z text DEFAULT E'back\\slash;');
COMMENT ON COLUMN "a;b".y IS 'one; /* two; -- three
$$ four;';
CREATE FUNCTION whole() RETURNS integer LANGUAGE sql
    BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;
CREATE FUNCTION quoted() RETURNS text LANGUAGE plpgsql AS $_$ BEGIN RETURN $x$;$x$; END; $_$;
CREATE RULE twice AS ON DELETE TO "a;b" DO ALSO (SELECT 1; SELECT 2);
CREATE VIEW seen AS SELECT CASE WHEN x > 0 THEN ';' ELSE y END AS "c;" FROM "a;b";
"""


@on_each
def test_a_dump_of_each_version_is_taken_apart_and_loads(ground: Ground) -> None:
    ground.create("awkward")
    assert ground.load("awkward", split(AWKWARD)) == []
    text = ground.dump_text("awkward")
    # Each version has its own beginning: a command of psql, and settings that older ones do not know.
    assert "\n\\restrict " in text
    assert ("\nSET transaction_timeout = 0;\n" in text) is (ground.version >= 17)
    ground.create("again")
    assert ground.load("again", split(text)) == []
    assert dumps.same(ground.dump("awkward"), ground.dump("again"))


@on_each
def test_what_a_newer_pg_dump_sets_is_passed_over(ground: Ground) -> None:
    ground.create("newer")
    text = "\\restrict x\nSET transaction_timeout = 0;\nSET of_the_future = 1;\nCREATE TABLE t (a integer);\n"
    assert ground.load("newer", split(f"{text}\\unrestrict x\n")) == []
    assert [one.name for one in ground.dump("newer")] == ["t"]
