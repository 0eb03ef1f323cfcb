"""What stands in the logs, by a real worker's own words, and how much of it, by a real PostgreSQL's."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from tests.workflow.conftest import TEST_SERVER

from plantroom.kernel.errors import PlatformError
from plantroom.runtime import logs
from plantroom.runtime.postgres import Cluster

TRIES = RetryPolicy(maximum_attempts=2, initial_interval=timedelta(milliseconds=1))
FAULTS = {
    "PR403": PlatformError("PR403", "member web-1", value="is in use,\nand ends", remedy="Wait"),
    "PR404": PlatformError("PR404", "the balancer", value="does not answer"),
    "PR405": PlatformError("PR405", "the balancer", value="would not"),
    "none": RuntimeError("never thought of"),
}


@activity.defn
async def step(fault: str) -> None:
    try:
        raise OSError("why it came to this")
    except OSError as error:
        raise FAULTS[fault] from error


@workflow.defn
class OneStep:
    @workflow.run
    async def run(self, fault: str) -> None:
        try:
            await workflow.execute_local_activity(
                step, fault, start_to_close_timeout=timedelta(seconds=10), retry_policy=TRIES
            )
        except Exception:
            return


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Standard error, to which is logged as the worker does."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    noisy = {name: logging.getLogger(name).level for name in ("httpx", "httpcore", "temporalio.worker", "alembic")}
    stream = io.StringIO()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", stream)
        logs.to_standard_error()
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    for name, was in noisy.items():
        logging.getLogger(name).setLevel(was)


async def test_what_is_tried_again_is_one_line_and_everything_else_has_its_traceback(stream: io.StringIO) -> None:
    said = {}
    async with (
        await WorkflowEnvironment.start_time_skipping(test_server_existing_path=str(TEST_SERVER)) as environment,
        Worker(
            environment.client,
            task_queue="logs",
            workflows=[OneStep],
            activities=[step],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ),
    ):
        for fault in FAULTS:
            stream.seek(0)
            stream.truncate()
            await environment.client.execute_workflow(OneStep.run, fault, id=fault, task_queue="logs")
            said[fault] = stream.getvalue().splitlines()
    for fault in ("PR403", "PR404"):
        assert len(said[fault]) == 2, "one line for each attempt"
        assert all("WARNING temporalio.activity" in line and fault in line for line in said[fault])
    assert said["PR403"][0].endswith("): PR403 member web-1: is in use, and ends. Wait")
    for fault in ("PR405", "none"):
        assert "Traceback (most recent call last):" in said[fault]
        assert any("why it came to this" in line for line in said[fault])


def fail(cluster: Cluster, word: str) -> None:
    """A statement that PostgreSQL writes into its log."""
    with (
        psycopg.connect(cluster.url(cluster.superuser, "postgres")) as connection,
        pytest.raises(psycopg.errors.UndefinedTable),
    ):
        connection.execute(f"SELECT * FROM {word}".encode())


def test_the_log_of_a_running_postgresql_is_kept_short(
    cluster: Cluster, short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, moved = short_dir / "postgres" / "postgres.log", short_dir / "postgres" / "postgres.log.1"
    for word in ("first", "second"):
        fail(cluster, word)
        monkeypatch.setattr(logs, "LONGEST_LOG", log.stat().st_size)
        before = moved.read_bytes() if moved.exists() else None
        cluster.keep_log_short()
        assert word in log.read_text(), "as long as it may be"
        assert (moved.read_bytes() if moved.exists() else None) == before
        monkeypatch.setattr(logs, "LONGEST_LOG", log.stat().st_size - 1)
        cluster.keep_log_short()
        assert log.read_bytes() == b""
        assert word in moved.read_text()
    assert "first" not in moved.read_text()
    fail(cluster, "third")
    assert "third" in log.read_text()
    assert b"\0" not in log.read_bytes(), "it goes on at the beginning"
    Cluster(short_dir / "none", short_dir, "none").keep_log_short()


def test_a_log_that_cannot_be_moved_on_is_cut_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LONGEST_LOG", 10)
    (tmp_path / "some.log").write_bytes(b"x" * 11)
    (tmp_path / "some.log.1").mkdir()
    logs.keep_short(tmp_path / "some.log")
    assert (tmp_path / "some.log").read_bytes() == b""
