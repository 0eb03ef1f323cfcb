"""Whatever the owner of the database writes into the ledger is found and told, and nothing is done on its word."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from tests.ledgers import NOW, as_owner, asking, kinds, told, told_of_copy, write

from plantroom.kernel.errors import LedgerError
from plantroom.ledger import policy
from plantroom.ledger.model import Entry, Phase
from plantroom.ledger.service import Journal, Ledger
from plantroom.runtime.database import Database, migrate


@pytest.fixture
def ledger(database: Database, tmp_path: Path) -> Ledger:
    return Ledger(database, tmp_path / "ledger", "plantroom/test", lambda: NOW)


@pytest.fixture
async def routes(ledger: Ledger) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(ledger) as client:
        yield client


# -- entries that are others, elsewhere, or gone ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE ledger_entry SET payload = '{\"number\":99}' WHERE seq = 2", "altered"),
        ("UPDATE ledger_entry SET actor = 'mallory' WHERE seq = 0", "altered"),
        ("DELETE FROM ledger_entry WHERE seq = 2", "deleted"),
        ("DELETE FROM ledger_entry WHERE seq >= 3", "cut off"),
        (
            "UPDATE ledger_entry SET seq = CASE seq WHEN 1 THEN 102 ELSE 101 END WHERE seq IN (1, 2);"
            "UPDATE ledger_entry SET seq = seq - 100 WHERE seq > 100",
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


async def test_one_deleted_entry_is_one_finding_and_hides_no_other(
    ledger: Ledger, database: Database, database_url: str
) -> None:
    await write(ledger, database, 60)
    await ledger.checkpoint()
    as_owner(database_url, "DELETE FROM ledger_entry WHERE seq = 20 OR seq BETWEEN 30 AND 32")
    as_owner(database_url, "UPDATE ledger_entry SET actor = 'mallory' WHERE seq = 50")
    assert await told(ledger) == [
        "deleted: entry 20 is missing; 36 later entries have moved up",
        "deleted: entries 30 to 32 are missing; 27 later entries have moved up",
        "altered: entry 50 (test on thing/50) does not have the hash that was stored with it",
        "cut off: a checkpoint vouches for 60 entries, the log has 56",
    ]


async def test_an_entry_far_away_is_a_gap_like_any_other(ledger: Ledger, database: Database, database_url: str) -> None:
    await write(ledger, database, 3)
    as_owner(database_url, "UPDATE ledger_entry SET seq = 4611686018427387904 WHERE seq = 2")
    assert "deleted: entries 2 to 4611686018427387903 are missing; 1 later entries have moved up" in await told(ledger)


async def test_entries_that_are_there_twice_or_late_are_told(ledger: Ledger, database: Database) -> None:
    await write(ledger, database, 5)
    first, *others = await ledger.all()
    twice = policy.verify([first, first, first, *others], [])
    late = policy.verify([*others, first], [])
    moved = policy.verify([first, *reversed(others)], [])
    assert [one.detail for one in twice.findings] == ["entry 0 is there more than once, as 1 more"]
    assert [(one.kind, one.detail) for one in late.findings] == [("reordered", "at place 4 stands entry 0")]
    assert [one.detail for one in moved.findings] == ["at place 2 stands entry 3, as 2 more"]


# -- entries that are none --------------------------------------------------------------------------------------------

GARBAGE = {
    "half": "{",
    "nothing": "",
    "no object": "[1]",
    "half a character": '{"a":"\\ud800"}',
    "an abyss": "[" * 100_000,
    "a well": '{"a":' * 300 + "1" + "}" * 300,
    "no number": '{"a":NaN}',
    "a fraction": '{"a":1.5}',
    "a long number": f'{{"a":{"9" * 5000}}}',
    "white space": '{"number":7} ',
    "another order": '{"number":7,"a":1}',
    "twice": '{"number":7,"number":7}',
}


@pytest.mark.parametrize("payload", GARBAGE.values(), ids=GARBAGE)
async def test_what_cannot_be_read_is_a_finding_beside_the_others(
    ledger: Ledger, database: Database, database_url: str, routes: httpx.AsyncClient, payload: str
) -> None:
    await write(ledger, database, 10)
    await ledger.checkpoint()
    as_owner(database_url, "UPDATE ledger_entry SET payload = %s WHERE seq = 7", payload)
    # The rest is what was signed, so it can still be proven.
    assert (await ledger.prove(3))["entry"]["seq"] == 3
    as_owner(database_url, "DELETE FROM ledger_entry WHERE seq = 9")
    as_owner(database_url, "UPDATE ledger_entry SET verb = 'x' WHERE seq = 4")
    found = await told(ledger)
    assert [one.split(" (")[0] for one in found] == [
        "altered: entry 4",
        "altered: entry 7 cannot be read",
        "cut off: a checkpoint vouches for 10 entries, the log has 9",
    ]
    answers = {path: await routes.get(f"/ledger/{path}") for path in ("verify", "entries", "export")}
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert len(answers["verify"].json()["findings"]) == 3
    (shown,) = [one for one in answers["entries"].json() if "unreadable" in one]
    assert (shown["seq"], shown["payload"]) == (7, payload)
    assert shown["unreadable"].startswith("cannot be read (")
    assert told_of_copy(answers["export"].json()) == found
    for asked in (ledger.checkpoint(), ledger.prove(7)):
        with pytest.raises(LedgerError, match="PR506"):
            await asked


async def test_an_entry_that_was_written_over_is_not_proven(
    ledger: Ledger, database: Database, database_url: str
) -> None:
    await write(ledger, database, 3)
    await ledger.checkpoint()
    as_owner(database_url, "UPDATE ledger_entry SET payload = '{' WHERE seq = 1")
    with pytest.raises(LedgerError, match="PR506 entry 1: cannot be read"):
        await ledger.prove(1)
    as_owner(database_url, "UPDATE ledger_entry SET payload = '{}' WHERE seq = 1")
    with pytest.raises(LedgerError, match="PR506 entry 1: does not have the hash"):
        await ledger.prove(1)


async def test_a_log_that_is_not_the_signed_one_proves_nothing(
    ledger: Ledger, database: Database, database_url: str
) -> None:
    await write(ledger, database, 3)
    await ledger.checkpoint()
    forged = Entry.from_data((await ledger.all())[1].entry.as_data() | {"actor": "mallory"})
    as_owner(database_url, "UPDATE ledger_entry SET actor = 'mallory', leaf = %s WHERE seq = 1", forged.leaf())
    with pytest.raises(LedgerError, match="PR506 the ledger: is not the one that was signed at 3 entries"):
        await ledger.prove(1)
    as_owner(database_url, "DELETE FROM ledger_entry WHERE seq = 2")
    with pytest.raises(LedgerError, match="PR506 the ledger"):
        await ledger.prove(2)


@pytest.mark.parametrize(
    ("statements", "finding"),
    [
        (
            "ALTER TABLE ledger_entry DROP CONSTRAINT ledger_entry_phase_check;"
            "UPDATE ledger_entry SET phase = 'finished' WHERE seq = 2",
            "altered: entry 2 cannot be read ('finished' is not a valid Phase)",
        ),
        (
            "ALTER TABLE ledger_entry ALTER actor DROP NOT NULL; UPDATE ledger_entry SET actor = NULL WHERE seq = 2",
            "altered: entry 2 cannot be read (its actor is not text)",
        ),
        (
            "ALTER TABLE ledger_entry ALTER verb TYPE bigint USING seq",
            "altered: entry 2 cannot be read (its verb is not text)",
        ),
        (
            "ALTER TABLE ledger_entry ALTER leaf TYPE text",
            "altered: entry 2 (test on thing/2) does not have the hash that was stored with it",
        ),
        (
            "ALTER TABLE ledger_entry DROP CONSTRAINT ledger_entry_pkey;"
            "ALTER TABLE ledger_entry ALTER seq DROP NOT NULL; UPDATE ledger_entry SET seq = NULL WHERE seq = 2",
            "altered: entry without a number cannot be read (it has no number)",
        ),
    ],
)
async def test_values_of_another_kind_are_findings(
    ledger: Ledger,
    database: Database,
    database_url: str,
    routes: httpx.AsyncClient,
    statements: str,
    finding: str,
) -> None:
    await write(ledger, database, 3)
    await ledger.checkpoint()
    as_owner(database_url, statements)
    found = await told(ledger)
    assert finding in found
    assert (await routes.get("/ledger/entries")).status_code == 200
    assert told_of_copy((await routes.get("/ledger/export")).json()) == found


HELD = "CREATE SCHEMA held; ALTER TABLE ledger_entry SET SCHEMA held;"


@pytest.mark.parametrize(
    ("statements", "why"),
    [
        ("ALTER TABLE ledger_entry RENAME TO elsewhere", 'relation "ledger_entry" does not exist'),
        ("ALTER TABLE ledger_entry RENAME actor TO who", 'column "actor" does not exist'),
        (
            f"{HELD} CREATE VIEW ledger_entry AS SELECT * FROM held.ledger_entry",
            "permission denied for view ledger_entry",
        ),
        (
            f"{HELD} CREATE VIEW ledger_entry AS SELECT seq, at, actor, verb, subject, phase, key, payload,"
            " leaf || (1 / (seq - seq))::text::bytea AS leaf FROM held.ledger_entry;"
            " GRANT SELECT ON ledger_entry TO plantroom_runtime; GRANT USAGE ON SCHEMA held TO plantroom_runtime",
            "division by zero",
        ),
    ],
    ids=["no table", "no column", "a view out of reach", "a view that fails"],
)
async def test_a_table_that_cannot_be_read_is_a_finding_and_no_answer_without_json(
    ledger: Ledger, database: Database, database_url: str, routes: httpx.AsyncClient, statements: str, why: str
) -> None:
    await write(ledger, database, 3)
    await ledger.checkpoint()
    as_owner(database_url, statements)
    answer = (await routes.get("/ledger/verify")).json()
    (found,) = answer["findings"]
    assert (answer["intact"], found["kind"]) == (False, "altered")
    assert found["detail"].startswith(f"the table of entries cannot be read ({why}")
    for asked in (ledger.latest(5), ledger.prove(1), ledger.checkpoint()):
        with pytest.raises(LedgerError, match="PR506 the ledger: the table of entries cannot be read"):
            await asked


# -- numbers that are never given -------------------------------------------------------------------------------------

INSERT = "INSERT INTO ledger_entry VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
UNCHECKED = "ALTER TABLE ledger_entry DROP CONSTRAINT ledger_entry_seq_check"


def forged_outcome(seq: int, payload: dict[str, Any]) -> list[Any]:
    """The row of a step's outcome, with the hash that it should have."""
    entry = Entry(seq, "2026-11-21T19:00:00.000000Z", "ada", "test", "thing/1", Phase.OUTCOME, "k", payload)
    columns = entry.as_data() | {"payload": json.dumps(payload, sort_keys=True, separators=(",", ":"))}
    return [*columns.values(), entry.leaf()]


