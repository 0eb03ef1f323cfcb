"""The peer of the bench `rollout`: an Ansible playbook that does a release's steps to the environments of the same
home, on its HAProxy and its servers' supervisors.

It does less than Plantroom: no look at databases, schemas and routes, no ledger, and nothing that survives its end. It
is tuned as a careful user would: pipelining, as many forks as hosts at a time, no facts, a script that imports little.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.rollout_house import House

from plantroom.platforms.local.haproxy_config import encode
from plantroom.runtime.engines import free_ports

PLAYBOOK = Path(__file__).parent / "ansible" / "release.yml"
STEP = Path(__file__).parent / "ansible" / "step.py"
ANSIBLE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "plantroom-bench" / "ansible"
PACKAGE = "ansible==12.*"
LONGEST_S = 600
_NEWS_S = 10.0
RELEASE = "peer"


def install() -> None:
    """Ansible into a virtual environment of its own, outside of the repository."""
    uv = Path(sys.executable).parent / "uv"
    if not (ANSIBLE / "bin" / "python").exists():
        subprocess.run([str(uv), "venv", "--quiet", "--python", sys.executable, str(ANSIBLE)], check=True)
    subprocess.run([str(uv), "pip", "install", "--quiet", "--python", str(ANSIBLE), PACKAGE], check=True)


class Peer:
    """`release` is what the environments are on, `width` how many are changed at a time."""

    def __init__(self, house: House, release: str, width: int) -> None:
        self._house = house
        self._release = release
        self._width = width
        self._directory = house.settings.home / "peer"

    async def run(self, say: Callable[[str], None]) -> float:
        """Seconds that the playbook took. RuntimeError when it did not end well within the time allowed, or when an
        environment does not answer as the new release afterwards."""
        inventory = await self._inventory()
        notes = self._directory / "notes"
        notes.mkdir(parents=True)
        listing = self._directory / "inventory.json"
        listing.write_text(json.dumps(inventory))
        # pipelining saves a copy for each step; it is the first advice for a slow playbook.
        configuration = self._directory / "ansible.cfg"
        configuration.write_text(
            f"[defaults]\nforks = {self._width}\nstdout_callback = default\nlocal_tmp = {self._directory / 'tmp'}\n"
            "[connection]\npipelining = true\n"
        )
        log = self._directory / "playbook.log"
        command = [
            str(ANSIBLE / "bin" / "ansible-playbook"),
            "-i",
            str(listing),
            "-e",
            f"width={self._width}",
            str(PLAYBOOK),
        ]
        environment = {**os.environ, "ANSIBLE_CONFIG": str(configuration), "ANSIBLE_HOME": str(self._directory)}
        began = news = time.monotonic()
        with log.open("wb") as out:
            playbook = await asyncio.create_subprocess_exec(
                *command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, start_new_session=True
            )
            try:
                while playbook.returncode is None and time.monotonic() - began < LONGEST_S:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(playbook.wait(), 1)
                    if time.monotonic() - news > _NEWS_S:
                        news = time.monotonic()
                        say(f"ansible: {len(list(notes.iterdir()))} begun after {news - began:.0f} s")
                took = time.monotonic() - began
            finally:
                if playbook.returncode is None:
                    os.killpg(playbook.pid, signal.SIGKILL)
                    await playbook.wait()
        if playbook.returncode != 0:
            raise RuntimeError(f"the playbook ended with {playbook.returncode}:\n{log.read_text()[-3000:]}")
        await asyncio.to_thread(self._check, inventory)
        say(f"ansible: {took:.1f} s")
        return took

    async def _inventory(self) -> dict[str, Any]:
        """Two slots for each environment: what runs now, and a free port and a name for what is to take its place."""
        platform = self._house.platform
        servers = {server.name: server for server in platform.machines.servers()}
        instances = await platform.workloads.observe()
        ports = iter(free_ports(len(instances)))
        hosts: dict[str, dict[str, Any]] = {}
        for seen in instances:
            server = servers[seen.server]
            new = f"peer-{seen.id.rpartition('-')[0]}"
            host = hosts.setdefault(
                seen.environment.replace("/", "-"),
                {
                    "backend": encode(seen.environment),
                    "host_name": f"{seen.environment.partition('/')[0]}.bench.test",
                    "store": str(self._directory / "stores" / seen.environment),
                    "app": json.loads((server.instances / f"{seen.id}.json").read_text())["app"],
                    "slots": [],
                },
            )
            host["slots"].append(
                {
                    "socket": str(server.socket),
                    "new": new,
                    "new_conf": str(server.instances / f"{new}.conf"),
                    "port": str(next(ports)),
                    "old": encode(seen.id),
                    "old_program": seen.id,
                    "old_conf": str(server.instances / f"{seen.id}.conf"),
                    "old_port": str(seen.port),
                }
            )
        given = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "haproxy": str(self._house.settings.run / "haproxy.sock"),
            "step": [sys.executable, "-S", "-E", str(STEP)],
            "python": sys.executable,
            "release": RELEASE,
            "notes": str(self._directory / "notes"),
        }
        return {"environments": {"hosts": hosts, "vars": given}}

    def _check(self, inventory: dict[str, Any]) -> None:
        """Every environment answers through the balancer as what the playbook started."""
        for name, host in inventory["environments"]["hosts"].items():
            request = urllib.request.Request(
                f"http://127.0.0.1:{self._house.settings.http_port}/", headers={"Host": host["host_name"]}
            )
            with urllib.request.urlopen(request, timeout=10) as answer:
                if answer.headers["x-release"] != RELEASE:
                    raise RuntimeError(f"{name} answers as {answer.headers['x-release']} after the playbook")
