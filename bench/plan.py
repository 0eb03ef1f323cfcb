"""Bench `plan`: an estate of 10,000 clients, loaded, placed and planned, against the time that libyaml's loader of
PyYAML (`yaml.CSafeLoader`) needs to parse the same files; and peak memory against that loader's own.

Run from the project's root: `python -m bench.plan`."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from bench.record import row, write
from tests.golden.applied import applied

from plantroom.estate.loader import load
from plantroom.estate.plan import Observed, make
from plantroom.rollout.placement import place

CLIENTS = 10_000
FILES = 20
RUNS = 5
TODAY = date(2027, 1, 1)
ROOT = Path(__file__).parent.parent

_BASE = """\
estate: {name: bench, allow: {dirty_tree: true}}
people:
  ada: {name: Ada, account: ada}
applications:
  workorders:
    release: "1.0"
    processes:
      web: {instances: 2, memory_mib: 128, cpus: 0.1}
      worker: {instances: 1, memory_mib: 64, cpus: 0.05}
stages: {production: {}}
regions: {north: {}, south: {}}
server_pools:
  north: {region: north, servers: 100, memory_mib: 65536, cpus: 32}
  south: {region: south, servers: 100, memory_mib: 65536, cpus: 32}
database_pools:
  north-a: {region: north}
  south-a: {region: south}
rings:
  - {name: pilot, soak: 10m}
  - {name: general, concurrency: 10%, soak: 10m, max_unhealthy: 5, max_unhealthy_percent: 5}
clients:
"""
_CLIENT = """\
  client-{number:05}:
    title: Client number {number}
    residency: [{region}]
    ring: {ring}
    environments:
      production:
        application: workorders
        database_pool: {region}-a
        hosts: [client-{number:05}.example.com, www.client-{number:05}.example.com]
        values:
          SITE_TITLE: "Client {number}: work orders"
          THEME: blue
        secrets:
          MAIL_KEY: {{env: MAIL_KEY_{number:05}}}
        instances: {{web: 2, worker: 1}}
"""


def generate(directory: Path) -> None:
    """Write the estate: common things in one file, clients in the others."""
    for part in range(FILES):
        clients = "".join(
            _CLIENT.format(
                number=number,
                region="north" if number % 2 else "south",
                ring="pilot" if number % 10 == 0 else "general",
            )
            for number in range(part, CLIENTS, FILES)
        )
        directory.joinpath(f"clients-{part:02}.yaml").write_text(f"clients:\n{clients}", encoding="utf-8")
    directory.joinpath("base.yaml").write_text(_BASE.removesuffix("clients:\n"), encoding="utf-8")


def ours(directory: Path) -> dict[str, float]:
    """Load, place and plan, against nothing and against what the estate would be once applied."""
    start = time.perf_counter()
    loaded = load(directory)
    load_seconds = time.perf_counter() - start
    start = time.perf_counter()
    placements = place(loaded.estate, {})
    place_seconds = time.perf_counter() - start
    start = time.perf_counter()
    first = make(loaded, Observed(), placements, 0, TODAY)
    assert len(first.effective) == 200 + 2 + CLIENTS * 7
    assert first.digest
    empty_seconds = load_seconds + place_seconds + time.perf_counter() - start
    observed = applied(loaded.estate, placements)
    start = time.perf_counter()
    current = {record.environment: record.assignments for record in observed.records}
    again = make(loaded, observed, place(loaded.estate, current), 1, TODAY)
    assert not again.effective
    assert not again.refused
    assert again.digest
    same_seconds = load_seconds + time.perf_counter() - start
    return {
        "load": load_seconds,
        "place": place_seconds,
        "empty": empty_seconds,
        "same": same_seconds,
        "mib": _peak_mib(),
    }


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _measured(what: str, directory: Path) -> dict[str, float]:
    """One run in a process of its own, so that peaks are its own too."""
    done = subprocess.run(
        [sys.executable, "-m", what, str(directory)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="plantroom-bench-") as name:
        directory = Path(name)
        generate(directory)
        pairs = [(_measured("bench.plan_peer", directory), _measured("bench.plan", directory)) for _ in range(RUNS)]
    parsed = statistics.median(theirs["seconds"] for theirs, _ in pairs)
    memory = statistics.median(theirs["mib"] for theirs, _ in pairs)
    loader = "yaml.CSafeLoader on the same files"
    about = f"{CLIENTS} clients in {FILES + 1} files"
    rows = [
        row(
            f"plan.{key}",
            f"{about}: {what}",
            [mine[key] for _, mine in pairs],
            (loader, parsed),
            unit="s",
            better="lower",
        )
        for key, what in (
            ("load", "load alone (read, parse, validate, check)"),
            ("empty", "load, place and plan against an empty platform, with the plan's digest"),
            ("same", "load, place and plan against an identical observation, with the plan's digest"),
        )
    ]
    what = f"{about}: peak resident memory of the process, both plans and the observation included"
    peaks = [mine["mib"] for _, mine in pairs]
    rows.append(row("plan.memory", what, peaks, (loader, memory), unit="MiB", better="lower"))
    write("plan", rows)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        print(json.dumps(ours(Path(sys.argv[1]))))
    else:
        main()
