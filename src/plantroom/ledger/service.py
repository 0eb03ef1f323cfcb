"""Writing to the ledger, and the journal of steps that makes acting twice impossible.

`Journal.step` is how every activity changes the outside world: is an outcome recorded for this key? Return it. Else
judge again, write the intent (unique by key), act, write the outcome, all under a lock on the key. A worker that is
killed anywhere in between is followed by one that finds the intent and acts again, which the platform contract makes
harmless.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.ext.asyncio import AsyncConnection

from plantroom.kernel.errors import TRIED_AGAIN, LedgerError, PlatformError
from plantroom.kernel.verdict import Allowed, Verdict
from plantroom.ledger import policy, store
from plantroom.ledger.model import CHECKPOINT_EVERY, Checkpoint, Draft, Entry, Finding, Phase, Stored, Verification
from plantroom.runtime.clock import Clock, stamp
from plantroom.runtime.database import Database, together
from plantroom.runtime.faults import FaultPoint, Faults

log = logging.getLogger("plantroom.ledger")


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """`done` False means that it failed for good, for the reason in `why`."""

    done: bool
    why: str
    data: dict[str, Any]


class Ledger:
    """Append, checkpoint, read and verify."""

    def __init__(self, database: Database, directory: Path, origin: str, clock: Clock) -> None:
        self._database = database
        self._directory = directory
        self._origin = origin
        self._clock = clock

    # The caller's transaction: the entry and the state that it speaks of are written together, or neither is.
    async def append(self, connection: AsyncConnection, *drafts: Draft) -> None:
        await store.append(connection, drafts, stamp(self._clock()))

    async def append_last(self, connection: AsyncConnection, draft: Draft) -> None:
        """The outcome of a step; see `store.append_last`."""
        await store.append_last(connection, draft, stamp(self._clock()))

    async def latest(self, limit: int, subject: str | None = None) -> list[Stored]:
        async with self._database.transaction() as connection:
            return await store.latest(connection, limit, subject)

    async def all(self) -> list[Stored]:
        """Raises LedgerError PR506 when the table of entries is not as Plantroom made it."""
        async with self._database.transaction() as connection:
            return await store.read(connection)

    async def checkpoint(self) -> Checkpoint:
        """Sign the present root and write it outside of PostgreSQL; at an unchanged size the one that is there.

        Raises LedgerError PR506 when there is an entry that cannot be read or is not in its place.
        """
        # Reading everything takes seconds in a long log, in which steps go on.
        leaves = await asyncio.to_thread(policy.leaves_to_sign, await self.all())
        path = self._directory / "checkpoints" / f"{len(leaves):012d}.txt"
        if path.exists():
            return policy.open_note(_text(path), self._key().public_key())
        made = policy.sign(self._origin, len(leaves), policy.root_of(leaves), self._key())
        _write_whole(path, made.note.encode(), 0o644)
        return made

    async def checkpoint_at_end(self) -> None:
        """Of a train or an apply, whose end is recorded: a log that cannot be vouched for does not hold it up."""
        try:
            await self.checkpoint()
        except LedgerError as error:
            log.error("no checkpoint: %s", error)

    async def checkpoint_if_due(self) -> None:
        """A checkpoint at every thousandth entry, or as soon after it as a step ends."""
        async with self._database.transaction() as connection:
            size = await store.size(connection)
        # Whatever else lies there is none of ours to count; `verify` tells of it.
        names = (path.stem for path in self._directory.glob("checkpoints/*.txt"))
        newest = max((int(name) for name in names if name.isascii() and name.isdigit()), default=0)
        if size // CHECKPOINT_EVERY > newest // CHECKPOINT_EVERY:
            await self.checkpoint()

    async def verify(self) -> Verification:
        checkpoints, findings = self._opened()
        try:
            stored = await self.all()
        except LedgerError as error:
            # Of entries that nobody sees it is not known whether they are fewer than was signed.
            return Verification(0, len(checkpoints), 0, 0, (*findings, Finding("altered", error.value)))
        return policy.verify(stored, checkpoints, findings)

    def notes(self) -> dict[str, str]:
        """What stands in the checkpoints' files, by their names, smallest first. Nothing is believed of it yet. One
        that cannot be read is empty, so that it is missed in a copy as well."""
        return self._notes()[0]

    def _notes(self) -> tuple[dict[str, str], dict[str, str]]:
        """What stands in the checkpoints' files, and why some of them cannot be read."""
        notes, unread = {}, {}
        for path in sorted(self._directory.glob("checkpoints/*.txt")):
            try:
                notes[path.name] = _text(path)
            except LedgerError as error:
                notes[path.name], unread[path.name] = "", error.value
        return notes, unread

    async def prove(self, seq: int, size: int | None = None) -> dict[str, Any]:
        """An inclusion proof of one entry, with all a verifier needs, against the checkpoint of that size, else the
        newest one that covers it.

        Raises LedgerError PR503 when there is no such entry or checkpoint, PR506 when the log is not what it was
        signed for.
        """
        stored = [item for item in await self.all() if item.seq is not None and item.seq >= 0]
        covering = [one for one in self._opened()[0] if one.size > seq and size in (None, one.size)]
        if seq < 0 or (not covering and seq >= len(stored)):
            raise policy.no_entry(seq, len(stored))
        if not covering:
            raise LedgerError(
                "PR503",
                f"entry {seq}",
                value="is not covered by a checkpoint" if size is None else f"is not covered by a checkpoint at {size}",
                limit=f"the ledger has {len(stored)} entries",
                remedy=(
                    "Make one with `plantroom ledger checkpoint`"
                    if size is None
                    else "Name the size of a checkpoint that you have kept, and an entry below it"
                ),
            )
        newest = max(covering, key=lambda checkpoint: checkpoint.size)
        leaves = [item.leaf for item in stored[: newest.size]]
        if len(leaves) < newest.size or policy.root_of(leaves) != newest.root:
            raise LedgerError(
                "PR506",
                "the ledger",
                value=f"is not the one that was signed at {newest.size} entries",
                remedy="See `plantroom ledger verify`",
            )
        return {
            "entry": policy.believed(stored[seq]).as_data(),
            "leaf": stored[seq].leaf.hex(),
            "proof": [step.hex() for step in policy.inclusion_proof(leaves, seq)],
            "checkpoint": newest.note,
            "public_key": self.public_key(),
        }

    def fingerprint(self) -> str:
        """Of the key that checkpoints are checked with; empty as long as there is none."""
        path = self._directory / "key.pub"
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""

    def public_key(self) -> str:
        """In hexadecimal, 32 bytes."""
        return self._key().public_key().public_bytes_raw().hex()

    def _key(self) -> Ed25519PrivateKey:
        path = self._directory / "key"
        if not path.exists():
            made = Ed25519PrivateKey.generate()
            _write_whole(self._directory / "key.pub", made.public_key().public_bytes_raw(), 0o644)
            _write_whole(path, made.private_bytes_raw(), 0o600)
        return Ed25519PrivateKey.from_private_bytes(path.read_bytes())

    def _opened(self) -> tuple[list[Checkpoint], list[Finding]]:
        """The checkpoints that are signed by this home's key, and what is wrong with the others."""
        notes, unread = self._notes()
        path = self._directory / "key.pub"
        odd = [Finding("forged", f"{name}: {why}") for name, why in unread.items()]
        there = {name: note for name, note in notes.items() if name not in unread}
        try:
            # Without a checkpoint there need be no key yet.
            if not there:
                return [], odd
            checkpoints, forged = policy.open_notes(there, policy.public_key(path.read_bytes()))
            return checkpoints, [*odd, *forged]
        except (OSError, LedgerError):
            return [], [Finding("forged", f"{path.name}: is not a public key, so no checkpoint can be checked")]


