"""What the room needs from outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol


class Migrations(Protocol):
    """Makes what leads from one schema to the next."""

    def make(self, previous: str, wanted: str, allow: Collection[str]) -> tuple[str, Mapping[str, Any]]:
        """The script and what was proven of it, as JSON-like data; the same for the same two schemas.

        `previous` and `wanted` are SQL of whole schemas; `allow` names the hazards that are meant. Raises
        PlantroomError when no script is proven, when one has hazards that are not allowed, and when it cannot run as
        one transaction.
        """
        ...
