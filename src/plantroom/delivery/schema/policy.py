"""What may be done: pure decisions on a script's hazards."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from plantroom.delivery.schema.model import Hazard, HazardClass, Migration
from plantroom.estate.model import Migrations
from plantroom.kernel.verdict import Allowed, Refused, Unknown, Verdict, all_of
from plantroom.platforms.contract import CONTRACT

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


def may_run(
    migrations: Sequence[Migration],
    rules: Mapping[str, Migrations],
    approvals: Mapping[str, Collection[str]],
    actor: str,
) -> Verdict:
    """May these scripts run where these rules hold (by what they are declared for)? `approvals`: by a script's hash,
    who has said yes to it. Nobody is their own second person."""
    return all_of(
        verdict
        for migration in migrations
        for where, rule in rules.items()
        for verdict in _held(migration, where, rule, approvals.get(migration.sha256, ()), actor)
    )


def _held(
    migration: Migration, where: str, rule: Migrations, approvals: Collection[str], actor: str
) -> Iterable[Verdict]:
    """What a rule says against a script."""
    held_by = migration.release.removeprefix(CONTRACT)
    what = f"the script to {held_by}" if held_by == migration.release else f"what {held_by} held back"
    if migration.hazards is None:
        if rule.refused or rule.second_person:
            yield Unknown(f"{what} was never proven, so nobody knows what {where} would say to it")
        return
    # A lock that is held for a moment, whatever the size, is no reason to ask anybody.
    found = {one.kind.value: one.subject or one.detail for one in migration.hazards if not one.brief}
    for name in rule.refused:
        if name in found:
            yield Refused(f"{what} {name} ({found[name]}), which {where} refuses")
    asked = [name for name in rule.second_person if name in found]
    if asked and not any(person != actor for person in approvals):
        reasons = ", ".join(f"{name} ({found[name]})" for name in asked)
        yield Refused(f"{what} {reasons}: {where} wants a second person for that, by `plantroom schema approve`")
