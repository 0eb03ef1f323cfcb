"""Checkpoints outside of the database: forged ones are told, and kept ones show what a log or a copy of it hides."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.ledgers import NOW, as_owner, asking, kinds, told, told_of_copy, write
from typer.testing import CliRunner

from plantroom.entrypoints.cli.main import app
from plantroom.kernel.errors import LedgerError
from plantroom.ledger import policy
from plantroom.ledger.model import Entry
from plantroom.ledger.service import Ledger
from plantroom.runtime.database import Database
from plantroom.runtime.http import Client


@pytest.fixture
def ledger(database: Database, tmp_path: Path) -> Ledger:
    return Ledger(database, tmp_path / "ledger", "plantroom/test", lambda: NOW)


async def copied(ledger: Ledger) -> dict[str, Any]:
    async with asking(ledger) as client:
        copy: dict[str, Any] = (await client.get("/ledger/export")).json()
    return copy


# -- checkpoints that are none ----------------------------------------------------------------------------------------

STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))


@pytest.mark.parametrize(
    ("forged", "why"),
    [
        (b"", "is not in the tlog-checkpoint form"),
        (b"\xff\xfe\x00", "is not in the tlog-checkpoint form"),
        (b"plantroom/test\nthree\nAAAA\n\n\xe2\x80\x94 plantroom/test AAAA\n", "is not in the tlog-checkpoint form"),
        (b"plantroom/test\n-3\nAAAA\n\n\xe2\x80\x94 plantroom/test AAAA\n", "is not in the tlog-checkpoint form"),
        (policy.sign("plantroom/test", 3, bytes(32), STRANGER).note.encode(), "is signed by another key"),
        (None, "its signature does not verify"),
    ],
)
async def test_a_forged_checkpoint_is_a_finding_and_the_others_are_held(
    ledger: Ledger,
    database: Database,
    database_url: str,
    tmp_path: Path,
    forged: bytes | None,
    why: str,
) -> None:
    await write(ledger, database, 3)
    first = await ledger.checkpoint()
    await write(ledger, database, 2, start=3)
    await ledger.checkpoint()
    path = tmp_path / "ledger" / "checkpoints" / "000000000003.txt"
    path.write_bytes(forged if forged is not None else first.note.replace("\n3\n", "\n2\n").encode())
    assert await told(ledger) == [f"forged: 000000000003.txt: {why}"]
    as_owner(database_url, "DELETE FROM ledger_entry WHERE seq = 4")
    assert await kinds(ledger) == {"forged", "cut off"}
    copy = await copied(ledger)
    assert [one.split(": ", 2)[-1] for one in told_of_copy(copy)] == [
        one.split(": ", 2)[-1] for one in await told(ledger)
    ]


@pytest.mark.parametrize("spoil", [Path.mkdir, lambda path: path.symlink_to("nowhere")], ids=["directory", "link"])
async def test_a_checkpoint_that_cannot_be_read_is_a_finding_and_the_others_are_held(
    ledger: Ledger, database: Database, database_url: str, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    await write(ledger, database, 3)
    await ledger.checkpoint()
    await write(ledger, database, 2, start=3)
    await ledger.checkpoint()
    path = tmp_path / "ledger" / "checkpoints" / "000000000003.txt"
    path.unlink()
    spoil(path)
    (found,) = await told(ledger)
    assert re.fullmatch(r"forged: 000000000003\.txt: cannot be read \((is a directory|no such file .*)\)", found)
    assert len(told_of_copy(await copied(ledger))) == 1, "a copy misses it too"
    as_owner(database_url, "DELETE FROM ledger_entry WHERE seq = 4")
    assert await kinds(ledger) == {"forged", "cut off"}


async def test_a_checkpoint_with_other_ends_of_lines_is_not_the_one_that_was_signed(
    ledger: Ledger, database: Database, tmp_path: Path
) -> None:
    await write(ledger, database, 3)
    note = (await ledger.checkpoint()).note
    path = tmp_path / "ledger" / "checkpoints" / "000000000003.txt"
    path.write_bytes(note.replace("\n", "\r\n").encode())
    assert await told(ledger) == ["forged: 000000000003.txt: is not in the tlog-checkpoint form"]


async def test_without_the_key_no_checkpoint_counts(ledger: Ledger, database: Database, tmp_path: Path) -> None:
    await write(ledger, database, 3)
    assert (await ledger.verify()).intact
    await ledger.checkpoint()
    for spoil in (lambda path: path.write_bytes(b"short"), Path.unlink):
        spoil(tmp_path / "ledger" / "key.pub")
        assert await told(ledger) == ["forged: key.pub: is not a public key, so no checkpoint can be checked"]


async def test_a_file_among_the_checkpoints_with_another_name_stops_no_checkpoint(
    ledger: Ledger, database: Database, tmp_path: Path
) -> None:
    await write(ledger, database, 1000)
    (tmp_path / "ledger" / "checkpoints").mkdir(parents=True)
    (tmp_path / "ledger" / "checkpoints" / "a copy.txt").write_text("")
    await ledger.checkpoint_if_due()
    assert (tmp_path / "ledger" / "checkpoints" / "000000001000.txt").exists()


# -- copies, and checkpoints that were kept ---------------------------------------------------------------------------


def rewritten(copy: dict[str, Any], key: Ed25519PrivateKey) -> dict[str, Any]:
    """The work of somebody who has it all: an entry is another, all hashes fit, and checkpoints are signed anew."""
    entries = [Entry.from_data(line) for line in copy["entries"]]
    entries[1] = Entry.from_data(entries[1].as_data() | {"actor": "mallory"})
    sizes = [policy.read_note(note).size for note in copy["checkpoints"]]
    roots = {size: policy.root_of([one.leaf() for one in entries[:size]]) for size in sizes}
    return {
        "entries": [one.as_data() | {"leaf": one.leaf().hex()} for one in entries],
        "checkpoints": [policy.sign("plantroom/test", size, root, key).note for size, root in roots.items()],
        "public_key": key.public_key().public_bytes_raw().hex(),
    }


class Kept:
    """A copy of a ledger, one that was rewritten after it, and what was copied away before."""

    def __init__(self, directory: Path, copy: dict[str, Any]) -> None:
        self.copy, self.rewritten, self.key = directory / "copy.json", directory / "other.json", directory / "kept.pub"
        self.checkpoints = directory / "kept"
        self.checkpoints.mkdir()
        self.copy.write_text(json.dumps(copy))
        self.rewritten.write_text(json.dumps(rewritten(copy, STRANGER)))
        self.key.write_bytes(bytes.fromhex(copy["public_key"]))
        for place, note in enumerate(copy["checkpoints"]):
            (self.checkpoints / f"{place}.txt").write_text(note)


@pytest.fixture
async def kept(ledger: Ledger, database: Database, tmp_path: Path) -> Kept:
    for start in (0, 5):
        await write(ledger, database, 5, start)
        await ledger.checkpoint()
    return Kept(tmp_path, await copied(ledger))


def verified(*words: object) -> tuple[int, str]:
    said = CliRunner().invoke(app, ["ledger", "verify", *map(str, words)])
    if isinstance(said.exception, LedgerError):
        raise said.exception
    return said.exit_code, said.output


def test_a_copy_that_only_agrees_with_itself_says_whose_key_it_was(kept: Kept) -> None:
    code, said = verified("--file", kept.rewritten)
    print_of_key = hashlib.sha256(STRANGER.public_key().public_bytes_raw()).hexdigest()
    assert code == 0
    assert f"checked with key {print_of_key}, which came with the copy" in said
    found = json.loads(verified("--file", kept.rewritten, "--json")[1])
    assert (found["key"], found["key_from"]) == (print_of_key, "copy")


@pytest.mark.parametrize("in_hexadecimal", [False, True])
def test_a_copy_signed_by_another_key_than_the_trusted_one_is_not_intact(kept: Kept, in_hexadecimal: bool) -> None:
    trusted = kept.key.read_bytes().hex() if in_hexadecimal else kept.key
    code, said = verified("--file", kept.copy, "--public-key", trusted)
    assert (code, "the one that you named" in said) == (0, True)
    code, said = verified("--file", kept.rewritten, "--public-key", trusted)
    assert (code, said.count("forged: checkpoint"), said.count("is signed by another key")) == (2, 2, 2)


def test_a_copy_without_the_kept_checkpoints_is_forked_or_cut_off(kept: Kept) -> None:
    assert verified("--file", kept.copy, "--checkpoints", kept.checkpoints)[0] == 0
    code, said = verified("--file", kept.rewritten, "--checkpoints", kept.checkpoints)
    assert code == 2
    assert "forked: the first 5 entries have another root than was signed then" in said
    assert f"forged: {kept.checkpoints / '0.txt'}: is signed by another key" in said
    copy = json.loads(kept.copy.read_text())
    short = {"entries": copy["entries"][:5], "checkpoints": copy["checkpoints"][:1], "public_key": copy["public_key"]}
    kept.copy.write_text(json.dumps(short))
    assert verified("--file", kept.copy)[0] == 0
    code, said = verified("--file", kept.copy, "--checkpoints", kept.checkpoints)
    assert (code, "cut off: a checkpoint vouches for 10 entries, the log has 5" in said) == (2, True)


def test_a_running_log_is_held_against_what_was_kept(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    for file, code in ((kept.copy, 0), (kept.rewritten, 2)):
        answers = {"/ledger/export": json.loads(file.read_text())}
        monkeypatch.setattr(Client, "get", lambda _, path, answers=answers: answers[path])
        ended, said = verified("--checkpoints", kept.checkpoints)
        assert (ended, "forked" in said, "the one of this home" in said) == (code, code == 2, True)


def test_what_cannot_be_held_against_anything_is_an_error(kept: Kept, tmp_path: Path) -> None:
    for words, code in (
        (("--checkpoints", tmp_path / "nowhere"), "PR507"),
        (("--public-key", "no key"), "PR508"),
        (("--public-key", "abcd"), "PR508"),
    ):
        with pytest.raises(LedgerError, match=code):
            verified("--file", kept.copy, *words)


WHOLE = {"entries": [], "checkpoints": [], "public_key": "00"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[]", "is JSON, but not an object"),
        ("null", "is JSON, but not an object"),
        ("{}", "has no entries and no checkpoints and no public_key"),
        (json.dumps({"entries": [], "checkpoints": []}), "has no public_key"),
        (json.dumps(WHOLE | {"entries": {"seq": 1}}), "has entries that are not a list"),
        (json.dumps(WHOLE | {"checkpoints": None}), "has checkpoints that are not a list"),
        (json.dumps(WHOLE | {"entries": [{}, [["seq", 1]]]}), "has entries of which number 2 is not an object"),
        (json.dumps(WHOLE | {"checkpoints": [5]}), "has checkpoints of which number 1 is not text"),
        (json.dumps(WHOLE | {"public_key": None}), "has a public_key that is not in hexadecimal"),
        (json.dumps(WHOLE | {"public_key": "0"}), "has a public_key that is not in hexadecimal"),
        (json.dumps(WHOLE)[:-1] + ', "entries": []}', "says entries twice"),
        ('{"entries":\n}', "is not JSON from line 2, column 1 on"),
        ("", "is not JSON from line 1, column 1 on"),
        ("[" * 100_000, "is not JSON in UTF-8"),
        (b"\xff", "is not JSON in UTF-8"),
        (None, "cannot be read: no such file or directory"),
    ],
)
def test_a_file_of_another_shape_is_told_in_words(tmp_path: Path, text: str | bytes | None, value: str) -> None:
    file = tmp_path / "copy.json"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(LedgerError) as told:
        verified("--file", file)
    assert told.value.as_data() == {
        "code": "PR504",
        "subject": str(file),
        "value": value,
        "limit": "a copy of a ledger is a JSON object with entries, checkpoints, public_key",
        "remedy": "Make one with `plantroom ledger export`",
    }


@pytest.mark.parametrize("line", [7, "a line", {"seq": "x", "payload": {"a": 1.5}, "leaf": 5}, {}])
def test_a_line_of_a_copy_that_is_no_entry(kept: Kept, line: object) -> None:
    copy = json.loads(kept.copy.read_text())
    copy["entries"][3] = line
    kept.copy.write_text(json.dumps(copy))
    if not isinstance(line, dict):
        with pytest.raises(LedgerError, match="PR504"):
            verified("--file", kept.copy)
        return
    code, said = verified("--file", kept.copy)
    assert code == 2
    assert "altered: entry without a number cannot be read (it has no number)" in said
    assert "deleted: entry 3 is missing" in said


def test_a_copy_carries_nothing_that_no_hash_vouches_for(kept: Kept) -> None:
    copy = json.loads(kept.copy.read_text())
    copy["entries"][2]["extra"] = "all is well"
    kept.copy.write_text(json.dumps(copy))
    with pytest.raises(LedgerError, match=r"PR504 .*has an entry, number 3, with extra, for which no hash vouches"):
        verified("--file", kept.copy)
