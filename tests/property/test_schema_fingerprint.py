"""Fingerprints of schemas and of changed catalogues, one sentence each: the same exactly when pg_dump says the same."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.schema.corpus import pairs
from tests.schema.mutations import MUTATIONS
from tests.schema.versions import NEWEST, lacking, on_each, programs

from plantroom.delivery.schema import dumps, fingerprint
from plantroom.delivery.schema.fingerprint import Fact
from plantroom.delivery.schema.ground import Ground, said
from plantroom.delivery.schema.model import Statement
from plantroom.delivery.schema.statements import split
from plantroom.runtime.postgres import SUPERUSER
from plantroom.runtime.scratch import Scratch

PAIRS, RESTORED, CHANGES = 50, 15, 90
"""How many of each a run takes, about ten seconds of each, on the newest PostgreSQL."""
SHARE = 3
"""On each of the older ones as many divided by this."""
SEED = 20
MORE = """
CREATE FUNCTION leaning() RETURNS integer LANGUAGE sql AS 'SELECT 1';
ALTER FUNCTION leaning() DEPENDS ON EXTENSION plpgsql;
INSERT INTO pg_seclabel SELECT oid, 'pg_proc'::regclass, 0, 'nobody', 'secret' FROM pg_proc WHERE proname = 'leaning';
"""
"""What pg_dump is not asked about beside every kind, or could not be."""
EVERY_KIND = Path(__file__).parents[1] / "schema" / "every_kind.sql"


@pytest.fixture(scope="module")
def scratch(short_dir: Path, request: pytest.FixtureRequest) -> Iterator[Scratch]:
    with Scratch(short_dir / "copied", programs(getattr(request, "param", NEWEST), short_dir)) as made:
        yield made


@pytest.fixture(scope="module")
def ground(scratch: Scratch) -> Iterator[Ground]:
    made = Ground(scratch)
    for role in ("app_reader", "app_writer"):
        made.role(role)
    with psycopg.connect(made.url("postgres"), autocommit=True) as connection:
        connection.execute("SET allow_in_place_tablespaces = on")
        connection.execute("CREATE TABLESPACE elsewhere LOCATION ''")
    yield made
    made.close()


def in_public(ground: Ground, name: str) -> psycopg.Connection[tuple[Any, ...]]:
    """A superuser who makes things where anybody would."""
    return psycopg.connect(
        ground.url(name, SUPERUSER),
        autocommit=True,
        options="-c check_function_bodies=off -c client_min_messages=error",
    )


def share(ground: Ground, count: int) -> int:
    return count if ground.version == NEWEST else count // SHARE


def known(ground: Ground) -> list[tuple[str, str, str, str]]:
    return [one for one in pairs(ground.version) if not lacking(ground.url("postgres"), one[2] + one[3])]


def facts(ground: Ground, name: str, *without: str) -> list[Fact]:
    """By the whole query, and by what the census leaves of it: whatever the database is, both find the same."""
    with psycopg.connect(ground.url(name), autocommit=True, options=fingerprint.OPTIONS) as connection:
        there = census(connection, ground.version, *without)
        whole, less = (
            connection.execute(fingerprint.query(ground.version, without, None, found).encode()).fetchall()
            for found in (None, there)
        )
    found = fingerprint.facts(whole)
    assert fingerprint.facts(less) == found
    assert fingerprint.of_rows(ground.version, less) == fingerprint.named(ground.version, found)
    return found


def census(connection: psycopg.Connection[tuple[bool, ...]], version: int, *without: str) -> Sequence[bool]:
    found = connection.execute(fingerprint.census(version, without).encode()).fetchone()
    assert found is not None
    return found


def loaded(ground: Ground, name: str, statements: list[Statement]) -> list[Fact]:
    ground.create(name)
    failed = ground.load(name, statements)
    # What only a superuser may do is left out of both sides.
    assert all(one.state == "42501" for one in failed), said(failed)
    return facts(ground, name)


def permuted(dump: str, order: random.Random) -> list[Statement]:
    """A dump's statements, with the columns of each table in another order."""
    found = []
    for one in split(dump):
        opening = one.sql.find(" (\n")
        if one.sql.find("CREATE TABLE ") >= 0 and opening > 0:
            columns, end = dumps.items(one.sql, opening + 1)
            order.shuffle(columns)
            found.append(Statement(one.sql[: opening + 2] + ",\n".join(columns) + one.sql[end:]))
        else:
            found.append(one)
    return found


@on_each
def test_the_two_sides_of_a_pair_differ(ground: Ground) -> None:
    for topic, name, before, after in random.Random(SEED).sample(known(ground), share(ground, PAIRS)):
        one, other = (loaded(ground, "side", split(text)) for text in (before, after))
        assert fingerprint.digest(one) != fingerprint.digest(other), f"{topic}: {name}"
        assert fingerprint.difference(one, other), f"{topic}: {name}"


