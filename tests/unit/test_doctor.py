"""What `plantroom doctor` tries, and that it says beforehand what `up` would stumble over."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from tests.unit.conftest import Run

from plantroom.kernel.errors import EngineError
from plantroom.runtime import postgres
from plantroom.runtime.engines import free_ports
from plantroom.runtime.postgres import Cluster, out_of_reach

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="PostgreSQL runs as another account only when root starts it")
REACH = "cannot be reached by the account nobody, as which PostgreSQL runs"
REMEDY = "Use a --home outside of /root"


@pytest.fixture
def as_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests, PostgreSQL would run as `nobody`."""
    monkeypatch.setattr(postgres, "account", lambda: "nobody")


@pytest.fixture
def closed(home: Path) -> Path:
    """A directory into which nobody but its owner may go."""
    home.chmod(0o755)
    made = home / "closed"
    made.mkdir(mode=0o700)
    return made


def examined(run: Run, *words: str) -> dict[str, dict[str, Any]]:
    told = run(*words, "doctor", "--json")
    found = {one["what"]: one for one in json.loads(told.out)}
    assert told.code == (0 if all(one["good"] for one in found.values()) else 2)
    return found


# -- where PostgreSQL's account must be able to go ---------------------------------------------------------------------


@pytest.mark.usefixtures("as_nobody")
def test_out_of_reach_is_what_lies_below_a_closed_directory(home: Path, closed: Path) -> None:
    (home / "open").mkdir(mode=0o711)
    (closed / "open").mkdir(mode=0o755)
    assert out_of_reach(home / "open") is None
    for directory in (closed, closed / "open"):
        wrong = out_of_reach(directory)
        assert wrong is not None
        assert (wrong.code, wrong.subject, wrong.value, wrong.remedy) == ("PR813", str(directory), REACH, REMEDY)


def test_nothing_is_out_of_reach_of_whoever_runs_postgresql_himself(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "account", lambda: None)
    assert out_of_reach(closed) is None


@AS_ROOT
def test_a_cluster_out_of_reach_is_refused_before_anything_is_made_of_it(home: Path, closed: Path) -> None:
    cluster = Cluster(closed / "postgres", home, "unreached")
    with pytest.raises(EngineError) as told:
        cluster.start()
    assert told.value.as_data() == {
        "code": "PR813",
        "subject": str(closed / "postgres"),
        "value": REACH,
        "limit": "",
        "remedy": REMEDY,
    }
    assert list((closed / "postgres").iterdir()) == [], "neither data nor a log"
    assert [one.name for one in closed.iterdir()] == ["postgres"], "nor the programs"


@pytest.mark.usefixtures("as_nobody")
def test_the_place_of_a_home_that_is_not_there_yet_is_tried_and_nothing_is_made(run: Run, closed: Path) -> None:
    wanted = closed / "below" / "home"
    found = examined(run, "--home", str(wanted))
    assert found["place for PostgreSQL"] == {
        "what": "place for PostgreSQL",
        "good": False,
        "seen": f"{wanted} {REACH}",
        "remedy": REMEDY,
    }
    assert found["state directory"]["good"] is os.access(closed, os.W_OK)
    assert list(closed.iterdir()) == []


@pytest.mark.usefixtures("as_nobody")
def test_a_place_in_reach_is_no_finding_and_one_s_own_postgresql_needs_none(
    run: Run, home: Path, closed: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "place for PostgreSQL" not in examined(run, "--home", str(home / "new"))
    monkeypatch.setenv("PLANTROOM_DATABASE_URL", database_url)
    assert "place for PostgreSQL" not in examined(run, "--home", str(closed / "new"))


# -- engines of one's own ----------------------------------------------------------------------------------------------


def test_one_s_own_postgresql_is_asked(run: Run, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTROOM_DATABASE_URL", database_url)
    found = examined(run)["PostgreSQL"]
    assert (found["good"], found["seen"]) == (True, "your own, by PLANTROOM_DATABASE_URL")
    assert database_url not in json.dumps(found), "it may have a password in it"


@pytest.mark.parametrize("url", ["postgresql://ada:geheim@127.0.0.1:{port}/plantroom", "no url"])
def test_one_s_own_postgresql_that_does_not_answer_is_missing(
    run: Run, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTROOM_DATABASE_URL", url.format(port=free_ports(1)[0]))
    found = examined(run)["PostgreSQL"]
    assert (found["good"], found["remedy"]) == (False, "Start it, or correct PLANTROOM_DATABASE_URL")
    assert found["seen"].startswith("your own, which does not answer: ")
    assert "geheim" not in json.dumps(found)
    assert "\n" not in found["seen"]


def test_one_s_own_temporal_is_called(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as temporal:
        temporal.bind(("127.0.0.1", 0))
        temporal.listen()
        temporal.settimeout(10)
        address = f"127.0.0.1:{temporal.getsockname()[1]}"
        monkeypatch.setenv("PLANTROOM_TEMPORAL_ADDRESS", address)
        found = examined(run)["Temporal"]
        temporal.accept()[0].close()
    assert (found["good"], found["seen"]) == (True, f"your own, at {address}")


@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "127.0.0.1", "127.0.0.1:temporal"])
def test_one_s_own_temporal_that_does_not_answer_is_missing(
    run: Run, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = address.format(port=free_ports(1)[0])
    monkeypatch.setenv("PLANTROOM_TEMPORAL_ADDRESS", named)
    found = examined(run)["Temporal"]
    assert (found["good"], found["remedy"]) == (False, "Start it, or correct PLANTROOM_TEMPORAL_ADDRESS")
    assert found["seen"].startswith(f"your own, at {named}, which does not answer: ")
