"""Which process is killed at which step: every verb of the journal, in the part of a season in which it has most to do.

A season is four parts on one house: clients are provisioned; a release reaches them; one is tried that a client cannot
bear, so that all go back; and a client is retired, one suspended, a server and a stray store removed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from plantroom.delivery.tenancy import steps as tenancy
from plantroom.delivery.trains import steps as trains
from plantroom.rollout import steps as rollout
from plantroom.runtime.faults import FaultPoint

PROVISION = (
    tenancy.VIEW,
    tenancy.SERVER,
    tenancy.POOL,
    tenancy.ROUTES,
    tenancy.BOARD,
    rollout.DATABASE,
    rollout.FILES,
    rollout.SCHEMA,
    rollout.ROUTE,
    tenancy.END,
)
NIGHT = (
    trains.RING,
    trains.BOARD,
    rollout.START,
    rollout.ADMIT,
    rollout.DRAIN,
    rollout.STOP,
    rollout.FINISH,
    trains.ALIGHT,
    trains.END,
)
_BACK = "@:back:"
"""Only steps of a change that goes back."""
TAKEN_BACK = (
    rollout.ROUTE + _BACK,
    rollout.START + _BACK,
    rollout.ADMIT + _BACK,
    rollout.DRAIN + _BACK,
    rollout.STOP + _BACK,
    trains.TURN,
    trains.BOARD_BACK,
    trains.ALIGHT_BACK,
)
RETIRED = (rollout.ARCHIVE, rollout.REMOVE_DATA, tenancy.CLEAR, tenancy.REMOVE_SERVER)

PARTS = {"provision": PROVISION, "night": NIGHT, "taken-back": TAKEN_BACK, "retired": RETIRED}

POINTS = tuple(FaultPoint)
RECORDS = {
    "up": "up.json",
    "postgres": "engines/postgres/postgres.json",
    "temporal": "engines/temporal/temporal.json",
    "haproxy": "balancer/haproxy.json",
}
"""Below a house's home: by what the process is known that is to be killed. The worker kills itself."""
ENGINES = ("postgres", "temporal", "haproxy")


@dataclass(frozen=True)
class Strike:
    verb: str
    point: FaultPoint
    victim: str

    def marker(self, home: Path) -> Path:
        return home / f"struck-{self.verb.replace(':', '.')}-{self.point}-{self.victim}"

    def setting(self, home: Path) -> str:
        victim = str(home / RECORDS[self.victim]) if self.victim in RECORDS else "0"
        return f"{self.verb}:{self.point}:1:{self.marker(home)}:{victim}"


EVERY = os.environ.get("FAULTS") == "all"
"""Every kill of the worker and of `up` costs seconds. By default they die at every verb, at one of its points, another
one with each verb; with this, which is how a change is tried before it lands, at all points of all verbs."""


def strikes(victim: str, part: str) -> list[Strike]:
    """The worker, and `up`, whose end is the worker's end too, at points of every verb; `engines`: each of the three at
    one point of every verb, in turns, so that each point has an engine die at it."""
    found = []
    for turn, verb in enumerate(PARTS[part]):
        for place, point in enumerate(POINTS):
            if victim != "engines" and not EVERY and place != turn % len(POINTS):
                continue
            engine = ENGINES[(turn + place) % len(ENGINES)]
            found.append(Strike(verb, point, engine if victim == "engines" else victim))
    return found
