"""The command line in this process with a home of its own, and an API that answers what a test tells it to."""

from __future__ import annotations

import gc
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

import pytest

from plantroom.entrypoints.cli import main as cli
from plantroom.runtime.settings import socket_directory

PLANTROOM = Path(sys.executable).parent / "plantroom"


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def home() -> Iterator[Path]:
    """Short enough for a socket."""
    made = Path(tempfile.mkdtemp(prefix="pr-cli-", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process, as `plantroom` runs it, with a home of its own."""
    monkeypatch.setenv("PLANTROOM_HOME", str(home))
    monkeypatch.delenv("PLANTROOM_DATABASE_URL", raising=False)

    def ran(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["plantroom", *words])
        with warnings.catch_warnings():
            # httpx does not close a socket that finds nobody; a command ends right then, this process does not.
            warnings.simplefilter("ignore", ResourceWarning)
            code = exit_code()
            gc.collect()
        told = capsys.readouterr()
        return Said(code, told.out, told.err)

    return ran


def exit_code() -> int:
    try:
        cli.main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    raise AssertionError("the command line ends by itself")


class _Answering(BaseHTTPRequestHandler):
    server: _Api

    def do_GET(self) -> None:
        found = self.server.answers.get(self.path)
        body = json.dumps({"asked": self.path} if found is None else found).encode()
        wrong = isinstance(found, dict) and "error" in found
        self.send_response(404 if found is None else 503 if wrong else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Tests print nothing."""

    def address_string(self) -> str:
        return "unix"


class _Api(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True

    def __init__(self, home: Path, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        super().__init__(str(socket_directory(home) / "api.sock"), _Answering)


@contextmanager
def answering(home: Path, answers: Mapping[str, Any]) -> Iterator[None]:
    """An API of this home that has these answers, by path; an `error` is one, and everything else is not found."""
    with _Api(home, answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            Path(str(server.server_address)).unlink()


def on_a_terminal(command: list[str], columns: int) -> str:
    """What a person sees, without the colours."""
    ours, theirs = pty.openpty()
    given = {**os.environ, "COLUMNS": str(columns), "LINES": "50", "TERM": "xterm-256color"}
    with subprocess.Popen(command, env=given, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not piece:
                break
            seen += piece
    os.close(ours)
    assert process.returncode == 0, seen.decode()
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.decode())
