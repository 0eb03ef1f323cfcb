"""Estate files to a frozen estate, or to every mistake in them at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from plantroom.estate.checks import Declared, check
from plantroom.estate.errors import EstateError
from plantroom.estate.explain import Path as Where
from plantroom.estate.explain import clean, words
from plantroom.estate.files import Merged, merge
from plantroom.estate.git import git_state
from plantroom.estate.model import Estate, Loaded, Mistake, Source
from plantroom.kernel.digest import digest

SECTIONS = ("people", "applications", "stages", "regions", "server_pools", "database_pools", "clients")
"""Sections that are mappings of named objects. `rings` is a list of named objects, `estate` one object."""

PRUNINGS = 8
"""Rounds of taking out what is wrong, until the rest can be checked: a leaf, then what lacks it, up to the section."""

_OUT = object()


def load(directory: Path) -> Loaded:
    """Read every `*.yaml` and `*.yml` file below `directory`; hidden files and directories are left out.
    Directories behind symbolic links are not followed.

    Raises EstateError with every mistake that can be told for certain. Where a file cannot be read to its end, nothing
    is said about what may be in the rest of it.
    """
    merged = merge(directory)
    mistakes = list(merged.mistakes)
    if merged.data or merged.whole:
        estate, errors = _validate(merged.data)
        mistakes += _shape(merged, errors)
        checked = estate or _sound_part(merged.data, errors)
        if checked is not None and merged.documents:
            mistakes += _meaning(merged, checked, mistakes)
        if estate is not None and not mistakes:
            commit, dirty = git_state(directory, [document.file for document in merged.documents])
            return Loaded(estate, commit, dirty, digest(_exact(merged.data)), _sources(merged))
    raise EstateError(directory, _in_order(mistakes))


def _validate(data: Mapping[str, Any]) -> tuple[Estate | None, list[ErrorDetails]]:
    """By way of JSON: the strict mode of the models then takes lists for tuples and text for dates, and nothing else
    for what it is not."""
    try:
        return Estate.model_validate_json(json.dumps(data), strict=True), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


def _shape(merged: Merged, errors: Sequence[ErrorDetails]) -> list[Mistake]:
    """Mistakes from validation errors, one for each place, none where the file could not be read."""
    taken = {mistake.source for mistake in merged.mistakes}
    found: list[Mistake] = []
    if not merged.documents:
        return found
    around = {where[:length] for where in map(clean, errors) for length in range(len(where))}
    for error in errors:
        where = clean(error)
        kind = error["type"]
        if kind == "too_short" and where in around:
            continue  # it is not empty: what is in it is wrong, and said
        owner = merged.owner(where[:-1])
        if kind == "missing" and (not merged.whole if len(where) == 1 else owner is not None and owner.partial):
            continue
        at = where[:-1] if kind == "missing" else where
        of_key = kind in ("missing", "extra_forbidden") or error["loc"][-1:] == ("[key]",)
        source, written = merged.find(at, of_key=of_key)
        if source in taken and kind != "missing":
            continue
        if kind != "missing":
            taken.add(source)
        wrong, right = words(error, None if of_key else written)
        found.append(Mistake(source, _named(merged.data, where), wrong, right))
    return found


def _meaning(merged: Merged, estate: Estate, known: Iterable[Mistake]) -> list[Mistake]:
    """Mistakes between values, but for those about something that is already known to be wrong."""
    data = merged.data
    names = {section: frozenset(_mapping(data.get(section))) for section in SECTIONS}
    names["rings"] = frozenset(str(ring.get("name")) for ring in _list(data.get("rings")) if isinstance(ring, dict))
    found = _ring_names(merged)
    wrong = {mistake.path for mistake in known}
    around_wrong = {outer for path in wrong for outer in _outward(path)}
    for problem in check(estate, Declared(names, merged.whole)):
        path = _named(data, problem.path)
        if path in around_wrong or not wrong.isdisjoint(_outward(path)):
            continue
        also = f" (see {_place(merged, problem.also, None)})" if problem.also else ""
        found.append(Mistake(_place(merged, problem.path, problem.item), path, problem.wrong + also, problem.right))
    return found


def _outward(path: str) -> list[str]:
    """The path and those of everything around it: `a/b` gives `a/b` and `a`."""
    steps = path.split("/")
    return ["/".join(steps[:length]) for length in range(len(steps), 0, -1)]


def _ring_names(merged: Merged) -> list[Mistake]:
    first: dict[str, Where] = {}
    found: list[Mistake] = []
    for index, ring in enumerate(_list(merged.data.get("rings"))):
        name = ring.get("name") if isinstance(ring, dict) else None
        if not isinstance(name, str):
            continue
        where: Where = ("rings", index, "name")
        other = first.setdefault(name, where)
        if other != where:
            at, _ = merged.find(other, of_key=True)
            here, _ = merged.find(where, of_key=False)
            found.append(
                Mistake(here, f"rings/{name}", f"a second ring {name} (see {at})", "Give each ring its own name")
            )
    return found


def _place(merged: Merged, path: Where, item: str | None) -> Source:
    """Where a problem is: rings are found by name, and items of a list by value."""
    data = merged.data
    if path[0] == "rings" and len(path) > 1:
        rings = _list(data.get("rings"))
        index = next(
            index for index, ring in enumerate(rings) if isinstance(ring, dict) and ring.get("name") == path[1]
        )
        path = ("rings", index, *path[2:])
    if item is not None:
        inside: Any = data
        for step in path:
            inside = inside[step]
        path = (*path, inside.index(item))
    document = merged.owner(path)
    whole = document is not None and document.steps(path)[3]
    return merged.find(path, of_key=not whole or isinstance(_value(data, path), dict))[0]


def _value(data: Any, path: Where) -> Any:
    for step in path:
        data = data[step]
    return data


def _named(data: Mapping[str, Any], where: Where) -> str:
    """A path for people: rings by name, items of lists by the list."""
    steps = [str(step) for step in where]
    if len(where) > 1 and where[0] == "rings" and isinstance(where[1], int):
        ring = _list(data.get("rings"))[where[1]]
        name = ring.get("name") if isinstance(ring, dict) else None
        steps[1] = name if isinstance(name, str) else str(where[1] + 1)
    elif where and isinstance(where[-1], int):
        del steps[-1]
    return "/".join(steps)


def _sound_part(data: Mapping[str, Any], errors: Sequence[ErrorDetails]) -> Estate | None:
    """What is left when everything wrong is taken out, so that the rest is checked too."""
    rest: dict[str, Any] = json.loads(json.dumps(data))
    for _ in range(PRUNINGS):
        for where in {_doomed(error) for error in errors}:
            _take_out(rest, where)
        rest = _without_holes(rest)
        # What must be there is stood in for, under names that no file can have declared wrongly.
        settings = rest.get("estate")
        rest["estate"] = {**(settings if isinstance(settings, dict) else {}), "name": "estate"}
        if not rest.get("people"):
            rest["people"] = {"nobody": {"name": "nobody", "account": "nobody"}}
        estate, errors = _validate(rest)
        if estate is not None:
            return estate
    return None


def _doomed(error: ErrorDetails) -> Where:
    where = clean(error)
    if error["type"] == "missing":
        where = where[:-1]
    # A secret is a choice of two keys: without one of them it would look like another mistake.
    return where[:6] if len(where) > 6 and where[4] == "secrets" else where


def _take_out(data: Any, where: Where) -> None:
    for step in where[:-1]:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return
    if not where:
        return
    if isinstance(data, dict):
        data.pop(where[-1], None)
    elif isinstance(data, list) and isinstance(where[-1], int):
        data[where[-1]] = _OUT


def _without_holes(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _without_holes(value) for key, value in data.items() if value is not _OUT}
    if isinstance(data, list):
        return [_without_holes(value) for value in data if value is not _OUT]
    return data


def _exact(data: Mapping[str, Any]) -> dict[str, Any]:
    """The files' data with exact numbers: a fraction as its thousandths. Clients declare no fractions."""
    return {section: value if section == "clients" else _thousandths(value) for section, value in data.items()}


