"""What the ledger holds: who meant what, on what, and what came of it.

An entry's leaf hash is that of RFC 6962, section 2.1: `SHA-256(0x00 || canonical bytes)`. The canonical bytes are those
of `plantroom.kernel.digest.canonical` over all fields of the entry but its hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from plantroom.kernel.digest import canonical

CHECKPOINT_EVERY = 1000
"""Entries between two checkpoints. What lies after the last one is only as safe as the database, so this bounds it."""


class Phase(StrEnum):
    """An intent is written before anything is done, the outcome after; a note stands for itself (a decision)."""

    INTENT = "intent"
    OUTCOME = "outcome"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry before it has its place. `key` is unique with its phase: the guard against doing it twice."""

    actor: str
    verb: str
    subject: str
    phase: Phase
    key: str
    payload: Mapping[str, Any]

    def around_place(self, at: str) -> tuple[bytes, bytes]:
        """The canonical bytes of the entry that this becomes, before and after its `seq`, which is given where it is
        written: in their order, `seq` comes after the first five fields and before the last two."""
        before = {
            "actor": self.actor,
            "at": at,
            "key": self.key,
            "payload": dict(self.payload),
            "phase": self.phase.value,
        }
        after = {"subject": self.subject, "verb": self.verb}
        return canonical(before)[:-1] + b',"seq":', b"," + canonical(after)[1:]


@dataclass(frozen=True, slots=True)
class Entry:
    """`seq` counts from 0 without gaps; `at` is UTC, ISO 8601 with microseconds."""

    seq: int
    at: str
    actor: str
    verb: str
    subject: str
    phase: Phase
    key: str
    payload: Mapping[str, Any]

    def as_data(self) -> dict[str, Any]:
        return {
            "seq": self.seq,
            "at": self.at,
            "actor": self.actor,
            "verb": self.verb,
            "subject": self.subject,
            "phase": self.phase.value,
            "key": self.key,
            "payload": dict(self.payload),
        }

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Entry:
        return Entry(
            seq=int(data["seq"]),
            at=str(data["at"]),
            actor=str(data["actor"]),
            verb=str(data["verb"]),
            subject=str(data["subject"]),
            phase=Phase(data["phase"]),
            key=str(data["key"]),
            payload=dict(data["payload"]),
        )

    def leaf(self) -> bytes:
        return hashlib.sha256(b"\x00" + canonical(self.as_data())).digest()


@dataclass(frozen=True, slots=True)
class Stored:
    """An entry as the database has it, with the leaf hash that was stored beside it."""

    entry: Entry
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The size and root of the tree at one moment, in the C2SP tlog-checkpoint form, signed."""

    origin: str
    size: int
    root: bytes
    note: str
    """The whole signed note, as it stands in its file."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with the log."""

    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verification:
    """`covered` entries are vouched for by a checkpoint; `after` lie behind the last one."""

    entries: int
    checkpoints: int
    covered: int
    after: int
    findings: tuple[Finding, ...]

    @property
    def intact(self) -> bool:
        return not self.findings
