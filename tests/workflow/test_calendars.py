"""A night keeps to the calendars: what may not start yet waits its turn, and nothing of it fails or is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.house import tiny_estate

from plantroom.kernel.errors import AccessError, PlanError, ReleaseError

CLIENTS = {"alder": "pilot", "birch": "pilot", "cedar": "pilot"}
OTHERS = {"grace": {"name": "Grace", "account": "grace"}, "root": {"name": "Root", "account": "root"}}


def declared(**calendars: Any) -> dict[str, Any]:
    """The estate with the calendars of clients by name, or of `estate`, `pilot` and `main`."""
    made = tiny_estate(CLIENTS)
    made["people"]["tester"]["account"] = "tess"
    made["people"].update(OTHERS)
    for name, calendar in calendars.items():
        places: dict[str, Any] = {"estate": made["estate"], "pilot": made["rings"][0]}
        places["main"] = made["server_pools"]["main"]
        places.get(name, made["clients"].get(name))["calendar"] = calendar
    return made


def once(begins: datetime, ends: datetime) -> dict[str, Any]:
    """A freeze."""
    return {"freezes": [{"begins": f"{begins:%Y-%m-%d %H:%M}", "ends": f"{ends:%Y-%m-%d %H:%M}", "why": "stocktaking"}]}


def window(clock: datetime, hours: int) -> dict[str, Any]:
    """An hour a day, so many hours from now."""
    at = (clock + timedelta(hours=hours)).replace(minute=0)
    return {"windows": [{"on": "every day", "at": f"{at:%H:%M}", "lasts": "1h"}]}


async def over(world: Any, skip: timedelta) -> dict[str, Any]:
    """The train, once it has ended."""

    async def ended() -> bool:
        return bool((await world.core.trains.status("night"))["over"])

    await world.until(ended, skip)
    found: dict[str, Any] = await world.core.trains.status("night")
    return found


async def boarded(world: Any) -> list[str]:
    """In their order."""
    return [
        item.entry.subject.rpartition("/")[0].rpartition("/")[2]
        for item in await world.core.ledger.all()
        if item.entry.verb == "train.board" and item.entry.phase == "outcome"
    ]


async def test_what_is_frozen_waits_and_then_goes(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        now = world.clock.at
        world.declare(declared(estate=once(now - timedelta(hours=1), now + timedelta(days=14))))
        await world.apply()
        await world.release("2.0", "night")
        status = await world.core.trains.status("night")
        assert status["state"] == "waiting"
        opens = (now + timedelta(days=14)).replace(second=0)
        told = f"the estate is frozen: stocktaking; it opens {opens:%a %d %b %Y %H:%M} UTC"
        assert {one["why"] for one in status["targets"]} == {told}
        why = await world.core.trains.why("alder")
        assert told in why["environments"][0]["next"]
        assert (await over(world, timedelta(hours=6)))["state"] == "done"
        assert world.clock.at >= now + timedelta(days=14)
        assert await boarded(world) == ["alder", "birch", "cedar"]
        assert set(map(frozenset, (await world.running()).values())) == {frozenset({"2.0"})}


async def test_those_that_are_open_go_before_those_that_are_not(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        now = world.clock.at
        world.declare(declared(alder=window(now, 9), birch=window(now, 5)))
        await world.apply()
        await world.release("2.0", "night")
        assert (await over(world, timedelta(minutes=30)))["state"] == "done"
        assert await boarded(world) == ["cedar", "birch", "alder"]


async def test_of_those_that_open_together_the_first_in_order_goes_first(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        world.declare(declared(pilot=window(world.clock.at, 3), main=window(world.clock.at, 3)))
        await world.apply()
        await world.release("2.0", "night")
        assert (await world.ended("night"))["state"] == "done"
        assert await boarded(world) == ["alder", "birch", "cedar"]


async def test_a_freeze_that_is_applied_meanwhile_holds_and_one_that_is_lifted_does_not(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        now = world.clock.at
        world.declare(declared(alder=window(now, 2)))
        await world.apply()
        await world.release("2.0", "night")
        # Before its turn: one at a time, and the first one is still at it.
        world.declare(declared(alder=window(now, 2), birch=once(now, now + timedelta(days=400))))
        await world.apply()

        async def two() -> bool:
            return len(await boarded(world)) == 2

        await world.until(two, timedelta(minutes=30))
        assert await world.states("night") == {"alder": "done", "birch": "waiting", "cedar": "done"}
        world.declare(declared())
        await world.apply()
        assert (await world.ended("night"))["state"] == "done"


async def test_an_abort_ends_a_train_that_waits(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        now = world.clock.at
        world.declare(declared(estate=once(now, now + timedelta(days=200))))
        await world.apply()
        await world.release("2.0", "night")
        await world.core.trains.abort("night", "tester")
        assert (await world.ended("night"))["state"] == "aborted"
        assert await boarded(world) == []


async def test_a_window_that_never_comes_is_told_before_the_night(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        made = declared(alder={"windows": [{"on": "every Monday", "lasts": "8h"}]})
        made["rings"][0]["calendar"] = {"windows": [{"on": "every Tuesday", "at": "12:00", "lasts": "8h"}]}
        world.declare(made)
        await world.apply()
        with pytest.raises(ReleaseError, match=r"PR706 release 2\.0: alder/production: outside of .*; it never opens"):
            await world.release("2.0", "night")


async def test_an_override_takes_a_second_person_who_is_nobody_s_root(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        now = world.clock.at
        world.declare(declared(estate=once(now - timedelta(hours=1), now + timedelta(days=200))))
        await world.apply()
        await world.release("2.0", "night")
        trains = world.core.trains
        with pytest.raises(AccessError, match="PR604 override of train/night: nobody has asked for one"):
            await trains.confirm("night", "grace")
        await trains.override("night", "it cannot wait", 12, "tester")
        for person, why in (("tester", "asked for it"), ("root", "has the account root")):
            with pytest.raises(AccessError, match=f"PR605 {person}: {why}"):
                await trains.confirm("night", person)
        assert (await trains.status("night"))["state"] == "waiting"
        assert (await trains.status("night"))["override"]["confirmed_by"] is None
        await trains.confirm("night", "grace")
        with pytest.raises(AccessError, match="PR604 override of train/night: grace has confirmed it"):
            await trains.confirm("night", "grace")
        assert (await world.ended("night"))["state"] == "done"
        assert world.clock.at < now + timedelta(days=1)
        told = [one for one in await world.verbs() if one[0].startswith("train.override")]
        assert told == [("train.override", "train/night"), ("train.override-confirm", "train/night")]
        with pytest.raises(ReleaseError, match="PR711 train night: has ended"):
            await trains.override("night", "once more", 12, "tester")


async def test_an_override_lasts_as_long_as_was_asked(simulate: Any) -> None:
    async with simulate({"alder": "pilot"}) as world:
        now = world.clock.at
        world.declare(declared(estate=once(now - timedelta(hours=1), now + timedelta(days=3))))
        await world.apply()
        await world.release("2.0", "night")
        await world.core.trains.override("night", "it cannot wait", 1, "tester")
        world.clock.at += timedelta(hours=2)
        with pytest.raises(AccessError, match="PR604 override of train/night: it was for until"):
            await world.core.trains.confirm("night", "grace")


async def test_the_almanac_tells_every_client_and_pool(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        world.clock.at = datetime(2027, 3, 1, 12, tzinfo=UTC)
        made = declared(alder={"windows": [{"on": "third Saturday", "at": "20:00", "lasts": "8h"}]})
        made["clients"]["alder"]["zone"] = "Europe/Zurich"
        made["estate"]["calendar"] = {
            "freezes": [{"begins": "2027-03-10", "ends": "2027-03-31", "changes": ["patches"]}]
        }
        world.declare(made)
        found = await world.core.almanac.show(3, None, None)
        assert not found["applied"]
        await world.apply()
        found = await world.core.almanac.show(3, None, None)
        assert found["applied"]
        by = {one["client"]: one for one in found["clients"]}
        spans = [(one["start"][:16], one["end"][:16]) for one in by["alder"]["releases"]["open"]]
        assert spans == [
            ("2027-03-20T19:00", "2027-03-21T03:00"),
            ("2027-04-17T18:00", "2027-04-18T02:00"),
            ("2027-05-15T18:00", "2027-05-16T02:00"),
        ]
        assert len(by["alder"]["patches"]["open"]) == 2
        assert (by["birch"]["releases"]["always"], by["birch"]["patches"]["always"]) == (True, False)
        assert {one["pool"] for one in found["pools"]} == {"main", "data"}
        assert [one["why"] for one in by["birch"]["freezes"]] == ["2027-03-10 to 2027-03-31, UTC"]
        only = await world.core.almanac.show(1, "alder", None)
        assert [one["client"] for one in only["clients"]] == ["alder"]
        assert only["pools"] == []
        with pytest.raises(PlanError, match="PR209 client adler: is not declared"):
            await world.core.almanac.show(1, "adler", None)
