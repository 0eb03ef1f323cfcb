"""Faults that a simulated platform can have, and the count of what really happened on it."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum

from plantroom.kernel.errors import PlatformError


class Fault(StrEnum):
    BEFORE = "before"
    """Busy: nothing was done, and PR403 says so."""
    AFTER = "after"
    """It was done, and the answer was lost: PR404, unknown whether it was."""


Faults = Callable[[str, str, int], Fault | None]
"""What goes wrong when `verb` is asked of `target` for the nth time, counting from 1. A pure function, so that the same
calls meet the same faults."""


def never(verb: str, target: str, nth: int) -> Fault | None:
    return None


def scripted(planned: Mapping[tuple[str, str, int], Fault]) -> Faults:
    """Exactly these, by verb, target and which time."""

    def strike(verb: str, target: str, nth: int) -> Fault | None:
        return planned.get((verb, target, nth))

    return strike


def seeded(seed: int, before_percent: int, after_percent: int, *, times: int = 3) -> Faults:
    """Faults spread evenly by a hash of the seed and the call; none from the time after `times` on, so that whoever
    tries again gets through in the end."""

    def strike(verb: str, target: str, nth: int) -> Fault | None:
        if nth > times:
            return None
        drawn = hashlib.sha256(f"{seed}:{verb}:{target}:{nth}".encode()).digest()
        percent = int.from_bytes(drawn[:4], "big") % 100
        if percent < before_percent:
            return Fault.BEFORE
        return Fault.AFTER if percent < before_percent + after_percent else None

    return strike


class Effects:
    """Every change of the simulated world goes through `act`, and is counted only if it changed something.

    `done[verb, target]` is how often it happened, `history` in which order, `struck` which faults did.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._asked: Counter[tuple[str, str]] = Counter()
        self.done: Counter[tuple[str, str]] = Counter()
        self.history: list[tuple[str, str]] = []
        self.struck: list[tuple[str, str, Fault]] = []

    async def act(self, verb: str, target: str, change: Callable[[], bool]) -> bool:
        """Run `change`, which says whether it changed anything. Raises PlatformError PR403 or PR404 for a fault, and
        what `change` raises. Gives way once, so that other tasks come in between."""
        await asyncio.sleep(0)
        self._asked[verb, target] += 1
        fault = self._faults(verb, target, self._asked[verb, target])
        if fault is not None:
            self.struck.append((verb, target, fault))
        if fault is Fault.BEFORE:
            raise PlatformError("PR403", f"{verb} {target}", value="busy", remedy="Try again")
        changed = change()
        if changed:
            self.done[verb, target] += 1
            self.history.append((verb, target))
        if fault is Fault.AFTER:
            raise PlatformError("PR404", f"{verb} {target}", value="no answer; it may or may not be done")
        return changed
