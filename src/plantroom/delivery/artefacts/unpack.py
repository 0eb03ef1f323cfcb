"""Unpacking: verified, read-only, whole or not at all; and looked at again before every use."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from plantroom.delivery.artefacts import archive
from plantroom.delivery.artefacts.install import platform_tag, python_minor
from plantroom.delivery.artefacts.model import ANY_PLATFORM, Artefact, ArtefactKind
from plantroom.kernel.errors import ArtefactError
from plantroom.runtime import tree
from plantroom.runtime.locks import open_lock

log = logging.getLogger("plantroom.artefacts")

COMPILE_TIMEOUT_S = 120
"""Byte code of a large application takes some seconds on a busy machine."""
_HERE = "Build it on a machine like this one"
_POLL_S = 0.05
"""How often a second caller looks whether the first is done; waiting so holds no thread."""


async def unpacked(verified: Callable[[], Artefact], blob_path: Callable[[str], Path], destination: Path) -> None:
    """Make `destination` hold the artefact that `verified` returns (it raises ArtefactError when that is damaged).

    The work is done in a directory beside the destination, under a lock file beside it, and then renamed; so whatever
    is at `destination` was whole when it came there. What is not so any more is set aside, as `.NAME.altered`.
    """
    if await asyncio.to_thread(_as_listed, destination):
        return
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with open_lock(destination.parent / f".{destination.name}.lock") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(_POLL_S)
            # Shielded: a cancelled caller must not let go of the lock while the thread is still writing.
            work = asyncio.ensure_future(asyncio.to_thread(_make, verified, blob_path, destination))
            try:
                await asyncio.shield(work)
            except asyncio.CancelledError:
                await asyncio.wait([work])
                raise
    except OSError as error:
        raise ArtefactError(
            "PR316", str(destination), value=str(error), remedy="See that the disk has room and can be written to"
        ) from error


def _as_listed(destination: Path) -> bool:
    return destination.is_dir() and _difference(destination) is None


def _difference(destination: Path) -> str | None:
    return tree.difference(str(destination), tree.list_of(str(destination)), remember=True)


def _make(verified: Callable[[], Artefact], blob_path: Callable[[str], Path], destination: Path) -> None:
    wrong = _difference(destination) if os.path.lexists(destination) else ""
    if wrong is None:
        return  # by somebody who had the lock before
    artefact = verified()
    _refuse_other_machine(artefact)
    partial = destination.parent / f".{destination.name}.partial"
    _discard(partial)
    partial.mkdir()
    try:
        files = archive.unpack([blob_path(layer.digest) for layer in artefact.layers], partial)
        if artefact.kind is ArtefactKind.PYTHON:
            _compile(partial, destination)
        _make_read_only(partial)
        # Byte code is not in the layers: it is what was made of them just now.
        entries = {**tree.describe(str(partial)), **{name: _entry(one) for name, one in files.items()}}
        tree.write(tree.list_of(str(destination)), entries, {})
        _sync(partial)
        if wrong:
            aside = destination.parent / f".{destination.name}.altered"
            _discard(aside)
            os.rename(destination, aside)
            log.warning("%s: %s; set aside as %s, unpacked anew", destination, wrong, aside.name)
        os.rename(partial, destination)
    except BaseException:
        _discard(partial)
        raise
    if wrong := _difference(destination):
        raise ArtefactError("PR316", str(destination), value=f"as soon as it was unpacked, {wrong}")


def _entry(unpacked: archive.File | str) -> tree.Entry:
    if isinstance(unpacked, str):
        return ("link", unpacked)
    return ("file", 0o555 if unpacked.executable else 0o444, unpacked.size, unpacked.sha256)


def _refuse_other_machine(artefact: Artefact) -> None:
    here, python = platform_tag(), python_minor()
    if artefact.platform not in (ANY_PLATFORM, here):
        raise ArtefactError(
            "PR315",
            artefact.reference,
            value=f"built for {artefact.platform}",
            limit=f"this machine is {here}",
            remedy=_HERE,
        )
    if artefact.python not in ("", python):
        raise ArtefactError(
            "PR315",
            artefact.reference,
            value=f"built for Python {artefact.python}",
            limit=f"this is Python {python}",
            remedy=_HERE,
        )


def _compile(partial: Path, destination: Path) -> None:
    """Write byte code, since instances cannot (the tree is read-only) and would compile at every start.

    Unchecked, because the sources beside it cannot change. A file that does not compile gets none, as in any
    installation: libraries carry such files as templates and test data.
    """
    trees = [name for name in ("lib", "app") if (partial / name).is_dir()]
    options = ["-qq", "--invalidation-mode", "unchecked-hash", "-s", str(partial), "-p", str(destination)]
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-m", "compileall", *options, *trees],
            cwd=partial,
            capture_output=True,
            timeout=COMPILE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ArtefactError("PR316", str(destination), value=f"no byte code after {COMPILE_TIMEOUT_S} s") from error
    if done.returncode not in (0, 1):
        raise ArtefactError("PR316", str(destination), value=f"compileall ended with {done.returncode}")


def _make_read_only(root: Path) -> None:
    for directory, _, files in os.walk(root, topdown=False):
        for name in files:
            path = os.path.join(directory, name)
            if not os.path.islink(path):
                os.chmod(path, 0o555 if os.stat(path).st_mode & 0o100 else 0o444)
        os.chmod(directory, 0o555)


def _sync(root: Path) -> None:
    """Everything written so far is on disk before the name is. One call for the file system instead of one per file,
    of which there are hundreds."""
    handle = os.open(root, os.O_RDONLY)
    try:
        syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
        if syncfs is None or syncfs(handle) != 0:
            os.sync()
    finally:
        os.close(handle)


def _discard(partial: Path) -> None:
    """Remove what a killed call left, or what was set aside before, read-only directories included."""
    if partial.is_symlink() or not partial.is_dir():
        partial.unlink(missing_ok=True)
        return
    for directory, _, _ in os.walk(partial):
        os.chmod(directory, 0o755)
    shutil.rmtree(partial)