DONE = {"data": {}, "done": True, "why": ""}


async def test_an_entry_below_the_first_is_refused_and_found_where_it_was_let_in(
    ledger: Ledger, database: Database, database_url: str, routes: httpx.AsyncClient
) -> None:
    await write(ledger, database, 3)
    await ledger.checkpoint()
    with pytest.raises(psycopg.errors.CheckViolation):
        as_owner(database_url, INSERT, *forged_outcome(-5, DONE))
    as_owner(database_url, UNCHECKED)
    as_owner(database_url, INSERT, *forged_outcome(-5, DONE))
    assert await told(ledger) == ["inserted: entry -5 has a number that is never given"]
    copy = (await routes.get("/ledger/export")).json()
    assert [line["seq"] for line in copy["entries"]] == [-5, 0, 1, 2]
    assert told_of_copy(copy) == await told(ledger)
    assert (await ledger.prove(1))["entry"]["seq"] == 1
    with pytest.raises(LedgerError, match="PR506 the ledger: entry -5 has a number that is never given"):
        await ledger.checkpoint()


@pytest.mark.parametrize(
    ("seq", "payload", "statement"),
    [
        (-1, DONE, ""),
        (0, DONE, "UPDATE ledger_entry SET actor = 'grace'"),
        (0, DONE, "UPDATE ledger_entry SET payload = '{'"),
        (0, {"done": "yes"}, ""),
    ],
)
async def test_a_step_is_neither_done_nor_passed_over_on_the_word_of_a_forged_outcome(
    ledger: Ledger, database: Database, database_url: str, seq: int, payload: dict[str, Any], statement: str
) -> None:
    as_owner(database_url, UNCHECKED)
    as_owner(database_url, INSERT, *forged_outcome(seq, payload))
    if statement:
        as_owner(database_url, statement)
    journal = Journal(database, ledger, None)
    acted: list[int] = []

    async def act() -> dict[str, Any]:
        acted.append(1)
        return {}

    with pytest.raises(LedgerError, match=f"PR506 entry {seq}"):
        await journal.step(key="k", actor="ada", verb="test", subject="thing/1", detail={}, act=act)
    with pytest.raises(LedgerError, match=f"PR506 entry {seq}"):
        await journal.outcome("k")
    assert acted == []


