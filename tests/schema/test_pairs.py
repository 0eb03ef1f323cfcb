"""Pairs of schemas, each in both directions: a script is proven, or refused; and what is proven is true.

A sixteenth of the pairs, another one with each value of PLANTROOM_PAIRS from 0 to 15; "all" takes all. On each of the
older PostgreSQLs half as many, of those that 15 knows.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest
from tests.schema.corpus import pairs
from tests.schema.versions import NEWEST, OLDEST, lacking

from plantroom.delivery.schema import dumps
from plantroom.delivery.schema.engines import Pgmig
from plantroom.delivery.schema.generate import FROM, TO, generate
from plantroom.delivery.schema.ground import Ground
from plantroom.delivery.schema.model import Diff, Entry, Script, Status
from plantroom.delivery.schema.statements import split
from plantroom.runtime.postgres import SUPERUSER
from plantroom.runtime.scratch import OWNER, Scratch

PART = os.environ.get("PLANTROOM_PAIRS", "0")

NO_WAY = {
    # A child's own column cannot be made an inherited one, nor the other way round, without making it anew.
    "inherits-link-removed <-",
    "inherits-column-added-in-parent ->",
    "inherits-parent-dropped-child-stays <-",
    # A column that a table is partitioned by cannot be altered.
    "enum-partition-key-value-added <-",
    # The sequence stands at a value that the new bounds do not have.
    "sequence-every-option-changed <-",
    # Types and collations that columns use and that cannot be replaced by their text.
    "collation-redefined-while-used ->",
    "collation-redefined-while-used <-",
    "foreign-table-as-partition-and-view ->",
    # A publication of whole schemas is a superuser's, and whose it is depends on who that is.
    "publication-of-a-new-schema ->",
    # Only a superuser reads files of the server, and makes a leakproof function.
    "foreign-file-table ->",
    "foreign-file-table <-",
    "foreign-table-columns-and-options ->",
    "foreign-table-columns-and-options <-",
    "foreign-table-as-partition-and-view <-",
    "function-attributes ->",
    "function-attributes <-",
}
"""Refused, each for a reason; anything else is to be proven."""


def directed(version: int, parts: int) -> Iterator[tuple[str, str, str]]:
    for place, (topic, name, before, after) in enumerate(pairs(version)):
        if PART == "all" or place % parts == int(PART):
            yield f"{topic}/{name} ->", before, after
            yield f"{topic}/{name} <-", after, before


CASES, OLDER_CASES = list(directed(NEWEST, 16)), list(directed(OLDEST, 32))


def answer(ground: Ground, before: str, after: str) -> Diff:
    for name, text in ((FROM, before), (TO, after)):
        ground.create(name)
        failed = ground.load(name, split(text))
        if failed:
            return Diff(Status.REFUSED, reason=failed[0].message)
    return generate(ground, [Pgmig()])


@pytest.mark.parametrize(("name", "before", "after"), CASES, ids=[name for name, _, _ in CASES])
def test_each_pair_is_proven(scratch: Scratch, ground: Ground, name: str, before: str, after: str) -> None:
    proven_or_refused(scratch, ground, name, before, after)


@pytest.mark.parametrize("scratch", [16, 15], indirect=True)
@pytest.mark.parametrize(("name", "before", "after"), OLDER_CASES, ids=[name for name, _, _ in OLDER_CASES])
def test_each_pair_is_proven_on_older_ones(
    scratch: Scratch, ground: Ground, name: str, before: str, after: str
) -> None:
    if missing := lacking(ground.url("postgres"), before + after):
        pytest.skip(f"PostgreSQL {ground.version} comes without {', '.join(missing)} here")
    proven_or_refused(scratch, ground, name, before, after)


def proven_or_refused(scratch: Scratch, ground: Ground, name: str, before: str, after: str) -> None:
    found = answer(ground, before, after)
    if name.partition("/")[2] in NO_WAY:
        assert found.status is Status.REFUSED, "it is proven now: take it off the list"
        assert found.reason
        return
    assert found.status is Status.PROVEN, found.attempts or found.reason
    assert found.script is not None
    leads_there(scratch, ground, before, found.script)
    if found.safer is not None:
        leads_there(scratch, ground, before, found.safer.script)


def leads_there(scratch: Scratch, ground: Ground, before: str, script: Script) -> None:
    """As one would run it oneself: the text, by psql, on a fresh database."""
    assert OWNER not in script.text
    ground.create("again")
    assert ground.load("again", split(before)) == []
    role = SUPERUSER if any(one.privileged for one in script.statements) else OWNER
    # Whoever owns a foreign server may use its wrapper.
    with ground.session("again"):
        ended = subprocess.run(
            [str(scratch.program("psql")), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "again"],
            input=script.text,
            capture_output=True,
            text=True,
            check=False,
            env=scratch.environment() | {"PGUSER": role},
        )
    assert ended.returncode == 0, ended.stderr
    assert dumps.difference(_by(ground, "again", role), _by(ground, TO, role)) == []


def _by(ground: Ground, name: str, role: str) -> list[Entry]:
    """Whoever runs the script owns what it makes."""
    return dumps.parse(ground.dump_text(name).replace(" OWNER TO plantroom_owner;", f" OWNER TO {role};"))


def test_the_pairs_are_many_and_differ() -> None:
    found = list(pairs())
    assert len(found) >= 300
    assert len({name for _, name, _, _ in found}) == len(found)
    assert all(before != after for _, _, before, after in found)
