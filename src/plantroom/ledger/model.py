"""What the ledger holds: who meant what, on what, and what came of it.

An entry's leaf hash is that of RFC 6962, section 2.1: `SHA-256(0x00 || canonical bytes)`. The canonical bytes are those
of `plantroom.kernel.digest.canonical` over all fields of the entry but its hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from plantroom.kernel.digest import canonical
from plantroom.kernel.errors import LedgerError

CHECKPOINT_EVERY = 1000
"""Entries between two checkpoints. What lies after the last one is only as safe as the database, so this bounds it."""

COLUMNS = ("seq", "at", "actor", "verb", "subject", "phase", "key", "payload")
"""What an entry is made of. All but the first are text; the payload's is its canonical JSON."""

_DEEPEST = 100
"""Levels in a payload: more than any has, and fewer than those who write JSON or show it stumble over."""


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
    """An entry as it stands in the database or in a copy, with the leaf hash that was stored beside it.

    Whoever owns the database can write anything there, so nothing is believed of it before it is read: what is neither
    text nor a whole number is None here, and a hash that is no bytes is empty.
    """

    columns: Mapping[str, str | int | None]
    leaf: bytes

    @staticmethod
    def of(columns: Mapping[str, Any], leaf: object) -> Stored:
        found = {name: columns.get(name) for name in COLUMNS}
        return Stored(
            {name: value if type(value) in (str, int) else None for name, value in found.items()},
            leaf if isinstance(leaf, bytes) else b"",
        )

    @staticmethod
    def from_data(line: Mapping[str, Any]) -> Stored:
        """A line of a copy. A payload that is text there is what stood in the database and could not be read."""
        payload = line.get("payload")
        if not isinstance(payload, str):
            payload = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        try:
            leaf = bytes.fromhex(line.get("leaf", ""))
        except (TypeError, ValueError):
            leaf = b""
        return Stored.of({**line, "payload": payload}, leaf)

    def as_data(self) -> dict[str, Any]:
        """For copies and lists. What cannot be read is there as it stands, with why it cannot."""
        try:
            return self.entry.as_data() | {"leaf": self.leaf.hex()}
        except LedgerError as error:
            return dict(self.columns) | {"leaf": self.leaf.hex(), "unreadable": error.value}

    @property
    def seq(self) -> int | None:
        found = self.columns["seq"]
        return found if isinstance(found, int) else None

    @property
    def name(self) -> str:
        return "entry without a number" if self.seq is None else f"entry {self.seq}"

    @property
    def entry(self) -> Entry:
        """Raises LedgerError PR506 when it is not one, or is not in the form in which entries are hashed."""
        try:
            return _read(self.columns)
        except (ValueError, TypeError, RecursionError) as error:
            raise LedgerError(
                "PR506", self.name, value=f"cannot be read ({error})", remedy="See `plantroom ledger verify`"
            ) from error


def _read(columns: Mapping[str, Any]) -> Entry:
    """Only what is the same text when it is written again: other text of the same meaning has another hash."""
    if not isinstance(columns["seq"], int):
        raise ValueError("it has no number")
    for name in COLUMNS[1:]:
        if not isinstance(columns[name], str):
            raise ValueError(f"its {name} is not text")
        columns[name].encode()
    text = columns["payload"]
    payload = json.loads(text)
    if not isinstance(payload, dict):
        raise ValueError("its payload is not an object")
    if text.count("{") + text.count("[") > _DEEPEST and _deeper(payload, _DEEPEST):
        raise ValueError(f"its payload has more than {_DEEPEST} levels")
    if canonical(payload).decode() != text:
        raise ValueError("its payload is not in canonical form")
    return Entry.from_data({**columns, "payload": payload})


def _deeper(data: Any, levels: int) -> bool:
    if not isinstance(data, (dict, list)):
        return False
    inside = data.values() if isinstance(data, dict) else data
    return levels == 0 or any(_deeper(one, levels - 1) for one in inside)


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

    def as_data(self) -> dict[str, Any]:
        return {
            "intact": self.intact,
            "entries": self.entries,
            "checkpoints": self.checkpoints,
            "covered": self.covered,
            "after": self.after,
            "findings": [{"kind": one.kind, "detail": one.detail} for one in self.findings],
        }
