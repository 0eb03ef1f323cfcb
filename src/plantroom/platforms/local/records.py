"""State in files that several processes share and that any of them may be killed over."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from plantroom.runtime.locks import open_lock

_FIRST_LOOK_S = 0.002
_LAST_LOOK_S = 0.05
"""A lock is held for milliseconds as a rule, and for seconds while an engine starts."""


def write_text(path: Path, text: str) -> None:
    """Whole or not at all, and readable for its owner only. Safe against a killed process, not against a lost power
    supply: what is written here can be told to the platform again."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def write(path: Path, data: dict[str, Any]) -> None:
    write_text(path, json.dumps(data, indent=1, sort_keys=True) + "\n")


def read(path: Path) -> dict[str, Any] | None:
    """None when it is not there."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Hold a lock against every task and process of this machine; it ends with its holder. Waiting holds no thread."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_lock(path) as file:
        pause = _FIRST_LOOK_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LAST_LOOK_S)
        yield
