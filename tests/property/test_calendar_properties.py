"""Rules and time zones against a second engine over ten years, and what is open against its own definition."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.second_rules import SecondRules, second_rules

from plantroom.estate.rules import parse
from plantroom.rollout.calendar import HORIZON, Line, Once, Recurring, Scope, Span, open_spans, opening

AFTER, BEFORE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
ZONES = (
    "UTC",
    "Europe/Zurich",
    "America/New_York",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # its clocks change by half an hour
    "Pacific/Chatham",
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("January", "February", "March", "June", "October", "December")


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecondRules]:
    with second_rules(tmp_path_factory.mktemp("rules")) as made:
        yield made


def agree(second: SecondRules, when: Recurring) -> int:
    ours = [(one.start.timestamp(), one.end.timestamp()) for one in when.spans(AFTER, BEFORE)]
    assert ours == second.spans(when, AFTER, BEFORE), when
    return len(ours)


def recurring(text: str, at: time, days: int, hours: int, zone: str, since: date | None = None) -> Recurring:
    return Recurring(parse(text), at, days, timedelta(hours=hours), zone, since)


@pytest.mark.parametrize("zone", ZONES)
def test_ten_years_of_patch_tuesdays_with_offsets(second: SecondRules, zone: str) -> None:
    for offset in range(-6, 21):
        text = f"Patch Tuesday {'-' if offset < 0 else '+'} {abs(offset)} days"
        # Clocks change between two and three.
        assert agree(second, recurring(text, time(2, 30), 0, 8, zone)) == 120


ordinals = st.sampled_from(("first", "second", "third", "fourth", "fifth", "last"))
weekdays = st.sampled_from(DAYS)
words = st.one_of(
    st.sampled_from(("every day", "weekdays", "weekends", "last day", "Patch Tuesday")),
    st.builds("{} {}".format, ordinals, weekdays),
    st.builds("{} and {} {}".format, ordinals, ordinals, weekdays),
    st.builds("every {}, {}".format, weekdays, weekdays),
    st.builds("days {} and {}".format, st.integers(1, 31), st.integers(1, 31)),
)
in_words = st.one_of(words, st.builds("{} of {}".format, words, st.sampled_from(MONTHS)))
byday = st.builds("{}{}".format, st.sampled_from(("", "1", "2", "-1", "-2", "5")), st.sampled_from(("MO", "WE", "SU")))
in_parts = st.one_of(
    st.builds("FREQ=MONTHLY;BYDAY={}".format, byday),
    st.builds("FREQ=MONTHLY;INTERVAL={};BYDAY={}".format, st.integers(1, 5), byday),
    st.builds("FREQ=WEEKLY;INTERVAL={};BYDAY=TU,SA;WKST={}".format, st.integers(1, 5), st.sampled_from(("MO", "SU"))),
    st.builds("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS={}".format, st.sampled_from((1, 2, -1, -3))),
    st.builds("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY={}".format, st.integers(1, 31)),
    st.builds("FREQ=MONTHLY;BYMONTHDAY=-{},{}".format, st.integers(1, 31), st.integers(1, 31)),
    st.builds("FREQ=YEARLY;BYMONTH={};BYDAY=MO".format, st.integers(1, 12)),
    st.builds("FREQ=YEARLY;BYMONTH={};BYMONTHDAY=28".format, st.integers(1, 12)),
    st.builds("FREQ=YEARLY;BYYEARDAY={}".format, st.sampled_from((1, 60, 100, 365, -1, -100))),
    st.builds("FREQ=DAILY;INTERVAL={}".format, st.integers(1, 40)),
    st.builds("FREQ=MONTHLY;COUNT={};BYDAY=2TU".format, st.integers(1, 99)),
    st.builds("FREQ=DAILY;UNTIL={}".format, st.sampled_from(("20270101", "20300615"))),
)
rules = st.one_of(in_words, in_parts)
offsets = st.one_of(st.just(""), st.builds(" {} {} days".format, st.sampled_from("+-"), st.integers(0, 400)))
whens = st.builds(
    recurring,
    st.builds("{}{}".format, rules, offsets),
    st.builds(time, st.integers(0, 23), st.sampled_from((0, 30, 59))),
    st.integers(0, 9),
    st.integers(1, 90),
    st.sampled_from(ZONES),
    # Long before: whether the first day counts where the rule does not give it is left open by RFC 5545.
    st.dates(date(2020, 1, 1), date(2024, 1, 1)),
)


@settings(max_examples=400, deadline=None)
@given(when=whens)
def test_a_second_engine_has_the_same_spans(second: SecondRules, when: Recurring) -> None:
    agree(second, when)


@pytest.mark.parametrize("text", ["FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "FREQ=YEARLY;BYDAY=20MO", "FREQ=YEARLY"])
def test_what_the_second_engine_does_not_know_is_counted_out(text: str) -> None:
    """It has no weeks of a year, and moves a 29 February to the next day, where RFC 5545 passes the year by."""
    since = date(2024, 2, 29)
    days = [one.start.date() for one in recurring(text, time(), 0, 1, "UTC", since).spans(AFTER, BEFORE)]
    every = [AFTER.date() + timedelta(days=count) for count in range((BEFORE - AFTER).days)]
    mondays = [day for day in every if day.weekday() == 0]
    wanted = {
        "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO": [day for day in mondays if day.isocalendar().week == 20],
        "FREQ=YEARLY;BYDAY=20MO": [
            [day for day in mondays if day.year == year][19] for year in range(AFTER.year, BEFORE.year)
        ],
        "FREQ=YEARLY": [day for day in every if (day.month, day.day) == (2, 29)],
    }
    assert days == wanted[text]


def test_what_is_asked_for_does_not_change_what_there_is() -> None:
    """A part of ten years has what the ten years have there, wherever it begins."""
    when = recurring("last Friday of March - 40 days", time(23, 30), 2, 5, "Europe/Zurich")
    whole = list(when.spans(AFTER, BEFORE))
    assert len(whole) == 10
    for one in whole:
        for early in (timedelta(0), timedelta(days=1), timedelta(days=80)):
            found = list(when.spans(one.start - early, one.end + early))
            assert found == [one]
        assert list(when.spans(one.end, one.end + timedelta(days=300))) == []


# -- what is open -----------------------------------------------------------------------------------------------------

EPOCH = datetime(2027, 3, 1, tzinfo=UTC)
hours = st.integers(0, 24 * 60)
once = st.builds(
    lambda begins, length: Once(
        Span(EPOCH + timedelta(hours=begins), EPOCH + timedelta(hours=begins) + timedelta(hours=length))
    ),
    hours,
    st.integers(1, 100),
)
often = st.builds(
    recurring,
    st.sampled_from(("every day", "weekdays", "every Saturday", "first Sunday + 3 days")),
    st.builds(time, st.integers(0, 23)),
    st.integers(0, 1),
    st.integers(1, 30),
    st.sampled_from(ZONES),
)
kinds = st.sampled_from(((), ("releases",), ("patches",), ("releases", "patches")))
lines = st.lists(st.builds(Line, st.just("a line"), st.one_of(once, often), st.just(""), kinds), max_size=3).map(tuple)
scopes = st.lists(st.builds(Scope, st.just("a scope"), lines, lines), max_size=4)


def within(line: Line, instant: datetime) -> bool:
    return any(one.contains(instant) for one in line.when.spans(instant, instant + timedelta(seconds=1)))


def may(scopes: list[Scope], instant: datetime) -> bool:
    """The definition itself."""
    for scope in scopes:
        windows = [line for line in scope.windows if line.concerns("releases")]
        if windows and not any(within(line, instant) for line in windows):
            return False
        if any(within(line, instant) for line in scope.freezes if line.concerns("releases")):
            return False
    return True


@settings(max_examples=150, deadline=None)
@given(scopes=scopes, moments=st.lists(st.integers(0, 60 * 24 * 60), min_size=20, max_size=40))
def test_what_is_open_is_in_a_window_of_every_scope_and_in_no_freeze(scopes: list[Scope], moments: list[int]) -> None:
    found = open_spans(scopes, "releases", EPOCH, EPOCH + timedelta(days=60))
    assert all(one.start < one.end for one in found)
    assert all(one.end < other.start for one, other in pairwise(found))
    edges = [edge for one in found for edge in (one.start, one.end - timedelta(seconds=1), one.end)]
    for instant in (*(EPOCH + timedelta(minutes=one) for one in moments), *edges):
        if instant < EPOCH + timedelta(days=60):
            assert any(one.contains(instant) for one in found) is may(scopes, instant)


@settings(max_examples=100, deadline=None)
@given(scopes=scopes, minutes=st.integers(0, 60 * 24 * 60))
def test_what_is_closed_has_a_reason_and_the_first_opening(scopes: list[Scope], minutes: int) -> None:
    now = EPOCH + timedelta(minutes=minutes)
    told = opening(scopes, "releases", now)
    assert told.now is may(scopes, now)
    assert bool(told.why) is not told.now
    if told.span is None:
        assert not any(one for one in open_spans(scopes, "releases", now, now + HORIZON))
        return
    assert may(scopes, told.span.start)
    assert told.span.end == now + HORIZON or not may(scopes, told.span.end)
    if not told.now:
        assert open_spans(scopes, "releases", now, told.span.start) == []


def test_a_freeze_wins_over_every_window() -> None:
    window = Line("always", recurring("every day", time(), 1, 0, "UTC"))
    freeze = Line("a day", Once(Span(EPOCH, EPOCH + timedelta(days=1))), "stocktaking")
    told = opening([Scope("the estate", (), (freeze,)), Scope("client a", (window,), ())], "releases", EPOCH)
    assert (told.now, told.why) == (False, "the estate is frozen: stocktaking")
    assert told.span is not None
    assert told.span.start == EPOCH + timedelta(days=1)


@pytest.mark.parametrize(
    ("day", "at", "start", "hours"),
    [
        # Clocks skip 02:30 on 28 March 2027, and have it twice on 31 October.
        (date(2027, 3, 28), time(2, 30), "2027-03-28T01:30", 4),
        (date(2027, 10, 31), time(2, 30), "2027-10-31T00:30", 4),
        (date(2027, 3, 27), time(20), "2027-03-27T19:00", 4),
    ],
)
def test_hours_are_as_long_as_they_are_and_days_end_at_the_same_time(
    day: date, at: time, start: str, hours: int
) -> None:
    after = datetime.combine(day, time(), UTC) - timedelta(days=1)
    found = list(recurring("every day", at, 0, hours, "Europe/Zurich").spans(after, after + timedelta(days=3)))
    span = next(one for one in found if one.start == datetime.fromisoformat(start).replace(tzinfo=UTC))
    assert span.end - span.start == timedelta(hours=hours)
    whole = list(recurring("every day", at, 1, 0, "Europe/Zurich").spans(after, after + timedelta(days=3)))
    for one in whole[:-1]:
        clock = one.end.astimezone(ZoneInfo("Europe/Zurich"))
        assert clock.time() in (at, time(3, 30))
