"""The work-order example, driven for real: built, unpacked, run on a real PostgreSQL, and used over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from tests.e2e import bare_engine
from tests.e2e.bare_engine import Engine

from plantroom import bootstrap
from plantroom.delivery.artefacts.model import Artefact
from plantroom.delivery.artefacts.policy import scripts_due
from plantroom.delivery.artefacts.service import Artefacts
from plantroom.platforms.contract import ScriptSeen
from plantroom.runtime.settings import Settings

EXAMPLE = Path(__file__).parents[2] / "examples" / "workorders"
RELEASES = ("1.0", "1.1", "1.2")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """PostgreSQL does not run as root; then it runs as `nobody`, from a place that `nobody` can reach."""
    with tempfile.TemporaryDirectory(prefix="plantroom-test-", dir="/tmp") as home:
        yield from bare_engine.running(Path(home))


@dataclass(frozen=True)
class Unpacked:
    artefact: Artefact
    root: Path


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory, short_dir: Path) -> Mapping[str, Unpacked]:
    home = tmp_path_factory.mktemp("artefacts")
    artefacts = Artefacts(home / "layout", bootstrap.migrations(Settings(home=short_dir)))
    found = {}
    for version in RELEASES:
        artefact = artefacts.build(EXAMPLE / "releases" / version)
        asyncio.run(artefacts.layout.unpack(artefact.digest, home / version))
        found[version] = Unpacked(artefact, home / version)
    return found


def upgrade(url: str, artefact: Artefact, running: str = "") -> None:
    """What a platform does: apply what is due while a release of this schema runs, and record it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS recorded (release text, sha256 text)")
        seen = [ScriptSeen(*row) for row in connection.execute("SELECT release, sha256 FROM recorded")]
        due = scripts_due(artefact, seen, [running] if running else [])
        assert isinstance(due, tuple), due
        for script in due:
            for step in script.parts:
                connection.execute(step.sql)
            connection.execute("INSERT INTO recorded VALUES (%s, %s)", (script.release, script.sha256))


@dataclass
class Instance:
    process: subprocess.Popen[bytes]
    client: httpx.Client
    started_in_s: float

    @property
    def pid(self) -> int:
        return self.process.pid


@contextlib.contextmanager
def running(release: Unpacked, process: str, url: str, files: Path, log: Path) -> Iterator[Instance]:
    """One instance, as a platform runs it: nothing from our own environment but what the contract names."""
    spec = release.artefact.process(process)
    assert spec is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def filled(text: str) -> str:
        return text.replace("{app}", str(release.root)).replace("{port}", str(port)).replace("{python}", sys.executable)

    variables = {name: filled(value) for name, value in release.artefact.environment.items()}
    variables |= {"DATABASE_URL": url, "FILE_STORE": str(files), "REMIND_EVERY_S": "0.2"}
    variables |= {"PLANTROOM_CLIENT": "harbour", "PLANTROOM_ENVIRONMENT": "harbour/production"}
    variables |= {"PLANTROOM_RELEASE": release.artefact.version}
    began = time.monotonic()
    with log.open("ab") as out:
        child = subprocess.Popen(
            [filled(argument) for argument in spec.command],
            cwd=filled(release.artefact.workdir),
            env=variables,
            stdout=out,
            stderr=out,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False) as client:
            while spec.health_path is not None:
                assert child.poll() is None, log.read_text()
                with contextlib.suppress(httpx.ConnectError):
                    client.get(spec.health_path)
                    break
                assert time.monotonic() < began + spec.start_timeout_s, log.read_text()
                time.sleep(0.02)
            yield Instance(child, client, time.monotonic() - began)
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(spec.stop_grace_s)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                raise


@pytest.fixture
def files(tmp_path: Path) -> Path:
    store = tmp_path / "files"
    store.mkdir()
    return store


def created(client: httpx.Client, **order: str) -> int:
    response = client.post("/api/work-orders", json=order)
    assert response.status_code == 201, response.text
    return int(response.json()["id"])


