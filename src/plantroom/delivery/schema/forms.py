"""What takes as long as a table is long, and the forms of it that stop nobody meanwhile. Pure.

Indexes are built and dropped CONCURRENTLY; constraints are added NOT VALID and validated in a transaction of their own;
a column is known to hold no null by a check before it is declared so; a key is made from an index that is there. What
is replaced goes when its successor is there.

Types that change, columns with a default that must be computed for each row, exclusion constraints and keys of
partitioned tables have no such form.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from enum import StrEnum

from plantroom.delivery.schema.dumps import items
from plantroom.delivery.schema.model import Statement
from plantroom.delivery.schema.names import IDENTIFIER, NAME, kept, parts, quoted, words
from plantroom.delivery.schema.statements import bare, statement

TEMPORARY = "plantroom_"
"""How names begin that are gone again when the script has run."""
Key = tuple[str, str]
"""Schema and name, as the catalogue has them."""

_INDEX = re.compile(
    rf"CREATE\s+(?P<unique>UNIQUE\s+)?INDEX\s+(?P<index>{IDENTIFIER})\s+ON\s+(?P<only>ONLY\s+)?(?P<table>{NAME})"
    r"(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_DROP_INDEX = re.compile(
    rf"DROP\s+INDEX\s+(?P<if>IF\s+EXISTS\s+)?(?P<names>{NAME}(?:\s*,\s*{NAME})*)(?:\s+RESTRICT)?", re.IGNORECASE
)
_ALTER = re.compile(
    rf"(?P<head>ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?)(?P<only>ONLY\s+)?(?P<table>{NAME})\s+(?P<actions>.*)",
    re.IGNORECASE | re.DOTALL,
)
_ADD = re.compile(
    rf"ADD\s+(?:CONSTRAINT\s+(?P<name>{IDENTIFIER})\s+)?"
    r"(?P<what>CHECK|FOREIGN\s+KEY|UNIQUE|PRIMARY\s+KEY|NOT\s+NULL)(?!\w)\s*(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_SET = re.compile(rf"ALTER\s+(?:COLUMN\s+)?(?P<column>{IDENTIFIER})\s+SET\s+NOT\s+NULL", re.IGNORECASE)
_DROP = re.compile(rf"DROP\s+CONSTRAINT\s+(?P<name>{IDENTIFIER})(?:\s+RESTRICT)?", re.IGNORECASE)
_COLUMNS = rf"\(\s*{IDENTIFIER}(?:\s*,\s*{IDENTIFIER})*\s*\)"
_KEY = re.compile(
    rf"(?P<nulls>NULLS\s+(?:NOT\s+)?DISTINCT\s*)?(?P<columns>{_COLUMNS})\s*(?P<include>INCLUDE\s*{_COLUMNS}\s*)?"
    rf"(?P<options>WITH\s*\([^()]*\)\s*)?(?:USING\s+INDEX\s+(?P<space>TABLESPACE\s+{IDENTIFIER})\s*)?"
    r"(?P<when>(?:(?:NOT\s+)?DEFERRABLE\s*|INITIALLY\s+(?:DEFERRED|IMMEDIATE)\s*)*)",
    re.IGNORECASE,
)
_DONE_ALREADY = re.compile(r"\bNOT\s+(VALID|ENFORCED)\b|\bNO\s+INHERIT\s*$", re.IGNORECASE)
_GOES = re.compile(r"\bDROP\s+(COLUMN|TABLE|MATERIALIZED)\b", re.IGNORECASE)
_PATH = re.compile(r"\bsearch_path\b", re.IGNORECASE)
_QUOTED = re.compile(r"""E'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|"(?:[^"]|"")*\"""", re.IGNORECASE | re.DOTALL)
_HARD_TO_READ = re.compile(r"--|/\*|\$\w*\$")