@on_each
def test_a_schema_is_the_same_however_it_was_loaded(ground: Ground) -> None:
    order = random.Random(SEED)
    for topic, name, _, after in order.sample(known(ground), share(ground, RESTORED)):
        first = loaded(ground, "first", split(after))
        dump = ground.dump("first")
        again = loaded(ground, "again", permuted(ground.dump_text("first"), order))
        said_same = dumps.same(dump, ground.dump("again"))
        assert said_same is (fingerprint.digest(first) == fingerprint.digest(again)), f"{topic}: {name}"


@on_each
def test_a_change_is_seen_exactly_when_pg_dump_tells_it(ground: Ground) -> None:
    order, changes = random.Random(SEED), share(ground, CHANGES)
    ground.create("changed")
    with in_public(ground, "changed") as connection:
        for one in split(EVERY_KIND.read_text()):
            if lacking(ground.url("postgres"), one.sql):
                continue
            connection.execute(one.sql.encode())
        have, dump, told = facts(ground, "changed"), ground.dump("changed"), 0
        for mutation in order.sample(MUTATIONS, changes):
            statement = one_that_runs(connection, mutation, order)
            if statement is None:
                continue
            now, now_dump = facts(ground, "changed"), ground.dump("changed")
            same = dumps.same(dump, now_dump)
            assert same is (fingerprint.digest(have) == fingerprint.digest(now)), (
                statement,
                dumps.difference(now_dump, dump),
                fingerprint.difference(now, have),
            )
            told += not same
            have, dump = now, now_dump
        # A slot of a subscription keeps its database.
        connection.execute("DROP SUBSCRIPTION IF EXISTS my_subscription")
    assert told > changes / 3


@on_each
def test_what_comes_up_in_a_plain_database_is_found_by_the_census(ground: Ground) -> None:
    """From next to nothing, by every change: part by part comes in, and goes."""
    order = random.Random(SEED)
    ground.create("grown")
    asked = set()
    with in_public(ground, "grown") as connection:
        connection.execute("CREATE TABLE one (id int PRIMARY KEY, a text); CREATE TABLE two (one int REFERENCES one)")
        for mutation in order.sample(MUTATIONS, len(MUTATIONS)):
            if one_that_runs(connection, mutation, order) is not None:
                facts(ground, "grown")
                asked.add(sum(census(connection, ground.version)))
        connection.execute("DROP SUBSCRIPTION IF EXISTS my_subscription")
    assert len(asked) > 10, asked


def one_that_runs(connection: psycopg.Connection[tuple[str]], mutation: str, order: random.Random) -> str | None:
    found = [statement for (statement,) in connection.execute(mutation.encode()).fetchall()]
    order.shuffle(found)
    for statement in found[:8]:
        try:
            connection.execute(statement.encode())
        except psycopg.Error:
            continue
        return statement
    return None


@on_each
def test_most_parts_are_not_asked_of_most_databases_and_all_of_one_with_everything(ground: Ground) -> None:
    """Else nothing would be spared, or the sentences above would not say anything of some part."""
    plain = (
        "CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text CHECK (name <> '') UNIQUE,"
        " other bigint REFERENCES plain); CREATE INDEX ON plain (name)"
    )
    loaded(ground, "plain", split(plain))
    ground.create("everything")
    with in_public(ground, "plain") as one, in_public(ground, "everything") as other:
        one.execute("CREATE SCHEMA plantroom; REVOKE ALL ON SCHEMA plantroom FROM PUBLIC")
        assert not any(census(one, ground.version, "plantroom"))
        missing = lacking(ground.url("postgres"), EVERY_KIND.read_text())
        for statement in (*split(EVERY_KIND.read_text()), *split(MORE)):
            if not lacking(ground.url("postgres"), statement.sql):
                other.execute(statement.sql.encode())
        conditions = [part.there for part in fingerprint.parts(ground.version) if part.there]
        found = zip(conditions, census(other, ground.version), strict=True)
        assert all(there or (missing and "pg_extension" in condition) for condition, there in found)
        assert {"security label on function", "function depends on extension"} <= {
            fact.kind for fact in facts(ground, "everything")
        }
        other.execute("DROP SUBSCRIPTION my_subscription")


def test_schemas_can_be_left_out(ground: Ground) -> None:
    text = "CREATE TABLE kept (a integer); COMMENT ON TABLE kept IS 'here'"
    more = (
        "; CREATE SCHEMA plantroom; CREATE TABLE plantroom.journal (id bigserial PRIMARY KEY, state text DEFAULT 'x');"
        "CREATE INDEX ON plantroom.journal (state); CREATE VIEW plantroom.latest AS SELECT id FROM plantroom.journal;"
        "COMMENT ON COLUMN plantroom.journal.id IS 'its place'; GRANT SELECT ON plantroom.journal TO app_reader;"
        "CREATE TYPE plantroom.state AS ENUM ('new'); GRANT USAGE ON SCHEMA plantroom TO app_reader"
    )
    alone = loaded(ground, "alone", split(text))
    both = loaded(ground, "both", split(text + more))
    assert {one.identity for one in alone} == {"public.kept", "public.kept.a"}
    assert alone != both
    assert facts(ground, "both", "plantroom") == alone
