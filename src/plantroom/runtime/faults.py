"""Fault points: places where a test can have a process killed, to show that nothing is lost or done twice.

`PLANTROOM_FAULT=verb:point:nth:marker:victim` kills a process the nth time that a step of this verb comes to this
point, and leaves the file `marker` as the sign that it struck. A fault whose marker exists never strikes again, so that
several of them, with `;` between, go off one after the other however often this process is started anew. `verb@text`
means only steps whose key contains the text. The victim is a process id (0: this one), or a file that a process is
known by (`{"pid": …}`: an engine's, or that of `plantroom up`). Without the variable, nothing here does anything.
"""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from plantroom.runtime.processes import started_at, wait_until

_BACK_S = 5.0
"""An engine that was killed is started again within two seconds, more on a busy machine."""

_GONE_S = 5.0
"""A killed process is gone within milliseconds; what comes after the fault shall find it gone."""


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
    victim: str
    key_part: str = ""
    _seen: int = field(default=0)

    def strike(self, verb: str, key: str, point: FaultPoint) -> bool:
        """Whether it struck, and the process that it is in lives on."""
        if (verb, point) != (self.verb, self.point) or self.key_part not in key or self.marker.exists():
            return False
        self._seen += 1
        if self._seen < self.nth:
            return False
        pid = self._pid()
        if pid is None:
            return False
        self.marker.write_text(f"{verb} {point} {key} {pid}\n")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: started_at(pid) is None, _GONE_S)
        return True

    def _pid(self) -> int | None:
        """One that was struck a moment ago is waited for. None when nobody starts it again: then nobody is struck."""
        if self.victim.isdecimal():
            return int(self.victim) or os.getpid()
        wait_until(lambda: self._recorded() is not None, _BACK_S)
        return self._recorded()

    def _recorded(self) -> int | None:
        record = json.loads(Path(self.victim).read_text())
        started = started_at(int(record["pid"]))
        return int(record["pid"]) if started is not None and record.get("started", started) == started else None


@dataclass(frozen=True, slots=True)
class Faults:
    all: tuple[Fault, ...]

    def strike(self, verb: str, key: str, point: FaultPoint) -> None:
        """At most one at a time: the next one waits for the next step that comes by."""
        for fault in self.all:
            if fault.strike(verb, key, point):
                return


def from_environment() -> Faults | None:
    text = os.environ.get("PLANTROOM_FAULT")
    return None if not text else Faults(tuple(_fault(one) for one in text.split(";")))


def _fault(text: str) -> Fault:
    where, point, nth, marker, victim = text.rsplit(":", 4)
    verb, _, key_part = where.partition("@")
    return Fault(verb, FaultPoint(point), int(nth), Path(marker), victim, key_part)