class Form(StrEnum):
    INDEX = "index"
    PARTITIONED_INDEX = "index of a partitioned table"
    DROP_INDEX = "index that goes"
    CHECK = "check"
    FOREIGN_KEY = "foreign key"
    NOT_NULL = "not null"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Part:
    """An index of a partition, below `parent`, the index of what it is a partition of. `there`: before the script."""

    index: Key
    table: Key
    parent: Key
    partitioned: bool
    there: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What is there before the script, by its names before and after it."""

    tables: Mapping[Key, str]
    """Those that are there afterwards too: r, p or m, as in pg_class.relkind."""
    indexes: Mapping[Key, Key]
    """The table of each index that can be dropped CONCURRENTLY."""
    keys: AbstractSet[Key]
    """The indexes of keys."""
    primary: Mapping[Key, str]
    """The primary key of each table."""
    names: AbstractSet[Key]
    """Whatever has the name of a relation."""
    filled: AbstractSet[tuple[Key, str]]
    """Columns that hold no null."""
    made: Mapping[Key, Sequence[tuple[str, str]]]
    """Constraints that the script makes, by table: type, as in pg_constraint.contype, and name."""
    below: Mapping[Key, Sequence[Part]]
    """What the script makes below each index of a partitioned table, from the top."""


@dataclass(frozen=True, slots=True)
class Step:
    """`own`: it takes long, and its transaction is to hold no locks but its own."""

    statement: Statement
    own: bool = False


@dataclass(frozen=True, slots=True)
class Pieces:
    """What a statement becomes: `now`, in its place; `late`, after all that is; `last`, after all that is late."""

    form: AbstractSet[Form]
    now: Sequence[str] = ()
    late: Sequence[Step] = ()
    last: Sequence[Step] = ()
    names: AbstractSet[str] = frozenset()
    """Of what is late."""
    key_of: Key | None = None
    """The table to which references may have to wait."""
    filled: AbstractSet[str] = frozenset()
    """Columns that hold no null later only."""

    def __add__(self, other: Pieces) -> Pieces:
        return Pieces(
            self.form | other.form,
            [*self.now, *other.now],
            [*self.late, *other.late],
            [*self.last, *other.last],
            self.names | other.names,
            self.key_of or other.key_of,
            self.filled | other.filled,
        )


@dataclass(frozen=True, slots=True)
class _Table:
    """What an ALTER TABLE alters. `head`: its beginning; `whole`: the same without ONLY."""

    head: str
    whole: str
    text: str
    key: Key
    kind: str


def readable(one: Statement) -> str | None:
    """Its text, when it has nothing in it that reading by pattern might take for something else."""
    body = bare(one.sql)
    hard = one.alone or one.privileged or _HARD_TO_READ.search(_QUOTED.sub("", body))
    return None if hard else body


def promising(statements: Sequence[Statement]) -> bool:
    """Whether one of them may have a safer form, by the text alone."""
    return any(
        _INDEX.fullmatch(body)
        or _DROP_INDEX.fullmatch(body)
        or (
            (match := _ALTER.fullmatch(body))
            and any(_ADD.match(one) or _SET.match(one) for one in _actions(match["actions"]))
        )
        for body in (bare(one.sql) for one in statements)
    )


def _actions(text: str) -> list[str]:
    return items(f"({text})", 0)[0]


@dataclass(slots=True)
class Forms:
    """The forms of a script's statements, those in `allowed` only."""

    given: Sequence[Statement]
    standing: Standing
    allowed: Collection[Form]
    filled: set[tuple[Key, str]] = field(default_factory=set)
    """Columns that will hold no null."""
    number: int = 0
    mentioned: set[str] = field(default_factory=set)
    going: set[str] = field(default_factory=set)
    """Names in statements with which something goes, and its indexes with it."""
    default: str = "public"
    """The schema of names without one; nothing when the script sets a path of its own."""

    def __post_init__(self) -> None:
        for one in self.given:
            found = words(one.sql)
            self.mentioned |= found
            self.going |= found if _GOES.search(one.sql) else set()
            self.default = "" if _PATH.search(one.sql) else self.default

    def key(self, name: str) -> Key:
        schema, own = parts(name)
        return schema or self.default, own

    def made(self, body: str) -> list[Key]:
        """The names that must be free for what it makes, where it is made in a safer form."""
        if match := _INDEX.fullmatch(body):
            table = self.key(match["table"])
            ours = self.standing.tables.get(table) in ("r", "m") and Form.INDEX in self.allowed
            return [(table[0], kept(match["index"]))] if ours else []
        match = _ALTER.fullmatch(body)
        add = _ADD.fullmatch(match["actions"]) if match else None
        if match is None or add is None or Form.KEY not in self.allowed or add["what"][0].upper() not in "UP":
            return []
        table = self.key(match["table"])
        name = self._name(table, add)
        if self.standing.tables.get(table) != "r" or not name or not _KEY.fullmatch(add["rest"]):
            return []
        primary = self.standing.primary.get(table) if add["what"].upper().startswith("PRIMARY") else None
        return [(table[0], one) for one in dict.fromkeys((kept(name), primary)) if one]

    def gone(self, one: Statement, body: str) -> tuple[Key, Step] | None:
        """The index that it takes away, and how that is done when its successor is there."""
        if match := _DROP_INDEX.fullmatch(body):
            key = self.key(match["names"])
            if key not in self.standing.indexes or "," in match["names"]:
                return None
            return key, Step(statement(f"DROP INDEX CONCURRENTLY {match['names']}"))
        match = _ALTER.fullmatch(body)
        drop = _DROP.fullmatch(match["actions"]) if match else None
        if match is None or drop is None:
            return None
        key = (self.key(match["table"])[0], kept(drop["name"]))
        return (key, Step(one)) if key in self.standing.keys else None

    def of(self, body: str, gone: Sequence[Step]) -> Pieces | None:
        """None when it stays as it is. `gone`: what it replaces."""
        if match := _INDEX.fullmatch(body):
            kind = self.standing.tables.get(self.key(match["table"]))
            if kind in ("r", "m") and Form.INDEX in self.allowed:
                return self._index(match, gone)
            if kind == "p" and not match["only"] and Form.PARTITIONED_INDEX in self.allowed:
                return self._partitioned(match)
        elif match := _DROP_INDEX.fullmatch(body):
            return self._dropped(match) if Form.DROP_INDEX in self.allowed else None
        elif match := _ALTER.fullmatch(body):
            return self._altered(match, gone)
        return None

    def _index(self, match: re.Match[str], gone: Sequence[Step]) -> Pieces | None:
        table, name = self.key(match["table"]), kept(match["index"])
        if not gone and (table[0], name) in self.standing.names:
            return None
        built = self._temporary("index") if gone else match["index"]
        create = f"CREATE {match['unique'] or ''}INDEX CONCURRENTLY {built} ON {match['only'] or ''}{match['table']}"
        late = [Step(statement(create + match["rest"])), *gone]
        if gone:
            late.append(Step(statement(f"ALTER INDEX {quoted(table[0], built)} RENAME TO {match['index']}")))
        key_of = table if match["unique"] else None
        return Pieces(frozenset({Form.INDEX}), late=late, names=frozenset({name}), key_of=key_of)

    def _partitioned(self, match: re.Match[str]) -> Pieces | None:
        """PostgreSQL builds none of a partitioned table's CONCURRENTLY: it is made of its partitions'."""
        table, name = self.key(match["table"]), kept(match["index"])
        below = self.standing.below.get((table[0], name), ())
        if not below or (table[0], name) in self.standing.names:
            return None
        begin = f"CREATE {match['unique'] or ''}INDEX"
        made = [f"{begin} {match['index']} ON ONLY {match['table']}{match['rest']}"]
        for one in below:
            how, only = ("", "ONLY ") if one.partitioned else (" CONCURRENTLY", "")
            if not one.there:
                made.append(f"{begin}{how} {quoted(one.index[1])} ON {only}{quoted(*one.table)}{match['rest']}")
        made += [f"ALTER INDEX {quoted(*one.parent)} ATTACH PARTITION {quoted(*one.index)}" for one in reversed(below)]
        key_of = table if match["unique"] else None
        form = frozenset({Form.PARTITIONED_INDEX})
        return Pieces(form, late=[Step(statement(sql)) for sql in made], names=frozenset({name}), key_of=key_of)

    def _dropped(self, match: re.Match[str]) -> Pieces | None:
        names = re.findall(NAME, match["names"])
        keys = [self.key(name) for name in names]
        tables = [self.standing.indexes.get(key) for key in keys]
        if not all(table is not None and table[1] not in self.going for table in tables):
            return None
        last = [Step(statement(f"DROP INDEX CONCURRENTLY {match['if'] or ''}{name}")) for name in names]
        return Pieces(frozenset({Form.DROP_INDEX}), last=last, names={key[1] for key in keys})

    def _altered(self, match: re.Match[str], gone: Sequence[Step]) -> Pieces | None:
        key = self.key(match["table"])
        kind = self.standing.tables.get(key, "")
        if kind not in ("r", "p"):
            return None
        head = f"{match['head']}{match['only'] or ''}{match['table']} "
        table = _Table(head, f"{match['head']}{match['table']} ", match["table"], key, kind)
        rest: list[str] = []
        found = Pieces(frozenset())
        for action in _actions(match["actions"]):
            pieces = self._action(table, action, gone)
            if pieces is None:
                rest.append(action)
            else:
                found += pieces
        if not found.form:
            return None
        return replace(found, now=[*([head + ", ".join(rest)] if rest else []), *found.now])

    def _action(self, table: _Table, action: str, gone: Sequence[Step]) -> Pieces | None:
        if match := _SET.fullmatch(action):
            return self._not_null(table, match["column"], action)
        match = _ADD.fullmatch(action)
        if match is None:
            return None
        what = " ".join(match["what"].upper().split())
        if what in ("UNIQUE", "PRIMARY KEY"):
            return self._unique(table, match, what, gone)
        if _DONE_ALREADY.search(_QUOTED.sub("", match["rest"])):
            return None
        if what == "NOT NULL":
            column = re.match(IDENTIFIER, match["rest"])
            return self._not_null(table, column.group(), action) if column else None
        form = Form.CHECK if what == "CHECK" else Form.FOREIGN_KEY
        name = self._name(table.key, match)
        # Before PostgreSQL 18 a partitioned table's reference cannot be NOT VALID.
        if form not in self.allowed or not name or (form is Form.FOREIGN_KEY and table.kind == "p"):
            return None
        added = f"{table.head}ADD CONSTRAINT {name} {match['what']} {match['rest'].rstrip()} NOT VALID"
        return Pieces(frozenset({form}), [added], [_validated(table, name)])

    def _not_null(self, table: _Table, column: str, action: str) -> Pieces | None:
        known = (table.key, kept(column)) in self.standing.filled
        if known or Form.NOT_NULL not in self.allowed:
            return None
        name, added = self._checked(table, column)
        then = (table.head + action, f"{table.whole}DROP CONSTRAINT {name}")
        late = [_validated(table, name), *(Step(statement(sql)) for sql in then)]
        return Pieces(frozenset({Form.NOT_NULL}), [added], late, filled=frozenset({kept(column)}))

    def _checked(self, table: _Table, column: str) -> tuple[str, str]:
        """A check under a name of its own, for as long as it is needed."""
        self.filled.add((table.key, kept(column)))
        name = self._temporary("not_null")
        return name, f"{table.whole}ADD CONSTRAINT {name} CHECK ({column} IS NOT NULL) NOT VALID"

    def _unique(self, table: _Table, match: re.Match[str], what: str, gone: Sequence[Step]) -> Pieces | None:
        name, key = self._name(table.key, match), _KEY.fullmatch(match["rest"])
        if Form.KEY not in self.allowed or key is None or not name or table.kind != "r":
            return None
        if not gone and (table.key[0], kept(name)) in self.standing.names:
            return None
        columns = re.findall(IDENTIFIER, key["columns"]) if what == "PRIMARY KEY" else []
        known = self.standing.filled | self.filled
        nullable = [one for one in columns if (table.key, kept(one)) not in known]
        checks = [(column, *self._checked(table, column)) for column in nullable]
        index = self._temporary("index") if gone else name
        options = [key[part].strip() for part in ("columns", "include", "nulls", "options", "space") if key[part]]
        built = f"CREATE UNIQUE INDEX CONCURRENTLY {index} ON {table.text} {' '.join(options)}"
        then = [
            *(f"{table.head}ALTER COLUMN {column} SET NOT NULL" for column, _, _ in checks),
            f"{table.head}ADD CONSTRAINT {name} {what} USING INDEX {index} {key['when']}".rstrip(),
            *(f"{table.whole}DROP CONSTRAINT {check}" for _, check, _ in checks),
        ]
        late = [_validated(table, check) for _, check, _ in checks]
        late += [Step(statement(built)), *gone, *(Step(statement(sql)) for sql in then)]
        now = [added for _, _, added in checks]
        return Pieces(frozenset({Form.KEY}), now, late, names=frozenset({kept(name)}), key_of=table.key)

    def _name(self, table: Key, add: re.Match[str]) -> str:
        """The constraint's, its own or the one that PostgreSQL gives it; nothing when that is not certain."""
        if add["name"]:
            return str(add["name"])
        kind = {"C": "c", "F": "f", "U": "u", "P": "p"}[add["what"][0].upper()]
        made = self.standing.made.get(table, ())
        found = [name for type_, name in made if type_ == kind and name not in self.mentioned]
        return quoted(found[0]) if len(found) == 1 else ""

    def _temporary(self, what: str) -> str:
        self.number += 1
        return f"{TEMPORARY}{what}_{self.number}"


def _validated(table: _Table, name: str) -> Step:
    return Step(statement(f"{table.whole}VALIDATE CONSTRAINT {name}"), own=True)
