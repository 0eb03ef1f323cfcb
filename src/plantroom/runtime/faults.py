"""Fault points: places where a test can have a process killed, to show that nothing is lost or done twice.

`PLANTROOM_FAULT=verb:point:nth:marker:pid` kills process `pid` (0: this one) the nth time that a step of this verb
comes to this point, and leaves the file `marker` as the sign that it struck. A fault whose marker exists never strikes
again. Without the variable, nothing here does anything.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class FaultPoint(StrEnum):
    BEFORE_ACT = "before-act"
    AFTER_ACT = "after-act"
    """The platform has done it, the ledger does not know yet."""
    AFTER_RECORD = "after-record"


@dataclass(slots=True)
class Fault:
    verb: str
    point: FaultPoint
    nth: int
    marker: Path
    pid: int
    _seen: int = field(default=0)

    def strike(self, verb: str, point: FaultPoint) -> None:
        if (verb, point) != (self.verb, self.point) or self.marker.exists():
            return
        self._seen += 1
        if self._seen < self.nth:
            return
        self.marker.write_text(f"{verb} {point}\n")
        os.kill(self.pid or os.getpid(), signal.SIGKILL)


def from_environment() -> Fault | None:
    text = os.environ.get("PLANTROOM_FAULT")
    if not text:
        return None
    verb, point, nth, marker, pid = text.rsplit(":", 4)
    return Fault(verb, FaultPoint(point), int(nth), Path(marker), int(pid))
