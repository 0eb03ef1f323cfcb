"""A release's script on a clone of a database that has what was accepted of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from plantroom.delivery.schema import sources
from plantroom.delivery.schema.clones import Clones
from plantroom.delivery.schema.model import SchemaError
from plantroom.delivery.schema.proving import Schemas
from plantroom.delivery.schema.statements import split
from plantroom.platforms.contract import Script

BEFORE = "CREATE TABLE public.customer (id int, name text);"
AFTER = "CREATE TABLE public.client (id int, full_name text);"
RENAMES = "ALTER TABLE customer RENAME TO client; ALTER TABLE client RENAME COLUMN name TO full_name"
EXTRA = "ALTER TABLE public.customer ADD COLUMN extra text;"


def ends(home: Path, extra: str, script: str, after: str) -> tuple[str, str]:
    """Where a database with something extra ends, and where it should."""
    schemas = Schemas(home)
    wanted = after + extra.replace("customer", "client")
    with schemas.ground() as ground:
        for name, sql in (("begun", BEFORE + extra), ("wanted", wanted)):
            sources.load(ground, name, split(sql), name)
        begins, right = ground.fingerprint("begun"), ground.fingerprint("wanted")
    found = Clones(schemas).ends(BEFORE + extra, begins, Script("1.1", "hash", script), BEFORE, after)
    return found, right


def test_what_was_accepted_goes_along_with_what_is_renamed(short_dir: Path) -> None:
    found, right = ends(short_dir, EXTRA, RENAMES, AFTER)
    assert found == right


def test_what_was_accepted_and_goes_is_told(short_dir: Path) -> None:
    script = f"{RENAMES}; ALTER TABLE client DROP COLUMN extra"
    with pytest.raises(SchemaError, match=r"PR010 .*does not leave what was accepted as it was: .*extra"):
        ends(short_dir, EXTRA, script, AFTER)
