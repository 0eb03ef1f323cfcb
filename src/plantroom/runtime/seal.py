"""Everything that travels through Temporal is sealed with a key that Temporal does not have.

The embedded Temporal asks nobody who he is, and a cluster is often shared. With sealed payloads (AES-256-GCM), who can
speak to it can neither read what Plantroom says there nor say anything that Plantroom's workers would take. A seal is
good in one place: for one workflow by its id, and of an activity for one run of it by its own. So what was overheard
cannot be said again elsewhere.

What does not open is not an error here, or one word of a stranger would hold up for good whatever it was sent to. It
comes out as `UNSEALED`, for whoever asked to pass over.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from plantroom.kernel.unsealed import UNSEALED

_ENCODING = b"binary/plantroom-sealed"
_UNSEALED = b"binary/plantroom-unsealed"
_KEY_BYTES = 32
_NONCE_BYTES = 12


class Seal(PayloadCodec, WithSerializationContext):
    def __init__(self, key: bytes, place: bytes = _ENCODING) -> None:
        """`place` is where it is good: authenticated with what is sealed, and not sent along."""
        self._key = key
        self._place = place
        self._cipher = AESGCM(key)

    def with_context(self, context: SerializationContext) -> Seal:
        return Seal(self._key, _place(context))

    async def encode(self, payloads: Iterable[Payload]) -> list[Payload]:
        sealed = []
        for payload in payloads:
            nonce = os.urandom(_NONCE_BYTES)
            data = nonce + self._cipher.encrypt(nonce, payload.SerializeToString(), self._place)
            sealed.append(Payload(metadata={"encoding": _ENCODING}, data=data))
        return sealed

    async def decode(self, payloads: Iterable[Payload]) -> list[Payload]:
        return [self._open(payload) for payload in payloads]

    def _open(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") == _ENCODING and len(payload.data) > _NONCE_BYTES:
            try:
                data = self._cipher.decrypt(payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:], self._place)
            except InvalidTag:
                pass
            else:
                return Payload.FromString(data)
        return Payload(metadata={"encoding": _UNSEALED})


def _place(context: SerializationContext) -> bytes:
    """An activity has an id of its own, which no other run of it has; workflows give it."""
    if isinstance(context, ActivitySerializationContext):
        parts = ("activity", context.workflow_id, context.activity_type, context.activity_id)
    elif isinstance(context, WorkflowSerializationContext):
        parts = ("workflow", context.workflow_id, "", "")
    else:
        return _ENCODING
    return b"\0".join((_ENCODING, *((part or "").encode() for part in parts)))


class _UnsealedConverter(EncodingPayloadConverter):
    @property
    def encoding(self) -> str:
        return _UNSEALED.decode()

    def to_payload(self, _value: Any) -> Payload | None:
        return None

    def from_payload(self, _payload: Payload, _type_hint: type | None = None) -> Any:
        return UNSEALED


class _Converter(CompositePayloadConverter):
    def __init__(self) -> None:
        super().__init__(_UnsealedConverter(), *DefaultPayloadConverter.default_encoding_payload_converters)


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
    return replace(
        DataConverter.default,
        payload_converter_class=_Converter,
        # What a failure says, and where it was met, is for nobody else either.
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
        payload_codec=Seal(key_file.read_bytes()),
    )
