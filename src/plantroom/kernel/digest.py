"""Canonical bytes and digests: the same data has the same digest on every machine.

The canonical form is JSON with keys sorted by code point, no white space, UTF-8, and no floating-point numbers
(their text differs between writers; durations and shares are integers of a small unit instead).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

_EXACT = frozenset((str, int, bool, type(None)))


def canonical(data: Any) -> bytes:
    """Canonical bytes of JSON-like data. Raises TypeError on floats and on anything that is not JSON-like."""
    _refuse_inexact(data, "$")
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256, 64 characters."""
    return hashlib.sha256(data).hexdigest()


def digest(data: Any) -> str:
    """`sha256:` and the hash of the canonical bytes of `data`."""
    return f"sha256:{sha256(canonical(data))}"


def short(value: str, length: int = 12) -> str:
    """The first characters of a digest, for people: `sha256:9f86d081…` gives `9f86d081884c`."""
    return value.removeprefix("sha256:")[:length]


def _refuse_inexact(data: Any, path: str) -> None:
    kind = type(data)
    # The builtin types first: checking for abstract ones costs ten times as much, and a large plan is mostly text.
    if kind in _EXACT:
        return
    if kind is dict or isinstance(data, Mapping):
        for key, value in data.items():
            if type(key) is not str:
                raise TypeError(f"{path}: the key {key!r} is not text")
            if type(value) not in _EXACT:
                _refuse_inexact(value, f"{path}.{key}")
    elif kind in (list, tuple) or (isinstance(data, Sequence) and not isinstance(data, (str, bytes))):
        for index, value in enumerate(data):
            if type(value) not in _EXACT:
                _refuse_inexact(value, f"{path}[{index}]")
    elif not isinstance(data, (str, int)):
        raise TypeError(f"{path}: {kind.__name__} has no canonical form")
