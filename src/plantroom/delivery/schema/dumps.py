"""What `pg_dump --schema-only` says, as a set of entries: the measure of whether two schemas are equal.

Two things are normalised. The order of columns in a table, which ALTER cannot reproduce; and the order of entries,
which is pg_dump's own. Everything else that differs in the text differs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from plantroom.delivery.schema.model import Entry
from plantroom.delivery.schema.statements import bare, split

_HEADER = re.compile(
    r"^--\n-- Name: (?P<name>.*?); Type: (?P<kind>[A-Z ]+); Schema: (?P<schema>.*?); Owner: .*\n--\n", re.MULTILINE
)
_SESSION = re.compile(r"^SET (default_tablespace|default_table_access_method) = (.*);\n", re.MULTILINE)
_TABLE = re.compile(r"CREATE (UNLOGGED |FOREIGN )?TABLE ")
_USUAL = {"default_tablespace": "''", "default_table_access_method": "heap"}
_STORED = ("TABLE", "FOREIGN TABLE", "MATERIALIZED VIEW", "INDEX", "CONSTRAINT")
_END = "\n--\n-- PostgreSQL database dump complete\n"


def parse(dump: str) -> list[Entry]:
    """Every entry in the dump's order, normalised."""
    headers = list(_HEADER.finditer(dump))
    found: list[Entry] = []
    session = dict(_USUAL)
    for place, header in enumerate(headers):
        # What pg_dump sets for an entry stands before its header, which is at the end of the one before.
        before = dump[headers[place - 1].end() if place else 0 : header.start()]
        session |= {match.group(1): match.group(2) for match in _SESSION.finditer(before)}
        end = headers[place + 1].start() if place + 1 < len(headers) else len(dump)
        text = dump[header.end() : end].removesuffix("\n").partition(_END)[0]
        body = _SESSION.sub("", text).strip()
        if header["kind"] in _STORED:
            body = normal(body)
            settings = _settings(header["kind"], body, session)
            body = "".join(f"SET {name} = {session[name]};\n" for name in settings) + body
        found.append(Entry(header["kind"], header["schema"], header["name"], body, place))
    return found


def _settings(kind: str, body: str, session: Mapping[str, str]) -> list[str]:
    """Those that count for an entry: pg_dump leaves an access method set from before for what has none."""
    methodical = kind in ("TABLE", "MATERIALIZED VIEW") and "\nPARTITION BY " not in body
    names = ["default_tablespace", *(["default_table_access_method"] if methodical else [])]
    return [name for name in names if session[name] != _USUAL[name]]


def normal(sql: str) -> str:
    """A table's statements with its columns, and what is said of each afterwards, in alphabetical order."""
    statements = [one.sql for one in split(sql)]
    if not statements or not _TABLE.match(bare(statements[0])):
        return sql
    return ";\n".join([_sorted_columns(statements[0]), *sorted(statements[1:])]) + ";"


def _sorted_columns(sql: str) -> str:
    opening = sql.find(" (\n")
    if opening < 0:
        return sql
    found, end = items(sql, opening + 1)
    return f"{sql[: opening + 2]}\n    " + ",\n    ".join(sorted(found)) + f"\n{sql[end:]}"


def items(sql: str, opening: int) -> tuple[list[str], int]:
    """What stands between the bracket at `opening` and its closing one, by the commas of that level; where that is."""
    found: list[str] = []
    depth, at, start = 0, opening, opening + 1
    while at < len(sql):
        character = sql[at]
        if character in "'\"":
            at = _after_quote(sql, at)
            continue
        if character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
            if depth == 0:
                found.append(sql[start:at].strip())
                return [one for one in found if one], at
        elif character == "," and depth == 1:
            found.append(sql[start:at].strip())
            start = at + 1
        at += 1
    return found, at


def _after_quote(sql: str, at: int) -> int:
    quote = sql[at]
    escapes = quote == "'" and sql[at - 1 : at] == "E"
    at += 1
    while at < len(sql):
        if escapes and sql[at] == "\\":
            at += 2
        elif sql[at] == quote:
            if sql[at + 1 : at + 2] != quote:
                return at + 1
            at += 2
        else:
            at += 1
    return at


def keyed(entries: Sequence[Entry]) -> Mapping[tuple[str, str, str], Sequence[Entry]]:
    found: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.key, []).append(entry)
    return found


def same(one: Sequence[Entry], other: Sequence[Entry]) -> bool:
    return sorted((e.key, e.sql) for e in one) == sorted((e.key, e.sql) for e in other)


def difference(there: Sequence[Entry], wanted: Sequence[Entry]) -> list[str]:
    """In words, an entry each: what is missing, what is too much, what is not the same."""
    have, want = keyed(there), keyed(wanted)
    said = []
    for key in sorted(have.keys() | want.keys()):
        mine, theirs = sorted(e.sql for e in have.get(key, ())), sorted(e.sql for e in want.get(key, ()))
        if mine == theirs:
            continue
        kind, schema, name = key
        what = f"{kind.lower()} {name if schema == '-' else f'{schema}.{name}'}"
        said.append(f"{what} is missing" if not mine else f"{what} is too much" if not theirs else f"{what} differs")
    return said
