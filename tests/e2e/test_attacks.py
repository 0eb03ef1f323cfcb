"""Who is not one of the people, and who speaks to an engine behind Plantroom's back: neither changes an environment."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from tests.house import House, tiny_estate

from plantroom.delivery.tenancy import steps as tenancy
from plantroom.delivery.trains import steps as trains
from plantroom.platforms.contract import DatabaseSpec
from plantroom.rollout import steps as rollout
from plantroom.rollout.model import Target
from plantroom.runtime.seal import converter
from plantroom.runtime.temporal import TASK_QUEUE

CLIENTS = {"alder": "pilot", "birch": "general"}
SOAK_S = 3
INVENTED = "0123456789abcdef-alder-production"
ANOTHER_USER = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another local user")
OTHERS = ("nobody", "daemon")


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    made = House()
    try:
        estate = tiny_estate(CLIENTS)
        estate["rings"] = [{"name": ring, "concurrency": 1, "soak": f"{SOAK_S}s"} for ring in ("pilot", "general")]
        made.declare(estate)
        made.build("1.0", "2.0", "3.0")
        made.up()
        made.apply()
        made.run("release", "start", "2.0", "--train", "two")
        yield made
    finally:
        made.end()


# -- another local user ---------------------------------------------------------------------------------------------

AS_ACCOUNT = """
import os, pwd, sys
import psycopg, socket
account = pwd.getpwnam(sys.argv[1])
os.setgroups([]); os.setgid(account.pw_gid); os.setuid(account.pw_uid)
kind, where, what = sys.argv[2:]
try:
    if kind == "socket":
        end = socket.socket(socket.AF_UNIX)
        end.settimeout(10)
        end.connect(where)
        end.sendall(what.encode())
        print(b"".join(iter(lambda: end.recv(65536), b"")).decode())
    else:
        psycopg.connect(where).execute(what)
        print("let in")
except Exception as error:
    print(type(error).__name__, error)
