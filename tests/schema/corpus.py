"""Pairs of schemas that differ, each small and about one thing: `pairs/<topic>.sql`.

Each begins with `-- pair: its-name`, or `-- pair: its-name (since 18)` where an older PostgreSQL does not know what is
in it, or knows no difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_PAIRS = Path(__file__).parent / "pairs"
_BEGINNING = re.compile(r"^-- pair: (\S+)(?: \(since (\d+)\))?\n-- from\n", re.MULTILINE)


def pairs(version: int = 18) -> Iterator[tuple[str, str, str, str]]:
    """(topic, name, from, to) of every pair that a version of PostgreSQL knows."""
    for file in sorted(_PAIRS.glob("*.sql")):
        _, *parts = _BEGINNING.split(file.read_text())
        for name, since, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            before, _, after = text.partition("-- to\n")
            if version >= int(since or 0):
                yield file.stem, name, before, after
