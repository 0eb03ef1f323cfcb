"""What only a real PostgreSQL can show: who gets in, what a script may do, and that a dump can be restored."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from pathlib import Path

import psycopg
import pytest
from tests.contract.conftest import Home
from tests.contract.workshop import POOL, database, environment, script, superuser, until

from plantroom.kernel.errors import PlatformError
from plantroom.platforms.contract import DatabasePoolSpec, DatabaseSpec, Limits
from plantroom.platforms.local.databases import LONGEST_NAME, database_name
from plantroom.platforms.local.files import LocalFiles
from plantroom.platforms.local.platform import LocalPlatform
from plantroom.runtime import logs

pytestmark = pytest.mark.embedded


def _address(platform: LocalPlatform, name: str) -> str:
    return platform.databases.variables(database(name))["DATABASE_URL"]


async def test_a_role_enters_its_own_database_and_no_other(local: LocalPlatform) -> None:
    mine, other = environment(), environment()
    for name in (mine, other):
        await local.databases.create(database(name))
    with psycopg.connect(_address(local, mine)) as connection:
        row = connection.execute("SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        assert row == (database_name(mine), False)
        connection.execute("CREATE TABLE note (id int)")
    wrong = _address(local, mine).replace(f"///{database_name(mine)}", f"///{database_name(other)}")
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(wrong)


async def test_the_record_of_scripts_is_out_of_the_role_s_reach(local: LocalPlatform) -> None:
    name = environment()
    await local.databases.create(database(name))
    with psycopg.connect(_address(local, name)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("INSERT INTO plantroom.script (release, sha256) VALUES ('9', '9')")


@pytest.mark.parametrize(
    "evil",
    [
        "RESET ROLE; CREATE ROLE intruder SUPERUSER",
        "SET SESSION AUTHORIZATION plantroom",
        "CREATE TABLE half (id int); COMMIT",
        "CREATE TABLE half (id int); SELECT 1 / 0",
        "INSERT INTO plantroom.script (release, sha256) VALUES ('9', '9')",
        "DROP OWNED BY CURRENT_USER",
    ],
)
async def test_a_script_cannot_leave_its_role_or_its_transaction(local: LocalPlatform, evil: str) -> None:
    name = environment()
    await local.databases.create(database(name))
    with pytest.raises(PlatformError) as caught:
        await local.databases.apply(database(name), script("1.0", evil), Limits(1000))
    assert caught.value.code == "PR405"
    with psycopg.connect(_address(local, name)) as connection:
        assert connection.execute("SELECT to_regclass('public.half')").fetchone() == (None,)
        assert connection.execute("SELECT count(*) FROM pg_roles WHERE rolname = 'intruder'").fetchone() == (0,)
    assert await local.databases.apply(database(name), script("1.0", "CREATE TABLE whole (id int)"), Limits(1000))


async def test_what_a_script_makes_belongs_to_the_role(local: LocalPlatform) -> None:
    name = environment()
    await local.databases.create(database(name))
    sql = "CREATE TABLE note (id int); INSERT INTO note VALUES (7); CREATE INDEX ON note (id);"
    await local.databases.apply(database(name), script("1.0", sql), Limits(1000))
    with psycopg.connect(_address(local, name)) as connection:
        assert connection.execute("SELECT id FROM note").fetchone() == (7,)
        connection.execute("ALTER TABLE note ADD COLUMN more text")


async def test_a_script_waits_for_a_lock_and_no_longer(local: LocalPlatform) -> None:
    name = environment()
    await local.databases.create(database(name))
    await local.databases.apply(database(name), script("1.0", "CREATE TABLE note (id int)"), Limits(1000))
    change = script("1.1", "ALTER TABLE note ADD COLUMN more text")
    with psycopg.connect(_address(local, name)) as reader:
        reader.execute("SELECT * FROM note")
        with pytest.raises(PlatformError) as caught:
            await local.databases.apply(database(name), change, Limits(100))
        assert caught.value.code == "PR403"
    assert await local.databases.apply(database(name), change, Limits(1000))


async def test_the_same_script_twice_at_once_runs_once(local: LocalPlatform, home: Home) -> None:
    name = environment()
    await local.databases.create(database(name))
    slow = script("1.0", "CREATE TABLE note (id int); SELECT pg_sleep(0.2)")
    ran = await asyncio.gather(*(home.platform().databases.apply(database(name), slow, Limits(5000)) for _ in range(4)))
    assert sorted(ran) == [False, False, False, True]


async def test_many_creations_at_once_make_one(local: LocalPlatform, home: Home) -> None:
    name = environment()
    await asyncio.gather(*(home.platform().databases.create(database(name)) for _ in range(4)))
    assert [seen.environment for seen in await local.databases.observe()].count(name) == 1


async def test_a_creation_that_was_cut_off_is_finished(local: LocalPlatform) -> None:
    name = environment()
    await local.databases.create(database(name))
    with psycopg.connect(superuser(local, "postgres"), autocommit=True) as connection:
        connection.execute(f'COMMENT ON DATABASE "{database_name(name)}" IS NULL'.encode())
        connection.execute(f'ALTER DATABASE "{database_name(name)}" ALLOW_CONNECTIONS false'.encode())
    assert name not in [seen.environment for seen in await local.databases.observe()]
    await local.databases.create(database(name))
    assert name in [seen.environment for seen in await local.databases.observe()]
    psycopg.connect(_address(local, name)).close()


@pytest.mark.parametrize(
    ("by_hand", "wrong"),
    [
        ("ALTER ROLE {0} NOLOGIN", ["its role cannot log in"]),
        ("ALTER DATABASE {0} CONNECTION LIMIT 0", ["it takes 0 connections at most"]),
        ("ALTER ROLE {0} CONNECTION LIMIT 1", ["its role may have 1 connections at most"]),
        ("ALTER ROLE {0} SUPERUSER BYPASSRLS", ["its role is a superuser", "its role passes by row security"]),
        ("ALTER ROLE {0} CREATEDB REPLICATION", ["its role may create databases", "its role may replicate"]),
        ("ALTER ROLE {0} PASSWORD 'known'", ["its role has a password"]),
        ("GRANT CONNECT ON DATABASE {0} TO PUBLIC", ["everybody may connect to it"]),
        ("GRANT ALL ON DATABASE {0} TO {1}", ["{1} may connect to it"]),
        (
            "GRANT CONNECT ON DATABASE {0} TO {0} WITH GRANT OPTION; SET ROLE {0};"
            " GRANT CONNECT ON DATABASE {0} TO {1}",
            ["{1} may connect to it"],
        ),
        ("REVOKE CONNECT ON DATABASE {0} FROM {0}", ["its role may not connect to it"]),
        ("GRANT {0} TO {1}", ["{1} is a member of its role"]),
        ("GRANT {1} TO {0} WITH ADMIN OPTION", ["its role is a member of {1}"]),
        ("ALTER DATABASE {0} OWNER TO {1}", ["it belongs to {1}", "{1} may connect to it"]),
        ("ALTER ROLE {0} RENAME TO {0}_gone", ["its role is gone", "{0}_gone may connect to it"]),
    ],
)
async def test_what_no_longer_keeps_clients_apart_is_seen_and_put_right(
    local: LocalPlatform, by_hand: str, wrong: list[str]
) -> None:
    mine, other = environment(), environment()
    for name in (mine, other):
        await local.databases.create(database(name))
    names = database_name(mine), database_name(other)

    async def seen() -> dict[str, tuple[str, ...]]:
        return {one.environment: one.wrong for one in await local.databases.observe()}

    with psycopg.connect(superuser(local, "postgres"), autocommit=True) as connection:
        for statement in by_hand.format(*(f'"{name}"' for name in names)).replace('"_gone', '_gone"').split("; "):
            connection.execute(statement.encode())
    assert (await seen())[mine] == tuple(one.format(*names) for one in wrong)
    for name in (mine, other):
        await local.databases.create(database(name))
    assert {(await seen())[name] for name in (mine, other)} == {()}
    psycopg.connect(_address(local, mine)).close()
    entering = _address(local, other).replace(f"///{names[1]}", f"///{names[0]}")
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(entering)


async def test_a_database_closed_by_hand_is_opened_again(local: LocalPlatform) -> None:
    name = environment()
    await local.databases.create(database(name))
    with psycopg.connect(superuser(local, "postgres"), autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{database_name(name)}" ALLOW_CONNECTIONS false'.encode())
    assert name not in [seen.environment for seen in await local.databases.observe()]
    await local.databases.create(database(name))
    psycopg.connect(_address(local, name)).close()


async def test_a_database_dropped_by_hand_is_seen(local: LocalPlatform) -> None:
    name = environment()
    await local.databases.create(database(name))
    with psycopg.connect(superuser(local, "postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{database_name(name)}"'.encode())
    assert name not in [seen.environment for seen in await local.databases.observe()]
    await local.databases.create(database(name))
    psycopg.connect(_address(local, name)).close()


async def test_a_dump_can_be_restored(local: LocalPlatform, tmp_path: Path) -> None:
    name, copy = environment(), environment()
    await local.databases.create(database(name))
    sql = "CREATE TABLE note (id int); INSERT INTO note SELECT generate_series(1, 1000)"
    await local.databases.apply(database(name), script("1.0", sql), Limits(1000))
    await local.databases.dump(database(name), tmp_path / "final.dump")
    await local.databases.create(database(copy))
    cluster = local.databases.pools()[0].cluster
    command = [str(cluster.binary("pg_restore")), "--no-owner", "--schema=public"]
    command += [f"--role={database_name(copy)}", f"--dbname={database_name(copy)}", str(tmp_path / "final.dump")]
    restored = await asyncio.to_thread(
        subprocess.run, command, env=cluster.environment(), capture_output=True, text=True, check=False
    )
    assert restored.returncode == 0, restored.stderr
    with psycopg.connect(_address(local, copy)) as connection:
        assert connection.execute("SELECT count(*), sum(id) FROM note").fetchone() == (1000, 500500)


async def test_a_pool_that_was_killed_comes_back_with_its_data(new_home: Home) -> None:
    platform = new_home.platform()
    await platform.databases.create_pool(DatabasePoolSpec(POOL, "north"))
    name = environment()
    await platform.databases.create(database(name))
    done = script("1.0", "CREATE TABLE note (id int)")
    await platform.databases.apply(database(name), done, Limits(1000))
    pid = next(one.pid for one in platform.engines() if one.name == f"pool {POOL}")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    async def noticed() -> bool:
        return not (await platform.databases.observe_pools())[0].running

    await until(noticed)
    assert await platform.databases.revive() == [f"database pool {POOL}"]
    assert not await platform.databases.apply(database(name), done, Limits(1000))


async def test_file_stores_hold_what_instances_write(local: LocalPlatform, tmp_path: Path) -> None:
    name = environment()
    await local.files.create(name)
    store = Path(local.files.variables(name)["FILE_STORE"])
    (store / "report.txt").write_text("kept")
    await local.files.create(name)
    await local.files.archive(name, tmp_path / "files.tar")
    listed = await asyncio.to_thread(
        subprocess.check_output, ["tar", "-xOf", str(tmp_path / "files.tar"), "./report.txt"]
    )
    assert listed == b"kept"


def test_names_of_databases_fit_and_differ() -> None:
    long = [f"{'c' * 32}/{'s' * 31}{end}" for end in "ab"]
    names = {database_name(one) for one in long}
    assert len(names) == 2
    assert all(len(name) <= LONGEST_NAME for name in names)
    assert database_name("harbour/production") == "harbour_production"


def test_a_pool_s_socket_fits_however_long_its_name_is(home: Home) -> None:
    address = home.platform().databases.variables(DatabaseSpec("p" * 32, "a/b"))["DATABASE_URL"]
    assert len(address.partition("host=")[2].partition("&")[0].replace("%2F", "/")) + len("/.s.PGSQL.5432") <= 107


async def test_the_log_of_a_pool_is_kept_short_by_whoever_watches_it(
    local: LocalPlatform, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = home.path / "pools" / POOL / "postgres.log"
    name = environment()
    await local.databases.create(database(name))
    with psycopg.connect(_address(local, name)) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT * FROM what_a_client_got_wrong")
    assert "what_a_client_got_wrong" in log.read_text()
    monkeypatch.setattr(logs, "LONGEST_LOG", 0)
    assert await local.revive() == []
    assert log.read_text() == ""
    assert "what_a_client_got_wrong" in log.with_name("postgres.log.1").read_text()


async def test_of_a_client_that_goes_nothing_is_left(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    for name in ("alder/production", "alder/uat"):
        await files.create(name)
    await files.remove("alder/production")
    assert await files.observe() == ["alder/uat"]
    await files.remove("alder/uat")
    assert await asyncio.to_thread(lambda: list((tmp_path / "files").iterdir())) == []
    await files.remove("alder/uat")
    await files.create("alder/uat")
    assert await files.observe() == ["alder/uat"]


async def test_what_a_script_waits_for_all_of_its_locks_together_is_bounded(local: LocalPlatform) -> None:
    """It holds the first while it waits for the second, and a writer waits for both."""
    name = environment()
    await local.databases.create(database(name))
    make = "CREATE TABLE one (id int); INSERT INTO one VALUES (1); CREATE TABLE two (id int)"
    await local.databases.apply(database(name), script("1.0", make), Limits(1000))
    limit_s = 1.0

    def holds(table: str, seconds: float) -> None:
        with psycopg.connect(_address(local, name)) as connection:
            connection.execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE".encode())
            time.sleep(seconds)

    def writes() -> float:
        begun = time.monotonic()
        with psycopg.connect(_address(local, name), autocommit=True) as connection:
            connection.execute("UPDATE one SET id = 2")
        return time.monotonic() - begun

    both = "ALTER TABLE one ADD a int; ALTER TABLE two ADD a int"
    blocking = [asyncio.to_thread(holds, "one", 0.8 * limit_s), asyncio.to_thread(holds, "two", 1.7 * limit_s)]
    held = [asyncio.create_task(one) for one in blocking]
    await asyncio.sleep(0.1)
    applied = asyncio.create_task(local.databases.apply(database(name), script("1.1", both), Limits(1000)))
    await asyncio.sleep(0.2)
    waited = await asyncio.to_thread(writes)
    with pytest.raises(PlatformError, match=r"PR403 .*waited too long for a lock"):
        await applied
    assert 0.5 * limit_s < waited < limit_s + 0.1
    await asyncio.gather(*held)
    assert await local.databases.apply(database(name), script("1.1", both), Limits(1000))


async def test_a_script_that_works_for_longer_than_it_may_wait_is_not_cut_off(local: LocalPlatform) -> None:
    name = environment()
    await local.databases.create(database(name))
    works = "CREATE TABLE one (id int); SELECT pg_sleep(0.9); ALTER TABLE one ADD a int; SELECT pg_sleep(0.3)"
    assert await local.databases.apply(database(name), script("1.0", works), Limits(300))
