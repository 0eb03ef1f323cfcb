"""A small application for tests: starts at once, answers health, says its release, can be slow,
counts writes in a file."""

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

RELEASE = os.environ["PLANTROOM_RELEASE"]
STORE = Path(os.environ["FILE_STORE"])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/health":
            # Release 3 cannot live with a client that has this file.
            bad = RELEASE.startswith("3") and (STORE / "poison").exists()
            self._answer(503 if bad else 200, {"healthy": not bad})
        elif self.path.startswith("/slow"):
            time.sleep(float(self.path.partition("?")[2] or 1))
            self._answer(200, {"slow": True})
        else:
            self._answer(200, {"release": RELEASE, "greeting": os.environ.get("GREETING", "")})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        with (STORE / f"written-{os.getpid()}").open("a") as file:
            file.write(body + "\n")
            file.flush()
        self._answer(201, {"written": body})

    def _answer(self, status: int, data: object) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("x-release", RELEASE)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


def web(port: int) -> None:
    """Notes every start, so that a test can count them."""
    with (STORE / "web.log").open("a") as log:
        log.write(f"{time.monotonic_ns()} begin {RELEASE}\n")
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()


def worker() -> None:
    """Notes when it begins and ends, so that a test can see that two never overlap."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with (STORE / "worker.log").open("a") as log:
        try:
            log.write(f"{time.monotonic_ns()} begin {RELEASE}\n")
            log.flush()
            while True:
                time.sleep(0.05)
        finally:
            log.write(f"{time.monotonic_ns()} end {RELEASE}\n")


if __name__ == "__main__":
    web(int(sys.argv[2])) if sys.argv[1] == "web" else worker()
