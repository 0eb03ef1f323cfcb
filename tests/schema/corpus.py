"""Pairs of schemas that differ, each small and about one thing: `pairs/<topic>.sql`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_PAIRS = Path(__file__).parent / "pairs"
_BEGINNING = re.compile(r"^-- pair: (.+)\n-- from\n", re.MULTILINE)


def pairs() -> Iterator[tuple[str, str, str, str]]:
    """(topic, name, from, to) of every pair."""
    for file in sorted(_PAIRS.glob("*.sql")):
        _, *parts = _BEGINNING.split(file.read_text())
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            before, _, after = text.partition("-- to\n")
            yield file.stem, name, before, after
