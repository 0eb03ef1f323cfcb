"""Decisions of a train, pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from plantroom.delivery.trains.model import Health, RingPolicy, TargetState, Train, TrainState, TrainTarget
from plantroom.estate.model import Ring
from plantroom.kernel.verdict import Allowed, Refused, Unknown, Verdict
from plantroom.rollout.model import Target


def ring_policy(ring: Ring, size: int) -> RingPolicy:
    """The ring's bounds as whole numbers for `size` environments (at least 1).

    Concurrency by percentage is rounded down with a floor of 1. The ring is stopped at `max_unhealthy` environments or
    at `max_unhealthy_percent` of it, whichever is met first: min(K, ceil(size * p / 100)), at least 1.
    For instance 10 environments, K = 3, p = 20: min(3, 2) = 2.
    """
    if isinstance(ring.concurrency, str):
        concurrency = max(1, size * int(ring.concurrency.rstrip("%")) // 100)
    else:
        concurrency = ring.concurrency
    by_share = -(-size * ring.max_unhealthy_percent // 100)
    return RingPolicy(
        name=ring.name,
        concurrency=min(concurrency, size),
        soak_s=ring.soak,
        max_unhealthy=max(1, min(ring.max_unhealthy, by_share)),
        max_errors_percent=ring.max_errors_percent,
        unknown_deadline_s=ring.unknown_deadline,
    )


def on(now: Target, train: Train) -> Target:
    """The same environment on the train's release; a new revision, so that it is redeployed even when unchanged."""
    return replace(now, release=train.release, artefact=train.artefact, revision=train.intent)


def back_on(now: Target, previous: Target, revision: str) -> Target:
    """The environment as it is now, on the release before: what an apply has changed since stays changed.

    When nothing has, the instances are those of before, by name too; else they get the new `revision`.
    """
    wanted = replace(now, release=previous.release, artefact=previous.artefact, revision=previous.revision)
    return wanted if wanted == previous else replace(wanted, revision=revision)


def soaking(train: Train, targets: Sequence[TrainTarget]) -> datetime | None:
    """Until when the train's ring soaks, once every environment of it has ended its change; None while it rolls."""
    ring = next((one for one in train.rings if one.name == train.ring and one.name not in train.passed), None)
    here = [one for one in targets if one.ring == train.ring]
    if ring is None or train.state not in (TrainState.ROLLING, TrainState.SOAKING):
        return None
    if any(one.state in (TargetState.WAITING, TargetState.CHANGING) for one in here):
        return None
    last = max((datetime.fromisoformat(one.ended) for one in here if one.ended), default=None)
    return None if last is None else last + timedelta(seconds=ring.soak_s)


def soaked(ring: RingPolicy, targets: Sequence[TrainTarget], now: datetime) -> Verdict:
    """Has every environment of the ring ended its change, and has the ring soaked for its time since the last one?"""
    under_way = [one.environment for one in targets if one.state in (TargetState.WAITING, TargetState.CHANGING)]
    if under_way:
        return Unknown(f"not yet through: {', '.join(under_way)}")
    last = max((datetime.fromisoformat(one.ended) for one in targets if one.ended), default=None)
    if last is not None and now < last + timedelta(seconds=ring.soak_s):
        return Unknown(f"ring {ring.name} soaks for {ring.soak_s} s from {last:%H:%M:%S} UTC on")
    return Allowed()


def judge(ring: RingPolicy, seen: Sequence[Health]) -> Verdict:
    """May the train go on to the next ring?

    An environment is unhealthy when its change failed, when fewer instances are healthy than the minimum, or when its
    share of 5xx answers since its change is above the bound. What could not be seen is Unknown, unless what was seen is
    already enough to refuse.
    """
    bad = []
    unseen = []
    for one in seen:
        if one.failed:
            bad.append(f"{one.environment}: {one.failed}")
        elif one.healthy is None or one.requests is None or one.errors_5xx is None:
            unseen.append(one.environment)
        elif one.healthy < one.minimum:
            bad.append(f"{one.environment}: {one.healthy} of {one.minimum} instances are healthy")
        elif one.errors_5xx * 100 > one.requests * ring.max_errors_percent:
            share = f"{one.errors_5xx} of {one.requests} answers were errors"
            bad.append(f"{one.environment}: {share} (at most {ring.max_errors_percent} %)")
    if len(bad) >= ring.max_unhealthy:
        limit = f"{len(bad)} unhealthy in ring {ring.name} (stops at {ring.max_unhealthy})"
        return Refused(f"{limit}: {'; '.join(bad)}")
    if unseen:
        return Unknown(f"no data from {', '.join(unseen)}")
    return Allowed(f"{len(seen)} looked at, {len(bad)} unhealthy")