def until(what: Callable[[], Any], seconds: float = 10) -> Any:
    deadline = time.monotonic() + seconds
    while not (result := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return result


def test_an_order_from_beginning_to_end(
    engine: Engine, releases: Mapping[str, Unpacked], files: Path, tmp_path: Path
) -> None:
    url = engine.database("whole")
    upgrade(url, releases["1.0"].artefact)
    with running(releases["1.0"], "web", url, files, tmp_path / "log") as web:
        client = web.client
        assert client.get("/health").json() == {
            "status": "ok",
            "release": "1.0",
            "checks": {"database": "ok", "file store": "ok"},
        }
        assert client.get("/version").json()["environment"] == "harbour/production"

        assert client.post("/api/assets", json={"code": "P-7", "name": "Pump"}).status_code == 201
        assert client.post("/api/assets", json={"code": "P-7", "name": "Other"}).status_code == 200
        assert client.get("/api/assets").json() == {"assets": [{"code": "P-7", "name": "Pump", "location": ""}]}

        order = created(client, title="Leaks <b>", asset="P-7", reference="r-1", due="2031-05-17")
        again = client.post("/api/work-orders", json={"title": "Leaks", "reference": "r-1"})
        assert (again.status_code, again.json()) == (200, {"id": order, "new": False})
        seen = client.get("/api/work-orders", params={"reference": "r-1"}).json()["work_orders"]
        assert [(row["id"], row["state"], row["asset"], row["overdue"]) for row in seen] == [
            (order, "open", "P-7", False)
        ]

        def move(to: str, **more: str) -> httpx.Response:
            return client.post(f"/api/work-orders/{order}/transitions", json={"to": to, **more})

        assert move("done").status_code == 409
        assert move("assigned").status_code == 422
        assert move("assigned", assignee="Ada").json()["assignee"] == "Ada"
        assert [move(to).status_code for to in ("in_progress", "done", "open")] == [200, 200, 409]

        attached = client.post(f"/api/work-orders/{order}/attachments", files={"file": ("../leak.txt", b"drip")})
        assert attached.status_code == 201
        shown = client.get(f"/api/work-orders/{order}").json()
        assert [(file["name"], file["size"]) for file in shown["attachments"]] == [("leak.txt", 4)]
        assert [change["to_state"] for change in shown["changes"]] == ["assigned", "in_progress", "done"]
        download = client.get(f"/api/work-orders/{order}/attachments/{attached.json()['id']}")
        assert (download.content, download.headers["content-type"]) == (b"drip", "application/octet-stream")
        assert [path.read_bytes() for path in (files / "attachments").iterdir()] == [b"drip"]

        page = client.get(f"/work-orders/{order}")
        assert page.status_code == 200
        assert page.headers["x-release"] == "1.0"
        assert "Leaks &lt;b&gt;" in page.text
        assert "leak.txt" in page.text
        assert "<script" not in page.text
        for path in ("/", "/?state=done", "/work-orders/new", "/assets", "/static/style.css"):
            assert client.get(path).status_code == 200, path
        made = client.post("/work-orders", data={"title": "From a form", "asset": "", "due": ""})
        assert made.status_code == 303
        assert "From a form" in client.get(made.headers["location"]).text


@pytest.mark.parametrize(
    ("method", "path", "request_", "status"),
    [
        ("POST", "/api/work-orders", {"json": {"title": ""}}, 422),
        ("POST", "/api/work-orders", {"json": {"title": "x", "asset": "none"}}, 422),
        ("POST", "/api/work-orders", {"json": {"title": "x", "due": "soon"}}, 422),
        ("POST", "/api/work-orders", {"json": {"title": "x", "priority": "high"}}, 422),
        ("POST", "/api/work-orders", {"content": b"{"}, 400),
        ("POST", "/api/work-orders", {"json": [1]}, 400),
        ("GET", "/api/work-orders?limit=0", {}, 400),
        ("GET", "/api/work-orders?colour=red", {}, 400),
        ("GET", "/api/work-orders/999", {}, 404),
        ("POST", "/api/work-orders/999/transitions", {"json": {"to": "open"}}, 404),
        ("POST", "/api/work-orders/999/attachments", {"files": {"file": ("a", b"a")}}, 404),
        ("POST", "/api/work-orders/999/attachments", {"files": {"file": ("a", bytes(11 << 20))}}, 413),
        ("GET", "/priorities", {}, 404),
        ("DELETE", "/api/work-orders", {}, 405),
    ],
)
def test_bad_requests_are_refused_in_words(
    shared: httpx.Client, method: str, path: str, request_: Any, status: int
) -> None:
    response = shared.request(method, path, **request_)
    assert response.status_code == status, response.text
    if path.startswith("/api/"):
        assert response.json()["error"]


@pytest.fixture(scope="module")
def shared(
    engine: Engine, releases: Mapping[str, Unpacked], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    url, home = engine.database("shared"), tmp_path_factory.mktemp("shared")
    upgrade(url, releases["1.0"].artefact)
    with running(releases["1.0"], "web", url, home, home / "log") as web:
        yield web.client


def test_the_worker_reminds_once_of_each_overdue_order(
    engine: Engine, releases: Mapping[str, Unpacked], files: Path, tmp_path: Path
) -> None:
    url = engine.database("reminders")
    upgrade(url, releases["1.0"].artefact)
    today = datetime.now(UTC).date()
    yesterday, tomorrow = (str(today + timedelta(days=days)) for days in (-2, 2))  # far enough for any time zone
    log = tmp_path / "worker.log"
    with running(releases["1.0"], "web", url, files, tmp_path / "log") as web:
        late = created(web.client, title="Late", due=yesterday)
        created(web.client, title="Early", due=tomorrow)
        created(web.client, title="Whenever")
        with running(releases["1.0"], "worker", url, files, log) as worker:
            until(lambda: "reminder" in log.read_text())
            time.sleep(0.5)  # two more turns, which must remind nobody again
            assert log.read_text().splitlines() == [f"reminder: harbour: work order {late} was due on {yesterday}"]
            began = time.monotonic()
            worker.process.terminate()
            assert worker.process.wait(5) == 0
            assert time.monotonic() - began < 2
        assert "reminder" in [
            change["from_state"] for change in web.client.get(f"/api/work-orders/{late}").json()["changes"]
        ]
        assert "reminder sent" in web.client.get(f"/work-orders/{late}").text


def test_old_and_new_release_run_on_the_new_schema_at_once(
    engine: Engine, releases: Mapping[str, Unpacked], files: Path, tmp_path: Path
) -> None:
    url = engine.database("expand")
    upgrade(url, releases["1.0"].artefact)
    with running(releases["1.0"], "web", url, files, tmp_path / "old.log") as old:
        before = created(old.client, title="Before", reference="before", shift="early")
        upgrade(url, releases["1.1"].artefact, "1.0")
        with running(releases["1.1"], "web", url, files, tmp_path / "new.log") as new:
            between = created(old.client, title="Between")
            after = created(new.client, title="After", priority="urgent")
            shifts = {row["id"]: row["shift"] for row in old.client.get("/api/work-orders").json()["work_orders"]}
            assert shifts == {before: "early", between: "any", after: None}
            assert old.client.get(f"/work-orders/{after}").status_code == 200
            rows = {row["id"]: row["priority"] for row in new.client.get("/api/work-orders").json()["work_orders"]}
            assert rows == {before: "normal", between: "normal", after: "urgent"}
            assert [row["id"] for row in old.client.get("/api/work-orders").json()["work_orders"]] == [
                after,
                between,
                before,
            ]
            assert old.client.get("/health").status_code == new.client.get("/health").status_code == 200
            page = new.client.get("/priorities").text
            assert page.index("Urgent") < page.index("After") < page.index("Normal") < page.index("Between")
            assert 'name="priority"' in new.client.get("/work-orders/new").text
            refused = new.client.post("/api/work-orders", json={"title": "x", "priority": "soon"})
            assert refused.status_code == 422
        upgrade(url, releases["1.0"].artefact, "1.1")  # a return to 1.0 needs no script
        assert old.client.get(f"/api/work-orders/{before}").status_code == 200
        upgrade(url, releases["1.2"].artefact, "1.0")  # nor does it lose what 1.0 writes, whatever comes next
        assert old.client.get(f"/api/work-orders/{before}").json()["shift"] == "early"


def test_what_1_1_has_held_back_goes_with_1_2_while_1_1_serves(
    engine: Engine, releases: Mapping[str, Unpacked], files: Path, tmp_path: Path
) -> None:
    url = engine.database("contract")
    upgrade(url, releases["1.0"].artefact)
    upgrade(url, releases["1.1"].artefact, "1.0")
    with running(releases["1.1"], "web", url, files, tmp_path / "log") as web:
        order = created(web.client, title="Before", priority="high")
        upgrade(url, releases["1.2"].artefact, "1.1")
        with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.UndefinedColumn):
            connection.execute("SELECT shift FROM work_orders")
        assert web.client.get(f"/api/work-orders/{order}").json()["priority"] == "high"
        created(web.client, title="After")
        assert web.client.get("/health").status_code == 200
        upgrade(url, releases["1.1"].artefact, "1.2")  # a return to 1.1, which never needed it
        assert len(web.client.get("/api/work-orders").json()["work_orders"]) == 2
    with pytest.raises(AssertionError, match=r"has lost since what 1\.1 drops"):
        upgrade(url, releases["1.0"].artefact, "1.1")


def test_a_new_database_and_a_migrated_one_have_the_same_schema(
    engine: Engine, releases: Mapping[str, Unpacked]
) -> None:
    fresh, migrated = engine.database("fresh"), engine.database("migrated")
    upgrade(fresh, releases["1.1"].artefact)
    upgrade(migrated, releases["1.0"].artefact)
    upgrade(migrated, releases["1.1"].artefact)
    upgrade(migrated, releases["1.2"].artefact, "1.1")  # with which goes what 1.1 has dropped

    def shape(url: str) -> Sequence[Any]:
        with psycopg.connect(url) as connection:
            columns = connection.execute(
                "SELECT table_name, column_name, data_type, is_nullable, column_default "
                "FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
            ).fetchall()
            indexes = connection.execute(
                "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
            ).fetchall()
            checks = connection.execute(
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid > 0 ORDER BY 1"
            ).fetchall()
        return columns, indexes, checks

    assert shape(fresh) == shape(migrated)


def test_release_1_2_is_unhealthy_only_where_asset_codes_differ_in_case_only(
    engine: Engine, releases: Mapping[str, Unpacked], files: Path, tmp_path: Path
) -> None:
    url = engine.database("shape")
    upgrade(url, releases["1.1"].artefact)
    upgrade(url, releases["1.2"].artefact)
    with running(releases["1.2"], "web", url, files, tmp_path / "log") as web:
        seed = [sys.executable, str(EXAMPLE / "seed.py"), str(web.client.base_url), "--host", "harbour.workorders.test"]
        subprocess.run(seed, check=True, capture_output=True)
        subprocess.run(seed, check=True, capture_output=True)  # again adds nothing
        orders = len(web.client.get("/api/work-orders?limit=500").json()["work_orders"])
        assert orders == 20
        assert len(web.client.get("/api/assets").json()["assets"]) == 6
        assert web.client.get("/health").status_code == 200
        assert web.client.get("/api/assets/PUMP-1").json()["code"] == "pump-1"

        subprocess.run([*seed, "--twin-codes"], check=True, capture_output=True)
        health = web.client.get("/health")
        assert health.status_code == 503
        assert "PUMP-1 and pump-1" in health.json()["checks"]["asset codes"]
    with running(releases["1.1"], "web", url, files, tmp_path / "log") as web:
        assert web.client.get("/health").status_code == 200


def test_requests_in_flight_finish_when_an_instance_is_asked_to_end(
    engine: Engine, releases: Mapping[str, Unpacked], files: Path, tmp_path: Path
) -> None:
    url = engine.database("grace")
    upgrade(url, releases["1.0"].artefact)
    with running(releases["1.0"], "web", url, files, tmp_path / "log") as web:
        order = created(web.client, title="Slow")
        with psycopg.connect(url) as blocker, ThreadPoolExecutor(1) as pool:
            blocker.execute("SELECT 1 FROM work_orders WHERE id = %s FOR UPDATE", (order,))
            path, move = f"/api/work-orders/{order}/transitions", {"to": "assigned", "assignee": "Ada"}
            answer = pool.submit(web.client.post, path, json=move)
            with psycopg.connect(url, autocommit=True) as watch:
                waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
                until(lambda: watch.execute(waits).fetchone())
            web.process.terminate()
            time.sleep(0.3)
            assert web.process.poll() is None
            assert not answer.done()
            blocker.rollback()
            assert answer.result(5).json()["state"] == "assigned"
        began = time.monotonic()
        web.process.wait(5)
        assert time.monotonic() - began < 3


def test_an_instance_comes_through_a_restart_of_its_database(
    engine: Engine, releases: Mapping[str, Unpacked], files: Path, tmp_path: Path
) -> None:
    url = engine.database("restart")
    upgrade(url, releases["1.0"].artefact)
    with (
        running(releases["1.0"], "web", url, files, tmp_path / "log") as web,
        running(releases["1.0"], "worker", url, files, tmp_path / "worker.log") as worker,
    ):
        created(web.client, title="Before")
        engine.stop()
        try:
            health = web.client.get("/health")
            assert health.status_code == 503
            assert health.json()["checks"]["database"] != "ok"
            waiting: list[int] = []
            thread = threading.Thread(target=lambda: waiting.append(created(web.client, title="Meanwhile")))
            thread.start()
        finally:
            engine.start()
        thread.join(15)
        assert len(waiting) == 1, "a request that came meanwhile waits and is served"
        assert until(lambda: web.client.get("/health").status_code == 200)
        late = created(web.client, title="Late", due="2020-01-01")
        until(lambda: f"work order {late} " in (tmp_path / "worker.log").read_text())
        assert worker.process.poll() is None


def test_an_instance_is_quick_to_start_and_light(
    engine: Engine, releases: Mapping[str, Unpacked], files: Path, tmp_path: Path
) -> None:
    url = engine.database("light")
    upgrade(url, releases["1.1"].artefact)
    with running(releases["1.1"], "web", url, files, tmp_path / "log") as web:
        for _ in range(50):
            web.client.get("/")
        web.client.post("/api/work-orders/1/attachments", files={"file": ("a", io.BytesIO(bytes(1 << 20)))})
        stat = Path(f"/proc/{web.pid}/stat").read_text().rpartition(")")[2].split()
        cpu_s = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
        resident = next(line for line in Path(f"/proc/{web.pid}/status").read_text().splitlines() if "VmRSS" in line)
        mib = int(resident.split()[1]) / 1024
        print(f"started in {web.started_in_s:.2f} s; {cpu_s:.2f} s of CPU with 51 requests; {mib:.0f} MiB resident")
        assert mib < 80
        assert cpu_s < 2  # of which the start is below 1; the rest are the requests, and room for a slow machine