class Journal:
    """Steps with keys. One per process."""

    def __init__(self, database: Database, ledger: Ledger, faults: Faults | None) -> None:
        self._database = database
        self._ledger = ledger
        self._faults = faults

    async def outcome(self, key: str) -> StepOutcome | None:
        async with self._database.transaction() as connection:
            found = await store.find(connection, key, Phase.OUTCOME)
            return _outcome(None if found is None else policy.believed(found))

    async def step(
        self,
        *,
        key: str,
        actor: str,
        verb: str,
        subject: str,
        detail: dict[str, Any],
        act: Callable[[], Awaitable[dict[str, Any]]],
        judge: Callable[[AsyncConnection], Awaitable[Verdict]] | None = None,
        record: Callable[[AsyncConnection, StepOutcome], Awaitable[None]] | None = None,
    ) -> StepOutcome:
        """Do `act` once for `key`. `record` writes state in the transaction of the outcome; `judge` may read.

        A refusal by `judge` and a `PlatformError` that will not go away by itself are outcomes too (not done).
        Raises the PlatformError when it is worth trying again (busy, unreachable); nothing is recorded then.
        """
        async with self._open(key) as (connection, there):
            recorded = _outcome(there.get(Phase.OUTCOME))
            if recorded is not None:
                return recorded
            verdict: Verdict = Allowed() if judge is None else await judge(connection)
            if not isinstance(verdict, Allowed):
                outcome = StepOutcome(False, verdict.reason, {})
            else:
                if Phase.INTENT not in there:
                    await self._ledger.append(connection, Draft(actor, verb, subject, Phase.INTENT, key, detail))
                outcome = await self._act(verb, key, act)
            payload = {"done": outcome.done, "why": outcome.why, "data": outcome.data}
            last = Draft(actor, verb, subject, Phase.OUTCOME, key, payload)
            if record is None:
                await self._ledger.append_last(connection, last)
            else:
                async with together(connection):
                    # State first: from the entry on, every other step of the night waits for this commit.
                    await record(connection, outcome)
                    await self._ledger.append_last(connection, last)
            self._strike(verb, key, FaultPoint.AFTER_RECORD)
        return outcome

    async def _act(self, verb: str, key: str, act: Callable[[], Awaitable[dict[str, Any]]]) -> StepOutcome:
        self._strike(verb, key, FaultPoint.BEFORE_ACT)
        try:
            data = await act()
        except PlatformError as error:
            if error.code in TRIED_AGAIN:
                raise
            return StepOutcome(False, str(error), {})
        self._strike(verb, key, FaultPoint.AFTER_ACT)
        return StepOutcome(True, "", data)

    def _strike(self, verb: str, key: str, point: FaultPoint) -> None:
        if self._faults is not None:
            self._faults.strike(verb, key, point)

    @asynccontextmanager
    async def _open(self, key: str) -> AsyncIterator[tuple[AsyncConnection, dict[Phase, Entry]]]:
        """What there is of a step, and the connection that holds the lock on it. Each statement is its own transaction.
        The lock goes with the outcome's transaction, and with the connection when anything else ends it."""
        async with self._database.reading() as connection:
            try:
                there = map(policy.believed, await store.open_step(connection, key))
                yield connection, {entry.phase: entry for entry in there}
            except BaseException:
                # A broken connection takes its locks along.
                await connection.invalidate()
                raise


def _outcome(entry: Entry | None) -> StepOutcome | None:
    if entry is None:
        return None
    done, why, data = (entry.payload.get(name) for name in ("done", "why", "data"))
    if not (isinstance(done, bool) and isinstance(why, str) and isinstance(data, dict)):
        raise LedgerError("PR506", f"entry {entry.seq}", value="is not how an outcome is written")
    return StepOutcome(done, why, data)


def _write_whole(path: Path, data: bytes, mode: int) -> None:
    """The whole file or none of it, also when the machine stops in the middle."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _text(path: Path) -> str:
    """As it stands there, with whatever ends its lines; what is not UTF-8 gets a form in which it is no checkpoint.
    Raises LedgerError PR502 when it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise LedgerError("PR502", "checkpoint", value=f"cannot be read ({error.strerror})".lower()) from error
