"""One throw-away PostgreSQL for a file's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plantroom.delivery.schema.ground import Ground
from plantroom.runtime.scratch import Scratch


@pytest.fixture(scope="module")
def scratch(short_dir: Path) -> Iterator[Scratch]:
    with Scratch(short_dir / "pgsql") as made:
        yield made


@pytest.fixture(scope="module")
def ground(scratch: Scratch) -> Iterator[Ground]:
    made = Ground(scratch)
    for role in ("app_reader", "app_writer"):
        made.role(role)
    yield made
    made.close()
