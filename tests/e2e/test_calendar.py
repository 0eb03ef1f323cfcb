"""A night that meets a freeze, as a user sees it: what the calendar says, what waits, and how two people let it go."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar
from tests.e2e.test_attacks import as_account, request
from tests.house import House, tiny_estate

CLIENTS = {"alder": "pilot", "birch": "pilot"}
SECOND = "nobody"
"""An account of this machine that belongs to the second person here."""


def frozen(begins: datetime, ends: datetime) -> dict[str, Any]:
    estate = tiny_estate(CLIENTS)
    estate["people"]["second"] = {"name": "Sam Second", "account": SECOND}
    estate["estate"]["zone"] = "Europe/Zurich"
    estate["clients"]["alder"]["zone"] = "Asia/Kathmandu"
    estate["clients"]["alder"]["calendar"] = {
        "freezes": [{"begins": f"{begins:%Y-%m-%d}", "ends": f"{ends:%Y-%m-%d}", "why": "stocktaking"}]
    }
    estate["rings"][0]["calendar"] = {"windows": [{"on": "every day", "lasts": "1d"}]}
    return estate


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    made = House()
    try:
        now = datetime.now(UTC)
        made.declare(frozen(now - timedelta(days=2), now + timedelta(days=20)))
        made.build("1.0", "2.0")
        made.up()
        made.apply()
        yield made
    finally:
        made.end()


def test_the_calendar_is_shown_and_written_for_others(house: House) -> None:
    shown = house.run("calendar")
    assert "alder/production" in shown
    (line,) = [one for one in shown.splitlines() if one.startswith("alder/production") and "releases" in one]
    assert "closed" in line
    assert "client alder is frozen: stocktaking; from " in line
    assert line.endswith(" +0545 on")
    assert "all the time" in shown
    found = house.data("calendar", "--client", "alder", "--months", "1")
    (alder,) = found["clients"]
    assert (alder["releases"]["now"], alder["releases"]["why"]) == (False, "client alder is frozen: stocktaking")
    assert found["applied"]
    (birch,) = house.data("calendar", "--client", "birch")["clients"]
    assert birch["releases"]["now"]
    file = house.home / "alder.ics"
    house.run("calendar", "--client", "alder", "--months", "2", "--ics", str(file))
    events = list(Calendar.from_ical(file.read_text()).walk("VEVENT"))
    freeze = next(one for one in events if "frozen (stocktaking)" in one["SUMMARY"])
    opens = next(one for one in events if one["SUMMARY"] == "alder/production: open for releases")
    assert freeze["DTEND"].dt == opens["DTSTART"].dt == datetime.fromisoformat(alder["releases"]["opens"])
    assert house.data("calendar", "--pool", "main")["pools"][0]["releases"]["always"]
    told = house.data("calendar", "--client", "adler", good=(1,))["error"]
    assert told["code"] == "PR209"


def test_who_is_frozen_waits_and_the_others_do_not(house: House) -> None:
    house.run("release", "start", "2.0", "--train", "night", "--no-follow")
    house.wait("birch to be through", lambda: house.releases()["birch"] == "2.0", 60)
    house.wait("the rest to wait", lambda: house.train("night")["state"] == "waiting", 30)
    assert house.releases()["alder"] == "1.0"
    why = house.data("why", "alder")["environments"][0]["next"]
    assert "client alder is frozen: stocktaking; it opens" in why
    assert "+0545" in why


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another local user")
def test_it_goes_once_a_second_person_has_let_it(house: House) -> None:
    house.run("release", "override", "night", "--why", "it cannot wait")
    told = house.data("release", "confirm", "night", good=(1,))["error"]
    assert (told["code"], told["subject"], told["value"]) == ("PR605", "tester", "asked for it")
    time.sleep(1)
    assert house.train("night")["state"] == "waiting"
    socket = house.settings().api_socket
    socket.chmod(0o666)
    try:
        answer = as_account(SECOND, "socket", socket, request("POST", "/trains/night/override/confirm"))
    finally:
        socket.chmod(0o600)
    assert '"confirmed_by":"second"' in answer
    house.wait("the end", lambda: house.train("night")["over"], 60)
    assert house.train("night")["state"] == "done"
    assert house.releases() == dict.fromkeys(CLIENTS, "2.0")
    told = [(one["verb"], one["actor"]) for one in house.ledger() if one["verb"].startswith("train.override")]
    assert told == [("train.override", "tester"), ("train.override-confirm", "second")]
