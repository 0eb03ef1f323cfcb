"""Decisions of a train: a ring's bounds in whole numbers, and the verdict at its end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantroom.delivery.trains.model import Health, RingPolicy, TargetState, Train, TrainState, TrainTarget
from plantroom.delivery.trains.policy import coming, judge, judged, left_on_it, passed_by, ring_policy
from plantroom.estate.changes import Status
from plantroom.estate.model import Management, Ring
from plantroom.kernel.verdict import Allowed, Refused, Unknown, Verdict
from plantroom.rollout.model import Target

GOOD = Health("mill/production", failed="", healthy=2, minimum=2, requests=1000, errors_5xx=0)
FAILED = replace(GOOD, failed="1.2 answered 500", healthy=None, requests=None, errors_5xx=None)
THIN = replace(GOOD, healthy=1)
ERRING = replace(GOOD, errors_5xx=51)
UNSEEN = [replace(GOOD, healthy=None), replace(GOOD, requests=None), replace(GOOD, errors_5xx=None)]
BAD = [FAILED, THIN, ERRING]


def ring(**declared: Any) -> Ring:
    return Ring(name="pilot", **declared)


def bounds(max_unhealthy: int = 1, max_errors_percent: int = 5) -> RingPolicy:
    return RingPolicy("pilot", 1, 0, max_unhealthy, max_errors_percent, 300)


# -- bounds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "size", "concurrency"),
    [
        (1, 10, 1),
        (4, 10, 4),
        (20, 10, 10),
        ("10%", 10, 1),
        ("10%", 5, 1),  # rounded down to nobody, and nobody would never end
        ("50%", 5, 2),
        ("100%", 7, 7),
        ("33%", 100, 33),
    ],
)
def test_concurrency(declared: int | str, size: int, concurrency: int) -> None:
    assert ring_policy(ring(concurrency=declared), size).concurrency == concurrency


@pytest.mark.parametrize(
    ("count", "percent", "size", "stops_at"),
    [
        (3, 20, 10, 2),  # min(3, ceil(2.0))
        (3, 21, 10, 3),  # min(3, ceil(2.1))
        (3, 100, 10, 3),
        (5, 100, 2, 2),
        (1, 1, 1000, 1),
        (50, 1, 1000, 10),
        (50, 1, 1001, 11),
        (9, 1, 3, 1),
    ],
)
def test_the_ring_stops_at_the_count_or_the_share_whichever_is_met_first(
    count: int, percent: int, size: int, stops_at: int
) -> None:
    assert ring_policy(ring(max_unhealthy=count, max_unhealthy_percent=percent), size).max_unhealthy == stops_at


RINGS = st.builds(
    ring,
    concurrency=st.integers(1, 10000) | st.integers(1, 100).map(lambda share: f"{share}%"),
    max_unhealthy=st.integers(1, 10000),
    max_unhealthy_percent=st.integers(1, 100),
    max_errors_percent=st.integers(0, 100),
)


@given(RINGS, st.integers(1, 20000))
def test_bounds_can_be_met_by_a_ring_of_any_size(declared: Ring, size: int) -> None:
    """A ring always moves, never changes more than it has, and can always be stopped by what it has."""
    found = ring_policy(declared, size)
    assert 1 <= found.concurrency <= size
    assert 1 <= found.max_unhealthy <= size
    assert found.max_unhealthy <= declared.max_unhealthy
    # As a share: the first number of environments that is at least the percentage, and no later one.
    assert (found.max_unhealthy - 1) * 100 < size * declared.max_unhealthy_percent


@given(RINGS, st.integers(1, 20000))
def test_bounds_travel_as_data(declared: Ring, size: int) -> None:
    found = ring_policy(declared, size)
    assert RingPolicy.from_data(found.as_data()) == found


# -- the verdict ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        ([GOOD], Allowed),
        ([GOOD, GOOD], Allowed),
        ([FAILED], Refused),
        ([THIN], Refused),
        ([ERRING], Refused),
        ([GOOD, THIN], Refused),
        *(([one], Unknown) for one in UNSEEN),
        *(([GOOD, one], Unknown) for one in UNSEEN),
        *(([THIN, one], Refused) for one in UNSEEN),  # what was seen is enough
    ],
)
def test_the_verdict_of_a_ring_that_stops_at_one(seen: list[Health], verdict: type[Verdict]) -> None:
    assert isinstance(judge(bounds(), seen), verdict)


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        ([THIN, GOOD], Allowed),
        ([THIN, ERRING], Refused),
        ([FAILED, FAILED, FAILED], Refused),
        ([THIN, UNSEEN[0]], Unknown),
        ([THIN, ERRING, UNSEEN[0]], Refused),
    ],
)
def test_the_verdict_of_a_ring_that_stops_at_two(seen: list[Health], verdict: type[Verdict]) -> None:
    assert isinstance(judge(bounds(2), seen), verdict)


@pytest.mark.parametrize(
    ("requests", "errors", "percent", "healthy"),
    [
        (1000, 50, 5, True),  # at the bound
        (1000, 51, 5, False),
        (0, 0, 0, True),  # nobody called: nothing went wrong
        (1, 1, 99, False),
        (1, 1, 100, True),
        (10, 0, 0, True),
        (10_000, 1, 0, False),
    ],
)
def test_the_share_of_errors(requests: int, errors: int, percent: int, healthy: bool) -> None:
    found = judge(bounds(max_errors_percent=percent), [replace(GOOD, requests=requests, errors_5xx=errors)])
    assert isinstance(found, Allowed) is healthy


def test_a_verdict_says_who_and_why() -> None:
    refused = judge(bounds(2), [replace(FAILED, environment="harbour/production"), ERRING, GOOD])
    assert isinstance(refused, Refused)
    assert "2 unhealthy in ring pilot (stops at 2)" in refused.reason
    assert "harbour/production: 1.2 answered 500" in refused.reason
    assert "mill/production: 51 of 1000 answers were errors (at most 5 %)" in refused.reason
    unknown = judge(bounds(), [replace(UNSEEN[0], environment="harbour/production"), GOOD])
    assert unknown == Unknown("no data from harbour/production")


SEEN = st.lists(
    st.builds(
        Health,
        st.just("mill/production"),
        failed=st.sampled_from(["", "", "", "it failed"]),
        healthy=st.none() | st.integers(0, 3),
        minimum=st.integers(1, 3),
        requests=st.none() | st.integers(0, 100),
        errors_5xx=st.none() | st.integers(0, 100),
    ),
    min_size=1,
    max_size=6,
)


@given(SEEN, st.integers(1, 6), st.integers(0, 100))
def test_what_is_unknown_never_lets_a_train_through(seen: list[Health], stops_at: int, percent: int) -> None:
    policy = bounds(stops_at, percent)
    found = judge(policy, seen)
    unseen = [one for one in seen if not one.failed and None in (one.healthy, one.requests, one.errors_5xx)]
    if unseen:
        assert not isinstance(found, Allowed)
    # Each one alone, against a ring that stops at one, says whether it is unhealthy.
    bad = sum(isinstance(judge(bounds(1, percent), [one]), Refused) for one in seen)
    assert isinstance(found, Refused) is (bad >= stops_at)


@given(SEEN, st.integers(1, 6), st.sampled_from(BAD))
def test_one_more_unhealthy_environment_never_helps(seen: list[Health], stops_at: int, worse: Health) -> None:
    if not isinstance(judge(bounds(stops_at), seen), Allowed):
        assert not isinstance(judge(bounds(stops_at), [*seen, worse]), Allowed)


# -- whom a train changes ---------------------------------------------------------------------------------------------


def standing(status: Status = Status.LIVE) -> Target:
    return Target(*("mill/production", status, "pilot", "shop", "2.0", "sha256:2", "r", "c", (), None, False, ()))


@pytest.mark.parametrize(
    ("status", "management", "forward", "back", "counts"),
    [
        (Status.LIVE, Management.MANAGED, "", "", True),
        (Status.LIVE, Management.OBSERVED, "it is observed", "it is observed", False),
        (Status.LIVE, Management.EXTERNAL, "it is external", "it is external", False),
        (Status.LIVE, None, "it is not declared", "", True),
        (Status.SUSPENDED, Management.MANAGED, "it is suspended", "", False),
        (Status.SUSPENDED, Management.OBSERVED, "it is suspended", "it is observed", False),
        (Status.RETIRED, Management.MANAGED, "it is retired", "it is retired", False),
    ],
)
def test_whom_a_train_changes_takes_back_and_judges(
    status: Status, management: Management | None, forward: str, back: str, counts: bool
) -> None:
    now = standing(status)
    assert (passed_by(now, management), left_on_it(now, management), judged(now, management)) == (forward, back, counts)


def test_one_that_is_gone_is_passed_by() -> None:
    assert (passed_by(None, None), left_on_it(None, None), judged(None, None)) == ("it is gone", "it is gone", False)


@pytest.mark.parametrize(
    ("state", "management", "next_"),
    [
        (TargetState.DONE, Management.MANAGED, "train two is in ring pilot, going back"),
        (TargetState.DONE, Management.OBSERVED, "train two goes back without it: it is observed"),
        (TargetState.LEFT, Management.OBSERVED, "train two goes back without it: as it was told"),
    ],
)
def test_what_comes_next_on_the_way_back(state: TargetState, management: Management, next_: str) -> None:
    rings = (bounds(),)
    train = Train(
        "two", "i", "shop", "2.0", "sha256:2", "ada", "t", None, TrainState.GOING_BACK, "pilot", "", "", rings
    )
    aboard = TrainTarget(
        "two", "mill/production", "pilot", 0, state, "change", None, "as it was told", 1, "", None, "1.0"
    )
    assert coming(standing(), management, [(train, aboard)], [aboard]) == next_