"""


def as_account(account: str, kind: str, where: object, what: str = "") -> str:
    """What another local user gets for an answer."""
    done = subprocess.run(
        [sys.executable, "-c", AS_ACCOUNT, account, kind, str(where), what],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


def request(method: str, path: str, body: str = "") -> str:
    head = f"{method} {path} HTTP/1.1\r\nHost: plantroom\r\nConnection: close\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}"


@ANOTHER_USER
@pytest.mark.parametrize("account", OTHERS)
def test_no_socket_lets_another_user_in(house: House, account: str) -> None:
    sockets = [path for path in house.settings().run.rglob("*") if stat.S_ISSOCK(path.stat().st_mode)]
    parts = {path.name.partition("-")[0].partition(".")[0] for path in sockets}
    assert parts == {"api", "haproxy", "s", ""}, sockets
    for path in sockets:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        if path.owner() != account:
            # As root, PostgreSQL runs as an account of the system's, which it lets in no further.
            assert as_account(account, "socket", path, request("GET", "/plan")).startswith("PermissionError"), path


@ANOTHER_USER
def test_no_lock_and_no_log_is_open_to_another_account(house: House) -> None:
    locks = [path for path in house.home.rglob("*.lock") if path.is_file()]
    assert len(locks) > 5
    assert [path for path in locks if path.stat().st_mode & 0o077] == []
    logs = [path for pattern in ("*.log", "*.out") for path in house.home.rglob(pattern) if "files" not in path.parts]
    assert {"postgres.log", "temporal.log", "worker.log", "api.log", "supervisord.out"} <= {path.name for path in logs}
    open_ = [path for path in logs if path.stat().st_mode & path.parent.stat().st_mode & 0o077]
    # The house's own, of the command in front.
    assert [path.name for path in open_] == ["up.log"]


@pytest.mark.parametrize("account", OTHERS)
def test_a_user_who_is_not_one_of_the_people_is_refused_though_the_socket_is_open(house: House, account: str) -> None:
    before = state(house)
    socket = house.settings().api_socket
    socket.chmod(0o666)
    try:
        for asked in (
            request("GET", "/environments"),
            request("POST", "/trains", '{"version": "3.0", "train": "forged"}'),
            request("POST", "/trains/two/abort"),
        ):
            answer = as_account(account, "socket", socket, asked)
            assert answer.startswith("HTTP/1.1 403"), answer
            assert "PR602" in answer
            assert f"local account {account}" in answer
        # The same request of one of the people is heard: it is the caller that was refused.
        assert '"actor":"tester"' in as_account("root", "socket", socket, request("GET", "/me"))
    finally:
        socket.chmod(0o600)
    assert state(house) == before


@ANOTHER_USER
@pytest.mark.parametrize("account", OTHERS)
def test_postgresql_takes_nobody_s_word_for_who_they_are(house: House, account: str) -> None:
    run = house.settings().run
    for cluster, database, role in (
        ("pg-control", "plantroom", "plantroom"),
        ("pg-control", "plantroom", "plantroom_runtime"),
        ("pg-control", "plantroom", account),
        ("pg-data", "alder_production", "alder_production"),
        ("pg-data", "alder_production", "plantroom"),
    ):
        url = f"postgresql:///{database}?host={run / cluster}&user={role}"
        answer = as_account(account, "database", url, "SELECT 1")
        # The account that PostgreSQL itself runs as comes as far as its question.
        said = "Peer authentication failed" if account == "nobody" else "Permission denied"
        assert said in answer, answer


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET actor = 'somebody'",
        "DELETE FROM ledger_entry",
        "TRUNCATE ledger_entry",
        "DROP TABLE ledger_entry",
        "DELETE FROM intent",
        "DELETE FROM change",
        "UPDATE estate_generation SET actor = 'somebody'",
        "ALTER TABLE ledger_entry DISABLE TRIGGER ALL",
    ],
)
def test_the_runtime_role_alters_no_ledger_and_deletes_no_intent(house: House, statement: str) -> None:
    before = house.rows("SELECT count(*) FROM ledger_entry")
    url = house.settings().database_url
    assert url is not None
    with (
        psycopg.connect(url, options="-c role=plantroom_runtime") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())
    assert house.rows("SELECT count(*) FROM ledger_entry") == before


def test_a_client_s_role_enters_no_other_client_s_database(house: House) -> None:
    own = house.platform().databases.variables(DatabaseSpec("data", "alder/production"))["DATABASE_URL"]
    with psycopg.connect(own) as connection:
        assert connection.execute("SELECT count(*) FROM notes").fetchone() == (0,)
    for database in ("birch_production", "postgres"):
        other = own.replace("/alder_production?", f"/{database}?")
        assert other != own
        if database == "postgres":
            with psycopg.connect(other) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE TABLE mine (id int)")
        else:
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(other)


# -- Temporal ---------------------------------------------------------------------------------------------------------


def state(house: House) -> dict[str, Any]:
    """All that must not change: what is on the platform, and what is on record but for notes of who looked."""

    async def seen() -> list[Any]:
        platform = house.platform()
        return [
            [(one.id, one.state, one.started, one.port) for one in await platform.workloads.observe()],
            list(await platform.traffic.observe()),
            list(await platform.databases.observe()),
            list(await platform.files.observe()),
            list(await platform.machines.observe()),
        ]

    found: dict[str, Any] = {"platform": asyncio.run(seen())}
    for table in ("intent", "change", "environment", "train", "train_target", "estate_generation", "drain_lease"):
        found[table] = sorted(map(repr, house.rows(f"SELECT * FROM {table}")))
    found["ledger"] = house.rows("SELECT seq, key, phase FROM ledger_entry ORDER BY seq")
    return found


def speak(house: House, words: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(words)


async def insider(house: House) -> Client:
    """The worst case: who can speak to Temporal, and has stolen the key that seals what Plantroom says there."""
    settings = house.settings()
    return await Client.connect(settings.temporal_address or "", data_converter=converter(settings.temporal_key))


async def stranger(house: House) -> Client:
    """Any user of this machine."""
    return await Client.connect(house.settings().temporal_address or "")


async def start(house: House, kind: str, given: Any, id: str, wait_s: float = 30) -> str:
    """Start a workflow as anybody on the machine can; how it ended."""
    client = await insider(house)
    handle = await client.start_workflow(kind, given, id=id, task_queue=TASK_QUEUE)
    try:
        async with asyncio.timeout(wait_s):
            await handle.result()
    except WorkflowFailureError as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        return f"failed: {cause}"
    return "ended"


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (trains.WORKFLOW, trains.TrainInput("invented")),
        (tenancy.APPLY_WORKFLOW, "sha256:" + "0" * 64),
        (rollout.WORKFLOW, INVENTED),
        (tenancy.GO_LIVE_WORKFLOW, tenancy.GoLiveInput(INVENTED, "2020-01-01T00:00:00+00:00")),
    ],
)
def test_a_workflow_of_an_invented_name_finds_nothing_to_act_on(house: House, kind: str, given: object) -> None:
    before = state(house)
    assert "was ever asked for" in speak(house, start(house, kind, given, f"forged-{kind}"))
    assert state(house) == before


def test_workflows_of_what_has_ended_change_nothing(house: House) -> None:
    before = state(house)
    [(digest,)] = house.rows("SELECT digest FROM intent WHERE kind = 'apply'")
    changes = [key for (key,) in house.rows("SELECT key FROM change ORDER BY key")]
    assert len(changes) == 4
    for ring in range(3):
        given = trains.TrainInput("two", ring)
        assert speak(house, start(house, trains.WORKFLOW, given, f"train-two-{ring}")) == "ended"
    assert speak(house, start(house, tenancy.APPLY_WORKFLOW, digest, "forged-apply")) == "ended"
    for key in changes:
        assert speak(house, start(house, rollout.WORKFLOW, key, key)) == "ended"
        given_day = tenancy.GoLiveInput(key, "2020-01-01T00:00:00+00:00")
        assert speak(house, start(house, tenancy.GO_LIVE_WORKFLOW, given_day, f"go-live-{key}")) == "ended"
    assert state(house) == before


async def words_of_a_stranger(house: House, change: str) -> str:
    """A workflow of Plantroom's and a step of Plantroom's, both with words that are not sealed; what the step said."""
    client = await stranger(house)
    forged = await client.start_workflow(trains.WORKFLOW, trains.TrainInput("two", 1), id="st", task_queue=TASK_QUEUE)
    async with Worker(client, task_queue="stranger", workflows=[Forged], workflow_runner=UnsandboxedWorkflowRunner()):
        given = rollout.StepInput(change, "back", "")
        try:
            await client.execute_workflow(Forged.run, args=[rollout.PREPARE, given], id="st-2", task_queue="stranger")
        except WorkflowFailureError as error:
            cause: BaseException = error
            while cause.__cause__ is not None:
                cause = cause.__cause__
            told = str(cause)
    with pytest.raises(WorkflowFailureError) as failed:
        await forged.result()
    assert "Encoded failure" in str(failed.value.cause), "nor is he told why"
    return told


def test_the_words_of_a_stranger_are_not_even_read(house: House) -> None:
    before = state(house)
    change = str(house.rows("SELECT key FROM change ORDER BY key")[0][0])
    assert "AccessError" in speak(house, words_of_a_stranger(house, change))
    assert state(house) == before


async def overheard(house: House) -> bytes:
    history = await (await stranger(house)).get_workflow_handle("train-two").fetch_history()
    return b"".join(event.SerializeToString() for event in history.events)


def test_a_stranger_overhears_no_more_than_names(house: House) -> None:
    heard = speak(house, overheard(house))
    assert b"train-two" in heard
    assert b"unhealthy" not in heard
    assert b"plantroom-sealed" in heard


STEPS = (
    (rollout.STOP, "birch"),
    (rollout.DRAIN, "birch"),
    (rollout.STOP, "alder"),
    (rollout.ARCHIVE, ""),
    (rollout.REMOVE_DATA, ""),
)
"""Steps that a forger asks the worker for, on an open change of alder: at whose instances they aim."""


@workflow.defn(name="Forged", sandboxed=False)
class Forged:
    """A workflow of a forger's own, on a worker of his own, that has Plantroom's worker do a step."""

    @workflow.run
    async def run(self, verb: str, given: rollout.StepInput) -> rollout.StepResult:
        result: rollout.StepResult = await workflow.execute_activity(
            verb,
            given,
            task_queue=TASK_QUEUE,
            activity_id="sealed-for-this-one",
            result_type=rollout.StepResult,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
        return result


@workflow.defn(name="ForgedRow", sandboxed=False)
class ForgedRow:
    """The same for short steps, which go in a row."""

    @workflow.run
    async def run(self, given: rollout.RunInput) -> rollout.RunResult:
        result: rollout.RunResult = await workflow.execute_activity(
            rollout.RUN,
            given,
            task_queue=TASK_QUEUE,
            activity_id="sealed-for-this-one",
            result_type=rollout.RunResult,
            start_to_close_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
        return result


async def forge(house: House, change: str, instances: dict[str, str]) -> list[rollout.StepResult]:
    client = await insider(house)
    found = []
    forgeries = [Forged, ForgedRow]
    async with Worker(client, task_queue="forger", workflows=forgeries, workflow_runner=UnsandboxedWorkflowRunner()):
        for place, (verb, whose) in enumerate(STEPS):
            name = f"forged-{change}-{place}"
            if verb in rollout.LASTING:
                given = rollout.StepInput(change, "forward", instances.get(whose, ""))
                found.append(
                    await client.execute_workflow(Forged.run, args=[verb, given], id=name, task_queue="forger")
                )
            else:
                row = rollout.RunInput(change, "forward", [rollout.Step(verb, instances[whose])])
                found.append((await client.execute_workflow(ForgedRow.run, row, id=name, task_queue="forger")).last)
    return found


async def disturb(house: House, train: str) -> None:
    """A signal nobody asked for, and a second and a third workflow of the same train that want to begin at the end."""
    client = await insider(house)
    for _ in range(5):
        await client.get_workflow_handle(f"train-{train}").signal(trains.ABORT)
        await asyncio.sleep(0.1)
    for ring in (1, 2):
        told = await start(house, trains.WORKFLOW, trains.TrainInput(train, ring), f"forged-{train}-{ring}")
        assert "pilot has not passed yet" in told


def soaking(house: House, train: str, ring: str) -> bool:
    rows = house.rows(f"SELECT 1 FROM train_target WHERE train = '{train}' AND ring = '{ring}' AND state = 'done'")
    return bool(rows)


def test_forged_signals_and_rings_neither_end_a_soak_nor_skip_a_ring(house: House) -> None:
    house.run("release", "start", "3.0", "--train", "three", "--no-follow")
    house.wait("the soak of ring pilot", lambda: soaking(house, "three", "pilot"), 60)
    speak(house, disturb(house, "three"))
    house.wait("the end", lambda: house.train("three")["over"], 120)
    assert house.train("three")["state"] == "done"
    assert house.train("three")["abort_by"] == ""
    told = [
        (entry["verb"], entry["subject"].removeprefix("train/three/"))
        for entry in house.ledger()
        if entry["subject"].startswith("train/three/") and entry["phase"] != "intent"
    ]
    ring, board, judge = trains.RING, trains.BOARD, trains.JUDGE
    assert told.index((judge, "pilot")) < told.index((ring, "general")) < told.index((board, "birch/production"))
    assert (judge, "general") in told
    at = {(entry["verb"], entry["subject"]): entry["at"] for entry in house.ledger() if entry["phase"] != "intent"}
    began = datetime.fromisoformat(at[(trains.ALIGHT, "train/three/alder/production")])
    judged = datetime.fromisoformat(at[(judge, "train/three/pilot")])
    assert (judged - began).total_seconds() >= SOAK_S - 0.5


def test_a_forger_has_no_step_done_that_the_open_change_does_not_hold(house: House) -> None:
    house.run("release", "start", "2.0", "--train", "four", "--no-follow")
    instances = {}

    def changing() -> bool:
        rows = house.rows(
            "SELECT change FROM train_target WHERE train = 'four' AND state = 'changing' AND ring = 'pilot'"
        )
        instances["change"] = str(rows[0][0]) if rows else ""
        return bool(rows)

    house.wait("alder to change", changing, 60)
    [(target,)] = house.rows(f"SELECT target FROM change WHERE key = '{instances['change']}'")
    serving = {one.environment.split("/")[0]: one.members[0].instance for one in observed(house)}
    instances |= {"birch": serving["birch"], "alder": Target.from_data(target).instance("web", 2)}
    results = speak(house, forge(house, instances["change"], instances))
    assert [one.done for one in results] == [False] * len(STEPS)
    assert "is not what alder/production is to be rid of" in results[0].why
    assert "is not to be retired" in results[3].why
    house.wait("the end", lambda: house.train("four")["over"], 120)
    assert house.train("four")["state"] == "done"
    assert house.releases() == {"alder": "2.0", "birch": "2.0"}
    assert house.changed() == []


def observed(house: House) -> Any:
    return asyncio.run(house.platform().traffic.observe())


async def terminate(house: House, id: str) -> None:
    client = await insider(house)
    await client.get_workflow_handle(id).terminate("by a stranger")


def test_a_train_whose_workflows_are_terminated_ends_right(house: House) -> None:
    """First the change's own workflow, in the middle of it, then the train's."""
    house.run("release", "start", "3.0", "--train", "five", "--no-follow")

    def changing(ring: str) -> str:
        rows = house.rows(
            f"SELECT change FROM train_target WHERE train = 'five' AND ring = '{ring}' AND state = 'changing'"
        )
        return str(rows[0][0]) if rows else ""

    house.wait("alder to change", lambda: bool(changing("pilot")), 60)
    speak(house, terminate(house, changing("pilot")))
    house.wait("birch to change", lambda: bool(changing("general")), 60)
    speak(house, terminate(house, "train-five"))
    house.wait("the end", lambda: house.train("five")["over"], 120)
    assert house.train("five")["state"] == "done"
    assert house.releases() == {"alder": "3.0", "birch": "3.0"}
    assert house.changed() == []
    assert house.rows("SELECT * FROM drain_lease") == []
    assert house.rows("SELECT * FROM change WHERE state = 'open'") == []
    assert house.data("ledger", "verify")["intact"]
