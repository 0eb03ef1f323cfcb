"""Where benches write their rows: `bench/results/<name>.json`, a list with one row per peer or limit."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"

KEYS = ("name", "what", "ours", "other", "unit", "ratio", "better", "runs", "cores", "commit", "when")


def row(
    name: str, what: str, ours: Sequence[float], other: tuple[str, float], *, unit: str, better: str
) -> dict[str, Any]:
    """One row: the median of our runs against the value of a peer or limit, which `other` names."""
    middle = statistics.median(ours)
    return {
        "name": name,
        "what": what,
        "ours": round(middle, 3),
        "other": {"name": other[0], "value": round(other[1], 3)},
        "unit": unit,
        "ratio": round(middle / other[1], 3),
        "better": better,
        "runs": {
            "minimum": round(min(ours), 3),
            "median": round(middle, 3),
            "maximum": round(max(ours), 3),
        },
        "cores": os.cpu_count(),
        "commit": _commit(),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def write(name: str, rows: list[dict[str, Any]]) -> Path:
    """Write the rows and print a line for each. ValueError when a row lacks a key."""
    for one in rows:
        if missing := [key for key in KEYS if key not in one]:
            raise ValueError(f"a row of {name} lacks {', '.join(missing)}")
        print(
            f"{one['name']}: {one['ours']:g} {one['unit']}, {one['other']['name']} {one['other']['value']:g} "
            f"{one['unit']}: ratio {one['ratio']:g} ({one['better']} is better)"
        )
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return path


def _commit() -> str:
    """The commit that was measured, with `+` when files differ from it; "" outside of Git."""
    here = Path(__file__).parent
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=False)
    state = subprocess.run(["git", "status", "--porcelain"], cwd=here, capture_output=True, text=True, check=False)
    return head.stdout.strip() + ("+" if state.stdout.strip() else "")
