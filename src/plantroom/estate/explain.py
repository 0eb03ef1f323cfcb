"""What a validation error of the models means, in the words of a person who writes the files."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin
from zoneinfo import available_timezones

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from plantroom.estate import model, rules, values
from plantroom.platforms.contract import LONGEST_DRAIN_S

Path = tuple[str | int, ...]
"""Keys and list indices from the top of the estate."""

NAME = "A name is 1 to 32 of a-z, 0-9 and -, begins with a letter and does not end with -"
_PATTERNS = {
    values.NAME_PATTERN: ("a name", NAME),
    values.HOST_PATTERN: (
        "a host name",
        "A host name is in lower case, without scheme or port, and has a dot, as in harbour.example.com",
    ),
    values.VARIABLE_PATTERN: (
        "a variable's name",
        "A variable's name is of A-Z, 0-9 and _, and does not begin with a digit",
    ),
    values.VERSION_PATTERN: (
        "a version",
        "A version is up to 64 letters, digits and . + _ -, and begins with a letter or a digit",
    ),
    values.CLOCK_PATTERN: ("a time of the day", "Give hours and minutes, as in 20:00"),
    values.LINE_PATTERN: (
        "one line of text",
        "Give at least one character, and no line breaks or other control characters",
    ),
}
_MOST_SHOWN = 20
"""Names in a hint. No object has as many keys, so those are always all told; of an estate's own names there may be
thousands."""
_DURATION = "A duration is a whole number and a unit, as in 30s, 5m, 2h or 1d"
_TIMES = {
    "not a moment": "Give a day, or a day and a time, as in 2026-12-20 18:00",
    "not a length of time": "Give a whole number and a unit, as in 30m, 8h, 2d or 1w",
}
_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "model_type": "a mapping (`key: value` lines)",
    "model_attributes_type": "a mapping (`key: value` lines)",
    "dict_type": "a mapping (`key: value` lines)",
    "mapping_type": "a mapping (`key: value` lines)",
    "tuple_type": "a list (`- item` lines, or [a, b])",
    "list_type": "a list (`- item` lines, or [a, b])",
}
_LIMITS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def nearest(word: str, known: Iterable[str]) -> str:
    """`Did you mean X?`, else what is known, else that nothing is."""
    names = sorted(known)
    if close := difflib.get_close_matches(word, names, n=1):
        return f"Did you mean {close[0]}?"
    if not names:
        return "None is declared"
    shown = ", ".join(names[:_MOST_SHOWN])
    return f"Known: {shown}{', …' if len(names) > _MOST_SHOWN else ''}"


def clean(error: ErrorDetails) -> Path:
    """Where an error is in the files: its location without the model's own additions, `[key]` at the end when the key
    itself is wrong, and the branches of a union."""
    steps = list(error["loc"])
    if len(steps) > 1 and steps[-1] == "[key]" and error["type"] != "extra_forbidden":
        del steps[-1]
    if len(steps) > 3 and steps[0] == "rings" and steps[2] == "concurrency":
        del steps[3:]
    return tuple(steps)


def words(error: ErrorDetails, written: str | None) -> tuple[str, str]:
    """What is wrong and what would be right. `written` is the text in the file when the value is not text there."""
    kind, given = error["type"], error["input"]
    context: Mapping[str, Any] = error.get("ctx", {})
    path = clean(error)
    # What stands where a secret reference belongs may be the secret: it is never repeated.
    secret = len(path) > 4 and path[0] == "clients" and path[4] == "secrets" and not isinstance(given, dict | list)
    shown = _hidden(path) if secret and given is not None else _shown(given, written)
    if kind == "extra_forbidden":
        return f"unknown key {path[-1]}", nearest(str(path[-1]), known_keys(path[:-1]))
    if kind == "missing":
        return f"{path[-1]} is missing", f"Add {path[-1]}"
    if len(path) == 3 and path[0] == "rings" and path[2] == "concurrency":
        right = "Give a count from 1 to 10000, or a percentage from 1% to 100%, as in 25%"
        return f"{shown} is not a concurrency", right
    if kind == "string_type" and written is not None and given is not None and not secret:
        what = "is not text" if isinstance(given, bool) else "is a number"
        return f"{written} without quotes {what}", f'Write "{written}"'
    if kind in _TYPES:
        return f"{shown}, where {_TYPES[kind].split(' (')[0].split(', ')[0]} belongs", f"Give {_TYPES[kind]}"
    if kind == "string_pattern_mismatch":
        what, right = _PATTERNS[context["pattern"]]
        return f"{shown} is not {what}", right
    if kind in ("enum", "literal_error"):
        expected = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        return f"{shown} is not known here", nearest(str(given), expected)
    if kind in _LIMITS:
        key, phrase = _LIMITS[kind]
        limit = context[key]
        return f"{shown} is out of bounds", f"Give {phrase} {limit:.15g}"
    if kind in ("too_short", "string_too_short"):
        return f"{path[-1]} is empty", "Give at least one"
    if kind == "string_too_long":
        return f"text of {len(str(given))} characters", f"Give at most {context['max_length']}"
    return _own(str(context.get("error", error["msg"])), shown)


def _own(problem: str, shown: str) -> tuple[str, str]:
    """For the checks that the models make themselves."""
    if problem == "not a duration":
        return f"{shown} is not a duration", _DURATION
    if problem.startswith("not a rule: "):
        return f"{shown} is {problem}", rules.FORMS
    if problem == "not a time zone":
        near = difflib.get_close_matches(shown.strip('"'), available_timezones(), n=1)
        right = f"Did you mean {near[0]}?" if near else "Name one of the IANA time zone database, as in Europe/Zurich"
        return f"{shown} is {problem}", right
    if problem in _TIMES:
        return f"{shown} is {problem}", _TIMES[problem]
    if problem == "too long for a drain":
        return f"{shown} is {problem}", f"Give at most {LONGEST_DRAIN_S}s: the balancer may end a request that is older"
    if problem == "an address":
        return f"{shown} is {problem}, not a host name", "Give a name whose last part is not a number"
    if problem == "too long for an environment variable":
        return f"{shown} is {problem}", f"Give at most {values.LONGEST_VALUE} bytes; a file can hold more"
    if problem == "not a date":
        return f"{shown}, where a date belongs", "Give a date, as in 2027-01-31"
    if problem.startswith("finer"):
        return f"{shown} is {problem}", "Give at most three decimal places"
    return problem, "Correct the value"


def _hidden(path: Path) -> str:
    return f"what is given as {path[-1]}" if len(path) > 6 else "something"


def _shown(value: Any, written: str | None) -> str:
    if written:
        return written if len(written) <= 40 else f"{written[:40]}…"
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    return f'"{text[:40]}…"' if len(text) > 40 else f'"{text}"'


@cache
def _declared() -> type[BaseModel]:
    return model.Estate


def known_keys(path: Path) -> tuple[str, ...]:
    """The keys that the object at `path` may have, or none where it is no object of the models."""
    current: Any = _declared()
    for step in path:
        current = _inside(current, step)
    current = _bare(current)
    return tuple(current.model_fields) if isinstance(current, type) and issubclass(current, BaseModel) else ()


def _inside(annotation: Any, step: str | int) -> Any:
    annotation = _bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(step))
        return field.annotation if field else None
    arguments = get_args(annotation)
    if not arguments:
        return None
    return arguments[0] if get_origin(annotation) is tuple else arguments[-1]


def _bare(annotation: Any) -> Any:
    """Without `| None`."""
    if get_origin(annotation) in (Union, UnionType):
        return next((part for part in get_args(annotation) if part is not type(None)), None)
    return annotation
