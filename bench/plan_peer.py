"""The peer of the bench `plan`, in a process without Plantroom so that its peak memory is its own."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import yaml


def main() -> None:
    """Parse every file of a directory, keep all results, and print seconds and peak memory as JSON."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(Path(sys.argv[1]).glob("*.yaml"))]
    start = time.perf_counter()
    kept = [yaml.load(text, Loader=yaml.CSafeLoader) for text in texts]
    seconds = time.perf_counter() - start
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "mib": mib, "files": len(kept)}))


if __name__ == "__main__":
    main()
