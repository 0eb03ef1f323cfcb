"""Decisions of a train, pure."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from plantroom.delivery.trains.model import Asked, Health, RingPolicy, TargetState, Train, TrainState, TrainTarget
from plantroom.estate.changes import Status
from plantroom.estate.effective import Place, management_of, places
from plantroom.estate.model import EnvironmentState, Estate, Management, Ring, Work
from plantroom.kernel.digest import short
from plantroom.kernel.verdict import Allowed, Refused, Unknown, Verdict
from plantroom.platforms.contract import InstanceSeen, Running
from plantroom.rollout import policy as rollout_policy
from plantroom.rollout.model import Change, ChangeState, Target

WORK: Work = "releases"
"""What trains are to calendars."""

MOST_STARTS = 3
"""Of a process in the background; its server may have been started anew meanwhile, and that is not its fault."""


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


def subject(train: str) -> str:
    """What an override of calendars names."""
    return f"train/{train}"


def on(now: Target, train: Train) -> Target:
    """The same environment on the train's release; a new revision, so that it is redeployed even when unchanged."""
    return replace(now, release=train.release, artefact=train.artefact, revision=train.intent)


def back_on(now: Target, previous: Target, revision: str) -> Target:
    """The environment as it is now, on the release before: what an apply has changed since stays changed.

    When nothing has, the instances are those of before, by name too; else they get the new `revision`.
    """
    wanted = replace(now, release=previous.release, artefact=previous.artefact, revision=previous.revision)
    return wanted if wanted == previous else replace(wanted, revision=revision)


def passed_by(now: Target | None, management: Management | None) -> str:
    """Why a train does not change an environment whose turn has come, or "" when it does."""
    if now is None:
        return "it is gone"
    if now.status is not Status.LIVE:
        return f"it is {now.status.value}"
    return rollout_policy.not_managed(management)


def left_on_it(now: Target | None, management: Management | None) -> str:
    """Why a train does not take a release back from an environment, or "" when it does. One that is suspended goes
    back, and so does one that no file declares: as long as it may not retire, an apply repairs it too."""
    if now is None or now.status is Status.RETIRED:
        return passed_by(now, management)
    return "" if management is None else rollout_policy.not_managed(management)


def judged(now: Target | None, management: Management | None) -> bool:
    """Whether how it is speaks for or against the release: one that is suspended errs on purpose, and what is done to
    one that is not Plantroom's is others' doing."""
    return now is not None and now.status is Status.LIVE and not left_on_it(now, management)


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


def waits(train: Train, targets: Sequence[TrainTarget], closed: Container[str]) -> bool:
    """Whether all that the train's ring still has to change may not start yet."""
    ring = train.ring or train.rings[0].name
    here = [one for one in targets if one.ring == ring]
    waiting = [one for one in here if one.state is TargetState.WAITING]
    changing = any(one.state is TargetState.CHANGING for one in here)
    return bool(waiting) and not changing and all(one.environment in closed for one in waiting)


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


# -- what is said of an environment ---------------------------------------------------------------------------------

Aboard = Sequence[tuple[Train, TrainTarget]]
"""The trains that an environment is or was on, the newest first."""


def goes_on(worker: InstanceSeen | None) -> bool:
    """Whether a process in the background is well, which answers nobody: it is there, and does not end by itself."""
    return worker is not None and worker.state is not Running.STOPPED and worker.started <= MOST_STARTS


def not_yet(estate: Estate, client: str, provisioned: set[str]) -> list[Place]:
    """The declared environments of a client that were never provisioned."""
    return [place for place in places(estate) if place.client_name == client and place.name not in provisioned]


def of_new(estate: Estate, place: Place, changes: Sequence[Change], apply: Asked | None) -> dict[str, Any]:
    """What there is to say of one that was never provisioned. `changes` are its own, the newest first; `apply` is the
    last one of the estate, if that was to make it."""
    management = management_of(estate, place)
    waiting = next((change for change in changes if change.state is ChangeState.WAITING), None)
    status, after = "declared", "`plantroom plan` shows what an apply would do"
    if management is not Management.MANAGED:
        status, because, after = management.value, f"it is declared as {management.value}", "nothing by Plantroom"
    elif waiting is not None:
        status, because = "waiting", f"{waiting.actor} applied it for a day to come"
        after = f"it goes live on {place.environment.go_live}"
    elif changes and changes[0].state is ChangeState.OPEN:
        status, because = "provisioning", f"apply {short(changes[0].intent)}, asked for by {changes[0].actor}, makes it"
        after = "it is live once that has ended"
    elif place.environment.state is not EnvironmentState.LIVE:
        because = f"it is declared as {place.environment.state.value}, and was never live: nothing of it is made"
        after = "nothing until it is declared as live"
    else:
        because = _failed(changes, apply) or "it was not applied yet"
    return {
        "environment": place.name,
        "status": status,
        "release": "" if waiting is None else waiting.target.release,
        "artefact": "" if waiting is None else waiting.target.artefact,
        "ring": place.client.ring,
        "because": because,
        "history": [],
        "next": after,
        "archive": None,
    }


