"""The ledger on a real PostgreSQL: every way of tampering is found, and proofs hold without Plantroom's own code."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from plantroom.kernel.errors import LedgerError, PlatformError
from plantroom.kernel.verdict import Refused, Verdict
from plantroom.ledger import policy
from plantroom.ledger.model import Draft, Entry, Phase
from plantroom.ledger.service import Journal, Ledger
from plantroom.runtime.database import Database

NOW = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)


@pytest.fixture
def ledger(database: Database, tmp_path: Path) -> Ledger:
    return Ledger(database, tmp_path / "ledger", "plantroom/test", lambda: NOW)


async def write(ledger: Ledger, database: Database, count: int, start: int = 0) -> None:
    async with database.transaction() as connection:
        for number in range(start, start + count):
            draft = Draft("ada", "test", f"thing/{number}", Phase.NOTE, f"key-{number}", {"number": number})
            await ledger.append(connection, draft)


def as_owner(url: str, statement: str) -> None:
    """What the database's owner can do, and the runtime cannot."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


async def kinds(ledger: Ledger) -> set[str]:
    return {finding.kind for finding in (await ledger.verify()).findings}


async def test_an_untouched_ledger_is_intact_and_says_what_lies_behind_the_checkpoint(
    ledger: Ledger, database: Database
) -> None:
    await write(ledger, database, 5)
    await ledger.checkpoint()
    await write(ledger, database, 2, start=5)
    found = await ledger.verify()
    assert found.intact
    assert (found.entries, found.covered, found.after) == (7, 5, 2)


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE ledger_entry SET payload = '{\"number\":99}' WHERE seq = 2", "altered"),
        ("UPDATE ledger_entry SET actor = 'mallory' WHERE seq = 0", "altered"),
        ("DELETE FROM ledger_entry WHERE seq = 2", "deleted"),
        ("DELETE FROM ledger_entry WHERE seq >= 3", "cut off"),
        (
            "UPDATE ledger_entry SET seq = CASE seq WHEN 1 THEN -2 ELSE -1 END WHERE seq IN (1, 2);"
            "UPDATE ledger_entry SET seq = -seq WHERE seq < 0",
            "altered",
        ),
    ],
)
async def test_tampering_is_found(
    ledger: Ledger, database: Database, database_url: str, statement: str, kind: str
) -> None:
    await write(ledger, database, 5)
    await ledger.checkpoint()
    as_owner(database_url, statement)
    assert kind in await kinds(ledger)


async def test_a_history_hashed_again_from_the_start_is_found(
    ledger: Ledger, database: Database, database_url: str
) -> None:
    """The owner of the database alters an entry and makes every hash fit again; the checkpoint outside does not."""
    await write(ledger, database, 5)
    await ledger.checkpoint()
    stored = (await ledger.all())[1].entry
    forged = Entry.from_data(stored.as_data() | {"actor": "mallory"})
    as_owner(
        database_url,
        f"UPDATE ledger_entry SET actor = 'mallory', leaf = '\\x{forged.leaf().hex()}' WHERE seq = 1",
    )
    assert await kinds(ledger) == {"forked"}


async def test_a_forged_checkpoint_is_refused(ledger: Ledger, database: Database, tmp_path: Path) -> None:
    await write(ledger, database, 3)
    made = await ledger.checkpoint()
    path = next((tmp_path / "ledger" / "checkpoints").glob("*.txt"))
    path.write_text(made.note.replace("\n3\n", "\n2\n"))
    with pytest.raises(LedgerError, match="PR502"):
        await ledger.verify()


async def test_the_runtime_role_cannot_alter_or_delete(ledger: Ledger, database: Database) -> None:
    await write(ledger, database, 1)
    for statement in ("UPDATE ledger_entry SET actor = 'x'", "DELETE FROM ledger_entry", "TRUNCATE ledger_entry"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with database.transaction() as connection:
                await connection.exec_driver_sql(statement)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13])
async def test_an_inclusion_proof_holds_by_an_independent_check(ledger: Ledger, database: Database, size: int) -> None:
    await write(ledger, database, size)
    await ledger.checkpoint()
    for seq in range(size):
        assert independent_check(await ledger.prove(seq))
        wrong = await ledger.prove(seq)
        wrong["entry"]["actor"] = "mallory"
        assert not independent_check(wrong)


