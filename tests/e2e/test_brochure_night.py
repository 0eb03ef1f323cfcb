"""The brochure example for a whole night: an application that is not Python, has no database, and starts slowly."""

from __future__ import annotations

import contextlib
import getpass
import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.house import House

from plantroom.delivery.artefacts.service import Artefacts

EXAMPLE = Path(__file__).parents[2] / "examples" / "brochure"
HOSTS = ("clockmaker.brochure.test", "watchmaker.brochure.test", "www.watchmaker.brochure.test")
SLOW_START_S = 2


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    try:
        text = (EXAMPLE / "estate" / "estate.yaml").read_text()
        (made.estate / "estate.yaml").write_text(text.replace("YOUR-ACCOUNT", getpass.getuser()))
        for version in ("1.0", "1.1"):
            Artefacts(made.home / "artefacts").build(EXAMPLE / "releases" / version)
        made.up()
        made.apply()
        yield made
    finally:
        made.end()


class Readers:
    """One for each host name, with a connection that is kept; reads the front page again and again."""

    def __init__(self, port: int, hosts: Sequence[str]) -> None:
        self._port = port
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._read, args=(host,)) for host in hosts]
        self.read: Counter[str] = Counter()
        self.failures: list[str] = []

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()

    def leave(self) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(30)

    def _read(self, host: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        while not self._end.is_set():
            try:
                status, _ = page(connection, host, "/")
                if status != 200:
                    self.failures.append(f"{host}: {status}")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{host}: {error!r}")
                connection.close()
            self.read[host] += 1
            time.sleep(0.02)
        connection.close()


def page(connection: http.client.HTTPConnection, host: str, path: str) -> tuple[int, str]:
    connection.request("GET", path, headers={"host": host})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_a_release_reaches_both_clients_while_they_are_read(house: House) -> None:
    port = json.loads((house.home / "ports.json").read_text())["http"]
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        a_night(house, port, connection)


def a_night(house: House, port: int, connection: http.client.HTTPConnection) -> None:
    for host in HOSTS:
        assert "Release 1.0" in page(connection, host, "/")[1]
        assert page(connection, host, "/services.html")[0] == 404
    readers = Readers(port, HOSTS)
    readers.begin()
    try:
        began = time.monotonic()
        house.run("release", "start", "1.1", "--train", "spring")
        took = time.monotonic() - began
    finally:
        readers.leave()
        # It was idle for longer than the balancer keeps a connection.
        connection.close()
    assert house.train("spring")["state"] == "done"
    # Two clients, one after the other, with two instances each: nothing was counted on before it was there.
    assert took > 4 * SLOW_START_S
    assert readers.failures == []
    assert all(readers.read[host] > 100 for host in HOSTS)
    for host in HOSTS:
        assert "Release 1.1" in page(connection, host, "/")[1]
        assert page(connection, host, "/services.html")[0] == 200
    assert house.changed() == []
    assert house.data("ledger", "verify")["intact"]
