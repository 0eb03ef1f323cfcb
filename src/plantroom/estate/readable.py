"""What can be read of an estate that has mistakes of shape, so that the rest of it is checked in the same run.

What a model does not take is taken out, alone: a client whose host name is wrong keeps its ring, its residency and its
application. What must be there and is not is invented. `Gone` remembers both, so that nobody draws a conclusion from
them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from plantroom.estate.explain import Path, clean
from plantroom.estate.model import Estate

ROUNDS = 12
"""Each takes out what is wrong, or invents what is then missing. A client is the deepest thing that can be invented
piece by piece, and takes six."""

_NOBODY = "no-one-has-a-name-such-as-this"
"""In place of a name. Every reference to it is one that was invented, and is told as a mistake already."""

_ENVIRONMENT = {"application": _NOBODY, "hosts": [f"{_NOBODY}.invalid"]}  # RFC 2606: no such host can be
_INVENTED: dict[str, Any] = {
    "account": _NOBODY,
    "application": _NOBODY,
    "environments": {_NOBODY: _ENVIRONMENT},
    "estate": {"name": _NOBODY},
    "lasts": "1h",
    "hosts": _ENVIRONMENT["hosts"],
    "name": _NOBODY,
    "on": "every day",
    "people": {_NOBODY: {"name": _NOBODY, "account": _NOBODY}},
    "processes": {_NOBODY: {}},
    "region": _NOBODY,
    "release": "0",
    "ring": _NOBODY,
    "servers": 1,
}
"""By key, for every key that must be there."""

_NAMED = frozenset({2, 4})
"""Lengths of the paths of named objects: `clients/harbour`, `clients/harbour/environments/production`."""

_OUT = object()


@dataclass(frozen=True, slots=True)
class Gone:
    """Places whose value is not the one in the files: it could not be read, or is not there."""

    paths: frozenset[Path] = frozenset()
    _around: frozenset[Path] = frozenset()
    _sections: frozenset[str | int] = frozenset()

    def at(self, *path: str | int) -> bool:
        """Whether the value at `path`, or what it is in, is not as the files have it."""
        return bool(self.paths) and any(path[:length] in self.paths for length in range(1, len(path) + 1))

    def in_or_at(self, *path: str | int) -> bool:
        """The same, or that something directly in it is gone: then nothing can be said of what it has not."""
        return bool(self.paths) and (path in self._around or self.at(*path))

    def touches(self, section: str) -> bool:
        """Whether anything at all is gone from a section."""
        return section in self._sections

    def of(self, section: str, *keys: str) -> bool:
        """Whether one of these keys is gone from any object of a section, or an object as a whole."""
        return self.in_or_at(section) or any(one[0] == section and one[-1] in keys for one in self.paths)

    def also(self, *paths: Path) -> Gone:
        found = self.paths | set(paths)
        return Gone(found, frozenset(path[:-1] for path in found), frozenset(path[0] for path in found))


NOTHING_GONE = Gone()


@dataclass(slots=True)
class _Reading:
    rest: dict[str, Any]
    gone: set[Path] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    """What was put for a name that is none, and the name."""

    def correct(self, error: ErrorDetails) -> None:
        where, kind = clean(error), error["type"]
        holder = _inside(self.rest, where[:-1])
        self.gone.add(tuple(self.names.get(str(step), step) for step in where))
        if kind == "missing":
            if isinstance(holder, dict):
                holder[where[-1]] = json.loads(json.dumps(_INVENTED[str(where[-1])]))
        elif kind == "model_type" and isinstance(holder, dict | list):
            holder[where[-1]] = {}  # type: ignore[index]
        elif len(where) in _NAMED and error["loc"][-1] == "[key]" and kind != "extra_forbidden":
            self._rename(holder, str(where[-1]))
        elif isinstance(holder, dict):
            holder.pop(where[-1], None)
        elif isinstance(holder, list) and isinstance(where[-1], int) and where[-1] < len(holder):
            holder[where[-1]] = _OUT

    def _rename(self, holder: Any, name: str) -> None:
        """An object under a name that is none is read under another one."""
        if isinstance(holder, dict) and name in holder:
            put = f"{_NOBODY[:20]}-{len(self.names)}"
            self.names[put] = name
            entries = [(put if key == name else key, value) for key, value in holder.items()]
            holder.clear()
            holder.update(entries)


def validate(data: Mapping[str, Any]) -> tuple[Estate | None, list[ErrorDetails]]:
    """By way of JSON: the strict mode of the models then takes lists for tuples and text for dates, and nothing else
    for what it is not."""
    try:
        return Estate.model_validate_json(json.dumps(data), strict=True), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


def readable(data: Mapping[str, Any], errors: Sequence[ErrorDetails]) -> tuple[Estate | None, Gone]:
    """The estate without what `errors` are about, and what that is. None when nothing could be made of it."""
    reading = _Reading(json.loads(json.dumps(data)))
    estate: Estate | None = None
    for _ in range(ROUNDS):
        for error in errors:
            reading.correct(error)
        reading.rest = _without_holes(reading.rest)
        estate, errors = validate(reading.rest)
        if estate is not None:
            break
    gone = NOTHING_GONE.also(*reading.gone)
    return None if estate is None else _as_written(estate, reading.names, gone), gone


def _as_written(estate: Estate, names: Mapping[str, str], gone: Gone) -> Estate:
    """With the names that the files have, good or not, and without environments that are in no file."""

    def named(section: Mapping[str, Any]) -> dict[str, Any]:
        return {names.get(name, name): value for name, value in section.items()}

    sections = {
        section: named(value)
        for section in type(estate).model_fields
        if section != "estate" and isinstance(value := getattr(estate, section), Mapping)
    }
    sections["clients"] = {
        name: client.model_copy(
            update={"environments": {} if gone.at("clients", name, "environments") else named(client.environments)}
        )
        for name, client in sections["clients"].items()
    }
    return estate.model_copy(update=sections)


def _inside(data: Any, where: Path) -> Any:
    for step in where:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _without_holes(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _without_holes(value) for key, value in data.items() if value is not _OUT}
    if isinstance(data, list):
        return [_without_holes(value) for value in data if value is not _OUT]
    return data
