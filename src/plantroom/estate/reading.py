"""One file of the estate: YAML to plain values and a table of positions, in one pass over the parser's events.

What is understood is a small YAML: mappings, lists and scalars in one document. Anchors, aliases, merge keys and tags
are mistakes, since a reader of the file could not see from a line what it says. Unquoted scalars follow the core
schema of YAML 1.2 (chapter 10.3.2), so `no` and `on` are text; dates stay text, which the models read.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from plantroom.estate.model import Mistake, Source


class PurePythonParser(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):
    """The same events, slower, for an interpreter that PyYAML has no compiled wheel for."""

    def __init__(self, stream: str) -> None:
        yaml.reader.Reader.__init__(self, stream)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)

    def get_event(self) -> Any:
        """The next event. Refuses half of a surrogate pair in an escape, as libyaml does: no encoding can hold it."""
        event: Any = super().get_event()  # type: ignore[no-untyped-call]
        if type(event) is ScalarEvent and any("\ud800" <= character <= "\udfff" for character in event.value):
            problem = "found invalid Unicode character escape code"
            mark: Any = event.start_mark
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
        return event


Parser: Any = PurePythonParser
try:
    from yaml._yaml import CParser  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    pass
else:
    Parser = CParser

DEPTH = 16
"""Mappings and lists inside one another; the deepest thing that can be declared (a client's window) is at 7."""

_COLUMN_BITS = 24
_COLUMN_MASK = (1 << _COLUMN_BITS) - 1

_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
"""Those that turn the direction of writing are among them: they have a line read as another than it is."""

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]{1,18}|0x[0-9a-fA-F]{1,14}")
_BREAKS_ESCAPED = {"\x85": "N", "\u2028": "L", "\u2029": "P"}
_BREAKS = re.compile(f"[{''.join(_BREAKS_ESCAPED)}]")
"""Line breaks for the parser, which is of YAML 1.1, and for nobody else: what editors show as the rest of a comment
would be read as a line of its own."""
_HUGE = 10**18
"""What stands for a whole number with more digits: it is beyond every limit, and nobody reads thousands of them."""
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}

_SYNTAX = (
    (
        "tab character",
        "a tab, which YAML does not take for indentation",
        "Indent with two spaces",
    ),
    (
        "mapping values are not allowed",
        "a second `: ` in one line",
        'Put text that holds ": " in quotes, or begin the inner mapping on a line of its own',
    ),
    (
        "did not find expected node content",
        "a value that is missing, or a bracket that is not closed",
        "Give the value, or close the bracket",
    ),
    (
        "could not find expected ':'",
        "a line that is no `key: value`",
        "Write a key, a colon and a space before the value",
    ),
    ("did not find expected ',' or '}'", "a `{` that is not closed", "Close it with `}`"),
    ("did not find expected ',' or ']'", "a `[` that is not closed", "Close it with `]`"),
    (
        "did not find expected key",
        "indentation that fits no mapping around it",
        "Begin keys of one mapping in the same column",
    ),
    (
        "did not find expected '-' indicator",
        "indentation that fits no list around it",
        "Begin every item of one list in the same column",
    ),
    ("found unexpected end of stream", "a quote that is not closed", "Close it with the same kind of quote"),
    ("invalid Unicode character", "an escape for half of a character", "Write the character itself"),
    ("found unknown escape character", "an escape that YAML does not know", "Use single quotes, or double the `\\`"),
    (
        "cannot start any token",
        "a character that cannot begin a value",
        "Put the value in quotes",
    ),
)
"""Parts of libyaml's and PyYAML's problem texts, what is wrong in our words, and what would be right."""


