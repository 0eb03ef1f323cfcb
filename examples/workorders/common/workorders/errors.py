"""An answer that is no success, for people and programs alike."""

from __future__ import annotations


class Refusal(Exception):
    """The request cannot be met: an HTTP status, and why in one sentence."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
