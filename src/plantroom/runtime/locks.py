"""Lock files that no other account can hold: flock(2) asks for no more than that the file can be opened."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO


def open_lock(path: Path) -> BinaryIO:
    """The file to lock, made when it is not there; its owner's alone, also when an earlier version made it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with suppress(PermissionError):
        os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "r+b")
