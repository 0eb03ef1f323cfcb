"""The Merkle tree of RFC 6962 and the signed notes over it. Pure.

Sources: RFC 6962 section 2.1 (tree hash, audit path); C2SP tlog-checkpoint and signed-note (the text form; an Ed25519
key's id is the first four bytes of `SHA-256(name || 0x0A || 0x01 || public key)`).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from plantroom.kernel.errors import LedgerError
from plantroom.ledger.model import Checkpoint, Entry, Finding, Stored, Verification

_ED25519 = b"\x01"


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A growing tree that keeps one hash per complete subtree: adding a leaf costs O(1) amortised, a root O(log n)."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        self._peaks.append(leaf)
        self.size += 1
        grown = self.size
        while grown % 2 == 0:
            right = self._peaks.pop()
            self._peaks.append(node(self._peaks.pop(), right))
            grown //= 2

    def root(self) -> bytes:
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node(peak, root)
        return root


def root_of(leaves: Sequence[bytes]) -> bytes:
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def no_entry(seq: int, size: int) -> LedgerError:
    which = f"from 0 to {size - 1}" if size else "once there is one"
    return LedgerError(
        "PR503",
        f"entry {seq}",
        value="is not there",
        limit=f"the ledger has {size} entries",
        remedy=f"Name an entry {which}; `plantroom ledger list` shows them",
    )


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The audit path of leaf `index` in the tree over `leaves`, from the bottom up."""
    if not 0 <= index < len(leaves):
        raise no_entry(index, len(leaves))
    if len(leaves) == 1:
        return ()
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < split:
        return (*inclusion_proof(leaves[:split], index), root_of(leaves[split:]))
    return (*inclusion_proof(leaves[split:], index - split), root_of(leaves[:split]))


