"""The steps of looking at the fleet's schemas and of runs over it: names, inputs and outputs. Ids and names only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

LOOK_WORKFLOW = "SchemaLook"
REPAIR_WORKFLOW = "SchemaRepair"
RUN_WORKFLOW = "SchemaRun"

LOOK = "schema.look"
REPAIR = "schema.repair"
BATCH = "schema.batch"
END = "schema.end"

BRING = "schema.bring"
"""What a run does to one database, as the ledger calls it."""

LONG = timedelta(hours=6)
"""One batch; a heartbeat tells sooner when the worker is gone."""


@dataclass(frozen=True)
class LookInput:
    """`id` is where what was seen is kept."""

    id: str


@dataclass(frozen=True)
class RepairInput:
    """A way back for the databases with this fingerprint. `allow`: hazards that are meant."""

    id: str
    fingerprint: str
    allow: list[str]


@dataclass(frozen=True)
class Batch:
    """`left` wait still; `stop` says why none of them begins."""

    left: int
    stop: str = ""


@dataclass(frozen=True)
class RunEnd:
    run: str
    stopped: str = ""
