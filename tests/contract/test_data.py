"""Databases and file stores: the same for every platform."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest
from tests.contract.workshop import POOL, database, environment, script, spoil

from plantroom.kernel.errors import PlatformError
from plantroom.platforms.contract import (
    DatabasePoolSpec,
    DatabaseSeen,
    DatabaseSpec,
    Limits,
    Platform,
    Rows,
    Run,
    ScriptSeen,
)


async def _scripts(platform: Platform, name: str) -> tuple[ScriptSeen, ...] | None:
    return next((seen.scripts for seen in await platform.databases.observe() if seen.environment == name), None)


async def test_a_pool_is_made_once_and_keeps_its_region(platform: Platform) -> None:
    seen = await platform.databases.create_pool(DatabasePoolSpec(POOL, "north"))
    assert seen.running
    assert list(await platform.databases.observe_pools()) == [seen]
    with pytest.raises(PlatformError) as caught:
        await platform.databases.create_pool(DatabasePoolSpec(POOL, "south"))
    assert caught.value.code == "PR402"


async def test_a_database_is_made_and_dropped_once(platform: Platform) -> None:
    name = environment()
    for _ in range(2):
        await platform.databases.create(database(name))
        assert await _scripts(platform, name) == ()
    for _ in range(2):
        await platform.databases.drop(database(name))
        assert await _scripts(platform, name) is None


async def test_what_opens_a_database_is_seen_and_put_right(platform: Platform) -> None:
    name = environment()
    await platform.databases.create(database(name))
    await platform.databases.apply(database(name), script("1.0", "CREATE TABLE note (id int)"), Limits(1000))

    async def seen() -> DatabaseSeen:
        return next(one for one in await platform.databases.observe() if one.environment == name)

    as_made = await seen()
    assert as_made.wrong == ()
    spoil(platform, name)
    assert (await seen()).wrong == ("its role may create roles",)
    for _ in range(2):
        await platform.databases.create(database(name))
        assert await seen() == as_made
    await platform.databases.drop(database(name))


async def test_one_database_says_which_scripts_it_has(platform: Platform) -> None:
    name = environment()
    with pytest.raises(PlatformError) as caught:
        await platform.databases.scripts(database(name))
    assert caught.value.code == "PR401"
    await platform.databases.create(database(name))
    assert list(await platform.databases.scripts(database(name))) == []
    one = script("1.0", "CREATE TABLE notes (id int)")
    await platform.databases.apply(database(name), one, Limits(1000))
    assert tuple(await platform.databases.scripts(database(name))) == await _scripts(platform, name)
    assert [seen.sha256 for seen in await platform.databases.scripts(database(name))] == [one.sha256]


async def test_by_one_connection_it_is_the_same(platform: Platform) -> None:
    name = environment()
    with pytest.raises(PlatformError) as caught:
        async with platform.databases.enter(database(name)):
            pass
    assert caught.value.code == "PR401"
    await platform.databases.create(database(name))
    one = script("1.0", "CREATE TABLE notes (id int)")
    async with platform.databases.enter(database(name)) as inside:
        assert list(await inside.scripts()) == []
        assert await inside.apply(one, Limits(1000))
        assert not await inside.apply(one, Limits(1000))
        assert await inside.scripts() == await platform.databases.scripts(database(name))

        async def question(_version: int, _role: str, run: Run) -> Rows:
            return await run("SELECT 'script', release, sha256 FROM plantroom.script")

        assert list((await inside.ask(question)).rows) == [("script", "1.0", one.sha256)]


async def test_a_database_needs_its_pool(platform: Platform) -> None:
    with pytest.raises(PlatformError) as caught:
        await platform.databases.create(DatabaseSpec("nowhere", environment()))
    assert caught.value.code == "PR401"
    await platform.databases.drop(DatabaseSpec("nowhere", environment()))


async def test_a_script_runs_once_and_is_recorded_in_order(platform: Platform) -> None:
    name = environment()
    await platform.databases.create(database(name))
    first, second = script("1.9", "CREATE TABLE one (id int)"), script("1.10", "CREATE TABLE two (id int)")
    assert await platform.databases.apply(database(name), first, Limits(1000))
    assert await platform.databases.apply(database(name), second, Limits(1000))
    assert not await platform.databases.apply(database(name), first, Limits(1000))
    assert await _scripts(platform, name) == (
        ScriptSeen("1.9", first.sha256),
        ScriptSeen("1.10", second.sha256),
    )
    with pytest.raises(PlatformError) as caught:
        await platform.databases.apply(database(name), script("1.9", "SELECT 1"), Limits(1000))
    assert caught.value.code == "PR402"
    # Making it again does not make it anew.
    await platform.databases.create(database(name))
    assert len(await _scripts(platform, name) or ()) == 2
    await platform.databases.drop(database(name))


async def test_a_script_needs_its_database(platform: Platform) -> None:
    with pytest.raises(PlatformError) as caught:
        await platform.databases.apply(database(environment()), script("1.0", "SELECT 1"), Limits(1000))
    assert caught.value.code == "PR401"


async def test_a_dump_is_written_whole_or_not_at_all(platform: Platform, tmp_path: Path) -> None:
    name = environment()
    await platform.databases.create(database(name))
    destination = tmp_path / "kept" / "final.dump"
    await platform.databases.dump(database(name), destination)
    assert destination.stat().st_size > 0
    missing = tmp_path / "missing" / "final.dump"
    with pytest.raises(PlatformError) as caught:
        await platform.databases.dump(database(environment()), missing)
    assert caught.value.code == "PR401"
    assert [name for _, _, names in os.walk(tmp_path) for name in names] == ["final.dump"]
    await platform.databases.drop(database(name))


async def test_addresses_are_of_each_environment_and_without_password(platform: Platform) -> None:
    first, second = environment(), environment()
    addresses = [platform.databases.variables(database(name))["DATABASE_URL"] for name in (first, second)]
    assert addresses[0] != addresses[1]
    assert all(address.startswith("postgresql://") and "password" not in address for address in addresses)
    stores = [platform.files.variables(name)["FILE_STORE"] for name in (first, second)]
    assert stores[0] != stores[1]


async def test_a_file_store_is_made_archived_and_removed(platform: Platform, tmp_path: Path) -> None:
    name = environment()
    for _ in range(2):
        await platform.files.create(name)
        assert name in await platform.files.observe()
    await platform.files.archive(name, tmp_path / "files.tar")
    with tarfile.open(tmp_path / "files.tar") as archive:
        assert [entry for entry in archive.getmembers() if entry.isfile()] == []
    for _ in range(2):
        await platform.files.remove(name)
        assert name not in await platform.files.observe()
    with pytest.raises(PlatformError) as caught:
        await platform.files.archive(name, tmp_path / "again.tar")
    assert caught.value.code == "PR401"


async def test_a_pool_tells_how_much_room_it_has(platform: Platform) -> None:
    name = environment()
    await platform.databases.create(database(name))
    load = await platform.databases.load(POOL)
    assert (load.active, 0 <= load.connections < load.most) == (0, True)
    with pytest.raises(PlatformError, match="PR404"):
        await platform.databases.load("nosuch")
