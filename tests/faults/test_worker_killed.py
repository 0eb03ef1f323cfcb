"""`kill -9` of the worker at every point of every step."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.faults.season import Season, SeasonOfKills, a_season


@pytest.fixture(scope="module")
def season() -> Iterator[Season]:
    yield from a_season("worker")


class TestWorkerKilled(SeasonOfKills):
    pass
