"""Scripts of several steps on a real PostgreSQL: each step once, whatever is killed, and nothing half done behind."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

import psycopg
import pytest
from tests.contract.conftest import Home
from tests.contract.workshop import POOL, database, environment, script, superuser, until

from plantroom.kernel.errors import PlatformError
from plantroom.platforms.contract import Answer, Check, DatabaseSpec, Limits, Rows, Run, Script, ScriptSeen, Step
from plantroom.platforms.local.databases import database_name
from plantroom.platforms.local.platform import LocalPlatform

pytestmark = pytest.mark.embedded

INDEX = Step(
    "CREATE INDEX CONCURRENTLY note_text ON public.note (text)",
    alone=True,
    clear="DROP INDEX CONCURRENTLY IF EXISTS public.note_text",
    done="SELECT indisvalid FROM pg_catalog.pg_index WHERE indexrelid = pg_catalog.to_regclass('public.note_text')",
)
UNIQUE = Step(
    "CREATE UNIQUE INDEX CONCURRENTLY note_text ON public.note (text)", alone=True, clear=INDEX.clear, done=INDEX.done
)
MIXED = (
    Step("ALTER TABLE note ADD COLUMN first int; INSERT INTO ran VALUES (0)"),
    INDEX,
    Step("ALTER TABLE note ADD COLUMN second int; INSERT INTO ran VALUES (2)"),
    Step("INSERT INTO ran VALUES (3)", alone=True),
    Step("ALTER TABLE note ADD COLUMN third int; INSERT INTO ran VALUES (4)"),
)
"""As a migration is: in transactions and outside. What a step leaves in `ran` tells how often it took effect."""
FIRST = "CREATE TABLE note (text text); CREATE TABLE ran (step int); INSERT INTO note SELECT generate_series(1, 2000)"

CHILD = """
import asyncio, json, os, sys
import psycopg
from pathlib import Path
from plantroom.platforms.contract import DatabaseSpec, Limits, Script, Step
from plantroom.platforms.local.databases import LocalDatabases

home, pool, environment, script, steps, last = json.loads(sys.argv[1])
execute, count = psycopg.AsyncConnection.execute, 0

async def counted(self, *given, **more):
    global count
    found = await execute(self, *given, **more)
    count += 1
    if count == last:
        os.kill(os.getpid(), 9)
    return found

