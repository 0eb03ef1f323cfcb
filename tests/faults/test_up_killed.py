"""`kill -9` of `plantroom up`, which ends the worker and the API too, at every step."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.faults.season import Season, SeasonOfKills, a_season


@pytest.fixture(scope="module")
def season() -> Iterator[Season]:
    yield from a_season("up")


class TestUpKilled(SeasonOfKills):
    pass
