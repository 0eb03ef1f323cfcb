"""Fixtures that every kind of test shares: a real PostgreSQL, and databases of the control plane in it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from plantroom.runtime.database import Database, migrate
from plantroom.runtime.postgres import Cluster

_LONGEST = (
    "test_up_killed.py",
    "test_worker_killed.py",
    "test_courier.py",
    "test_engines_killed.py",
    "test_patience.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes goes first: a file is one process's, and at the end the others would have nothing to do."""
    items.sort(key=lambda item: _LONGEST.index(item.path.name) if item.path.name in _LONGEST else len(_LONGEST))


@pytest.fixture(scope="session")
def short_dir() -> Iterator[Path]:
    """A directory whose path is short enough for sockets and open enough for PostgreSQL's account."""
    made = Path(tempfile.mkdtemp(prefix="pr-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster(short_dir: Path) -> Iterator[Cluster]:
    """One PostgreSQL for the whole run of a test process."""
    made = Cluster(short_dir / "postgres", short_dir, "test")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def database_url(cluster: Cluster) -> str:
    """A migrated database of the control plane, new for each test."""
    name = f"plantroom_{uuid4().hex[:12]}"
    with psycopg.connect(cluster.url(cluster.superuser, "postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    url = cluster.url(cluster.superuser, name)
    migrate(url)
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url, connections=5)
    yield made
    await made.close()