psycopg.AsyncConnection.execute = counted
databases = LocalDatabases(Path(home), Path(home) / "run")
script = Script(*script, steps=tuple(Step(*one) for one in steps))
ran = asyncio.run(databases.apply(DatabaseSpec(pool, environment), script, Limits(2000)))
print(json.dumps([ran, count]))
"""


FILL = (
    Step("ALTER TABLE note ADD COLUMN filled text; ALTER TABLE note ADD COLUMN times int NOT NULL DEFAULT 0"),
    Step(
        "UPDATE note SET filled = text, times = times + 1"
        " WHERE ctid IN (SELECT ctid FROM note WHERE filled IS NULL LIMIT 300)",
        batch=True,
    ),
    Step("ALTER TABLE note ALTER COLUMN filled SET NOT NULL"),
)


def _killed_after(home: Home, name: str, last: int, steps: Sequence[Step] = MIXED) -> subprocess.CompletedProcess[str]:
    """Applies the migration in a process of its own, which is killed right after the statement number `last`."""
    one = Script.of("1.1", steps)
    parts = [[step.sql, step.alone, step.clear, step.done, step.batch] for step in one.steps]
    given = json.dumps([str(home.path), POOL, name, [one.release, one.sha256, one.sql], parts, last])
    return subprocess.run([sys.executable, "-c", CHILD, given], capture_output=True, text=True, check=False)


async def _made(local: LocalPlatform) -> str:
    name = environment()
    await local.databases.create(database(name))
    await local.databases.apply(database(name), script("1.0", FIRST), Limits(1000))
    return name


def _seen(local: LocalPlatform, name: str) -> tuple[list[int], list[str], bool | None]:
    """Which steps took effect, the columns, and whether the index is valid."""
    with psycopg.connect(superuser(local, database_name(name))) as connection:
        ran = [step for (step,) in connection.execute("SELECT step FROM public.ran ORDER BY step").fetchall()]
        columns = connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'public.note'::regclass AND attnum > 0 ORDER BY attnum"
        ).fetchall()
        valid = connection.execute(INDEX.done.encode()).fetchone()
    return ran, [column for (column,) in columns], None if valid is None else valid[0]


DONE = ([0, 2, 3, 4], ["text", "first", "second", "third"], True)


async def test_steps_run_in_order_and_once(local: LocalPlatform) -> None:
    name = await _made(local)
    one = Script.of("1.1", MIXED)
    assert await local.databases.apply(database(name), one, Limits(1000))
    assert _seen(local, name) == DONE
    assert not await local.databases.apply(database(name), one, Limits(1000))
    assert _seen(local, name) == DONE
    assert [seen.release for seen in await local.databases.scripts(database(name))] == ["1.0", "1.1"]


async def test_a_step_may_end_with_a_query_that_makes_a_table(local: LocalPlatform) -> None:
    name = await _made(local)
    one = Script.of("1.1", (Step("SELECT text INTO kept FROM note -- all of them"),))
    assert await local.databases.apply(database(name), one, Limits(1000))
    with psycopg.connect(superuser(local, database_name(name))) as connection:
        assert connection.execute("SELECT count(*) FROM public.kept").fetchone() == (2000,)


async def test_killed_after_any_statement_it_goes_on_where_it_was(local: LocalPlatform, home: Home) -> None:
    whole = _killed_after(home, await _made(local), 0)
    assert whole.returncode == 0, whole.stderr
    _, count = json.loads(whole.stdout)
    assert count > 4 * len(MIXED)
    for last in range(1, count + 1):
        name = await _made(local)
        assert _killed_after(home, name, last).returncode == -signal.SIGKILL
        await local.databases.apply(database(name), Script.of("1.1", MIXED), Limits(5000))
        ran, columns, valid = _seen(local, name)
        # The one that is alone and says nothing of itself is run again when nobody knows whether it has.
        assert ([*dict.fromkeys(ran)], columns, valid) == DONE, last
        assert len(ran) - len(set(ran)) == (1 if ran.count(3) == 2 else 0), last
        assert await local.databases.scripts(database(name)) == (
            ScriptSeen("1.0", script("1.0", FIRST).sha256),
            ScriptSeen("1.1", Script.of("1.1", MIXED).sha256),
        )
        await local.databases.drop(database(name))


async def test_a_failed_index_leaves_nothing_and_is_tried_again(local: LocalPlatform) -> None:
    name = await _made(local)
    one = Script.of("1.1", [Step("ALTER TABLE note ADD COLUMN first int"), UNIQUE])
    with psycopg.connect(superuser(local, database_name(name)), autocommit=True) as connection:
        connection.execute("INSERT INTO public.note VALUES ('7'), ('twice'), ('twice')")
        with pytest.raises(PlatformError, match="could not create unique index") as caught:
            await local.databases.apply(database(name), one, Limits(1000))
        assert caught.value.code == "PR405"
        assert _seen(local, name)[1:] == (["text", "first"], None)
        connection.execute("DELETE FROM public.note WHERE text = 'twice' OR text = '7'")
    assert await local.databases.apply(database(name), one, Limits(1000))
    assert _seen(local, name)[1:] == (["text", "first"], True)


async def test_an_index_waits_for_a_long_transaction_and_blocks_nobody(local: LocalPlatform) -> None:
    name = await _made(local)
    address = local.databases.variables(database(name))["DATABASE_URL"]
    with psycopg.connect(address) as long, psycopg.connect(address, autocommit=True) as writer:
        long.execute("INSERT INTO note VALUES ('long')")
        running = asyncio.create_task(local.databases.apply(database(name), Script.of("1.1", [INDEX]), Limits(100)))
        query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONC%' AND wait_event IS NOT NULL"

        async def waiting() -> bool:
            return writer.execute(query).fetchone() == (1,)

        await until(waiting)
        writer.execute("SET statement_timeout = '1s'")
        writer.execute("INSERT INTO note VALUES ('short')")
        # Another one at it in the meantime is told so, and does not wait for ever with a snapshot in its hand.
        with pytest.raises(PlatformError) as caught:
            await local.databases.apply(database(name), Script.of("1.1", [INDEX]), Limits(100))
        assert caught.value.code == "PR403"
        assert not running.done()
        long.commit()
        assert await running
    assert _seen(local, name)[2] is True


async def test_what_the_caller_s_check_refuses_leaves_nothing(local: LocalPlatform) -> None:
    name = await _made(local)
    asked: list[Answer] = []

    def check(before: str = "", after: str = "") -> Check:
        def note(answer: Answer, why: str) -> str:
            asked.append(answer)
            return why

        async def question(version: int, role: str, run: Run) -> Rows:
            await run("SELECT set_config('jit', 'off', true)")
            return await run(f"SELECT {version}, '{role}', current_setting('jit')")

        return Check(
            question,
            lambda answer: note(answer, before),
            lambda answer: note(answer, after),
        )

    change = script("1.1", "ALTER TABLE note ADD COLUMN first int")
    for refusing in (check(before="it is not as it was left"), check(after="it ends elsewhere")):
        with pytest.raises(PlatformError, match=r"it is not as|it ends elsewhere") as caught:
            await local.databases.apply(database(name), change, Limits(1000), refusing)
        assert caught.value.code == "PR406"
        assert _seen(local, name)[1] == ["text"]
        assert len(await local.databases.scripts(database(name))) == 1
    assert await local.databases.apply(database(name), change, Limits(1000), check())
    assert all(list(answer.rows) == [(answer.version, database_name(name), "off")] for answer in asked)
    assert len(asked) == 1 + 2 + 2
    count = len(asked)
    assert not await local.databases.apply(database(name), change, Limits(1000), check(before="again"))
    assert len(asked) == count


async def test_what_a_script_makes_is_not_what_the_check_asks(local: LocalPlatform) -> None:
    """It is the superuser who asks, in the script's own session."""
    name = await _made(local)
    grab = "BEGIN RAISE EXCEPTION 'run by %', current_user; END"
    make = (
        f"CREATE FUNCTION public.grab() RETURNS oid LANGUAGE plpgsql AS $$ {grab} $$;"
        "CREATE {} VIEW {}.pg_policy AS SELECT public.grab() AS oid"
    )

    async def question(_version: int, _role: str, run: Run) -> Rows:
        return await run("SELECT oid FROM pg_policy")

    check = Check(question, lambda _: "", lambda answer: f"{len(answer.rows)} found")
    for temporary, where in (("TEMP", "pg_temp"), ("", "public")):
        evil = script("1.1", make.format(temporary, where))
        with pytest.raises(PlatformError, match="0 found") as caught:
            await local.databases.apply(database(name), evil, Limits(1000), check)
        assert caught.value.code == "PR406"


