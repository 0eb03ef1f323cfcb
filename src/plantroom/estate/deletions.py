"""What a plan may delete: only what an allowance names, and no more than the bounds say. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from plantroom.estate.changes import Action, Change, ObjectKind, Observed, Status
from plantroom.estate.model import Estate

_KEYS = {
    ObjectKind.ENVIRONMENT: "delete_environments",
    ObjectKind.DATABASE: "delete_databases",
    ObjectKind.FILE_STORE: "delete_file_stores",
}


def may_delete(estate: Estate, kind: ObjectKind, environments: Collection[str], of: int) -> dict[str, str]:
    """Of those whose `kind` would be deleted, the ones where it is refused, each with the reason. `of` is how many of
    this kind there are. Bounds count what is allowed; past them nothing is deleted.

    Both bounds hold: with at most 5 and at most 10 %, of 30 environments 3 may go, and of 6 none (one is 16.7 %).
    """
    key = _KEYS[kind]
    allowed: frozenset[str] = frozenset(getattr(estate.estate.allow, key))
    refused = {
        name: f"deletes {_article(kind)} {kind.value}: only with {name} in estate.allow.{key}"
        for name in environments
        if name not in allowed
    }
    going = [name for name in environments if name not in refused]
    bounds = estate.estate.bounds
    total = max(of, len(going))
    if len(going) > bounds.max_deletions or len(going) * 100 > bounds.max_deletions_percent * total:
        share = f"{len(going) * 100 / total:.1f}".rstrip("0").rstrip(".")
        reason = (
            f"{len(going)} of {total} {kind.value}s would be deleted ({share} %): estate.bounds allows "
            f"{bounds.max_deletions} and {bounds.max_deletions_percent} %"
        )
        refused.update(dict.fromkeys(going, reason))
    return refused


def judged(estate: Estate, changes: Iterable[Change], observed: Observed) -> Iterator[Change]:
    """The changes, with deletions of databases and file stores refused where they are not allowed."""
    changes = list(changes)
    alive = [record for record in observed.records if record.status is not Status.RETIRED]
    totals = {
        ObjectKind.DATABASE: max(len(observed.databases), sum(record.database_pool is not None for record in alive)),
        ObjectKind.FILE_STORE: max(len(observed.file_stores), sum(record.file_store for record in alive)),
    }
    refused: dict[ObjectKind, dict[str, str]] = {}
    for kind, of in totals.items():
        going = [
            change.environment
            for change in changes
            if change.action is Action.DELETED and change.kind is kind and change.environment is not None
        ]
        refused[kind] = may_delete(estate, kind, list(dict.fromkeys(going)), of) if going else {}
    for change in changes:
        reason = refused.get(change.kind, {}).get(change.environment or "")
        if change.action is Action.DELETED and reason:
            yield replace(change, action=Action.REFUSED, reason=f"{change.reason}; {reason}")
        else:
            yield change


def _article(kind: ObjectKind) -> str:
    return "an" if kind is ObjectKind.ENVIRONMENT else "a"
