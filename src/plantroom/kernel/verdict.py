"""Reasons, not booleans: a verdict is `Allowed`, `Refused(reason)` or `Unknown(reason)`, and Unknown never acts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowed:
    """The check holds."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The check does not hold, and here is why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The check could not be made. It is treated as a refusal to act, never as consent."""

    reason: str


Verdict = Allowed | Refused | Unknown


def all_of(verdicts: Iterable[Verdict]) -> Verdict:
    """The strictest verdict: any Refused refuses, else any Unknown is Unknown, else (and for none) Allowed."""
    refused: list[str] = []
    unknown: list[str] = []
    for verdict in verdicts:
        if isinstance(verdict, Refused):
            refused.append(verdict.reason)
        elif isinstance(verdict, Unknown):
            unknown.append(verdict.reason)
    if refused:
        return Refused("; ".join(refused))
    if unknown:
        return Unknown("; ".join(unknown))
    return Allowed()
