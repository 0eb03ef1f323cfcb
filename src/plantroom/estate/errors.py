"""Errors of the estate, family PR1xx.

PR101  EstateError         what is declared is wrong: every mistake, each with file, line and column
PR102  EstateExistsError   a new estate would overwrite files that are there
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plantroom.estate.model import Mistake
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
            f"the estate in {directory}",
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
            "PR102", str(path), value="is already there", remedy="Choose another directory, or edit what is there"
        )
