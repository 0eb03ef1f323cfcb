"""Which databases are alike, and how they stand to what their releases left. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from plantroom.delivery.schema.fleet_model import LEFT, Found, Group, Look, RunTarget, Standing
from plantroom.estate.changes import Status
from plantroom.estate.model import Management
from plantroom.platforms.contract import PoolLoad
from plantroom.rollout import policy as rollout_policy
from plantroom.rollout.model import Target

CONNECTIONS = 2
"""That one script may need: its own, and one for what runs outside of a transaction."""

Accepted = Mapping[tuple[str, str], Collection[str]]
"""By fingerprint and the one that was expected instead, the environments that may have it."""


def standing(found: Found, accepted: Accepted) -> Standing:
    if not found.fingerprint or not found.expected:
        return Standing.UNKNOWN
    if found.fingerprint == found.expected:
        return Standing.AS_RELEASED
    may = found.environment in accepted.get((found.fingerprint, found.expected), ())
    return Standing.ACCEPTED if may else Standing.DRIFTED


def groups(look: Look, accepted: Accepted) -> list[Group]:
    """Drifted ones first, then unknown ones, then by application, release and size."""
    by: dict[tuple[str, ...], list[Found]] = {}
    for one in look.found:
        key = (one.application, one.release, one.fingerprint, one.expected, standing(one, accepted).value, one.why)
        by.setdefault(key, []).append(one)
    made = [
        Group(
            application,
            release,
            fingerprint,
            expected,
            Standing(stands),
            [one.environment for one in members],
            look.differences.get(f"{fingerprint} {expected}", ()),
            why,
        )
        for (application, release, fingerprint, expected, stands, why), members in by.items()
    ]
    order = [Standing.DRIFTED, Standing.UNKNOWN, Standing.ACCEPTED, Standing.AS_RELEASED]
    return sorted(
        made,
        key=lambda one: (order.index(one.standing), one.application, one.release, -len(one.environments), one.why),
    )


def named(found: Sequence[Group], asked: str) -> list[Group]:
    """Those whose fingerprint, as it is printed, begins so."""
    return [one for one in found if one.fingerprint and one.fingerprint.rpartition(":")[2].startswith(asked)]


def passed_by(now: Target | None, management: Management | None) -> str:
    """Why a run leaves out a database whose turn has come, or "" when it does not."""
    if now is None:
        return "it is gone"
    if now.status is Status.RETIRED:
        return f"it is {now.status.value}"
    return rollout_policy.not_managed(management)


def aboard(targets: Sequence[RunTarget]) -> list[RunTarget]:
    """Those that have not left, with their places among each other: where a canary has left, the next one is it."""
    here = [one for one in targets if one.state != LEFT]
    return [replace(one, place=place) for place, one in enumerate(here)]


def slots(per_pool: int, load: PoolLoad | None) -> int:
    """How many databases of a pool are worked on at once: what its clients leave over of `per_pool`, and of its
    connections, of which a tenth stays free. One goes on, however busy they are; none where there is no room. None: it
    is not known."""
    if load is None:
        return 1
    room = (load.most - load.connections - load.most // 10) // CONNECTIONS
    return min(max(1, per_pool - load.active), max(0, room))


def next_batch(places: Sequence[tuple[int, str]], canaries: int, most: int) -> list[str]:
    """Environments that come now: `places` are those that wait, in order, with their place among all that are
    aboard. Canaries (the first places) come by themselves."""
    first = [name for place, name in places if place < canaries]
    return first or [name for _, name in places[:most]]
