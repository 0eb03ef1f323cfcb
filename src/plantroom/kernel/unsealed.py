"""What stands for words that somebody else has said on the way between Plantroom's parts."""

from __future__ import annotations


class Unsealed:
    """Not taken, and no error either: whoever asked passes over it, and asks again."""


UNSEALED = Unsealed()
