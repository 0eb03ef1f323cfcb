"""What is kept of a retired client, for how long, and who is said to have wanted it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.house import tiny_estate

from plantroom import bootstrap
from plantroom.rollout import archives, store
from plantroom.runtime.clock import stamp

CLIENTS = {"alder": "pilot", "birch": "pilot"}


def retiring() -> dict[str, Any]:
    estate = tiny_estate(CLIENTS, keep_retired="30d", bounds={"max_deletions": 1, "max_deletions_percent": 50})
    estate["clients"]["birch"]["environments"]["production"]["state"] = "retired"
    return estate


async def retired(world: Any) -> Path:
    """Where its dump and files are."""
    await world.apply()
    world.declare(retiring())
    await world.apply()
    (place,) = (world.core.settings.home / "archive" / "birch").iterdir()
    return Path(place)


def keeper(world: Any) -> archives.Archives:
    """As a worker that has just been started has it."""
    return bootstrap.hands(world.core, world.platform, world.clock).archives


async def kept(world: Any) -> dict[str, Any]:
    (told,) = (await world.core.trains.why("birch"))["environments"]
    found: dict[str, Any] = told["archive"]
    return found


async def test_the_archive_says_what_it_is_and_until_when_it_is_kept(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        before = world.clock.at
        place = await retired(world)
        assert sorted(path.name for path in place.iterdir()) == ["database.dump", "files.tar", "retired.json"]
        manifest = json.loads((place / "retired.json").read_text())
        told = await kept(world)
        assert (told["by"], told["place"], told["removed"]) == ("tester", str(place), None)
        assert (manifest["environment"], manifest["retired_by"]) == ("birch/production", "tester")
        assert manifest["kept_until"] == told["until"]
        assert stamp(before + timedelta(days=30)) < told["until"] < stamp(world.clock.at + timedelta(days=30))
        assert set(manifest["bytes"]) == {"database.dump", "files.tar"}
        (alder,) = (await world.core.trains.why("alder"))["environments"]
        assert alder["archive"] is None


async def test_the_archive_goes_when_its_time_is_over_and_never_before(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        place = await retired(world)
        keeping = keeper(world)
        assert await keeping.remove_due() == []
        world.clock.at += timedelta(days=29, hours=23)
        for one in (keeping, keeper(world)):
            assert await one.remove_due() == []
        assert place.is_dir()
        # A shorter time that is declared later is for what retires later.
        world.declare(retiring() | {"estate": {**retiring()["estate"], "keep_retired": "1d"}})
        assert await keeper(world).remove_due() == []
        world.clock.at += timedelta(hours=2)
        assert await keeping.remove_due() == [str(place)]
        assert not place.exists()
        world.clock.at += timedelta(days=1)
        for one in (keeping, keeper(world)):
            assert await one.remove_due() == []
        entries = [one.entry for one in await world.core.ledger.all() if one.entry.verb == archives.REMOVE]
        assert [(one.actor, one.subject, one.phase.value) for one in entries] == [
            ("tester", "birch/production", "intent"),
            ("tester", "birch/production", "outcome"),
        ]
        assert (await kept(world))["removed"] == entries[1].at
        assert (await world.core.ledger.verify()).intact


async def test_a_removal_that_was_cut_off_is_finished(simulate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with simulate(CLIENTS) as world:
        place = await retired(world)
        world.clock.at += timedelta(days=31)

        def cut_off(directory: Path) -> None:
            (directory / "database.dump").unlink()
            raise OSError("no more")

        with monkeypatch.context() as patch:
            patch.setattr(archives.shutil, "rmtree", cut_off)
            with pytest.raises(archives.PlatformError, match="PR403"):
                await keeper(world).remove_due()
        assert place.is_dir()
        assert (await kept(world))["removed"] is None
        assert await keeper(world).remove_due() == [str(place)]
        assert (await kept(world))["removed"] is not None


async def test_what_was_left_of_a_retirement_that_failed_goes_as_well(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        place = await retired(world)
        async with world.core.database.transaction() as connection:
            (change,) = await store.retirements(connection)
            await store.set_change(connection, change.key, store.ChangeState.FAILED, "a test says so", change.key)
        world.clock.at += timedelta(days=31)
        assert await keeper(world).remove_due() == [str(place)]