@dataclass(slots=True)
class Document:
    """What one file says. `where` has, by the id of each mapping or list in `value`, the packed positions of its
    items: two for each key of a mapping (key, value), one for each item of a list. `written` has, by packed position,
    the text of values that are not text (numbers, true, false, null). `partial`: some of it could not be read."""

    file: str
    value: Any = None
    where: dict[int, list[int]] = field(default_factory=dict)
    written: dict[int, str] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    partial: bool = False
    _indices: dict[int, dict[str, int]] = field(default_factory=dict)

    def source(self, packed: int) -> Source:
        return Source(self.file, (packed >> _COLUMN_BITS) + 1, (packed & _COLUMN_MASK) + 1)

    def wrong(self, packed: int, wrong: str, right: str) -> None:
        """A mistake of reading; what follows from it is not worth reporting as well."""
        self.mistakes.append(Mistake(self.source(packed), "", wrong, right))
        self.partial = True

    def steps(self, path: tuple[str | int, ...]) -> tuple[int, int, Any, bool]:
        """Packed key and value position of what is at `path`, or of the deepest part of it that is there, with its
        value, and whether all of `path` is there."""
        key = place = 0
        value = self.value
        for step in path:
            positions = self.where.get(id(value))
            if isinstance(value, dict) and step in value and positions:
                index = self._index(value)[str(step)]
                key, place, value = positions[2 * index], positions[2 * index + 1], value[step]
            elif isinstance(value, list) and isinstance(step, int) and step < len(value) and positions:
                key = place = positions[step]
                value = value[step]
            else:
                return key, place, value, False
        return key, place, value, True

    def _index(self, mapping: dict[str, Any]) -> dict[str, int]:
        """The number of each key in its mapping; remembered, since a large one may be asked about for every mistake."""
        known = self._indices.get(id(mapping))
        if known is None or len(known) != len(mapping):
            known = self._indices[id(mapping)] = {key: number for number, key in enumerate(mapping)}
        return known


