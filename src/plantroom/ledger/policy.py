"""The Merkle tree of RFC 6962 and the signed notes over it. Pure.

Sources: RFC 6962 section 2.1 (tree hash, audit path); C2SP tlog-checkpoint and signed-note (the text form; an Ed25519
key's id is the first four bytes of `SHA-256(name || 0x0A || 0x01 || public key)`).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from plantroom.kernel.errors import LedgerError
from plantroom.ledger.model import Checkpoint, Finding, Stored, Verification

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


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The audit path of leaf `index` in the tree over `leaves`, from the bottom up."""
    if not 0 <= index < len(leaves):
        raise LedgerError(
            "PR503",
            f"entry {index}",
            value="there is no such entry in the tree",
            limit=f"the tree has {len(leaves)} entries",
        )
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


def open_note(note: str, public: Ed25519PublicKey) -> Checkpoint:
    """Parse and check a signed checkpoint. Raises LedgerError when it is malformed or not signed by this key."""
    try:
        text, signatures = note.split("\n\n", 1)
        origin, size, root = text.split("\n")[:3]
        marker, name, encoded = signatures.rstrip("\n").split(" ")
        raw = base64.b64decode(encoded, validate=True)
        checkpoint = Checkpoint(origin, int(size), base64.b64decode(root, validate=True), note)
    except ValueError as error:
        raise LedgerError("PR502", "checkpoint", value="is not in the tlog-checkpoint form") from error
    if marker != "\u2014" or name != origin or raw[:4] != key_id(origin, public):
        raise LedgerError("PR502", f"checkpoint at {checkpoint.size}", value="is signed by another key")
    try:
        public.verify(raw[4:], (text + "\n").encode())
    except InvalidSignature as error:
        raise LedgerError("PR502", f"checkpoint at {checkpoint.size}", value="its signature does not verify") from error
    return checkpoint


# -- verification -----------------------------------------------------------------------------------------------


def verify(stored: Sequence[Stored], checkpoints: Sequence[Checkpoint]) -> Verification:
    """Hash every stored entry again and hold the tree against every checkpoint (whose signatures were checked).

    Found: an entry altered (its hash differs from the stored one), deleted or reordered (numbers do not count up), cut
    off (a checkpoint is larger than the log), and forked or rehashed (a checkpoint's root is not the root of that many
    entries).
    """
    findings: list[Finding] = []
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
    for position, item in enumerate(stored):
        entry = item.entry
        if entry.seq != position:
            kind = "deleted" if entry.seq > position else "reordered"
            findings.append(Finding(kind, f"at place {position} stands entry {entry.seq}"))
        leaf = entry.leaf()
        if leaf != item.leaf:
            what = f"entry {entry.seq} ({entry.verb} on {entry.subject})"
            findings.append(Finding("altered", f"{what} does not have the hash that was stored with it"))
        tree.add(leaf)
        hold()
    for checkpoint in due[next_due:]:
        detail = f"a checkpoint vouches for {checkpoint.size} entries, the log has {tree.size}"
        findings.append(Finding("cut off", detail))
    covered = max((checkpoint.size for checkpoint in due if checkpoint.size <= tree.size), default=0)
    return Verification(tree.size, len(due), covered, tree.size - covered, tuple(findings))
