"""CPU seconds of everything that takes part in a release, ended children included, from /proc (proc_pid_stat(5))."""

from __future__ import annotations

import os
import resource
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from plantroom.runtime.engines import EngineState

_TICK = os.sysconf("SC_CLK_TCK")


def seconds_used(parts: Iterable[EngineState]) -> dict[str, float]:
    """By kind: the worker (this process), and each engine with everything that it ever started: a server's supervisor
    with its instances, those that have ended too."""
    children: dict[int, list[int]] = defaultdict(list)
    ticks: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = text.rpartition(")")[2].split()
        pid = int(path.parent.name)
        children[int(fields[1])].append(pid)
        # utime, stime, and the same of children that were waited for.
        ticks[pid] = sum(int(number) for number in fields[11:15])
    own = resource.getrusage(resource.RUSAGE_SELF)
    found: dict[str, float] = {"worker": own.ru_utime + own.ru_stime}
    for part in parts:
        kind = part.name.split()[0]
        waiting = [] if part.pid is None else [part.pid]
        while waiting:
            pid = waiting.pop()
            found[kind] = found.get(kind, 0.0) + ticks.get(pid, 0) / _TICK
            waiting += children[pid]
    return found
