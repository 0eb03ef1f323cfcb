"""What the room needs from outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from plantroom.platforms.contract import Script

Held = tuple[Script, Script, Mapping[str, Any]]
"""What makes the schema that is there until then, the script that leads on from it, and what was proven of that."""


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
        self,
        release: str,
        previous: str,
        wanted: str,
        allow: Collection[str],
        *,
        hold: bool,
        fills: Mapping[str, str],
    ) -> tuple[Script, Mapping[str, Any], Held | None]:
        """A script that was generated, and what was proven of it, as JSON-like data. With `hold` it drops nothing that
        the schema before has; what drops it comes separately, if there is anything. `fills`: by name, the statements
        that give values to what is added."""
        ...

    def prove(
        self, release: str, script: str, previous: str, wanted: str, allow: Collection[str]
    ) -> tuple[Script, Mapping[str, Any]]:
        """The same for a script that somebody wrote."""
        ...

    def databases(self, schemas: Sequence[str]) -> AbstractContextManager[Sequence[str]]:
        """A throw-away database of each schema, without rows, while the context lasts: libpq URLs of their owner, who
        is no superuser."""
        ...
