"""What a plan may delete: only what an allowance names or a declaration retires, and no more than the bounds say. Pure.

Both bounds hold: with at most 5 and at most 10 %, of 30 environments 3 may go, and of 6 none (one is 16.7 %). Past them
nothing goes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from plantroom.estate.changes import IDLE, Action, Change, ObjectKind, Observed, Record, Status
from plantroom.estate.model import Estate

_KEYS = {
    ObjectKind.ENVIRONMENT: "delete_environments",
    ObjectKind.DATABASE: "delete_databases",
    ObjectKind.FILE_STORE: "delete_file_stores",
}
_DATA = (ObjectKind.DATABASE, ObjectKind.FILE_STORE)


def may_not_go(
    estate: Estate, gone: Mapping[str, Record], retiring: Mapping[str, Record], observed: Observed
) -> dict[str, str]:
    """Of the environments that no file declares any more and of those that are declared retired, the ones that stay,
    each with the reason. Those that retire need no allowance, since their declaration names them; they count towards
    the bounds like a deletion, and so do their databases and file stores."""
    refused = _not_allowed(estate, ObjectKind.ENVIRONMENT, gone)
    deleted = [name for name in gone if name not in refused]
    if past := _past(estate, ObjectKind.ENVIRONMENT, len(deleted), len(retiring), len(_there(observed))):
        return refused | dict.fromkeys((*deleted, *retiring), past)
    for kind in _DATA:
        holding = [name for name, record in retiring.items() if _holds(record, kind)]
        if past := _past(estate, kind, 0, len(holding), _total(observed, kind)):
            refused.update(dict.fromkeys(holding, past))
    return refused


def judged(
    estate: Estate, changes: Iterable[Change], observed: Observed, retiring: Collection[Record]
) -> Iterator[Change]:
    """The changes, with deletions of databases and file stores refused where they are not allowed, on top of what the
    environments that retire take with them. An environment changes as a whole or not at all, so what else would change
    of it is refused as well."""
    changes = list(changes)
    refused: dict[ObjectKind, dict[str, str]] = {}
    for kind in _DATA:
        going = dict.fromkeys(
            change.environment
            for change in changes
            if change.action is Action.DELETED and change.kind is kind and change.environment is not None
        )
        refused[kind] = _not_allowed(estate, kind, going)
        allowed = [name for name in going if name not in refused[kind]]
        holding = sum(_holds(record, kind) for record in retiring)
        if allowed and (past := _past(estate, kind, len(allowed), holding, _total(observed, kind))):
            refused[kind].update(dict.fromkeys(allowed, past))
    whole = {change.environment for change in changes if change.kind is ObjectKind.ENVIRONMENT}
    held: dict[str, tuple[Change, str]] = {}
    for change in changes:
        reason = refused.get(change.kind, {}).get(change.environment or "")
        if change.action is Action.DELETED and reason and change.environment in whole:
            held.setdefault(change.environment or "", (change, reason))
    for change in changes:
        reason = refused.get(change.kind, {}).get(change.environment or "")
        by = held.get(change.environment or "")
        if change.action is Action.DELETED and reason:
            yield replace(change, action=Action.REFUSED, reason=f"{change.reason}; {reason}")
        elif by is not None and change.action not in IDLE:
            yield _held(change, *by)
        else:
            yield change


def _held(change: Change, by: Change, why: str) -> Change:
    return replace(
        change,
        action=Action.REFUSED,
        reason=f"{change.reason}; its {by.kind.value} is refused: {why}",
        held_by=f"{by.kind.value} {by.name}",
    )


def _not_allowed(estate: Estate, kind: ObjectKind, environments: Iterable[str]) -> dict[str, str]:
    """Those whose `kind` no allowance names, each with the reason."""
    key = _KEYS[kind]
    allowed: frozenset[str] = frozenset(getattr(estate.estate.allow, key))
    article = "an" if kind is ObjectKind.ENVIRONMENT else "a"
    return {
        name: f"deletes {article} {kind.value}: only with {name} in estate.allow.{key}"
        for name in environments
        if name not in allowed
    }


def _past(estate: Estate, kind: ObjectKind, deleted: int, retired: int, of: int) -> str:
    """Why so many are too many; "" when they are not. `of` is how many of this kind there are."""
    bounds, going = estate.estate.bounds, deleted + retired
    total = max(of, going)
    if going <= bounds.max_deletions and going * 100 <= bounds.max_deletions_percent * total:
        return ""
    share = f"{going * 100 / total:.1f}".rstrip("0").rstrip(".")
    word = "deleted"
    if kind is ObjectKind.ENVIRONMENT and retired:
        word = "deleted or retired" if deleted else "retired"
    return (
        f"{going} of {total} {kind.value}s would be {word} ({share} %): estate.bounds allows "
        f"{bounds.max_deletions} and {bounds.max_deletions_percent} %"
    )


def _there(observed: Observed) -> list[Record]:
    """The environments that something was made of: neither retired nor waiting for their day."""
    return [record for record in observed.records if record.status is not Status.RETIRED and record.go_live is None]


def _total(observed: Observed, kind: ObjectKind) -> int:
    seen = len(observed.databases) if kind is ObjectKind.DATABASE else len(observed.file_stores)
    return max(seen, sum(_holds(record, kind) for record in _there(observed)))


def _holds(record: Record, kind: ObjectKind) -> bool:
    return record.database_pool is not None if kind is ObjectKind.DATABASE else record.file_store
