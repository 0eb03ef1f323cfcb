"""What an engine leaves over inside of a table: columns and properties, read from pg_dump's text of what is there and
of what is wanted. Pure; each step has several forms where PostgreSQL may refuse one, and the first that it takes is
kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from plantroom.delivery.schema.dumps import items
from plantroom.delivery.schema.model import Entry
from plantroom.delivery.schema.statements import bare, split

Forms = Sequence[Sequence[str]]
"""Alternatives, each some statements."""

_I = r'(?:"(?:[^"]|"")+"|[^\s"().,;]+)'
_HEAD = re.compile(rf"CREATE (?P<kind>UNLOGGED TABLE|FOREIGN TABLE|TABLE) (?P<name>{_I}(?:\.{_I})?)(?P<of> OF \S+)?")
_CONSTRAINT = re.compile(rf"CONSTRAINT ({_I}) (?!NOT NULL)(.*)", re.DOTALL)
_WITH = re.compile(r"\nWITH \((.*)\)", re.DOTALL)
_INHERITS = re.compile(r"\nINHERITS \((.*?)\)\s*(?:\nWITH|\nPARTITION|$)", re.DOTALL)
_COLUMN_SET = re.compile(
    rf"(ALTER TABLE (?:ONLY )?\S+ ALTER COLUMN {_I} SET) (STATISTICS|STORAGE|COMPRESSION|\()(.*)", re.DOTALL
)
_BACK = {"STATISTICS": " STATISTICS -1", "STORAGE": " STORAGE DEFAULT", "COMPRESSION": " COMPRESSION default"}
_NOT_NULL = re.compile(rf"(?:CONSTRAINT ({_I}) )?NOT NULL( NO INHERIT)?")
_PARTS = re.compile(r"(DEFAULT|GENERATED ALWAYS AS|COLLATE|OPTIONS|CONSTRAINT|NOT NULL)\b")


@dataclass(frozen=True, slots=True)
class Column:
    """`generated`: `(expression)` and STORED or VIRTUAL; `not_null`: the clause as it is written."""

    text: str
    name: str
    type: str
    default: str = ""
    generated: str = ""
    collation: str = ""
    not_null: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    kind: str
    of: str
    columns: dict[str, Column]
    constraints: dict[str, str]
    options: dict[str, str]
    parents: list[str]
    method: str
    more: list[str]


def read(entry: Entry) -> Table | None:
    """None when it is no table that can be read."""
    statements = [bare(one.sql) for one in split(entry.sql)]
    method = "heap"
    while statements and statements[0].startswith("SET "):
        if match := re.match(r"SET default_table_access_method = (\S+)", statements[0]):
            method = match.group(1)
        statements.pop(0)
    head = _HEAD.match(statements[0]) if statements else None
    if head is None:
        return None
    columns: dict[str, Column] = {}
    constraints: dict[str, str] = {}
    tail = statements[0][head.end() :]
    opening = statements[0].find(" (\n", head.start())
    if opening >= 0:
        found, end = items(statements[0], opening + 1)
        tail = statements[0][end + 1 :]
        for item in found:
            if match := _CONSTRAINT.match(item):
                constraints[match.group(1)] = match.group(2)
            elif column := _column(item):
                columns[column.name] = column
    options = _WITH.search(tail)
    parents = _INHERITS.search(tail)
    return Table(
        name=head["name"],
        kind=head["kind"],
        of=(head["of"] or "").removeprefix(" OF "),
        columns=columns,
        constraints=constraints,
        options=dict(one.strip().split("=", 1) for one in options.group(1).split(", ")) if options else {},
        parents=[one.strip() for one in parents.group(1).split(",")] if parents else [],
        method=method,
        more=statements[1:],
    )


def _column(item: str) -> Column | None:
    match = re.match(_I, item)
    if match is None:
        return None
    rest = item[match.end() :].strip()
    marks = [*_top_level(rest), (len(rest), "")]
    parts = {word: rest[at + len(word) : end].strip() for (at, word), (end, _) in pairwise(marks)}
    clauses = {word: rest[at:end].strip() for (at, word), (end, _) in pairwise(marks)}
    return Column(
        text=item,
        name=match.group(),
        type=rest[: marks[0][0]].strip(),
        default=parts.get("DEFAULT", ""),
        generated=parts.get("GENERATED ALWAYS AS", ""),
        collation=parts.get("COLLATE", ""),
        not_null=" ".join(clauses[word] for word in ("CONSTRAINT", "NOT NULL") if word in clauses),
    )


def _top_level(text: str) -> Iterator[tuple[int, str]]:
    """Where the clauses of a column begin: outside of brackets and quotes."""
    depth, at = 0, 0
    while at < len(text):
        character = text[at]
        if character in "'\"":
            end = at + 1
            while end < len(text) and not (text[end] == character and text[end + 1 : end + 2] != character):
                end += 2 if text[end] == character else 1
            at = end + 1
            continue
        depth += (character in "([") - (character in ")]")
        if depth == 0 and (at == 0 or text[at - 1] == " ") and (match := _PARTS.match(text, at)):
            yield at, match.group(1)
            at = match.end()
            continue
        at += 1


def changes(have: Entry, want: Entry) -> list[Forms]:
    """What leads from one to the other, in order."""
    mine, theirs = read(have), read(want)
    if (
        mine is None
        or theirs is None
        or (mine.kind.split()[-2:] != theirs.kind.split()[-2:] and "FOREIGN" in mine.kind + theirs.kind)
    ):
        return []
    table = f"ALTER {'FOREIGN ' if 'FOREIGN' in theirs.kind else ''}TABLE {theirs.name}"
    found: list[Forms] = []
    if mine.of != theirs.of:
        found.append([[f"{table} OF {theirs.of}" if theirs.of else f"{table} NOT OF"]])
    found += [[[f"{table} NO INHERIT {parent}"]] for parent in mine.parents if parent not in theirs.parents]
    found += [
        [[f"{table} DROP CONSTRAINT {name}"]]
        for name, text in mine.constraints.items()
        if theirs.constraints.get(name) != text
    ]
    # PostgreSQL alters no type of a column that a generated one is made from: those are computed anew.
    retyped = [
        name for name, one in theirs.columns.items() if name in mine.columns and _type(one) != _type(mine.columns[name])
    ]
    anew = [
        name
        for name, one in mine.columns.items()
        if one.generated
        and name not in retyped
        and any(re.search(rf"(?<!\w){re.escape(n)}(?!\w)", one.generated) for n in retyped)
    ]
    found += [[[f"{table} DROP COLUMN {name}"]] for name in anew]
    for name, column in theirs.columns.items():
        if name in anew:
            continue
        if name not in mine.columns:
            # A column that was inherited only is there already, and is to be the table's own.
            found.append([[f"{table} ADD COLUMN {column.text}"]])
        elif column != mine.columns[name]:
            found += _altered(table, theirs, mine.columns[name], column)
    found += [[[f"{table} ADD COLUMN {theirs.columns[name].text}"]] for name in anew if name in theirs.columns]
    for name in mine.columns:
        if name not in theirs.columns and name not in anew:
            found.append([[f"{table} DROP COLUMN {name}"]])
    found += [
        [[f"{table} ADD CONSTRAINT {name} {text}"]]
        for name, text in theirs.constraints.items()
        if mine.constraints.get(name) != text
    ]
    found += [[[f"{table} INHERIT {parent}"]] for parent in theirs.parents if parent not in mine.parents]
    if mine.kind != theirs.kind:
        found.append([[f"{table} SET {'UNLOGGED' if 'UNLOGGED' in theirs.kind else 'LOGGED'}"]])
    if mine.method != theirs.method:
        found.append([[f"{table} SET ACCESS METHOD {theirs.method}"]])
    gone = [name for name in mine.options if name not in theirs.options]
    if gone:
        found.append([[f"{table} RESET ({', '.join(gone)})"]])
    new = [f"{name}={value}" for name, value in theirs.options.items() if mine.options.get(name) != value]
    if new:
        found.append([[f"{table} SET ({', '.join(new)})"]])
    found += [[[back]] for one in mine.more if one not in theirs.more and (back := _undone(one))]
    found += [[[one]] for one in theirs.more if one not in mine.more]
    return found


def _type(column: Column) -> tuple[str, str]:
    return (column.type, column.collation)


def _altered(table: str, owner: Table, have: Column, want: Column) -> list[Forms]:
    column = f"{table} ALTER COLUMN {want.name}"
    anew = [f"{table} DROP COLUMN {want.name}", f"{table} ADD COLUMN {want.text}"]
    if want.generated != have.generated:
        if want.generated and have.generated and want.generated.split()[-1] == have.generated.split()[-1]:
            expression = want.generated.rsplit(")", 1)[0] + ")"
            return [[[f"{column} SET EXPRESSION AS {expression}"], anew], *_rest(column, owner, have, want)]
        if want.generated:
            return [[anew]]
        dropped: Forms = [[f"{column} DROP EXPRESSION"], anew]
        return [dropped, *_rest(column, owner, have, want)]
    if want.generated and _type(want) != _type(have):
        return [[[f"{column} TYPE {want.type}"], anew]]
    return _rest(column, owner, have, want)


def _rest(column: str, owner: Table, have: Column, want: Column) -> list[Forms]:
    found: list[Forms] = []
    typed = _type(want) != _type(have)
    if typed:
        collate = f" COLLATE {want.collation}" if want.collation else ""
        before = [f"{column} DROP DEFAULT"] if have.default else []
        kind = f"{column} TYPE {want.type}{collate}"
        name = want.name
        found.append(
            [
                [*before, kind],
                *([*before, f"{kind} USING {name}::{through}{want.type}"] for through in ("", "integer::", "text::")),
                *([*before, f"{kind} USING to_jsonb({name})"],) * (want.type == "jsonb"),
                *([*before, f"{kind} USING ARRAY[{name}]"],) * want.type.endswith("[]"),
            ]
        )
    if want.default and (typed or want.default != have.default):
        found.append([[f"{column} SET DEFAULT {want.default}"]])
    elif have.default and not want.default and not typed and not want.generated:
        found.append([[f"{column} DROP DEFAULT"]])
    if want.not_null != have.not_null:
        found += _not_null(column, owner, have, want)
    return found


def _not_null(column: str, owner: Table, have: Column, want: Column) -> list[Forms]:
    """Since PostgreSQL 18 it is a constraint with a name, which pg_dump shows when it is not the usual one."""
    table = column.partition(" ALTER COLUMN")[0]
    old, new = (_NOT_NULL.match(one.not_null) for one in (have, want))
    usual = _usual(owner.name, want.name)
    found: list[Forms] = []
    if old is not None and new is not None and old.group(2) == new.group(2):
        rename = f"{table} RENAME CONSTRAINT {old.group(1) or usual} TO {new.group(1) or usual}"
        found.append([[rename]])
        return found
    if old is not None:
        forms = [[f"{table} DROP CONSTRAINT {old.group(1)}"]] if old.group(1) else []
        found.append([*forms, [f"{column} DROP NOT NULL"]])
    if new is not None:
        plain = [f"{column} SET NOT NULL"]
        name = f"CONSTRAINT {new.group(1)} " if new.group(1) else ""
        full = [f"{table} ADD {name}NOT NULL {want.name}{new.group(2) or ''}"]
        found.append([full, plain] if new.group(1) or new.group(2) else [plain])
    return found


def _usual(table: str, column: str) -> str:
    """The name that PostgreSQL gives the constraint by itself, but for names that it would have to cut."""
    name = "_".join(one.strip('"').replace('""', '"') for one in (table.rpartition(".")[2], column)) + "_not_null"
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'


def _undone(sql: str) -> str | None:
    """What takes back what a table's dump says after CREATE TABLE."""
    if match := _COLUMN_SET.match(sql):
        if match.group(2) == "(":
            names = ", ".join(one.split("=")[0].strip() for one in match.group(3).rstrip(")").split(","))
            return f"{match.group(1).removesuffix('SET')}RESET ({names})"
        return f"{match.group(1)}{_BACK[match.group(2)]}"
    if " REPLICA IDENTITY " in sql:
        return re.sub(r" REPLICA IDENTITY .*", " REPLICA IDENTITY DEFAULT", sql)
    if sql.endswith("FORCE ROW LEVEL SECURITY"):
        return sql.replace("FORCE ROW", "NO FORCE ROW")
    if " CLUSTER ON " in sql:
        return re.sub(r" CLUSTER ON .*", " SET WITHOUT CLUSTER", sql)
    return None
