"""What may be done: pure decisions on a script's hazards."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from plantroom.delivery.schema.model import Hazard, HazardClass
from plantroom.kernel.verdict import Allowed, Refused, Verdict

REFUSED = frozenset({HazardClass.LOSES_DATA, HazardClass.CHANGES_VALUES, HazardClass.FAILS_WITH_ROWS})
"""What is refused until somebody allows it by name."""


def judge(hazards: Sequence[Hazard], allowed: Collection[HazardClass] = ()) -> Verdict:
    """Refused with every reason at once: each hazard of a class that is not allowed."""
    reasons = [
        f"{one.kind.value}: {one.subject or one.detail}"
        for one in hazards
        if one.kind in REFUSED and one.kind not in allowed
    ]
    return Refused("; ".join(reasons)) if reasons else Allowed()
