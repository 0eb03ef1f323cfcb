"""Everything that travels through Temporal is sealed with a key that Temporal does not have.

The embedded Temporal asks nobody who he is, and a cluster is often shared. With sealed payloads (AES-256-GCM), who can
speak to it can neither read what Plantroom says there nor say anything that Plantroom's workers would take: an input, a
result or an activity that is not sealed with this key fails to open, and nothing is done.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter, PayloadCodec

from plantroom.kernel.errors import AccessError

_ENCODING = b"binary/plantroom-sealed"
_KEY_BYTES = 32
_NONCE_BYTES = 12


class Seal(PayloadCodec):
    """Raises AccessError PR603 for what was not sealed with this key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    async def encode(self, payloads: Iterable[Payload]) -> list[Payload]:
        sealed = []
        for payload in payloads:
            nonce = os.urandom(_NONCE_BYTES)
            data = nonce + self._cipher.encrypt(nonce, payload.SerializeToString(), _ENCODING)
            sealed.append(Payload(metadata={"encoding": _ENCODING}, data=data))
        return sealed

    async def decode(self, payloads: Iterable[Payload]) -> list[Payload]:
        return [self._open(payload) for payload in payloads]

    def _open(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != _ENCODING:
            raise AccessError("PR603", "a message through Temporal", value="is not sealed: somebody else sent it")
        try:
            data = self._cipher.decrypt(payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:], _ENCODING)
        except InvalidTag as error:
            raise AccessError("PR603", "a message through Temporal", value="is sealed with another key") from error
        return Payload.FromString(data)


def converter(key_file: Path) -> DataConverter:
    """Temporal's own converter behind the seal. The key is made when there is none, and only its owner can read it."""
    if not key_file.exists():
        key_file.parent.mkdir(parents=True, exist_ok=True)
        # Made under a name of its own, mode 0600.
        descriptor, name = tempfile.mkstemp(dir=key_file.parent)
        temporary = Path(name)
        with open(descriptor, "wb") as file:
            file.write(os.urandom(_KEY_BYTES))
        try:
            # Whoever is first makes it; a link, unlike a rename, never replaces.
            os.link(temporary, key_file)
        except FileExistsError:
            pass
        temporary.unlink()
    return replace(DataConverter.default, payload_codec=Seal(key_file.read_bytes()))
