"""What the system refuses a command, or a setting names that is not there: told in words, with a code."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.unit.conftest import PLANTROOM, Run, answering

from plantroom.kernel.errors import EngineError
from plantroom.runtime import postgres
from plantroom.runtime.database import Database, migrate
from plantroom.runtime.postgres import Cluster

FULL = Path("/dev/full")
APP = Path(__file__).parents[1] / "apps" / "tiny"
PLAN = {"digest": "sha256:abc", "refusals": [], "changes": []}
LOG = {"entries": [], "checkpoints": [], "public_key": ""}
ANSWERS = {"/plan": PLAN, "/ledger/entries?limit=50": [], "/ledger/export": LOG}
NO_ROOM = "no space left on device"


def sent_to_a_full_disk(home: Path, *words: str) -> tuple[int, str]:
    with FULL.open("w") as output:
        done = subprocess.run(
            [str(PLANTROOM), "--home", str(home), *words],
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "line", ["plan", "plan --json", "ledger list", "estate schema", "doctor --json", "--version", "plan --help"]
)
def test_output_that_goes_nowhere_is_an_error(home: Path, line: str) -> None:
    with answering(home, ANSWERS):
        told = sent_to_a_full_disk(home, *line.split())
    assert told == (1, f"error PR816 the output: {NO_ROOM}. Send it to a place that takes it\n")


def test_an_error_that_cannot_be_told_as_json_is_told_in_words(home: Path) -> None:
    code, told = sent_to_a_full_disk(home, "plan", "--json")
    assert code == 1
    assert told.startswith("error PR801 Plantroom: ")
    assert told.count("\n") == 1


def test_a_reader_that_has_read_enough_is_no_error(home: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "w") as output:
        done = subprocess.run(
            [str(PLANTROOM), "estate", "schema"], stdout=output, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (1, "")


def test_a_copy_that_has_no_room_names_its_file(home: Path, run: Run) -> None:
    with answering(home, ANSWERS):
        told = run("ledger", "export", str(FULL))
    assert (told.code, told.out) == (1, "")
    assert told.err == f"error PR816 {FULL}: {NO_ROOM}. Name a place that you may use\n"


def with_no_room(home: Path, *words: str) -> tuple[int, str, str]:
    """A limit on files stands for a full disk: both refuse what is open already, and then the system names no file."""
    done = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -f 1; exec "$@"', "sh", str(PLANTROOM), "--home", str(home), *words],
        env={**os.environ, "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def test_an_artefact_that_has_no_room_is_an_error(home: Path) -> None:
    told = "error PR816 a file: file too large. Make room where --home is, and where TMPDIR is\n"
    assert with_no_room(home, "artefact", "build", str(APP)) == (1, "", told)


def test_an_estate_that_has_no_room_is_not_begun(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "estate" / "estate.yaml"
    told = f"error PR816 {file}: file too large. Name a place that you may use\n"
    assert with_no_room(home, "init", str(file.parent)) == (1, "", told)
    assert list(file.parent.iterdir()) == []


def test_a_copy_that_has_no_room_leaves_the_one_that_is_there(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "copy.json"
    file.write_text("the last one")
    with answering(home, {"/ledger/export": LOG | {"checkpoints": ["x" * 4096]}}):
        assert with_no_room(home, "ledger", "export", str(file))[0] == 1
    assert [(one, one.read_text()) for one in tmp_path.glob("*copy*")] == [(file, "the last one")]


# -- settings ---------------------------------------------------------------------------------------------------------

NOBODY = "account nobodyx is not on this machine"


@pytest.fixture
def as_nobodyx(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests, PostgreSQL would run as an account that there is not."""
    monkeypatch.setattr(postgres, "account", lambda: "nobodyx")


@pytest.mark.usefixtures("as_nobodyx")
def test_an_account_that_is_not_there_is_told_before_a_cluster_is_made(home: Path) -> None:
    with pytest.raises(EngineError, match="PR811 account nobodyx: is not on this machine") as told:
        Cluster(home / "postgres", home, "nobodys").start()
    assert "PLANTROOM_POSTGRES_USER" in told.value.remedy


@pytest.mark.usefixtures("as_nobodyx")
def test_doctor_finds_an_account_that_is_not_there(run: Run) -> None:
    told = run("doctor")
    assert told.code == 2
    assert f"missing place for PostgreSQL: {NOBODY}\n        Name one that is, with PLANTROOM_POSTGRES_USER" in told.out


@pytest.mark.parametrize("url", ["foo", "postgresql://ada:geheim@127.0.0.1:port/x"])
def test_a_url_that_is_none_is_a_setting_that_cannot_be_meant(url: str) -> None:
    for use in (migrate, Database):
        with pytest.raises(EngineError, match="PR804 PLANTROOM_DATABASE_URL: is not a URL") as told:
            use(url)
        assert "geheim" not in str(told.value)