def _failed(changes: Sequence[Change], apply: Asked | None) -> str:
    """Why an apply has not brought it, or "" when none has tried."""
    if changes and changes[0].state is ChangeState.FAILED:
        change = changes[0]
        return f"apply {short(change.intent)}, asked for by {change.actor}, could not make it: {change.why}"
    if apply is None:
        return ""
    told = f"apply {short(apply.digest)}, asked for by {apply.actor},"
    if apply.open:
        return f"{told} is under way, and has not come to it"
    return f"{told} ended before it: {'; '.join(apply.failed)}" if apply.failed else ""


def because(target: Target, done: Change | None, trains: Aboard) -> str:
    """Why it is on its release. `done` is the last change of it that went well, where that is known."""
    by = f", asked for by {done.actor}" if done is not None else ""
    for train, aboard in trains:
        stays = aboard.state is TargetState.DONE or (aboard.state is TargetState.LEFT and aboard.change)
        if stays and (train.release, train.artefact) == (target.release, target.artefact):
            came = f"train {train.name} brought release {target.release} on {train.started[:16]}Z"
            why = ""
        elif aboard.state is TargetState.BACK and aboard.from_release == target.release:
            came = f"train {train.name} brought release {train.release} and took it back to {target.release}"
            why = f": {train.why}" if train.why else ""
        elif aboard.state is TargetState.STUCK and (train.release, train.artefact) == (target.release, target.artefact):
            came = f"train {train.name} brought release {train.release}"
            why = f", and could not take it back to {aboard.from_release}: {aboard.why}"
        else:
            continue
        if done is None or done.intent == train.intent:
            return came + by + why
        since = f"apply {short(done.intent)} has changed it since{by}"
        return f"{came}, asked for by {train.actor}{why}; {since}"
    intent = target.revision or ("" if done is None else done.intent)
    return f"release {target.release} is what it was provisioned with (apply {short(intent)}{by})"


def history(train: Train, aboard: TrainTarget) -> list[str]:
    if aboard.state is TargetState.WAITING and not train.state.ended:
        return []
    told = {
        TargetState.WAITING: f"train {train.name} ({train.release}) did not reach it",
        TargetState.CHANGING: f"train {train.name} is changing it to {train.release} now",
        TargetState.DONE: f"train {train.name} brought it to {train.release}",
        TargetState.FAILED: (
            f"train {train.name} tried {train.release}; it is back on {aboard.from_release}: {aboard.why}"
        ),
        TargetState.GOING_BACK: f"train {train.name} is taking it back from {train.release} now",
        TargetState.BACK: f"train {train.name} brought {train.release} and took it back to {aboard.from_release}",
        TargetState.LEFT: (
            f"train {train.name} ({train.release}) went on without it: {aboard.why}"
            if aboard.finished is None
            else f"train {train.name} brought it to {train.release} and did not take it back: {aboard.why}"
        ),
        TargetState.STUCK: f"train {train.name} could not take it back from {train.release}: {aboard.why}",
    }
    lines = [told[aboard.state]]
    if train.state in (TrainState.STOPPED, TrainState.ABORTED, TrainState.GOING_BACK):
        lines.append(f"train {train.name} {train.state.value}: {train.why}")
    return lines


def coming(
    target: Target, management: Management | None, trains: Aboard, others: Sequence[TrainTarget], closed: str = ""
) -> str:
    """What comes next for it. `others` are all targets of the train that is under way; `closed` says why no change of
    it may start now, and when one may."""
    if target.status is Status.RETIRED:
        return "nothing: it is retired"
    for train, aboard in trains:
        if train.state.ended:
            continue
        if aboard.state is TargetState.LEFT:
            return f"train {train.name} goes {'back' if aboard.change else 'on'} without it: {aboard.why}"
        if aboard.state is TargetState.WAITING and (why := passed_by(target, management)):
            return f"train {train.name} goes on without it: {why}"
        goes_back = train.state is TrainState.GOING_BACK and aboard.state in (TargetState.CHANGING, TargetState.DONE)
        if goes_back and (why := left_on_it(target, management)):
            return f"train {train.name} goes back without it: {why}"
        until = soaking(train, others)
        doing = f"in ring {train.ring}, {train.state.value}" if train.ring else train.state.value
        if until is not None:
            doing = f"in ring {train.ring}, which soaks until {until:%H:%M:%S} UTC, then comes its verdict"
        stays = train.state is TrainState.GOING_BACK or train.abort_by
        if aboard.state is TargetState.WAITING and not stays:
            waits = f", and waits: {closed}" if closed and aboard.ring == train.ring else ""
            later = f"; {closed}" if closed and aboard.ring != train.ring else ""
            return f"train {train.name} brings {train.release} in ring {aboard.ring}; it is {doing}{waits}{later}"
        return f"train {train.name} is {doing}"
    if why := passed_by(target, management):
        return f"no train takes it along while {why}"
    told = "no train is under way; the next one is started with `plantroom release start`"
    return f"{told}; {closed}" if closed else told
