"""One throw-away PostgreSQL for a file's tests, of each version that they ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.schema.versions import NEWEST, programs

from plantroom.delivery.schema.ground import Ground
from plantroom.runtime.scratch import Scratch


@pytest.fixture(scope="module")
def scratch(short_dir: Path, request: pytest.FixtureRequest) -> Iterator[Scratch]:
    with Scratch(short_dir / "pgsql", programs(getattr(request, "param", NEWEST), short_dir)) as made:
        yield made


@pytest.fixture(scope="module")
def ground(scratch: Scratch) -> Iterator[Ground]:
    made = Ground(scratch)
    for role in ("app_reader", "app_writer"):
        made.role(role)
    yield made
    made.close()