def independent_check(proof: dict[str, Any]) -> bool:
    """The few lines that `docs/guide/ledger.md` gives a client, which know nothing of Plantroom."""
    entry = json.dumps(proof["entry"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    at = hashlib.sha256(b"\x00" + entry).digest()
    _, size, root = proof["checkpoint"].split("\n")[:3]
    index, last = proof["entry"]["seq"], int(size) - 1
    for step in map(bytes.fromhex, proof["proof"]):
        if index % 2 or index == last:
            at = hashlib.sha256(b"\x01" + step + at).digest()
            while index % 2 == 0 and index:
                index, last = index >> 1, last >> 1
        else:
            at = hashlib.sha256(b"\x01" + at + step).digest()
        index, last = index >> 1, last >> 1
    return at == base64.b64decode(root)


async def test_the_leaf_that_the_database_makes_is_the_entrys_own(ledger: Ledger, database: Database) -> None:
    """Whatever the words are: the database puts the number between two halves of the canonical bytes."""
    words = ['"seq":0,', "é\u2028\\", "a\nb", "", '{"seq":1}']
    async with database.transaction() as connection:
        for number, word in enumerate(words * 3):
            payload = {"seq": number, "word": word, "list": [word, None, True]}
            await ledger.append(connection, Draft(word, word, word, Phase.NOTE, f"{number}{word}", payload))
    stored = await ledger.all()
    assert [item.entry.seq for item in stored] == list(range(15))
    assert [item.leaf for item in stored] == [item.entry.leaf() for item in stored]


async def test_a_connection_that_the_server_ended_is_not_used(database: Database, database_url: str) -> None:
    async def backend() -> int:
        async with database.reading() as connection:
            return int((await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one())

    first = await backend()
    assert await backend() == first
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("SELECT pg_terminate_backend(%s, 5000)", [first])
    assert await backend() != first


def test_a_tree_that_grows_has_the_root_of_the_tree_over_its_leaves() -> None:
    """Against the definition of RFC 6962, section 2.1, written out."""

    def defined(leaves: list[bytes]) -> bytes:
        if len(leaves) == 1:
            return leaves[0]
        split = 1
        while split * 2 < len(leaves):
            split *= 2
        return hashlib.sha256(b"\x01" + defined(leaves[:split]) + defined(leaves[split:])).digest()

    leaves = [hashlib.sha256(bytes([number])).digest() for number in range(40)]
    tree = policy.Tree()
    for count, leaf in enumerate(leaves, 1):
        tree.add(leaf)
        assert tree.root() == defined(leaves[:count])


async def test_a_step_is_done_once_however_often_and_by_however_many_it_is_asked_for(
    ledger: Ledger, database: Database
) -> None:
    journal = Journal(database, ledger, None)
    effects: list[int] = []

    async def act() -> dict[str, Any]:
        effects.append(1)
        await asyncio.sleep(0.02)
        return {"port": 80}

    async def step() -> Any:
        return await journal.step(key="k", actor="ada", verb="test", subject="x", detail={}, act=act)

    outcomes = await asyncio.gather(*(step() for _ in range(4)))
    assert len(effects) == 1
    assert all(outcome == outcomes[0] and outcome.data == {"port": 80} for outcome in outcomes)
    assert [(item.entry.phase, item.entry.seq) for item in await ledger.all()] == [("intent", 0), ("outcome", 1)]


async def test_what_is_worth_trying_again_leaves_an_intent_and_no_outcome(ledger: Ledger, database: Database) -> None:
    journal = Journal(database, ledger, None)
    busy = True

    async def act() -> dict[str, Any]:
        if busy:
            raise PlatformError("PR403", "it", value="is locked")
        return {}

    async def step() -> Any:
        return await journal.step(key="k", actor="ada", verb="test", subject="x", detail={}, act=act)

    with pytest.raises(PlatformError):
        await step()
    assert [item.entry.phase for item in await ledger.all()] == [Phase.INTENT]
    busy = False
    assert (await step()).done
    assert [item.entry.phase for item in await ledger.all()] == [Phase.INTENT, Phase.OUTCOME]


async def test_what_will_not_go_away_and_what_is_refused_are_outcomes(ledger: Ledger, database: Database) -> None:
    journal = Journal(database, ledger, None)

    async def act() -> dict[str, Any]:
        raise PlatformError("PR405", "it", value="is broken")

    async def no(_: object) -> Verdict:
        return Refused("not now")

    failed = await journal.step(key="a", actor="ada", verb="t", subject="x", detail={}, act=act)
    refused = await journal.step(key="b", actor="ada", verb="t", subject="x", detail={}, act=act, judge=no)
    assert (failed.done, "is broken" in failed.why) == (False, True)
    assert (refused.done, refused.why) == (False, "not now")
    assert [item.entry.key for item in await ledger.all()] == ["a", "a", "b"]
