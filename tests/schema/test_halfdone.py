"""What stands alone and was cut off: it is seen, taken away, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from plantroom.delivery.schema.ground import Connection, Ground
from plantroom.delivery.schema.model import Statement
from plantroom.delivery.schema.statements import statement
from plantroom.runtime.processes import wait_until
from plantroom.runtime.scratch import OWNER

BEFORE = """
CREATE SCHEMA "Odd one";
CREATE TABLE "Odd one"."It's" ("A" integer, b integer);
INSERT INTO "Odd one"."It's" VALUES (1, 1), (1, 2);
CREATE INDEX there ON "Odd one"."It's" (b);
CREATE TABLE other (a integer);
CREATE INDEX taken ON other (a);
CREATE TABLE parted (a integer NOT NULL) PARTITION BY LIST (a);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
"""
UNIQUE = """CREATE UNIQUE INDEX CONCURRENTLY "Once"\n ON "Odd one"."It's" ("A")"""
INVALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid ORDER BY 1"


@pytest.fixture
def database(ground: Ground) -> Iterator[Connection]:
    ground.create("half")
    with ground.connect("half", OWNER) as connection:
        connection.execute(BEFORE)
        yield connection


def is_done(connection: Connection, one: Statement) -> bool:
    row = connection.execute(one.done.encode()).fetchone()
    assert row is not None
    assert isinstance(row[0], bool)
    return row[0]


def fails(connection: Connection, one: Statement) -> None:
    with pytest.raises(psycopg.Error):
        connection.execute(one.sql.encode())


def invalid(connection: Connection) -> list[str]:
    return [name for (name,) in connection.execute(INVALID).fetchall()]


def test_an_index_that_is_half_there_is_taken_away_and_made_again(database: Connection) -> None:
    one = statement(UNIQUE)
    assert not is_done(database, one)
    fails(database, one)
    assert len(invalid(database)) == 1
    assert not is_done(database, one)
    fails(database, one)  # it exists
    database.execute(one.clear.encode())
    assert invalid(database) == []
    database.execute("""DELETE FROM "Odd one"."It's" WHERE b = 2""")
    database.execute(one.sql.encode())
    assert is_done(database, one)
    database.execute(one.clear.encode())
    assert is_done(database, one)


def test_an_index_of_that_name_elsewhere_stays(database: Connection) -> None:
    one = statement("CREATE INDEX CONCURRENTLY IF NOT EXISTS taken ON parted_1 (a)")
    database.execute(one.sql.encode())  # which does nothing
    assert not is_done(database, one)
    database.execute(one.clear.encode())
    assert is_done(database, statement("CREATE INDEX CONCURRENTLY taken ON other (a)"))


def test_one_that_was_killed_is_taken_away(ground: Ground, database: Connection) -> None:
    one = statement("CREATE INDEX CONCURRENTLY made ON other (a)")
    with (
        ground.connect("half", OWNER) as reader,
        ground.connect("half", OWNER) as building,
        ThreadPoolExecutor() as pool,
    ):
        # It waits for whoever may still see the table as it was.
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM other")
        running = pool.submit(building.execute, one.sql.encode())
        assert wait_until(lambda: invalid(database) == ["made"], 10)
        assert not is_done(database, one)
        database.execute("SELECT pg_terminate_backend(%s)", (building.info.backend_pid,))
        assert isinstance(running.exception(10), psycopg.OperationalError)
        reader.execute("ROLLBACK")
    assert invalid(database) == ["made"]
    database.execute(one.clear.encode())
    assert invalid(database) == []


def test_a_build_that_goes_on_is_waited_for_and_readers_are_not_kept_waiting(
    ground: Ground, database: Connection
) -> None:
    one = statement("CREATE INDEX CONCURRENTLY taken ON other (a)")
    with ground.connect("half", OWNER) as building, ground.connect("half", OWNER) as reader:
        building.execute("BEGIN; LOCK TABLE other IN SHARE UPDATE EXCLUSIVE MODE")
        with ground.connect("half", "plantroom") as superuser:
            superuser.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'public.taken'::regclass")
        database.execute("SET lock_timeout = '300ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            database.execute(one.clear.encode())
        assert reader.execute("SELECT count(*) FROM other").fetchone() == (0,)
        building.execute("ROLLBACK")


def test_an_index_that_is_dropped_is_gone(database: Connection) -> None:
    one = statement('DROP INDEX CONCURRENTLY "Odd one".there')
    assert not is_done(database, one)
    database.execute(one.sql.encode())
    assert is_done(database, one)
    assert one.clear == ""


@pytest.mark.parametrize(
    "sql",
    [
        "REINDEX INDEX CONCURRENTLY {index}",
        "REINDEX (VERBOSE) TABLE CONCURRENTLY {table}",
        "REINDEX SCHEMA CONCURRENTLY {schema}",
        "REINDEX DATABASE CONCURRENTLY half",
    ],
)
def test_what_a_new_build_left_is_taken_away(database: Connection, sql: str) -> None:
    table = """"Odd one"."It's\""""
    fails(database, statement(UNIQUE))
    # An index that is invalid already is built anew only when it is named.
    fails(database, statement('REINDEX INDEX CONCURRENTLY "Odd one"."Once"'))
    one = statement(sql.format(index='"Odd one"."Once"', table=table, schema='"Odd one"'))
    left = invalid(database)
    assert any("_ccnew" in name for name in left)
    database.execute(one.clear.encode())
    assert invalid(database) == ['"Odd one"."Once"']


def test_what_is_half_detached_is_detached(ground: Ground, database: Connection) -> None:
    one = statement("ALTER TABLE parted DETACH PARTITION parted_1 CONCURRENTLY")
    with ground.connect("half", OWNER) as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM parted")
        database.execute("SET lock_timeout = '300ms'")
        fails(database, one)
        reader.execute("ROLLBACK")
    assert not is_done(database, one)
    fails(database, one)  # it is pending
    database.execute(one.clear.encode())
    assert is_done(database, one)
    database.execute(one.clear.encode())


@pytest.mark.parametrize(
    "sql", ["VACUUM other", "CREATE INDEX CONCURRENTLY ON other (a)", "CREATE INDEX i ON other (a)"]
)
def test_where_nothing_is_known_nothing_is_said(sql: str) -> None:
    assert (statement(sql).clear, statement(sql).done) == ("", "")
