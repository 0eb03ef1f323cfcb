"""Files for people, which they find whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """In UTF-8. A file that is there stays as it was if this cannot end; the OSError names `path`: of what is open, the
    system does not say which file it was. A pipe or a device is written to as it is."""
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        path = path.resolve()
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def private(path: str, flags: int) -> int:
    """For `open`: what it makes is for its owner alone."""
    return os.open(path, flags, 0o600)