async def test_one_script_leaves_nothing_of_its_session_to_the_next(local: LocalPlatform) -> None:
    name = await _made(local)
    leaves = (
        "CREATE TEMP TABLE left_over (a int); SET bytea_output = 'escape'; PREPARE left_over AS SELECT 1;"
        "SELECT pg_advisory_lock(1)"
    )
    finds = (
        "INSERT INTO ran SELECT (SELECT count(*) FROM pg_prepared_statements)"
        " + (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND pid = pg_backend_pid())"
        " + (SELECT count(*) FROM pg_settings WHERE name = 'bytea_output' AND setting = 'escape')"
        " + CASE WHEN to_regclass('pg_temp.left_over') IS NULL THEN 0 ELSE 1 END"
    )
    async with local.databases.enter(database(name)) as inside:
        assert await inside.apply(script("1.1", leaves), Limits(1000))
        assert await inside.apply(script("1.2", finds), Limits(1000))
        assert [seen.release for seen in await inside.scripts()] == ["1.0", "1.1", "1.2"]
    assert _seen(local, name)[0] == [0]


GRAB = """
    CREATE TABLE public.caught (who text);
    CREATE FUNCTION public.grab() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
        IF current_setting('is_superuser') = 'on' THEN INSERT INTO public.caught VALUES (current_user); END IF;
        RETURN true;
    END $$;
"""
"""To be called by a superuser is to be caught: it could start programs."""
TEXT_EQUAL = """
    CREATE SCHEMA evil;
    CREATE FUNCTION evil.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.grab(); RETURN pg_catalog.set_config($1, $2, $3); END $$;
    CREATE FUNCTION evil.same(text, text) RETURNS boolean LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.grab(); RETURN $1 OPERATOR(pg_catalog.=) $2; END $$;
    CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.same);
"""
PATH = "evil, pg_catalog, public"
AGAIN = """
    CREATE TABLE public.put_off (a int);
    CREATE FUNCTION public.again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        SET CONSTRAINTS ALL DEFERRED;
        IF NEW.a < 1 THEN INSERT INTO public.put_off VALUES (NEW.a + 1); RETURN NULL; END IF;
        PERFORM public.grab();
        EXECUTE 'DECLARE late CURSOR WITH HOLD FOR SELECT public.grab()';
        SET search_path = evil, pg_catalog;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER again AFTER INSERT ON public.put_off DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION public.again();
    INSERT INTO public.put_off VALUES (0);
"""


