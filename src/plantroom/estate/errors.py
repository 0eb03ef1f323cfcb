"""Errors of the estate, family PR1xx.

PR101  EstateError         what is declared is wrong: every mistake, each with file, line and column
PR102  EstateExistsError   a new estate would overwrite files that are there
PR103  EstateNameError     a new estate cannot hold the name of the person who begins it
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plantroom.estate.model import Mistake, visible
from plantroom.kernel.errors import PlantroomError


class EstateError(PlantroomError):
    """Everything that is wrong with an estate's files, in the order of file, line and column."""

    family = "PR1"

    def __init__(self, directory: Path, mistakes: Sequence[Mistake]) -> None:
        self.directory = directory
        self.mistakes = tuple(mistakes)
        count = len(self.mistakes)
        super().__init__(
            "PR101",
            f"the estate in {visible(str(directory))}",
            value=f"{count} mistake{'' if count == 1 else 's'}",
            remedy="Nothing was read from it; correct the files and try again",
        )

    def as_data(self) -> dict[str, Any]:
        """With every mistake, since the count alone helps no program."""
        return super().as_data() | {"details": {"mistakes": [str(mistake) for mistake in self.mistakes]}}

    def __str__(self) -> str:
        """One line that counts, then one line per mistake."""
        return "\n".join([super().__str__(), *(f"  {mistake}" for mistake in self.mistakes)])


class EstateExistsError(PlantroomError):
    """A new estate is written only where there is none."""

    family = "PR1"

    def __init__(self, path: Path) -> None:
        super().__init__(
            "PR102",
            visible(str(path)),
            value="is already there",
            remedy="Choose another directory, or edit what is there",
        )


class EstateNameError(PlantroomError):
    """A new estate is written only when it can be read again."""

    family = "PR1"

    def __init__(self, what: str, name: str) -> None:
        super().__init__(
            "PR103",
            f"{what} {visible(name)}",
            value="cannot stand in an estate",
            limit="one line of text, not too long",
            remedy="Give a name with --name" if what == "name" else "Sign in with another account",
        )
