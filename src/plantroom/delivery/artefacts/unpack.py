"""Unpacking: verified, read-only, whole or not at all, once per destination."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
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
from plantroom.runtime.locks import open_lock

COMPILE_TIMEOUT_S = 120
"""Byte code of a large application takes some seconds on a busy machine."""
_POLL_S = 0.05
"""How often a second caller looks whether the first is done; waiting so holds no thread."""


async def unpacked(verified: Callable[[], Artefact], blob_path: Callable[[str], Path], destination: Path) -> None:
    """Make `destination` hold the artefact that `verified` returns (it raises ArtefactError when that is damaged).

    The work is done in a directory beside the destination, under a lock file beside it, and then renamed; so whatever
    is at `destination` is whole.
    """
    if _is_there(destination):
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
            if not _is_there(destination):
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


def _is_there(destination: Path) -> bool:
    """Whatever is at a destination is whole, so that it is there says all."""
    return destination.is_dir()


def _make(verified: Callable[[], Artefact], blob_path: Callable[[str], Path], destination: Path) -> None:
    artefact = verified()
    _refuse_other_machine(artefact)
    partial = destination.parent / f".{destination.name}.partial"
    _discard(partial)
    partial.mkdir()
    try:
        archive.unpack([blob_path(layer.digest) for layer in artefact.layers], partial)
        if artefact.kind is ArtefactKind.PYTHON:
            _compile(partial, destination)
        _make_read_only(partial)
        _sync(partial)
        os.rename(partial, destination)
    except BaseException:
        _discard(partial)
        raise


def _refuse_other_machine(artefact: Artefact) -> None:
    here, python = platform_tag(), python_minor()
    if artefact.platform not in (ANY_PLATFORM, here):
        raise ArtefactError(
            "PR315", artefact.reference, value=f"built for {artefact.platform}", limit=f"this machine is {here}"
        )
    if artefact.python not in ("", python):
        raise ArtefactError(
            "PR315", artefact.reference, value=f"built for Python {artefact.python}", limit=f"this is Python {python}"
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
    """Remove what a killed call left, read-only directories included."""
    if not partial.exists():
        return
    for directory, _, _ in os.walk(partial):
        os.chmod(directory, 0o755)
    shutil.rmtree(partial)
