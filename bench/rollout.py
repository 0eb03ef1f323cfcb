"""Bench `rollout`: a release of 60 environments against the least time that its own calls could take, and against the
same steps by an Ansible playbook on the same balancer and servers; and what limits it.

Run from the project's root: `python -m bench.rollout`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from bench.record import row, write
from bench.rollout_ansible import Peer, install
from bench.rollout_cpu import seconds_used
from bench.rollout_house import House, house
from bench.rollout_timing import Bound, bound, by_method

ENVIRONMENTS = 60
INSTANCES = 2
CONCURRENCY = 10
FIRST = "1.0"
RELEASES = ("2.0", "3.0", "4.0")

_BEGAN = time.monotonic()


def say(text: str) -> None:
    print(f"[{time.monotonic() - _BEGAN:5.0f} s] {text}", flush=True)


@dataclass(frozen=True, slots=True)
class Run:
    """One release. Seconds; `cpu` by who used it."""

    makespan: float
    bound: Bound
    cpu: Mapping[str, float]


async def releases(made: House) -> list[Run]:
    found = []
    for version in RELEASES:
        made.timed.times.clear()
        used = seconds_used(made.parts())
        makespan = await made.release(version, say)
        cpu = {name: after - used.get(name, 0.0) for name, after in seconds_used(made.parts()).items()}
        least = bound(made.timed.times.calls, CONCURRENCY)
        found.append(Run(makespan, least, cpu))
        say(
            f"{version}: {makespan:.1f} s; bound {least.least:.1f} s (longest environment {least.critical:.1f} s, work"
            f" {least.work:.1f} s in {least.calls} calls, of which the applications' own start {least.starts:.1f} s)"
        )
        say("  CPU: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in cpu.items()))
        most = list(by_method(made.timed.times.calls).items())[:8]
        say("  calls: " + ", ".join(f"{name} {number} x {1000 * s / number:.0f} ms" for name, (number, s) in most))
    return found


async def measure(environments: int, *, peer: bool) -> None:
    async with house(environments, CONCURRENCY, FIRST, *RELEASES) as made:
        say(f"provisioning {environments} environments")
        await made.provision(say)
        runs = await releases(made)
        theirs = None
        if peer:
            say("installing ansible")
            install()
            say("the same steps by a playbook")
            theirs = await Peer(made, RELEASES[-1], CONCURRENCY).run(say)
    makespans = [run.makespan for run in runs]
    middle = sorted(runs, key=lambda run: run.makespan)[len(runs) // 2]
    about = f"{environments} environments, {INSTANCES} instances each, concurrency {CONCURRENCY}: "
    least = middle.bound
    users = ", ".join(f"{name} {seconds:.1f}" for name, seconds in sorted(middle.cpu.items(), key=lambda one: -one[1]))
    rows = [
        row(
            "rollout.bound",
            f"{about}makespan of a release over max(longest environment {least.critical:.1f} s, work {least.work:.1f} s"
            f" / concurrency) of the {least.calls} port calls of that very run, each as long as it took there",
            makespans,
            ("bound", least.least),
            unit="s",
            better="lower",
        ),
        row(
            "rollout.cpu",
            f"{about}what limits it: CPU seconds of all that took part ({users}) over makespan x cores",
            [sum(run.cpu.values()) for run in runs],
            ("makespan x cores", middle.makespan * (os.cpu_count() or 1)),
            unit="s",
            better="lower",
        ),
    ]
    if theirs is not None:
        what = about + "makespan against the same steps by an Ansible playbook (serial, block/rescue/always)"
        rows.append(row("rollout.ansible", what, makespans, ("ansible", theirs), unit="s", better="lower"))
    write("rollout", rows)


async def main() -> None:
    """`[ENVIRONMENTS] [--alone]`; told to end, it ends what it started too."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    measuring = asyncio.ensure_future(measure(*numbers or [ENVIRONMENTS], peer="--alone" not in sys.argv))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, measuring.cancel)
    await measuring


if __name__ == "__main__":
    asyncio.run(main())