@pytest.mark.parametrize(
    ("evil", "refused"),
    [
        (f"{TEXT_EQUAL} SET search_path = {PATH}", ""),
        (f"{TEXT_EQUAL} SELECT pg_catalog.set_config('search_path', '{PATH}', false)", ""),
        (f"{TEXT_EQUAL} SET LOCAL search_path = {PATH}", ""),
        ("DECLARE held CURSOR WITH HOLD FOR SELECT public.grab()", ""),
        (TEXT_EQUAL + AGAIN, "puts others off"),
        (
            "CREATE FUNCTION public.dropped() RETURNS event_trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM public.grab(); END $$;"
            " CREATE EVENT TRIGGER dropped ON sql_drop EXECUTE FUNCTION public.dropped()",
            "permission denied to create event trigger",
        ),
        (
            "CREATE FUNCTION public.written() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM public.grab(); RETURN NEW; END $$;"
            " CREATE TRIGGER written BEFORE INSERT ON plantroom.script FOR EACH ROW"
            " EXECUTE FUNCTION public.written()",
            "permission denied for schema plantroom",
        ),
    ],
)
async def test_nothing_that_a_script_leaves_is_run_by_the_superuser(
    local: LocalPlatform, evil: str, refused: str
) -> None:
    name = await _made(local)
    await local.databases.apply(database(name), script("1.1", GRAB), Limits(1000))

    async def question(_version: int, _role: str, run: Run) -> Rows:
        (found,) = await run("SELECT set_config('jit', 'off', true), 'a'::text = 'b'::text")
        return [found, *await run("SHOW search_path")]

    seen: list[Rows] = []

    def after(answer: Answer) -> str:
        seen.append(answer.rows)
        return ""

    bad = Script.of("1.2", [Step(evil), Step("SELECT 1"), Step("SELECT 2")])
    async with local.databases.enter(database(name)) as inside:
        applied = inside.apply(bad, Limits(1000), Check(question, lambda _: "", after))
        if refused:
            with pytest.raises(PlatformError, match=refused) as caught:
                await applied
            assert caught.value.code == "PR405"
        else:
            assert await applied
            assert [list(rows) for rows in seen] == [[("off", False), ("pg_catalog,pg_temp",)]]
        assert await inside.ask(question)
        await inside.scripts()
    with psycopg.connect(superuser(local, database_name(name))) as connection:
        assert connection.execute("SELECT who FROM public.caught").fetchall() == []


async def test_a_script_is_within_its_limits_after_another_step_has_put_them_off(local: LocalPlatform) -> None:
    name = await _made(local)

    async def question(_version: int, _role: str, run: Run) -> Rows:
        return await run("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")

    seen: list[Rows] = []

    def after(answer: Answer) -> str:
        seen.append(answer.rows)
        return ""

    off = script("1.1", "SET lock_timeout = 0; SET statement_timeout = 0; SET standard_conforming_strings = off")
    assert await local.databases.apply(database(name), off, Limits(1234, 4321), Check(question, lambda _: "", after))
    assert [list(rows) for rows in seen] == [[("1234ms", "4321ms")]]


async def test_a_script_puts_no_statement_in_the_place_of_a_prepared_one(local: LocalPlatform) -> None:
    """psycopg prepares what it has sent some times, under names that anybody can guess."""
    name = await _made(local)
    await local.databases.apply(database(name), script("1.1", GRAB), Limits(1000))
    swap = """
        DO $do$ DECLARE one record; BEGIN
            FOR one IN SELECT name, array_length(parameter_types, 1) AS taken FROM pg_prepared_statements LOOP
                EXECUTE format('DEALLOCATE %I', one.name);
                EXECUTE format('PREPARE %I (text) AS SELECT public.grab() WHERE $1 IS NOT NULL', one.name);
            END LOOP;
        END $do$
    """
    steps = Script.of("1.2", [Step(swap) for _ in range(12)])
    assert await local.databases.apply(database(name), steps, Limits(1000))
    with psycopg.connect(superuser(local, database_name(name))) as connection:
        assert connection.execute("SELECT who FROM public.caught").fetchall() == []


