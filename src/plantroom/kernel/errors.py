"""One drawn hierarchy of errors. Each says subject, value, limit and remedy, and carries a code that the docs list.

PlantroomError
├── SchemaError        PR0xx  a schema cannot be read, or a migration cannot be made (carries every mistake)
├── EstateError        PR1xx  what is declared is wrong (carries every mistake, with file, line and column)
├── PlanError          PR2xx  a plan cannot be made, or no longer fits
├── ArtefactError      PR3xx  an artefact cannot be built, found or trusted
├── PlatformError      PR4xx  servers, databases or traffic did not do what was asked
├── LedgerError        PR5xx  the ledger cannot be written, read or believed
├── AccessError        PR6xx  the caller may not do this
├── ReleaseError       PR7xx  a release or train cannot go on
├── EngineError        PR8xx  a part that Plantroom runs on is missing or does not answer
└── RequestError       PR9xx  what was asked cannot be understood
"""

from __future__ import annotations

from typing import ClassVar

TRIED_AGAIN = frozenset({"PR403", "PR404"})
"""Busy and unreachable: whether it was done is not known, so a step that meets one is tried again by itself."""


class PlantroomError(Exception):
    """An error for people: what it is about, what was seen, what would be right, and what to do."""

    family: ClassVar[str] = "PR0"

    def __init__(self, code: str, subject: str, *, value: str = "", limit: str = "", remedy: str = "") -> None:
        self.code = code
        self.subject = subject
        self.value = value
        self.limit = limit
        self.remedy = remedy
        super().__init__(code, subject, value, limit, remedy)

    def __str__(self) -> str:
        text = f"{self.code} {self.subject}"
        if self.value:
            text += f": {self.value}"
        if self.limit:
            text += f" ({self.limit})"
        if self.remedy:
            text += f". {self.remedy}"
        return text

    def as_data(self) -> dict[str, str]:
        """The error as JSON-like data, for `--json` and the API."""
        return {
            "code": self.code,
            "subject": self.subject,
            "value": self.value,
            "limit": self.limit,
            "remedy": self.remedy,
        }


class PlanError(PlantroomError):
    family = "PR2"


class ArtefactError(PlantroomError):
    family = "PR3"


class PlatformError(PlantroomError):
    family = "PR4"


class LedgerError(PlantroomError):
    family = "PR5"


class AccessError(PlantroomError):
    family = "PR6"


class ReleaseError(PlantroomError):
    family = "PR7"


class EngineError(PlantroomError):
    family = "PR8"


class RequestError(PlantroomError):
    family = "PR9"
