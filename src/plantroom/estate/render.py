"""A plan in words, one line for each change and a last one that counts. Colours are for the command line."""

from __future__ import annotations

from collections import Counter

from plantroom.estate.changes import Action, Plan


def lines(plan: Plan) -> list[tuple[Action, str]]:
    """Every change but unchanged ones without a reason, in the order of the plan, then refusals of the whole plan, then
    the counts of all actions (of observed ones only where there are any). The word of the action is in the text, so
    nothing depends on colour."""
    found: list[tuple[Action, str]] = []
    for change in plan.changes:
        if change.action is not Action.UNCHANGED or change.reason:
            reason = f": {change.reason}" if change.reason else ""
            found.append((change.action, f"{change.action.value:<9} {change.kind.value} {change.name}{reason}"))
    found += [(Action.REFUSED, f"{Action.REFUSED.value:<9} the whole plan: {reason}") for reason in plan.refusals]
    counts = Counter(change.action for change in plan.changes)
    shown = [action for action in Action if action is not Action.OBSERVED or counts[action]]
    worst = Action.REFUSED if plan.refusals or plan.refused else Action.UPDATED if plan.effective else Action.UNCHANGED
    found.append((worst, ", ".join(f"{counts[action]} {action.value}" for action in shown)))
    return found
