"""Whose a port is: another account beside an instance is none in its place."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from plantroom.platforms.local.listeners import strangers

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another local user")

NOBODY = 65534
STRANGER = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
one = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
if ":" in sys.argv[1]:
    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
one.bind((sys.argv[1], int(sys.argv[2])))
one.listen()
print("listens", flush=True)
sys.stdin.read()
"""


@contextmanager
def stranger(address: str, port: int) -> Iterator[None]:
    command = [sys.executable, "-c", STRANGER, address, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listens\n"
        yield
        process.communicate("")


@pytest.mark.parametrize("address", ["127.0.0.2", "::1", "::"])
def test_who_listens_beside_an_instance_is_nobody(address: str) -> None:
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        own.listen()
        port = own.getsockname()[1]
        with stranger(address, port):
            assert strangers([port]) == {}


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_who_listens_in_its_place_is_told(address: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with stranger(address, port):
        assert strangers([port]) == {port: NOBODY}
