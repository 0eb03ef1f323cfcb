"""What the command line and other rooms call: build, list, show and verify artefacts of one layout."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from plantroom.delivery.artefacts.build import build
from plantroom.delivery.artefacts.layout import Layout
from plantroom.delivery.artefacts.model import Artefact
from plantroom.delivery.artefacts.policy import last_of, left_by, no_way, scripts_due, too_soon
from plantroom.delivery.artefacts.ports import Migrations
from plantroom.kernel.errors import ArtefactError
from plantroom.kernel.verdict import Refused
from plantroom.platforms.contract import Script, ScriptSeen
from plantroom.rollout.model import ArtefactView

NOT_THERE = "PR304"


class Artefacts:
    """The artefacts kept in one directory. Nothing here needs a running Plantroom. Errors are ArtefactError."""

    def __init__(self, directory: Path, migrations: Migrations | None = None) -> None:
        self.layout = Layout(directory)
        self._migrations = migrations

    def build(self, path: Path) -> Artefact:
        """Build the source directory `path`; the same content again returns what is there."""
        return build(path, self.layout, self._migrations)

    def list(self) -> Sequence[Artefact]:
        """Every artefact, by application and version."""
        return self.layout.list()

    def show(self, name: str) -> Artefact:
        """One artefact, by digest or `application@version`."""
        return self.layout.show(name)

    def verify(self, name: str) -> Artefact:
        """One artefact, every blob of it hashed again."""
        return self.layout.verify(name)


class Catalogue:
    """What rollouts and trains see of the artefacts; it implements their port (`rollout.ports.Artefacts`)."""

    def __init__(self, artefacts: Artefacts) -> None:
        self._artefacts = artefacts
        self._verified: dict[str, tuple[object, ...]] = {}

    async def verify(self, digest: str) -> None:
        artefact = await asyncio.to_thread(self._artefacts.show, digest)
        paths = [self._artefacts.layout.blob_path(blob.digest) for blob in artefact.layers]
        marks = tuple(_mark(path) for path in paths)
        if self._verified.get(digest) != marks:
            await asyncio.to_thread(self._artefacts.verify, digest)
            self._verified[digest] = marks

    async def view(self, digest: str) -> ArtefactView:
        artefact = await asyncio.to_thread(self._artefacts.show, digest)
        return ArtefactView(
            digest=artefact.digest,
            application=artefact.application,
            version=artefact.version,
            processes={process.name: process for process in artefact.processes},
            variables={**artefact.environment, "PLANTROOM_WORKDIR": artefact.workdir},
            schema=artefact.schema is not None,
        )

    async def find(self, application: str, version: str) -> str | None:
        try:
            return (await asyncio.to_thread(self._artefacts.show, f"{application}@{version}")).digest
        except ArtefactError as error:
            if error.code == NOT_THERE:
                return None
            raise

    async def scripts_due(
        self, digest: str, recorded: Sequence[ScriptSeen], running: Collection[str] = ()
    ) -> tuple[Script, ...] | Refused:
        artefact = await asyncio.to_thread(self._artefacts.show, digest)
        schemas = [await self._schema_name(one) for one in running]
        return scripts_due(artefact, recorded, [one for one in schemas if one is not None])

    async def cannot_follow(self, digest: str, running: str, been: Collection[str]) -> str:
        artefact = await asyncio.to_thread(self._artefacts.show, digest)
        schema = await self._schema_name(running)
        schemas = [await self._schema_name(one) for one in been]
        soon = "" if schema is None else too_soon(artefact, schema)
        return soon or no_way(artefact, [one for one in schemas if one is not None])

    async def application_of(self, digest: str) -> str | None:
        artefact = await asyncio.to_thread(self._artefacts.show, digest)
        return None if artefact.schema is None else artefact.application

    async def left_by(self, application: str, recorded: Sequence[ScriptSeen]) -> tuple[str, Script | None]:
        last = last_of(recorded)
        if last is None:
            return "", None
        found = await self.find(application, last[0])
        artefact = None if found is None else await asyncio.to_thread(self._artefacts.show, found)
        there = None if artefact is None or artefact.schema is None else left_by(artefact.schema, last[1])
        return last[0], there

    async def migrations(self, digest: str) -> Sequence[Mapping[str, Any]]:
        """The scripts that lead on from another release, with what was proven of them."""
        schema = (await asyncio.to_thread(self._artefacts.show, digest)).schema
        if schema is None:
            return []
        found = [] if schema.held is None else [(schema.held.script, schema.held.proof)]
        own = [] if schema.migrate is None else [(schema.migrate, schema.proof)]
        return [{"release": one.release, "sha256": one.sha256, "proof": proof} for one, proof in (*found, *own)]

    async def _schema_name(self, digest: str) -> str | None:
        """None when it has none. What is not to be had may need whatever there is."""
        try:
            schema = (await asyncio.to_thread(self._artefacts.show, digest)).schema
        except ArtefactError as error:
            if error.code != NOT_THERE:
                raise
            return ""
        return None if schema is None else schema.release


def _mark(path: Path) -> object:
    """What is another after any write to the file, None when it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
