"""What is kept of an environment that was retired: where it is, who wanted it, and until when."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from plantroom.kernel.errors import PlatformError
from plantroom.ledger.model import Entry, Phase
from plantroom.ledger.service import Journal
from plantroom.rollout import steps, store
from plantroom.rollout.model import Change, Direction
from plantroom.runtime.clock import Clock, stamp
from plantroom.runtime.database import Database

MANIFEST = "retired.json"
REMOVE = "rollout.remove-archive"

_LOOK = timedelta(minutes=1)
"""Between two looks for archives whose time is over: they are kept for days."""

_AGAIN = timedelta(hours=1)
"""Before one that could not be removed is tried again; somebody has to see to its directory meanwhile."""


def place_of(root: Path, change: Change) -> Path:
    """The directory that a retirement's dump and files are kept in."""
    return root / change.target.client / f"{change.target.stage}-{change.key}"


def archive_key(change: str) -> str:
    """The journal's key of the step that wrote the archive."""
    return f"{change}:{Direction.FORWARD.value}:{steps.ARCHIVE}:"


def write_manifest(place: Path, change: Change, kept: Iterable[str], at: datetime, until: str) -> None:
    """Beside the dump and the files, for whoever finds them: what they are, when and by whom the environment was
    retired, and until when they are kept. Whole or not at all."""
    target = change.target
    data = {
        "environment": target.environment,
        "application": target.application,
        "release": target.release,
        "artefact": target.artefact,
        "retired_by": change.actor,
        "retired_at": stamp(at),
        "kept_until": until,
        "change": change.key,
        "intent": change.intent,
        "bytes": {name: (place / name).stat().st_size for name in kept},
    }
    partial = place / f".{MANIFEST}.{os.getpid()}"
    with partial.open("w", encoding="utf-8") as file:
        file.write(json.dumps(data, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(place / MANIFEST)


def told(entries: Iterable[Entry]) -> dict[str, Any] | None:
    """What the ledger says of the last archive among these entries of one environment, oldest first; None when it says
    of none. `removed` is when it went, or None."""
    found: dict[str, Any] | None = None
    for entry in entries:
        data = entry.payload.get("data", {})
        if entry.phase is not Phase.OUTCOME or not entry.payload.get("done"):
            continue
        if entry.verb == steps.ARCHIVE:
            found = {"by": entry.actor, "at": entry.at, "place": data["place"], "until": data.get("until")}
            found["removed"] = None
        elif entry.verb == REMOVE and found is not None and found["place"] == data["place"]:
            found["removed"] = entry.at
    return found


class Archives:
    """Removes an archive once the time is over that it was to be kept for, and never before."""

    def __init__(self, database: Database, journal: Journal, root: Path, clock: Clock) -> None:
        self._database = database
        self._journal = journal
        self._root = root
        self._clock = clock
        self._next: datetime | None = None
        self._later: dict[str, str] = {}
        """By change, the instant before which nothing is to be done for it."""

    async def remove_due(self) -> list[str]:
        """The directories that were removed now."""
        now = self._clock()
        if self._next is not None and now < self._next:
            return []
        self._next = now + _LOOK
        async with self._database.transaction() as connection:
            retired = await store.retirements(connection)
        removed = []
        for change in retired:
            if change.key in self._later and stamp(now) < self._later[change.key]:
                continue
            until = await self._until(change)
            if until > stamp(now):
                self._later[change.key] = until
                continue
            self._later[change.key] = stamp(now + _AGAIN)
            if await self._remove(change, until):
                self._later[change.key] = _NEVER
                removed.append(str(place_of(self._root, change)))
        return removed

    async def _until(self, change: Change) -> str:
        """Until when the archive of a change is kept, as the ledger says; for ever when it says of none, or says that
        it is gone."""
        archived = await self._journal.outcome(archive_key(change.key))
        if archived is None or not archived.done or "until" not in archived.data:
            return _NEVER
        gone = await self._journal.outcome(_removal_key(change))
        return _NEVER if gone is not None else str(archived.data["until"])

    async def _remove(self, change: Change, until: str) -> bool:
        place = place_of(self._root, change)

        async def act() -> dict[str, Any]:
            try:
                await asyncio.to_thread(_discard, place)
            except OSError as error:
                raise PlatformError("PR403", f"archive {place}", value=str(error)) from error
            return {"place": str(place)}

        outcome = await self._journal.step(
            key=_removal_key(change),
            actor=change.actor,
            verb=REMOVE,
            subject=change.environment,
            detail={"change": change.key, "place": str(place), "until": until},
            act=act,
        )
        return outcome.done


_NEVER = "9999"
"""Later than any instant, as text."""


def _removal_key(change: Change) -> str:
    return f"{change.key}:{REMOVE}"


def _discard(place: Path) -> None:
    if place.exists():
        shutil.rmtree(place)
