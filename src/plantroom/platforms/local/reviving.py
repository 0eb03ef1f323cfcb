"""Bringing back many things at once, where one that fails does not keep the others down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable


async def each(attempts: Iterable[Awaitable[list[str]]]) -> list[str]:
    """What all attempts brought back. Raises the first error, once all of them have ended."""
    revived: list[str] = []
    failed: list[BaseException] = []
    for result in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(result, BaseException):
            failed.append(result)
        else:
            revived += result
    if failed:
        raise failed[0]
    return revived
