"""Signs of life of a child process to its parent, through a pipe."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress

EVERY_S = 1.0


class Pulse:
    """The parent's end. A pipe needs no disk and no clock that two processes share."""

    def __init__(self) -> None:
        self._read, self.write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self.write, False)
        self._silent_s = 0.0
        self._looked = time.monotonic()

    def silent_s(self, at_most_s: float) -> float:
        """Seconds since the child last gave a sign, as far as somebody looked: a pause between two looks counts as
        `at_most_s`, since whoever did not look may have been stopped together with the child."""
        now = time.monotonic()
        self._silent_s += min(now - self._looked, at_most_s)
        self._looked = now
        with suppress(BlockingIOError):
            while os.read(self._read, 65536):
                self._silent_s = 0.0
        return self._silent_s

    def handed_over(self) -> None:
        """Once the child has its end, which ends with it."""
        os.close(self.write)

    def close(self) -> None:
        os.close(self._read)


async def beat(descriptor: int) -> None:
    """Give signs as long as this process's event loop turns. Until cancelled."""
    while True:
        # Full: the parent does not look. Broken: it has gone, and the kernel ends this process.
        with suppress(OSError):
            os.write(descriptor, b".")
        await asyncio.sleep(EVERY_S)