async def test_another_script_half_way_is_not_gone_on_with(local: LocalPlatform, home: Home) -> None:
    name = await _made(local)
    fails = Script.of("1.1", [Step("ALTER TABLE note ADD COLUMN first int"), Step("SELECT 1 / 0")])
    with pytest.raises(PlatformError, match="division by zero"):
        await local.databases.apply(database(name), fails, Limits(1000))
    other = Script.of("1.1", [Step("SELECT 1"), Step("SELECT 2")])
    with pytest.raises(PlatformError) as caught:
        await local.databases.apply(database(name), other, Limits(1000))
    assert caught.value.code == "PR402"


async def test_a_statement_that_is_alone_has_no_other_role_to_go_back_to(local: LocalPlatform) -> None:
    name = await _made(local)
    inside = "DELETE FROM plantroom.script"
    for number, evil in enumerate(("CREATE ROLE intruder SUPERUSER", inside, f"RESET ROLE; {inside}")):
        with pytest.raises(PlatformError, match=r"permission denied|cannot insert multiple commands") as caught:
            await local.databases.apply(
                database(name), Script.of(f"2.{number}", [Step(evil, alone=True)]), Limits(1000)
            )
        assert caught.value.code == "PR405"


async def test_a_pool_without_a_connection_left_is_busy(local: LocalPlatform) -> None:
    name = await _made(local)
    address = local.databases.variables(database(name))["DATABASE_URL"]
    held: list[psycopg.Connection] = []
    try:
        with suppress(psycopg.OperationalError):
            while len(held) < 1000:
                held.append(psycopg.connect(address))
        with pytest.raises(PlatformError) as caught:
            await local.databases.apply(database(name), Script.of("1.1", MIXED), Limits(1000))
        assert caught.value.code == "PR403", caught.value
    finally:
        for one in held:
            one.close()
    await asyncio.sleep(0.2)
    assert await local.databases.apply(database(name), Script.of("1.1", MIXED), Limits(1000))
    assert _seen(local, name) == DONE


async def test_a_schema_is_told_without_owners(local: LocalPlatform) -> None:
    name = await _made(local)
    told = await local.databases.schema(database(name))
    assert "CREATE TABLE public.note" in told
    assert "OWNER TO" not in told
    assert "plantroom" not in told
    with pytest.raises(PlatformError) as caught:
        await local.databases.schema(DatabaseSpec(POOL, environment()))
    assert caught.value.code == "PR401"


def _filled(local: LocalPlatform, name: str) -> dict[int, int]:
    """How many rows were filled how often."""
    with psycopg.connect(superuser(local, database_name(name))) as connection:
        found = connection.execute("SELECT times, count(*) FROM public.note GROUP BY times").fetchall()
    return dict(found)


async def test_a_fill_goes_in_batches_and_where_it_is_killed_on_with_what_is_left(
    local: LocalPlatform, home: Home
) -> None:
    whole = _killed_after(home, await _made(local), 0, FILL)
    assert whole.returncode == 0, whole.stderr
    _, count = json.loads(whole.stdout)
    batches = set()
    for last in range(1, count + 1, 4):
        name = await _made(local)
        assert _killed_after(home, name, last, FILL).returncode == -signal.SIGKILL
        with suppress(psycopg.errors.UndefinedColumn):
            batches.add(_filled(local, name).get(1, 0))
        await local.databases.apply(database(name), Script.of("1.1", FILL), Limits(5000))
        assert _filled(local, name) == {1: 2000}, last
    assert {0, 300, 600, 2000} <= batches


async def test_a_fill_that_fails_keeps_what_it_has_filled_and_goes_on_once_it_is_possible(local: LocalPlatform) -> None:
    name = await _made(local)
    with psycopg.connect(superuser(local, database_name(name)), autocommit=True) as connection:
        connection.execute("INSERT INTO public.note VALUES ('bad')")
        steps = (
            FILL[0],
            Step(FILL[1].sql.replace("filled = text", "filled = CAST(text AS int)"), batch=True),
            FILL[2],
        )
        with pytest.raises(PlatformError, match=r"PR405 .*invalid input syntax") as caught:
            await local.databases.apply(database(name), Script.of("1.1", steps), Limits(5000))
        assert "bad" in caught.value.value
        assert _filled(local, name) == {0: 201, 1: 1800}
        assert [one.release for one in await local.databases.scripts(database(name))] == ["1.0"]
        connection.execute("UPDATE public.note SET text = '0' WHERE text = 'bad'")
    assert await local.databases.apply(database(name), Script.of("1.1", steps), Limits(5000))
    assert _filled(local, name) == {1: 2001}