async def test_an_outcome_that_was_recorded_is_believed(ledger: Ledger, database: Database) -> None:
    journal = Journal(database, ledger, None)

    async def act() -> dict[str, Any]:
        return {"port": 80}

    done = await journal.step(key="k", actor="ada", verb="test", subject="x", detail={}, act=act)
    assert await journal.outcome("k") == done


def test_the_check_of_numbers_is_not_put_over_one_that_it_forbids(database_url: str) -> None:
    as_owner(database_url, UNCHECKED)
    as_owner(database_url, INSERT, *forged_outcome(-1, DONE))
    later = "calendars, calendar_override, schema_approval, schema_target"
    later += ", schema_run, schema_repair, schema_accepted, schema_look"
    as_owner(database_url, "ALTER TABLE environment DROP COLUMN management; ALTER TABLE change DROP COLUMN returns")
    as_owner(database_url, f"DROP TABLE {later}; UPDATE alembic_version SET version_num = '0002'")
    with pytest.raises(LedgerError, match="PR506 the ledger: 1 entries have a number below 0"):
        migrate(database_url)
    as_owner(database_url, "DELETE FROM ledger_entry")
    migrate(database_url)
    with pytest.raises(psycopg.errors.CheckViolation):
        as_owner(database_url, INSERT, *forged_outcome(-1, DONE))
