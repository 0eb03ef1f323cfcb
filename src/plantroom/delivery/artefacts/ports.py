"""What the room needs from outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from plantroom.platforms.contract import Script


class Migrations(Protocol):
    """Proves schemas, and what leads from one to the next. Schemas are SQL of the whole; `allow` names the hazards that
    are meant. The same texts give the same answers.

    Raises PlantroomError when a schema cannot be loaded, when a script does not lead from one to the other or has
    hazards that are not allowed, and when one of its statements is for a superuser only.
    """

    def baseline(self, release: str, wanted: str) -> Script:
        """What makes an empty database one of this schema, in an order that loads."""
        ...

    def make(
        self, release: str, previous: str, wanted: str, allow: Collection[str]
    ) -> tuple[Script, Mapping[str, Any]]:
        """A script that was generated, and what was proven of it, as JSON-like data."""
        ...

    def prove(
        self, release: str, script: str, previous: str, wanted: str, allow: Collection[str]
    ) -> tuple[Script, Mapping[str, Any]]:
        """The same for a script that somebody wrote."""
        ...
