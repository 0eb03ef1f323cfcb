"""TCP ports of instances on loopback, each claimed by a file that only one can make: `home/ports/<port>`."""

from __future__ import annotations

import hashlib
from pathlib import Path

from plantroom.kernel.errors import PlatformError
from plantroom.platforms.local.listeners import strangers
from plantroom.runtime.engines import port_free

ADDRESS = "127.0.0.1"
FIRST_PORT, LAST_PORT = 10_000, 31_999
"""Below 32768, where Linux begins to hand out ports of its own (ip_local_port_range), and above what services have."""
_STEP = 7
"""From one candidate to the next; has no factor in common with the 22,000 ports, so that all of them come up."""


class Ports:
    def __init__(self, home: Path) -> None:
        self._directory = home / "ports"
        # Part of the hash, so that two homes on one machine do not go for the same ports in the same order.
        self._salt = str(home)

    def claim(self, instance: str) -> int:
        """The port that this instance has, unless somebody else has taken it, or else a free one. Raises PlatformError
        PR403 when there is none."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        span = LAST_PORT - FIRST_PORT + 1
        first = int.from_bytes(hashlib.sha256(f"{self._salt}:{instance}".encode()).digest()[:8], "big")
        for step in range(span):
            port = FIRST_PORT + (first + step * _STEP) % span
            claim = self._directory / str(port)
            try:
                with claim.open("x", encoding="utf-8") as file:
                    file.write(instance)
            except FileExistsError:
                if self._owner(port) != instance:
                    continue
                if not strangers([port]):
                    return port
                claim.unlink()
                continue
            if port_free(port):
                return port
            claim.unlink()
        raise PlatformError("PR403", f"instance {instance}", value="no free port", limit=f"{FIRST_PORT} to {LAST_PORT}")

    def release(self, instance: str, port: int) -> None:
        if self._owner(port) == instance:
            (self._directory / str(port)).unlink(missing_ok=True)

    def _owner(self, port: int) -> str | None:
        try:
            return (self._directory / str(port)).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