def root_from_proof(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to; it proves inclusion when it equals a checkpoint's root.

    RFC 9162, section 2.1.3.2 gives this walk. Raises LedgerError PR505 when the proof has the wrong length.
    """
    if not 0 <= index < size:
        raise LedgerError("PR505", f"proof of entry {index}", value="lies outside of the tree", limit=f"size {size}")
    position, last, at = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise LedgerError("PR505", f"proof of entry {index}", value="is too long")
        if position % 2 == 1 or position == last:
            at = node(sibling, at)
            while position % 2 == 0 and position != 0:
                position, last = position >> 1, last >> 1
        else:
            at = node(at, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise LedgerError("PR505", f"proof of entry {index}", value="is too short")
    return at


# -- checkpoints ------------------------------------------------------------------------------------------------


def key_id(origin: str, public: Ed25519PublicKey) -> bytes:
    return hashlib.sha256(origin.encode() + b"\n" + _ED25519 + public.public_bytes_raw()).digest()[:4]


def sign(origin: str, size: int, root: bytes, key: Ed25519PrivateKey) -> Checkpoint:
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    signature = key_id(origin, key.public_key()) + key.sign(text.encode())
    note = f"{text}\n\u2014 {origin} {base64.b64encode(signature).decode()}\n"
    return Checkpoint(origin, size, root, note)


def public_key(raw: bytes) -> Ed25519PublicKey:
    """From its 32 bytes. Raises LedgerError PR508 when they are none."""
    try:
        return Ed25519PublicKey.from_public_bytes(raw)
    except ValueError as error:
        raise LedgerError(
            "PR508", "the public key", value="is not one", limit="Ed25519, 32 bytes", remedy="See HOME/ledger/key.pub"
        ) from error


def fingerprint(public: Ed25519PublicKey) -> str:
    """What `sha256sum key.pub` prints."""
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()


def read_note(note: str) -> Checkpoint:
    """A checkpoint, whoever signed it. Raises LedgerError PR502 when it is none."""
    return _parse(note)[0]


def open_note(note: str, public: Ed25519PublicKey) -> Checkpoint:
    """Parse and check a signed checkpoint. Raises LedgerError PR502 when it is malformed or not signed by this key."""
    checkpoint, name, raw = _parse(note)
    if name != checkpoint.origin or raw[:4] != key_id(checkpoint.origin, public):
        raise LedgerError("PR502", f"checkpoint at {checkpoint.size}", value="is signed by another key")
    try:
        public.verify(raw[4:], note.split("\n\n", 1)[0].encode() + b"\n")
    except InvalidSignature as error:
        raise LedgerError("PR502", f"checkpoint at {checkpoint.size}", value="its signature does not verify") from error
    return checkpoint


def _parse(note: str) -> tuple[Checkpoint, str, bytes]:
    """The checkpoint, the name of who signed it, and the signature with the id of its key."""
    try:
        note.encode()
        text, signatures = note.split("\n\n", 1)
        origin, size, root = text.split("\n")[:3]
        marker, name, encoded = signatures.rstrip("\n").split(" ")
        raw = base64.b64decode(encoded, validate=True)
        checkpoint = Checkpoint(origin, int(size), base64.b64decode(root, validate=True), note)
        if marker != "\u2014" or checkpoint.size < 0:
            raise ValueError(note)
    except ValueError as error:
        raise LedgerError("PR502", "checkpoint", value="is not in the tlog-checkpoint form") from error
    return checkpoint, name, raw


def open_notes(notes: Mapping[str, str], public: Ed25519PublicKey) -> tuple[list[Checkpoint], list[Finding]]:
    """Of notes by name: those that are signed by this key, and what is wrong with the others."""
    checkpoints, findings = [], []
    for name, note in notes.items():
        try:
            checkpoints.append(open_note(note, public))
        except LedgerError as error:
            findings.append(Finding("forged", f"{name}: {error.value}"))
    return checkpoints, findings


def read_kept(notes: Mapping[str, str], public: Ed25519PublicKey) -> tuple[list[Checkpoint], list[Finding]]:
    """Of notes that were kept out of everybody's reach: all that are checkpoints, since they are believed for where
    they were. Another key's signature under one is a finding all the same: one of the two keys is not the log's."""
    checkpoints = []
    for note in notes.values():
        with suppress(LedgerError):
            checkpoints.append(read_note(note))
    return checkpoints, open_notes(notes, public)[1]


# -- verification -----------------------------------------------------------------------------------------------


def believed(item: Stored) -> Entry:
    """The entry, for those who act on what it says, or vouch for it: what is no entry that Plantroom wrote must not
    stand for a step's outcome. Raises LedgerError PR506."""
    entry = item.entry
    if entry.seq >= 0 and entry.leaf() == item.leaf:
        return entry
    value = "does not have the hash that was stored with it" if entry.seq >= 0 else "has a number that is never given"
    raise LedgerError("PR506", item.name, value=value, remedy="See `plantroom ledger verify`")


def leaves_to_sign(stored: Sequence[Stored]) -> list[bytes]:
    """Of a log in which every entry can be read and is in its place. Raises LedgerError PR506 for any other.

    Whether it is the log that was signed before is not asked: the checkpoints of then stay, and `verify` says so.
    """
    for item in stored:
        _ = item.entry
    finding = next(_misplaced(stored), None)
    if finding is not None:
        raise LedgerError("PR506", "the ledger", value=finding.detail, remedy="See `plantroom ledger verify`")
    return [item.leaf for item in stored]


def verify(stored: Sequence[Stored], checkpoints: Sequence[Checkpoint], forged: Sequence[Finding] = ()) -> Verification:
    """Hash every stored entry again and hold the tree against every checkpoint (whose signatures were checked; `forged`
    is what was found then).

    Found: an entry altered (it cannot be read, or its hash differs from the stored one), inserted (its number is one
    that is never given, or given already), deleted or reordered (numbers do not count up), cut off (a checkpoint is
    larger than the log), and forked or rehashed (a checkpoint's root is not the root of that many entries).
    """
    findings = [*forged, *_misplaced(stored)]
    due = sorted(checkpoints, key=lambda checkpoint: checkpoint.size)
    tree = Tree()
    next_due = 0

    def hold() -> None:
        nonlocal next_due
        while next_due < len(due) and due[next_due].size == tree.size:
            if due[next_due].root != tree.root():
                detail = f"the first {tree.size} entries have another root than was signed then: history was rewritten"
                findings.append(Finding("forked", detail))
            next_due += 1

    hold()
    for item in stored:
        # What cannot be read has no hash of its own. The stored one stands for it, to see whether the rest fits.
        leaf = item.leaf
        try:
            entry = item.entry
        except LedgerError as error:
            findings.append(Finding("altered", f"{error.subject} {error.value}"))
        else:
            leaf = entry.leaf()
            if leaf != item.leaf:
                what = f"entry {entry.seq} ({entry.verb} on {entry.subject})"
                findings.append(Finding("altered", f"{what} does not have the hash that was stored with it"))
        if item.seq is not None and item.seq >= 0:
            tree.add(leaf)
            hold()
    for checkpoint in due[next_due:]:
        detail = f"a checkpoint vouches for {checkpoint.size} entries, the log has {tree.size}"
        findings.append(Finding("cut off", detail))
    covered = max((checkpoint.size for checkpoint in due if checkpoint.size <= tree.size), default=0)
    return Verification(len(stored), len(due), covered, len(stored) - covered, tuple(findings))


def _misplaced(stored: Sequence[Stored]) -> Iterator[Finding]:
    """Numbers that do not count up from 0. What follows a gap has moved up with it, and is not told one by one."""
    never = [item.name for item in stored if item.seq is None or item.seq < 0]
    if never:
        yield Finding("inserted", f"{never[0]} has a number that is never given{_more(never)}")
    numbers = [item.seq for item in stored if item.seq is not None and item.seq >= 0]
    counted = sorted(set(numbers))
    due = 0
    for place, number in enumerate(counted):
        if number > due:
            gap = f"entry {due} is" if number == due + 1 else f"entries {due} to {number - 1} are"
            yield Finding("deleted", f"{gap} missing; {len(counted) - place} later entries have moved up")
        due = number + 1
    again, late = [], []
    seen: set[int] = set()
    highest = -1
    for place, number in enumerate(numbers):
        if number in seen:
            again.append(f"entry {number}")
        elif number < highest:
            late.append(f"at place {place} stands entry {number}")
        seen.add(number)
        highest = max(highest, number)
    if again:
        yield Finding("inserted", f"{again[0]} is there more than once{_more(again)}")
    if late:
        yield Finding("reordered", f"{late[0]}{_more(late)}")


def _more(found: Sequence[str]) -> str:
    return f", as {len(found) - 1} more" if len(found) > 1 else ""
