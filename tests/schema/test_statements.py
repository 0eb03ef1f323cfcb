"""SQL is split where PostgreSQL would split it."""

from __future__ import annotations

import pytest

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


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT 1;\n\\connect other", "line 2: \\connect is a command of psql"),
        ("SELECT 'open", "line 1: a quote that never ends"),
        ("\n/* open", "line 2: a comment that never ends"),
        ("DO $$ open", "line 1: a dollar quote that never ends"),
    ],
)
def test_what_is_no_sql_is_refused_with_its_line(sql: str, said: str) -> None:
    with pytest.raises(SchemaError) as caught:
        split(sql)
    assert said in str(caught.value)
