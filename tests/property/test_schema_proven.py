"""What is called proven is true: the script's text, run by psql on a fresh database, leads to what pg_dump says of the
schema that was wanted."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.schema.corpus import pairs
from tests.schema.mutations import MUTATIONS
from tests.schema.versions import NEWEST, lacking, on_each, programs

from plantroom.delivery.schema import dumps
from plantroom.delivery.schema.engines import Pgmig
from plantroom.delivery.schema.generate import FROM, TO, generate
from plantroom.delivery.schema.ground import Ground
from plantroom.delivery.schema.model import Status
from plantroom.delivery.schema.statements import split
from plantroom.runtime.scratch import OWNER, Scratch

SCHEMAS, CHANGES = 20, 4
"""How many schemas a run takes, about a second each, and how many changes of each."""
SHARE = 5
"""On each of the older PostgreSQLs as many schemas divided by this."""
SEED = 8


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


def mutated(ground: Ground, name: str, order: random.Random) -> int:
    """How many of some changes, chosen by chance, the owner could make."""
    made = 0
    with ground.connect(name, OWNER) as connection:
        for mutation in order.sample(MUTATIONS, CHANGES * 6):
            if made == CHANGES:
                break
            try:
                found = [statement for (statement,) in connection.execute(mutation.encode()).fetchall()]
                if found:
                    connection.execute(order.choice(found).encode())
                    made += 1
            except psycopg.Error:
                continue
    return made


@on_each
def test_what_is_proven_is_true(scratch: Scratch, ground: Ground) -> None:
    order = random.Random(SEED)
    proven = 0
    known = [one for one in pairs(ground.version) if not lacking(ground.url("postgres"), one[2] + one[3])]
    count = SCHEMAS if ground.version == NEWEST else SCHEMAS // SHARE
    for topic, name, before, after in order.sample(known, count):
        text = order.choice([before, after])
        ground.create(FROM)
        ground.load(FROM, split(text))
        ground.create(TO, FROM)
        mutated(ground, TO, order)
        found = generate(ground, [Pgmig()])
        if found.script is None:
            assert found.status is Status.EQUAL or found.attempts, f"{topic}: {name}"
            continue
        if any(one.privileged for one in found.script.statements):
            continue
        ground.create("again", FROM)
        ended = subprocess.run(
            [str(scratch.program("psql")), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "again"],
            input=found.script.text,
            capture_output=True,
            text=True,
            check=False,
            env=scratch.environment() | {"PGUSER": OWNER},
        )
        assert ended.returncode == 0, f"{topic}: {name}: {ended.stderr}"
        left = dumps.difference(ground.dump("again"), ground.dump(TO))
        assert left == [], f"{topic}: {name}: {found.script.text}"
        proven += 1
    assert proven >= count / 2
