"""What the text of a statement says that it does to rows, for where its conditions find none of the proof's. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from plantroom.delivery.schema.names import IDENTIFIER, NAME, kept

# A table is made of what a query finds, or its data is copied out: the query is run, whatever else it does.
_OF_QUERY = r"(?:CREATE\b.*?\bTABLE\b.*?\bAS\b|COPY\b)?[(\s]*"
_CHANGES_ROWS = re.compile(
    rf"{_OF_QUERY}\b(?:INSERT|UPDATE|DELETE|MERGE|TRUNCATE|WITH|EXPLAIN|PREPARE)\b", re.IGNORECASE | re.DOTALL
)
_RUNS = re.compile(
    rf"(?:{_OF_QUERY}\b(?:SELECT|VALUES|TABLE|INSERT|UPDATE|DELETE|MERGE|WITH|EXPLAIN|EXECUTE)|DO|CALL|REFRESH)\b",
    re.IGNORECASE | re.DOTALL,
)
_BY_NAME = re.compile(r"\b(?:lo_\w+|lowrite|dblink\w*|query_to_xml\w*|cursor_to_xml\w*)\s*\(", re.IGNORECASE)
"""PostgreSQL's own functions that change large objects, or run what they are given as text."""
_EXECUTES = re.compile(rf"{_OF_QUERY}\bEXECUTE\b", re.IGNORECASE | re.DOTALL)
_UNLOGGED = re.compile(
    rf"ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?P<table>{NAME})\s+.*\bSET\s+UNLOGGED\b", re.IGNORECASE | re.DOTALL
)
_MAY = re.compile(r"\b(?:DELETE|UPDATE|TRUNCATE|MERGE|EXECUTE|DROP|ALTER)\b", re.IGNORECASE)
_CALLS = re.compile(
    r"ALTER\s+(?:TABLE|DOMAIN|MATERIALIZED\s+VIEW)\b|REFRESH\b|REINDEX\b"
    r"|CREATE\s+(?:UNIQUE\s+)?INDEX\b|CREATE\s+MATERIALIZED\s+VIEW\b|CREATE\s+(?:\w+\s+)?TABLE\b.*\bAS\b",
    re.IGNORECASE | re.DOTALL,
)
_CALLED = re.compile(rf"({IDENTIFIER})\s*\(")
_STRINGS = r"--[^\n]*|/\*.*?\*/|\bE'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'"
_SKIPPED = re.compile(
    _STRINGS + r'|(\$(?:[A-Za-z_]\w*)?\$).*?\1|("(?:[^"]|"")*")',
    re.IGNORECASE | re.DOTALL,
)
_IN_BODY = re.compile(_STRINGS, re.IGNORECASE | re.DOTALL)
_ALIAS = rf"(?:\s*\*)?(?:\s+AS)?(?:\s+(?!SET\b|USING\b){IDENTIFIER})?"
_DELETE = re.compile(rf"\bDELETE\s+FROM\s+(?:ONLY\s+)?(?P<table>{NAME})", re.IGNORECASE)
_TRUNCATE = re.compile(r"TRUNCATE\s+(?:TABLE\s+)?(?P<tables>.*)", re.IGNORECASE | re.DOTALL)
_UPDATE = re.compile(
    rf"\bUPDATE\s+(?:ONLY\s+)?(?P<table>(?!SET\b){NAME}){_ALIAS}\s+SET\b(?P<set>.*)", re.IGNORECASE | re.DOTALL
)
_UPSERT = re.compile(
    rf"\bINSERT\s+INTO\s+(?P<table>{NAME})(?:(?!\bINSERT\s+INTO\b).)*?\bDO\s+UPDATE\s+SET\b(?P<set>.*)",
    re.IGNORECASE | re.DOTALL,
)
_MERGE = re.compile(rf"\bMERGE\s+INTO\s+(?:ONLY\s+)?(?P<table>{NAME})(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_MERGE_SET = re.compile(r"\bTHEN\s+UPDATE\s+SET\b(?P<set>.*)", re.IGNORECASE | re.DOTALL)
_WRITES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|MERGE|TRUNCATE)\b", re.IGNORECASE)
_ALTER_TABLE = re.compile(
    rf"ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?(?P<table>{NAME})(?:\s*\*)?\s+(?P<actions>.*)",
    re.IGNORECASE | re.DOTALL,
)
_RETYPED = re.compile(
    rf"\s*ALTER\s+(?:COLUMN\s+)?(?P<column>{IDENTIFIER})\s+(?:SET\s+DATA\s+)?TYPE\b(?P<type>.*?)"
    r"\bUSING\b(?P<using>.*)",
    re.IGNORECASE | re.DOTALL,
)
# Words of a type, and not those with which an expression would go on behind a cast.
_CASTS = r"(?:\s*::\s*(?:(?!\b(?:AND|OR|IS|IN|NOT|LIKE|ILIKE|SIMILAR|BETWEEN|AT|OPERATOR)\b)[\w\s.\"\[\](),])+)*"
_WHOLE = ("", "text", "text[]", "varchar", "varchar[]", "charactervarying", "charactervarying[]")
"""As which everything is whole, as they are spelled here."""
_VALUE_RENAMED = re.compile(rf"ALTER\s+TYPE\s+(?P<type>{NAME})\s+RENAME\s+VALUE\b", re.IGNORECASE)
_ENDS = re.compile(r"\b(?:FROM|WHERE|RETURNING|WHEN)\b", re.IGNORECASE)
_TARGET = re.compile(rf"\s*(?:\((?P<several>[^()]*)\)|(?P<one>{IDENTIFIER}))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Deleted:
    table: str


@dataclass(frozen=True, slots=True)
class Set:
    """`columns`: as written."""

    table: str
    columns: tuple[str, ...]


def plain(sql: str) -> str:
    """Without comments, and with nothing in its strings."""
    return _SKIPPED.sub(lambda found: found[2] or (" " if found[0][:2] in ("--", "/*") else "''"), sql).strip()


def done(sql: str) -> list[Deleted | Set]:
    """To which tables' rows it does what, whether it finds any or not."""
    text = plain(sql)
    if altered := _ALTER_TABLE.match(text):
        return [
            Set(altered["table"], (one["column"],))
            for action in _parts(altered["actions"])
            if (one := _RETYPED.match(action)) and not _cast(one["using"], one["column"], one["type"])
        ]
    if not _CHANGES_ROWS.match(text):
        return []
    found: list[Deleted | Set] = [Deleted(one["table"]) for one in _DELETE.finditer(text)]
    if truncated := _TRUNCATE.match(text):
        found += [Deleted(one) for one in _listed(truncated["tables"])]
    for place in range(len(text)):
        for pattern in (_UPDATE, _UPSERT):
            if match := pattern.match(text, place):
                found.append(Set(match["table"], tuple(_targets(match["set"]))))
        if match := _MERGE.match(text, place):
            if re.search(r"\bTHEN\s+DELETE\b", match["rest"], re.IGNORECASE):
                found.append(Deleted(match["table"]))
            found += [
                Set(match["table"], tuple(_targets(one["set"])))
                for at in range(len(match["rest"]))
                if (one := _MERGE_SET.match(match["rest"], at))
            ]
    return found


def value_renamed(sql: str) -> str:
    """The enum, as it is written, of which it gives a value another name; or ""."""
    match = _VALUE_RENAMED.match(plain(sql))
    return match["type"] if match else ""


def unlogged(sql: str) -> str:
    """The table, as it is written, whose rows are not logged from now on; or ""."""
    match = _UNLOGGED.match(plain(sql))
    return match["table"] if match else ""


def writes(sql: str) -> bool:
    """Whether it changes rows, so that triggers and rules act as well."""
    return _WRITES.search(plain(sql)) is not None


def runs(sql: str) -> bool:
    """Whether it may run code that is not in it."""
    return _RUNS.match(plain(sql)) is not None


def called(sql: str) -> set[str]:
    """The functions that a statement calls for rows that are there: a default, a check, an index."""
    text = plain(sql)
    return {kept(one) for one in _CALLED.findall(text)} if _CALLS.match(text) else set()


def hidden(sql: str) -> bool:
    """Whether it runs what cannot be read, and that could be anything."""
    text = plain(sql)
    if _EXECUTES.match(text) or (_RUNS.match(text) and _BY_NAME.search(text)):
        return True
    return re.match(r"DO\b", text, re.IGNORECASE) is not None and may(sql)


def may(body: str) -> bool:
    """Whether the word for it stands there."""
    return _MAY.search(body) is not None


def routine_may(definition: str) -> bool:
    """The same of a routine, but for its strings (TG_OP = 'DELETE'), which do nothing without EXECUTE."""
    return may(_IN_BODY.sub(" ", definition))


def _listed(tables: str) -> Iterator[str]:
    for one in tables.split(","):
        if match := re.match(rf"\s*(?:ONLY\s+)?({NAME})", one, re.IGNORECASE):
            yield match[1]


def _cast(expression: str, column: str, type_: str) -> bool:
    """Whether it is the column and nothing else, as the type that it gets or on the way as text: what that does to
    values, types tell."""
    match = re.fullmatch(rf"[\s(]*{re.escape(column)}[\s)]*(?P<casts>{_CASTS})[\s;]*", expression, re.IGNORECASE)
    if match is None:
        return False
    wanted = _spelled(re.split(r"\bCOLLATE\b", type_, flags=re.IGNORECASE)[0])
    return all(_spelled(one) in (wanted, *_WHOLE) for one in match["casts"].split("::"))


def _spelled(type_: str) -> str:
    """Without what is written in more than one way."""
    return re.sub(r"\s+|pg_catalog\.|public\.|\"", "", type_.strip("() \n\t")).lower().removesuffix("(").rstrip(")")


def _targets(text: str) -> Iterator[str]:
    for one in _parts(text, _ENDS):
        match = _TARGET.match(one)
        if match is None:
            yield ""
        elif match["several"] is not None:
            yield from (name.strip() for name in match["several"].split(","))
        else:
            yield match["one"]


def _parts(text: str, ends: re.Pattern[str] | None = None) -> list[str]:
    """What stands between commas that are in no brackets, up to a word that ends the list."""
    depth, begin = 0, 0
    places = []
    for at, character in enumerate(text):
        over = ends is not None and ends.match(text, at) is not None and not text[at - 1 : at].isalnum()
        if depth == 0 and (character == "," or over):
            places.append(text[begin:at])
            begin = at + 1
            if character != ",":
                return places
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            return [*places, text[begin:at]]
    return [*places, text[begin:]]
