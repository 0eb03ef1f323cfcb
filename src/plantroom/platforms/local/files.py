"""File stores: a directory per environment, `home/files/<client>/<stage>`."""

from __future__ import annotations

import asyncio
import os
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from plantroom.kernel.errors import PlatformError


class LocalFiles:
    """The contract's Files."""

    def __init__(self, home: Path) -> None:
        self._root = home / "files"

    async def observe(self) -> Sequence[str]:
        found = self._root.glob("[!.]*/[!.]*")
        return sorted(f"{path.parent.name}/{path.name}" for path in found if path.is_dir())

    async def create(self, environment: str) -> None:
        try:
            self._store(environment).mkdir(mode=0o700, parents=True, exist_ok=True)
        except FileNotFoundError:
            # The client's directory went in between, with the last of its other stores.
            self._store(environment).mkdir(mode=0o700, parents=True, exist_ok=True)

    async def archive(self, environment: str, destination: Path) -> None:
        store = self._store(environment)
        if not store.is_dir():
            raise PlatformError("PR401", f"file store of {environment}", value="is not there")
        try:
            await asyncio.to_thread(_pack, store, destination)
        except OSError as error:
            raise PlatformError("PR405", f"archive of {environment}", value=str(error)) from error

    async def remove(self, environment: str) -> None:
        store = self._store(environment)
        # Out of the way in one step, so that a store is there whole or not at all.
        doomed = store.with_name(f".{store.name}.removed")
        await asyncio.to_thread(_discard, doomed)
        with suppress(FileNotFoundError):
            store.rename(doomed)
            await asyncio.to_thread(_discard, doomed)
        # The client's own, once nothing of it is left.
        with suppress(OSError):
            store.parent.rmdir()

    def variables(self, environment: str) -> Mapping[str, str]:
        return {"FILE_STORE": str(self._store(environment))}

    def _store(self, environment: str) -> Path:
        client, stage = environment.split("/")
        return self._root / client / stage


def _pack(store: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    partial = destination.with_name(f".{destination.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                archive.add(store, arcname=".")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(destination)
    finally:
        partial.unlink(missing_ok=True)


def _discard(directory: Path) -> None:
    if directory.exists():
        shutil.rmtree(directory)
