"""Estate files to a frozen estate, or to every mistake in them at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic_core import ErrorDetails

from plantroom.estate.checks import Declared, check
from plantroom.estate.errors import EstateError
from plantroom.estate.explain import Path as Where
from plantroom.estate.explain import clean, words
from plantroom.estate.files import Merged, merge
from plantroom.estate.git import git_state
from plantroom.estate.model import Estate, Loaded, Mistake, Source
from plantroom.estate.readable import NOTHING_GONE, Gone, readable, validate
from plantroom.kernel.digest import digest

SECTIONS = ("people", "applications", "stages", "regions", "server_pools", "database_pools", "clients")
"""Sections that are mappings of named objects. `rings` is a list of named objects, `estate` one object."""


def load(directory: Path) -> Loaded:
    """Read every `*.yaml` and `*.yml` file below `directory`; hidden files and directories are left out.
    Directories behind symbolic links are not followed.

    Raises EstateError with every mistake that can be told for certain. Where a file cannot be read to its end, nothing
    is said about what may be in the rest of it.
    """
    merged = merge(directory)
    mistakes = list(merged.mistakes)
    if merged.data or merged.whole:
        estate, errors = validate(merged.data)
        mistakes += _shape(merged, errors)
        checked, gone = (estate, NOTHING_GONE) if estate is not None else readable(merged.data, errors)
        if checked is not None and merged.documents:
            mistakes += _meaning(merged, checked, gone)
        if estate is not None and not mistakes:
            commit, dirty = git_state(directory, [document.file for document in merged.documents])
            return Loaded(estate, commit, dirty, digest(_exact(merged.data)), _sources(merged))
    raise EstateError(directory, _in_order(mistakes))


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


def _meaning(merged: Merged, estate: Estate, gone: Gone) -> list[Mistake]:
    """Mistakes between values, but for those about a value that is not as the files have it."""
    data = merged.data
    # A section that is declared in two places that cannot be joined may have in the second what the first lacks.
    gone = gone.also(*((mistake.path,) for mistake in merged.mistakes if mistake.path in data))
    names = {section: frozenset(_mapping(data.get(section))) for section in SECTIONS}
    rings = [ring.get("name") if isinstance(ring, dict) else None for ring in _list(data.get("rings"))]
    names["rings"] = frozenset(name for name in rings if isinstance(name, str))
    if len(names["rings"]) < len(set(map(str, rings))):
        gone = gone.also(("rings",))  # one of them has a name that is not known
    found = _ring_names(merged)
    for problem in check(estate, Declared(names, merged.whole, gone)):
        if problem.item is None and not problem.of_key and problem.path in gone.paths:
            continue
        path = _named(data, problem.path)
        also = f" (see {_place(merged, problem.also, None)})" if problem.also else ""
        found.append(Mistake(_place(merged, problem.path, problem.item), path, problem.wrong + also, problem.right))
    return found


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
    """A path for people: rings by name, items of other lists by the list."""
    steps = [step for step in where if isinstance(step, str)]
    if len(where) > 1 and where[0] == "rings" and isinstance(where[1], int):
        ring = _list(data.get("rings"))[where[1]]
        name = ring.get("name") if isinstance(ring, dict) else None
        steps.insert(1, name if isinstance(name, str) else str(where[1] + 1))
    return "/".join(steps)


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