def read(file: str, data: bytes) -> Document:
    """Parse one file. Never raises on account of what is in it: mistakes are in the document."""
    document = Document(file)
    try:
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        document.wrong(_end_of(before), f"byte 0x{data[error.start]:02x} is not UTF-8", "Save the file as UTF-8")
        return document
    if match := _UNPRINTABLE.search(text):
        document.wrong(_end_of(text[: match.start()]), f"control character U+{ord(match[0]):04X}", "Remove it")
        return document
    if match := _BREAKS.search(text):
        # Inside of quotes an escape says the same, and everybody sees it.
        right = f'Remove it, or write "\\{_BREAKS_ESCAPED[match[0]]}" in double quotes'
        document.wrong(_end_of(text[: match.start()]), f"line separator U+{ord(match[0]):04X}", right)
        return document
    try:
        _build(document, Parser(text))
    except yaml.MarkedYAMLError as error:
        _syntax(document, error, text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: PyYAML's own scanner on an escape beyond Unicode
        document.wrong(0, f"not YAML: {error}", "Correct the file")
    if document.partial and not isinstance(document.value, dict):
        document.value = None
    return document


def _end_of(text: str) -> int:
    line = text.count("\n")
    return (line << _COLUMN_BITS) + min(len(text) - (text.rfind("\n") + 1), _COLUMN_MASK)


def _syntax(document: Document, error: yaml.MarkedYAMLError, text: str) -> None:
    problem = error.problem or "cannot be read"
    wrong, right = next(
        ((wrong, right) for part, wrong, right in _SYNTAX if part in problem),
        (f"not YAML: {problem}", "Correct the line, or put the value in quotes"),
    )
    # What is not closed is found where the file ends, and corrected where it was opened.
    mark = (error.context_mark if "not closed" in wrong else None) or error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.split("\n")
    if line < len(lines) and lines[line][column : column + 1] == "\t":
        wrong, right = _SYNTAX[0][1:]
    document.wrong((line << _COLUMN_BITS) + column, wrong, right)
    _forget_last(document)


def _forget_last(document: Document) -> None:
    """Take out the object in which reading stopped: what is known of it may be half of it."""
    value = document.value
    while isinstance(value, dict) and value:
        section = next(reversed(value))
        inner = value[section]
        if value is document.value and isinstance(inner, dict) and inner:
            value = inner
            continue
        del value[section]
        del document.where[id(value)][-2:]
        return


def _build(document: Document, parser: Any) -> None:  # noqa: PLR0915 - a call per event would cost more than parsing
    """Values and positions from events. Stops at the first thing after which nesting is no longer known."""
    next_event = parser.get_event
    where, written = document.where, document.written
    words = dict(_WORDS)
    names: dict[str, str] = {}
    stack: list[tuple[Any, list[int]]] = []
    container: Any = None
    positions: list[int] = []
    key: Any = None  # of the mapping whose value comes next; None when a key comes next
    key_at = 0
    documents = 0
    while (event := next_event()) is not None:
        kind = type(event)
        mark = event.start_mark
        at = (mark.line << _COLUMN_BITS) + mark.column
        if kind is ScalarEvent:
            text = event.value
            if container.__class__ is dict and key is None:
                key, key_at = names.setdefault(text, text), at
                if event.anchor is not None or event.tag is not None:
                    _decorated(document, event, at)
                continue
            if event.anchor is not None or event.tag is not None:
                _decorated(document, event, at)
                value: Any = text
            elif event.implicit[0]:
                try:
                    value = words[text]
                except KeyError:
                    value = words[text] = _resolve(text)
                if value.__class__ is not str:
                    written[at] = text
            else:
                value = text
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            if container.__class__ is dict and key is None:
                _stop(document, at, "a key that is a mapping or a list", "A key is text")
                return
            if event.anchor is not None or event.tag is not None:
                _decorated(document, event, at)
            if len(stack) >= DEPTH:
                _stop(document, at, f"nested deeper than {DEPTH} levels", "Nothing in an estate is nested that deep")
                return
            value = {} if kind is MappingStartEvent else []
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            container, positions = stack.pop()
            key = None
            continue
        elif kind is AliasEvent:
            if container.__class__ is dict and key is None:
                _stop(document, at, "an alias as a key", "A key is text")
                return
            if key != "<<":
                document.wrong(at, f"the alias *{event.anchor}", "Write the value out where it is used")
            value = None
        elif kind is DocumentStartEvent:
            documents += 1
            if documents > 1:
                document.wrong(at, "a second document in one file", "Use one file for each, without `---` between")
                return
            continue
        else:
            continue

        if container is None:
            document.value = value
        elif container.__class__ is list:
            container.append(value)
            positions.append(at)
        else:
            if key == "<<":
                document.wrong(key_at, "the merge key <<", "Write the keys out where they are used")
            elif key in container:
                first = document.source(positions[2 * list(container).index(key)])
                document.wrong(key_at, f"the key {key} is here twice", f"Keep one; the first is in line {first.line}")
            else:
                container[key] = value
                positions.append(key_at)
                positions.append(at)
            key = None
        if value.__class__ is dict or value.__class__ is list:
            stack.append((container, positions))
            container, positions = value, []
            where[id(value)] = positions


def _stop(document: Document, at: int, wrong: str, right: str) -> None:
    document.wrong(at, wrong, right)
    _forget_last(document)


def _decorated(document: Document, event: Any, at: int) -> None:
    if event.anchor is not None:
        document.wrong(at, f"the anchor &{event.anchor}", "Write the value out where it is used")
    if event.tag is not None:
        document.wrong(at, f"the tag {event.tag}", 'Leave it out; text that looks like a number goes in quotes ("1.0")')


def _resolve(text: str) -> Any:
    if text[0] in "+-.0123456789":
        if _INTEGER.fullmatch(text):
            return int(text, 0) if text[:2] in ("0o", "0x") else _decimal(text)
        if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
            return number
    return text


def _decimal(text: str) -> int:
    digits = text.lstrip("+-").lstrip("0")
    if len(digits) > 18:
        return -_HUGE if text[0] == "-" else _HUGE
    return int(f"-{digits or 0}" if text[0] == "-" else digits or 0)
