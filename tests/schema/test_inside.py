"""What is read from pg_dump's text of a table, and what leads from one table to another."""

from __future__ import annotations

import pytest

from plantroom.delivery.schema import inside
from plantroom.delivery.schema.model import Entry
from plantroom.delivery.schema.residue import drop_of, taken_back

TABLE = """CREATE TABLE public.t (
    "na me" text DEFAULT 'x,('::text CONSTRAINT nn NOT NULL NO INHERIT COLLATE pg_catalog."C",
    CONSTRAINT positive CHECK ((n > 0)) NO INHERIT,
    g integer GENERATED ALWAYS AS ((id + 1)) STORED,
    i interval(3) DEFAULT '00:00:01'::interval,
    id integer NOT NULL,
    v character varying(10)[] NOT NULL
)
INHERITS (public.p)
WITH (fillfactor='50', toast.autovacuum_enabled='false');
ALTER TABLE ONLY public.t ALTER COLUMN v SET STATISTICS 5;"""


def entry(sql: str, kind: str = "TABLE", name: str = "t") -> Entry:
    return Entry(kind, "public", name, sql, 0)


def test_a_table_is_read_from_its_dump() -> None:
    table = inside.read(entry(TABLE))
    assert table is not None
    assert set(table.columns) == {'"na me"', "g", "i", "id", "v"}
    named = table.columns['"na me"']
    assert (named.type, named.default, named.collation) == ("text", "'x,('::text", 'pg_catalog."C"')
    assert named.not_null == "CONSTRAINT nn NOT NULL NO INHERIT"
    assert table.columns["g"].generated == "((id + 1)) STORED"
    assert table.columns["v"].type == "character varying(10)[]"
    assert table.constraints == {"positive": "CHECK ((n > 0)) NO INHERIT"}
    assert table.options == {"fillfactor": "'50'", "toast.autovacuum_enabled": "'false'"}
    assert table.parents == ["public.p"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("id integer NOT NULL", "id integer", "ALTER TABLE public.t ALTER COLUMN id DROP NOT NULL"),
        ("id integer NOT NULL", "id bigint NOT NULL", "ALTER TABLE public.t ALTER COLUMN id TYPE bigint"),
        ("fillfactor='50', ", "", "ALTER TABLE public.t RESET (fillfactor)"),
        ("INHERITS (public.p)\n", "", "ALTER TABLE public.t NO INHERIT public.p"),
        ("SET STATISTICS 5", "SET STATISTICS 6", "ALTER TABLE ONLY public.t ALTER COLUMN v SET STATISTICS 6"),
        (
            "CONSTRAINT nn NOT NULL",
            "CONSTRAINT other NOT NULL",
            "ALTER TABLE public.t RENAME CONSTRAINT nn TO other",
        ),
    ],
)
def test_what_leads_from_one_table_to_another(old: str, new: str, expected: str) -> None:
    assert old in TABLE
    found = inside.changes(entry(TABLE), entry(TABLE.replace(old, new)))
    assert expected in [sql for forms in found for sql in forms[0]]


def test_nothing_leads_from_a_table_to_itself() -> None:
    assert inside.changes(entry(TABLE), entry(TABLE)) == []


@pytest.mark.parametrize(
    ("kind", "name", "sql", "expected"),
    [
        ("TRIGGER", "t x", 'CREATE TRIGGER "on x" AFTER UPDATE OF a ON s.t FOR EACH ROW', 'DROP TRIGGER "on x" ON s.t'),
        ("POLICY", "t p", "CREATE POLICY p ON s.t FOR SELECT", "DROP POLICY p ON s.t"),
        ("RULE", "t r", "CREATE RULE r AS\n    ON INSERT TO s.t DO NOTHING", "DROP RULE r ON s.t"),
        ("INDEX", "i", "CREATE UNIQUE INDEX i ON ONLY s.t USING btree (a)", "DROP INDEX s.i"),
        (
            "FUNCTION",
            "f(integer, text)",
            'CREATE FUNCTION s."F"(a integer, b text)',
            'DROP FUNCTION s."F"(integer, text)',
        ),
        (
            "CONSTRAINT",
            "t c",
            "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT c UNIQUE (a)",
            "ALTER TABLE s.t DROP CONSTRAINT c",
        ),
        ("CAST", "CAST", "CREATE CAST (a.b AS text) WITH FUNCTION f", "DROP CAST (a.b AS text)"),
        ("COMMENT", "COLUMN t.a", "COMMENT ON COLUMN s.t.a IS 'it''s; IS '", "COMMENT ON COLUMN s.t.a IS NULL"),
        (
            "OPERATOR",
            "+",
            "CREATE OPERATOR s.+ (\n  FUNCTION = f,\n  RIGHTARG = text\n)",
            "DROP OPERATOR s.+ (NONE, text)",
        ),
        (
            "TABLE ATTACH",
            "c",
            "ALTER TABLE ONLY s.p ATTACH PARTITION s.c DEFAULT",
            "ALTER TABLE s.p DETACH PARTITION s.c",
        ),
    ],
)
def test_what_takes_an_entry_away(kind: str, name: str, sql: str, expected: str) -> None:
    assert drop_of(entry(sql, kind, name)) == expected


def test_privileges_are_turned_round_the_last_first() -> None:
    sql = "REVOKE ALL ON FUNCTION s.f() FROM PUBLIC;\nGRANT ALL ON FUNCTION s.f() TO a WITH GRANT OPTION;"
    assert [one.sql for one in taken_back(entry(sql, "ACL", "f"))] == [
        "REVOKE ALL ON FUNCTION s.f() FROM a",
        "GRANT ALL ON FUNCTION s.f() TO PUBLIC",
    ]
