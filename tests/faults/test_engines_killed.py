"""`kill -9` of an engine at every point of every step: PostgreSQL, Temporal and HAProxy each at every step."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.faults.season import Season, SeasonOfKills, a_season


@pytest.fixture(scope="module")
def season() -> Iterator[Season]:
    yield from a_season("engines")


class TestEnginesKilled(SeasonOfKills):
    pass
