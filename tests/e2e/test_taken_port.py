"""Another account takes the port of an instance that has ended: for more than a moment it gets nobody's requests."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.house import House, tiny_estate

pytestmark = [
    pytest.mark.embedded,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another local user"),
]

CLIENTS = {"alder": "pilot"}
NOBODY = 65534

THIEF = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
while True:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", int(sys.argv[1])))
        listener.listen(64)
        break
    except OSError:
        listener.close()
print("taken", flush=True)
while True:
    connection, _ = listener.accept()
    connection.settimeout(2)
    try:
        connection.recv(65536)
        body = b"a stranger"
        head = b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)
        connection.sendall(head + body)
    except OSError:
        pass
    connection.close()
"""


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    made = House()
    try:
        made.declare(tiny_estate(CLIENTS))
        made.build("1.0", "2.0")
        made.up()
        made.apply()
        yield made
    finally:
        made.end()


@contextmanager
def thief(port: int) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", THIEF, str(port)], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def kill_listener(port: int) -> None:
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inode = next(line[9] for line in lines if line[1].endswith(f":{port:04X}") and line[3] == "0A")
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) == f"socket:[{inode}]":
                os.kill(int(link.parts[2]), signal.SIGKILL)
        except OSError:
            continue


def stolen(house: House) -> bool:
    return any(house.get("alder")[2] == b"a stranger" for _ in range(4))


def test_whoever_takes_an_instances_port_gets_no_requests_for_long(house: House) -> None:
    platform = house.platform()
    instance = next(one for one in asyncio.run(platform.workloads.observe()) if one.process == "web")
    with thief(instance.port) as other:
        time.sleep(0.5)
        kill_listener(instance.port)
        assert other.stdout is not None
        assert other.stdout.readline() == "taken\n"
        house.wait("it to get no request any more", lambda: not stolen(house), 5)
        assert not any(stolen(house) for _ in range(50))
        assert f"{instance.id} (account {NOBODY} has its port)" in (house.home / "up.log").read_text()

        def told() -> bool:
            why = asyncio.run(platform.workloads.healthy(instance.id))
            assert why is not None
            return f"account {NOBODY} listens on its port {instance.port}" in why

        house.wait("its health to tell", told, 30)
        # It is put where nobody else is, by a plan like any other drift; the release goes on meanwhile.
        house.wait("the drift to be found", lambda: bool(house.changed()), 20)
        house.run("release", "start", "2.0", "--train", "on")
        assert set(house.releases().values()) == {"2.0"}
        assert not stolen(house)
    assert house.changed() == []


def test_an_instance_whose_port_is_its_own_again_serves_again(house: House) -> None:
    instance = next(one for one in asyncio.run(house.platform().workloads.observe()) if one.process == "web")
    with thief(instance.port) as other:
        time.sleep(0.5)
        kill_listener(instance.port)
        assert other.stdout is not None
        other.stdout.readline()
        house.wait("it to get no request any more", lambda: not stolen(house), 5)
    house.wait("nothing to be changed", lambda: house.changed() == [], 60)