def _thousandths(value: Any) -> Any:
    if isinstance(value, float):
        return {"thousandths": round(value * 1000)}
    if isinstance(value, dict):
        return {key: _thousandths(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_thousandths(inner) for inner in value]
    return value


def _sources(merged: Merged) -> dict[str, Source]:
    """By path, every named object: `clients/harbour`, `clients/harbour/environments/production`, `rings/pilot` …"""
    sources: dict[str, Source] = {}
    for document in merged.documents:
        where = document.where
        for section, key in zip(document.value, where[id(document.value)][::2], strict=True):
            sources.setdefault(section, document.source(key))
            content = document.value[section]
            if section in SECTIONS:
                for name, at in zip(content, where[id(content)][::2], strict=True):
                    sources[f"{section}/{name}"] = document.source(at)
                    if section == "clients":
                        stages = content[name]["environments"]
                        for stage, inner in zip(stages, where[id(stages)][::2], strict=True):
                            sources[f"clients/{name}/environments/{stage}"] = document.source(inner)
            elif section == "rings":
                for ring, at in zip(content, where[id(content)], strict=True):
                    sources[f"rings/{ring['name']}"] = document.source(at)
    return sources


def _in_order(mistakes: Iterable[Mistake]) -> list[Mistake]:
    def key(mistake: Mistake) -> tuple[str, int, int, str, str]:
        source = mistake.source
        return source.file, source.line, source.column, mistake.path, mistake.wrong

    return sorted(set(mistakes), key=key)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
