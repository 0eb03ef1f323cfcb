"""A tree of files and the list of what belongs in it: whether the tree is still what was put there.

The list lies beside the tree, as `.NAME.files`. It is made from where the files came from, never from what is found in
the tree later. Imports nothing of Plantroom, since an instance's launcher reads this file alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

Entry = Sequence[str | int]
"""`["dir", mode]`, `["link", target]` or `["file", mode, bytes, sha256]`."""

ROOT = "."
_BLOCK = 1 << 20


def list_of(root: str) -> str:
    """Where the list of a tree lies."""
    return os.path.join(os.path.dirname(root), f".{os.path.basename(root)}.files")


def describe(root: str) -> dict[str, Entry]:
    """What is in a tree now."""
    return {path: _entry(root, path, found) for path, found in _walk(root)}


def write(path: str, entries: Mapping[str, Entry], marks: Mapping[str, Sequence[int]]) -> None:
    """Whole or not at all."""
    temporary = f"{path}.{os.getpid()}.{threading.get_ident()}.tmp"
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({"entries": entries, "marks": marks}, file)
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def difference(root: str, path: str, *, remember: bool = False) -> str | None:
    """How the tree is not what its list at `path` says, in words; None when it is.

    Each file is hashed, but for one that has the same inode, size, mode and times as when it was hashed last: the time
    of the last change (st_ctime of stat(2)) is set by the kernel alone, so nobody writes to a file and leaves it as it
    was. `remember`: note these in the list, for the next time.
    """
    try:
        with open(path, encoding="utf-8") as file:
            known = json.load(file)
        entries, marks = dict(known["entries"]), dict(known["marks"])
    except (OSError, ValueError, TypeError, KeyError):
        return "there is no list of its files"
    missing, new = set(entries), {}
    try:
        for name, found in _walk(root):
            wanted = entries.get(name)
            if wanted is None:
                return f"{name} was added"
            missing.discard(name)
            mark = [found.st_mode, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]
            if marks.get(name) != mark:
                if list(_entry(root, name, found)) != list(wanted):
                    return "it is another directory" if name == ROOT else f"{name} was altered"
                new[name] = mark
    except OSError as error:
        return f"{error.filename} cannot be read ({error.strerror})"
    if missing:
        return f"{min(missing)} is gone"
    if remember and new:
        with suppress(OSError):
            write(path, entries, {**marks, **new})
    return None


def _walk(root: str) -> Iterator[tuple[str, os.stat_result]]:
    yield ROOT, os.lstat(root)
    left = [""]
    while left:
        inside = left.pop()
        with os.scandir(os.path.join(root, inside)) as found:
            for one in found:
                name = f"{inside}{one.name}"
                yield name, one.stat(follow_symlinks=False)
                if one.is_dir(follow_symlinks=False):
                    left.append(f"{name}/")


def _entry(root: str, name: str, found: os.stat_result) -> Entry:
    path = root if name == ROOT else os.path.join(root, name)
    if stat.S_ISLNK(found.st_mode):
        return ("link", os.readlink(path))
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISDIR(found.st_mode):
        return ("dir", mode)
    if not stat.S_ISREG(found.st_mode):
        return ("other", mode)
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return ("file", mode, found.st_size, digest.hexdigest())
