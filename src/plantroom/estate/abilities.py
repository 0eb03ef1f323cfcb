"""What a platform must be able to do for what is declared, so that what it lacks is refused before anything is done.
Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from plantroom.estate.changes import IDLE, Action, Change, Observed
from plantroom.estate.effective import Place, scales_of
from plantroom.estate.model import EnvironmentState, Estate
from plantroom.platforms.contract import Capability

_ALL = frozenset(Capability)


def lacking(estate: Estate, place: Place, observed: Observed) -> str:
    """Why the platform cannot carry an environment as it is declared; "" when it can."""
    environment = place.environment
    if observed.capabilities >= _ALL or environment.state is EnvironmentState.RETIRED:
        return ""
    live = environment.state is EnvironmentState.LIVE
    needs = (
        (Capability.INSTANCES, live and any(one.instances for one in scales_of(estate, environment).values())),
        (Capability.TRAFFIC, True),
        (Capability.DATABASES, environment.database_pool is not None),
        (Capability.FILES, environment.file_store),
    )
    missing = [capability.value for capability, needed in needs if needed and capability not in observed.capabilities]
    return f"the platform {observed.platform} has no {' and no '.join(missing)}" if missing else ""


def able(changes: Iterable[Change], capability: Capability, observed: Observed) -> Iterator[Change]:
    """The changes of what servers and databases are made on, refused where the platform has none of them."""
    for change in changes:
        if capability in observed.capabilities or change.action in IDLE:
            yield change
        else:
            yield replace(
                change, action=Action.REFUSED, reason=f"the platform {observed.platform} has no {capability.value}"
            )
