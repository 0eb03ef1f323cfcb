"""Light, steady traffic at the tiny application: kept and new connections, GET and POST, every answer counted."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

_PAUSE_S = 0.2
"""Between two requests of one way in; every client has two ways."""


class Traffic:
    def __init__(self, port: int, clients: Iterable[str]) -> None:
        self._port = port
        self._ends = {client: threading.Event() for client in clients}
        self._threads = {
            client: [threading.Thread(target=self._work, args=(client, keep)) for keep in (True, False)]
            for client in self._ends
        }
        self.asked: Counter[str] = Counter()
        self.failures: list[str] = []
        self.failed_at: list[float] = []
        """Seconds since the epoch, as files' times are."""
        self.written: dict[str, list[str]] = {client: [] for client in self._ends}

    def start(self) -> None:
        for threads in self._threads.values():
            for thread in threads:
                thread.start()

    def stop(self, *clients: str) -> None:
        """These clients' users go home; without a name all of them."""
        for client in clients or tuple(self._ends):
            self._ends[client].set()
        for client in clients or tuple(self._ends):
            for thread in self._threads[client]:
                thread.join(30)

    def lost(self, client: str, store: Path) -> list[str]:
        """Writes that were acknowledged, and are not in the file store exactly once."""
        found = Counter(line for path in store.glob("written-*") for line in path.read_text().split())
        return [text for text in self.written[client] if found[text] != 1]

    def _work(self, client: str, keep: bool) -> None:
        connection = self._connect()
        number = 0
        while not self._ends[client].is_set():
            if not keep:
                connection.close()
                connection = self._connect()
            if not self._ask(connection, client, f"{client}-{int(keep)}-{number}", write=number % 2 == 0):
                connection.close()
                connection = self._connect()
            number += 1
            time.sleep(_PAUSE_S)
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, client: str, text: str, *, write: bool) -> bool:
        self.asked[client] += 1
        headers = {"host": f"{client}.tiny.test"}
        try:
            if write:
                connection.request("POST", "/", body=text, headers=headers)
            else:
                connection.request("GET", "/", headers=headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._failed(f"{text}: {type(error).__name__} {error}")
            return False
        if answer.status not in (200, 201):
            self._failed(f"{text}: {answer.status}")
        elif write:
            self.written[client].append(text)
        return True

    def _failed(self, text: str) -> None:
        self.failed_at.append(time.time())
        self.failures.append(f"{time.strftime('%H:%M:%S')} {text}")

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
