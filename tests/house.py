"""A whole Plantroom for a test, driven as a user would: its own home, estate, engines, and the `plantroom` command."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
import yaml

from plantroom import bootstrap
from plantroom.delivery.artefacts.service import Artefacts
from plantroom.platforms.local.platform import LocalPlatform
from plantroom.runtime.engines import Engines
from plantroom.runtime.settings import Settings

PLANTROOM = Path(sys.executable).parent / "plantroom"
TINY = Path(__file__).parent / "apps" / "tiny"


def tiny_estate(clients: Mapping[str, str], **settings: Any) -> dict[str, Any]:
    """An estate of the tiny application: ring by client; rings in the order in which they are first named."""
    rings = list(dict.fromkeys(clients.values()))
    return {
        "estate": {"name": "test", "drain_timeout": "5s", "allow": {"dirty_tree": True}, **settings},
        "people": {"tester": {"name": "Tess Tester", "account": getpass.getuser()}},
        "stages": {"production": {}},
        "regions": {"here": {}},
        "server_pools": {"main": {"region": "here", "servers": 2, "memory_mib": 16384, "cpus": 64}},
        "database_pools": {"data": {"region": "here"}},
        "applications": {
            "tiny": {"release": "1.0", "processes": {"web": {"instances": 2}, "worker": {"instances": 1}}}
        },
        "rings": [{"name": ring, "concurrency": 1, "soak": "0s"} for ring in rings],
        "clients": {
            name: {
                "ring": ring,
                "environments": {
                    "production": {"application": "tiny", "database_pool": "data", "hosts": [f"{name}.tiny.test"]}
                },
            }
            for name, ring in clients.items()
        },
    }


def build_tiny(home: Path, sources: Path, *versions: str) -> None:
    """Artefacts of the tiny application in a home: the same code under another version, with one schema."""
    for version in versions:
        source = sources / version
        shutil.copytree(TINY, source, ignore=shutil.ignore_patterns("__pycache__"))
        definition = source / "plantroom.app.yaml"
        text = definition.read_text().replace("VERSION", version).replace("PYTHON", sys.executable)
        definition.write_text(text if version == "1.0" else f'{text}  from: "1.0"\n')
        Artefacts(home / "artefacts").build(source)


class House:
    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="pr-", dir="/tmp"))
        self.home.chmod(0o755)
        self.estate = self.home / "estate"
        self.estate.mkdir()
        self._up: subprocess.Popen[bytes] | None = None

    # -- the world around it --------------------------------------------------------------------------------------

    def declare(self, estate: Mapping[str, Any]) -> None:
        (self.estate / "estate.yaml").write_text(yaml.safe_dump(dict(estate), sort_keys=False))

    def build(self, *versions: str) -> None:
        build_tiny(self.home, self.home / "source", *versions)

    def up(self, *options: str, **environment: str) -> None:
        """Start `plantroom up` and wait until it is ready."""
        log = self.home / "up.log"
        log.unlink(missing_ok=True)
        with log.open("ab") as out:
            self._up = subprocess.Popen(
                [str(PLANTROOM), "--home", str(self.home), "up", "--estate", str(self.estate), *options],
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        self.wait("up", lambda: "ready" in log.read_text() or self._up_ended(), 60)
        if self._up_ended():
            raise AssertionError(f"up ended: {log.read_text()}")

    def _up_ended(self) -> bool:
        return self._up is None or self._up.poll() is not None

    def keep_up(self, **environment: str) -> bool:
        """Start `up` again if it was killed; whether it had to be."""
        if not self._up_ended():
            return False
        self.up(**environment)
        return True

    def kill(self, part: str) -> None:
        """kill -9 of `up`, `api`, `worker`, or of an engine by its name in `plantroom status`."""
        os.kill(self.pid(part), signal.SIGKILL)
        if part == "up" and self._up is not None:
            self._up.wait(20)

    def up_anew(self, **environment: str) -> None:
        """`up` ended and started with other variables; everything that outlives it runs on."""
        self.kill("up")
        self.up(**environment)

    def pid(self, part: str) -> int:
        found = self.pids()
        assert part in found, f"{part} does not run: {found}"
        return found[part]

    def pids(self) -> dict[str, int]:
        """Of every part that runs."""
        return {one["name"]: int(one["pid"]) for one in self.data("status")["parts"] if one["pid"]}

    def end(self) -> None:
        self.run("down", good=(0, 1))
        if self._up is not None:
            self._up.wait(20)
        shutil.rmtree(self.home, ignore_errors=True)

    # -- the user -------------------------------------------------------------------------------------------------

    def run(self, *words: str, good: Sequence[int] = (0,)) -> str:
        done = subprocess.run(
            [str(PLANTROOM), "--home", str(self.home), *words], capture_output=True, text=True, check=False
        )
        assert done.returncode in good, (
            f"plantroom {words}: {done.returncode}\n{done.stdout}\n{done.stderr}\n{self.logs()}"
        )
        return done.stdout

    def data(self, *words: str, good: Sequence[int] = (0,)) -> Any:
        return json.loads(self.run(*words, "--json", good=good))

    def apply(self) -> dict[str, Any]:
        """Plan and apply; the plan that was applied."""
        plan: dict[str, Any] = self.data("plan")
        self.run("apply", plan["digest"])
        return plan

    def changed(self) -> list[dict[str, Any]]:
        return [one for one in self.data("plan")["changes"] if one["action"] != "unchanged"]

    def releases(self) -> dict[str, str]:
        return {one["environment"].split("/")[0]: one["release"] for one in self.data("environments")}

    def train(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.data("release", "status", "--train", name)
        return found

    def get(self, client: str, path: str = "/") -> tuple[int, dict[str, str], bytes]:
        ports = json.loads((self.home / "ports.json").read_text())
        request = urllib.request.Request(
            f"http://127.0.0.1:{ports['http']}{path}", headers={"Host": f"{client}.tiny.test"}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()

    def ledger(self) -> list[dict[str, Any]]:
        copy = self.home / "copy.json"
        self.run("ledger", "export", str(copy))
        entries: list[dict[str, Any]] = json.loads(copy.read_text())["entries"]
        return entries

    # -- behind the user's back -----------------------------------------------------------------------------------

    def settings(self) -> Settings:
        """With the addresses of this house's engines."""
        return Engines(Settings(self.home)).addresses()

    def platform(self) -> LocalPlatform:
        return bootstrap.platform(self.settings())

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the control plane's database answers. Raises psycopg.OperationalError while it is away."""
        url = self.settings().database_url
        assert url is not None
        with psycopg.connect(url) as connection:
            return connection.execute(query.encode()).fetchall()

    def logs(self) -> str:
        parts = []
        for name in ("up.log", "logs/worker.log", "logs/api.log"):
            path = self.home / name
            if path.exists():
                parts.append(f"--- {name}\n{path.read_text()[-3000:]}")
        return "\n".join(parts)

    def wait(self, what: str, holds: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < until, f"waited {seconds} s in vain: {what}\n{self.logs()}"
            time.sleep(0.1)
