"""The ledger on a real PostgreSQL: what is appended and proven, by code not of Plantroom, and steps are done once."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from tests.ledgers import NOW, write

from plantroom.kernel.errors import LedgerError, PlatformError
from plantroom.kernel.verdict import Refused, Verdict
from plantroom.ledger import policy
from plantroom.ledger.model import Draft, Entry, Phase
from plantroom.ledger.service import Journal, Ledger
from plantroom.runtime.database import Database


@pytest.fixture
def ledger(database: Database, tmp_path: Path) -> Ledger:
    return Ledger(database, tmp_path / "ledger", "plantroom/test", lambda: NOW)


async def test_an_untouched_ledger_is_intact_and_says_what_lies_behind_the_checkpoint(
    ledger: Ledger, database: Database
) -> None:
    await write(ledger, database, 5)
    await ledger.checkpoint()
    await write(ledger, database, 2, start=5)
    found = await ledger.verify()
    assert found.intact
    assert (found.entries, found.covered, found.after) == (7, 5, 2)


async def test_the_runtime_role_cannot_alter_or_delete(ledger: Ledger, database: Database) -> None:
    await write(ledger, database, 1)
    for statement in ("UPDATE ledger_entry SET actor = 'x'", "DELETE FROM ledger_entry", "TRUNCATE ledger_entry"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with database.transaction() as connection:
                await connection.exec_driver_sql(statement)


# -- proofs -----------------------------------------------------------------------------------------------------------

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "ledger.md"


class Verifier:
    """Somebody with the lines of the ledger's page, which know nothing of Plantroom, and two files that they trust."""

    def __init__(self, directory: Path) -> None:
        (lines,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
        assert "plantroom" not in lines
        self._lines = compile(lines, str(PAGE), "exec")
        self._files = [directory / name for name in ("proof.json", "trusted.txt", "trusted.pub")]

    def trust(self, note: str, key: bytes) -> None:
        self._files[1].write_text(note)
        self._files[2].write_bytes(key)

    def says(self, proof: dict[str, Any]) -> str:
        self._files[0].write_text(json.dumps(proof))
        said = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
            patch.setattr(sys, "argv", ["check.py", *map(str, self._files)])
            exec(self._lines, {})
        return said.getvalue().strip()


@pytest.fixture
def verifier(tmp_path: Path) -> Verifier:
    return Verifier(tmp_path)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13])
async def test_an_inclusion_proof_holds_by_an_independent_check(
    ledger: Ledger, database: Database, verifier: Verifier, size: int
) -> None:
    await write(ledger, database, size)
    verifier.trust((await ledger.checkpoint()).note, bytes.fromhex(ledger.public_key()))
    for seq in range(size):
        proof = await ledger.prove(seq)
        assert verifier.says(proof) == "proven"
        for wrong in (
            {"entry": proof["entry"] | {"actor": "mallory"}},
            {"entry": proof["entry"] | {"seq": seq + size}},
            {"proof": [*proof["proof"], "00" * 32]},
            {"proof": proof["proof"][:-1]} if size > 1 else {"proof": ["00" * 32]},
        ):
            assert verifier.says(proof | wrong) == "NOT proven"


def invented(key: Ed25519PrivateKey) -> dict[str, Any]:
    """An entry that was never written, alone in a tree of its own, with a checkpoint over it and a key that fit."""
    entry = Entry(0, "2026-11-21T19:00:00.000000Z", "mallory", "test", "thing/0", Phase.NOTE, "key-0", {})
    note = policy.sign("plantroom/test", 1, entry.leaf(), key).note
    return {
        "entry": entry.as_data(),
        "leaf": entry.leaf().hex(),
        "proof": [],
        "checkpoint": note,
        "public_key": key.public_key().public_bytes_raw().hex(),
    }


async def test_an_invented_proof_proves_nothing(ledger: Ledger, database: Database, verifier: Verifier) -> None:
    await write(ledger, database, 1)
    trusted = (await ledger.checkpoint()).note
    forged = invented(Ed25519PrivateKey.generate())
    verifier.trust(trusted, bytes.fromhex(ledger.public_key()))
    assert verifier.says(forged) == "NOT proven"
    assert verifier.says(forged | {"checkpoint": trusted}) == "NOT proven"
    assert verifier.says(await ledger.prove(0)) == "proven"
    # Nor does a checkpoint that was slipped in among the trusted ones, as long as the key is the right one.
    verifier.trust(forged["checkpoint"], bytes.fromhex(ledger.public_key()))
    with pytest.raises(InvalidSignature):
        verifier.says(forged)


@pytest.mark.parametrize(("seq", "size", "says"), [(0, 1, "proven"), (0, 2, "NOT proven"), (5, 1, "NOT proven")])
def test_a_walk_that_does_not_fit_the_size_of_the_tree_proves_nothing(
    verifier: Verifier, seq: int, size: int, says: str
) -> None:
    """Whoever signed it: it has to end at the root, and begin inside of the tree."""
    key = Ed25519PrivateKey.generate()
    entry = Entry(seq, "2026-11-21T19:00:00.000000Z", "ada", "test", "thing/0", Phase.NOTE, "key-0", {})
    note = policy.sign("plantroom/test", size, entry.leaf(), key).note
    verifier.trust(note, key.public_key().public_bytes_raw())
    assert verifier.says({"entry": entry.as_data(), "proof": [], "checkpoint": note}) == says


async def test_a_proof_is_made_for_the_checkpoint_that_the_other_side_has(
    ledger: Ledger, database: Database, verifier: Verifier
) -> None:
    await write(ledger, database, 5)
    verifier.trust((await ledger.checkpoint()).note, bytes.fromhex(ledger.public_key()))
    await write(ledger, database, 4, start=5)
    await ledger.checkpoint()
    assert verifier.says(await ledger.prove(3)) == "NOT proven"
    assert verifier.says(await ledger.prove(3, size=5)) == "proven"
    for seq, size in ((3, 6), (5, 5)):
        with pytest.raises(LedgerError, match=f"PR503 entry {seq}: is not covered by a checkpoint at {size}"):
            await ledger.prove(seq, size)


async def test_an_entry_that_is_not_there_is_told_with_those_that_are(ledger: Ledger, database: Database) -> None:
    with pytest.raises(LedgerError, match=r"PR503 entry 0: is not there \(the ledger has 0 entries\)"):
        await ledger.prove(0)
    await write(ledger, database, 5)
    await ledger.checkpoint()
    for seq, size in ((5, None), (99, 5), (-1, None)):
        told = rf"PR503 entry {seq}: is not there \(the ledger has 5 entries\)\. Name an entry from 0 to 4;"
        with pytest.raises(LedgerError, match=told):
            await ledger.prove(seq, size)
    await write(ledger, database, 1, start=5)
    with pytest.raises(LedgerError, match=r"PR503 entry 5: is not covered .*plantroom ledger checkpoint"):
        await ledger.prove(5)


# -- appending and steps ----------------------------------------------------------------------------------------------


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
