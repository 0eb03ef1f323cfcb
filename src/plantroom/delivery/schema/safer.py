"""The same script in forms that stop nobody for as long as a table is long. Pure; it is proven like any other.

What a script does for a moment stays where it is, in one transaction as before, so that nobody sees it half done. What
takes long comes after it, in the forms that let others read and write meanwhile. Statements that need what was put off
follow it, and what goes without a successor goes last.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import pairwise

from plantroom.delivery.schema.forms import Form, Forms, Key, Pieces, Standing, Step, readable
from plantroom.delivery.schema.model import Statement
from plantroom.delivery.schema.names import NAME, parts, words
from plantroom.delivery.schema.statements import bare, statement

_REFERENCES = re.compile(rf"\bREFERENCES\s+({NAME})", re.IGNORECASE)
_IDENTITY = re.compile(r"\bADD\s+GENERATED\b", re.IGNORECASE)
_NULLABLE = re.compile(
    rf"ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?({NAME})\s.*\bDROP\s+NOT\s+NULL\b", re.IGNORECASE
)
_DATA = re.compile(
    r"(?:INSERT|UPDATE|DELETE|MERGE|WITH|DO|CALL|COPY|TRUNCATE|SELECT(?!\s+pg_catalog\.setval))(?!\w)", re.IGNORECASE
)
_MAKES = re.compile(
    r"(?:ADD\s+CONSTRAINT|CREATE\s+(?:UNLOGGED\s+)?TABLE|CREATE\s+(?:UNIQUE\s+)?INDEX)\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    rf"({NAME})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Rewriting:
    statements: Sequence[Statement]
    forms: AbstractSet[Form]
    """Those that came to use."""


def rewrite(statements: Sequence[Statement], standing: Standing, allowed: Collection[Form]) -> Rewriting:
    """In those forms only; unchanged where none comes to use."""
    return _Rewriter(Forms(statements, standing, allowed)).run()


@dataclass(slots=True)
class _Rewriter:
    forms: Forms
    main: list[Step] = field(default_factory=list)
    tail: list[Step] = field(default_factory=list)
    last: list[Step] = field(default_factory=list)
    used: set[Form] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    """Names of what is put off."""
    keyed: set[Key] = field(default_factory=set)
    """Tables to which references may have to wait."""
    filled: set[str] = field(default_factory=set)
    """Columns that hold no null later only."""
    in_order: bool = False
    """Whether all that comes now is to follow."""

    def run(self) -> Rewriting:
        given = self.forms.given
        bodies = [readable(one) for one in given]
        moved, replaced = self._replaced(bodies)
        for place, (one, body) in enumerate(zip(given, bodies, strict=True)):
            if place not in moved:
                self._take(one, self.forms.of(body, replaced.get(place, ())) if body else None)
        return Rewriting(list(_bounded([*self.main, *self.tail, *self.last])), self.used)

    def _replaced(self, bodies: Sequence[str | None]) -> tuple[set[int], dict[int, list[Step]]]:
        """Where what goes makes room for what is made later on: the places of what goes, and by the place of what is
        made how it goes."""
        drops: dict[Key, tuple[int, Step]] = {}
        moved: set[int] = set()
        replaced: dict[int, list[Step]] = {}
        for place, body in enumerate(bodies):
            if body is None:
                continue
            for key in self.forms.made(body):
                if key in drops:
                    at, step = drops.pop(key)
                    moved.add(at)
                    replaced.setdefault(place, []).append(step)
            if gone := self.forms.gone(self.forms.given[place], body):
                drops[gone[0]] = place, gone[1]
        return moved, replaced

    def _take(self, one: Statement, pieces: Pieces | None) -> None:
        follows = self._follows(one)
        here = self.tail if follows else self.main
        if follows:
            self.late |= {parts(name)[1] for name in _MAKES.findall(one.sql)}
        if pieces is None:
            here.append(Step(one))
            return
        before = one.sql[: len(one.sql) - len(bare(one.sql))]
        for number, sql in enumerate(pieces.now):
            here.append(_from(one, Step(statement(sql if number else before + sql))))
        self.tail += [_from(one, step) for step in pieces.late]
        self.last += [_from(one, step) for step in pieces.last]
        self.used |= pieces.form
        self.late |= pieces.names
        self.keyed |= {pieces.key_of} if pieces.key_of else set()
        self.filled |= pieces.filled

    def _follows(self, one: Statement) -> bool:
        """Whether it needs what is put off. What works on rows may need whatever came before it, and be needed by
        whatever comes after it."""
        if not self.used:
            return False
        body = bare(one.sql)
        self.in_order |= _DATA.match(body) is not None
        nullable = _NULLABLE.match(body)
        if self.in_order or (nullable and self.forms.key(nullable.group(1)) in self.keyed):
            return True
        if any(self.forms.key(name) in self.keyed for name in _REFERENCES.findall(one.sql)):
            return True
        found = words(one.sql)
        return bool(found & self.late or (_IDENTITY.search(one.sql) and found & self.filled))


def _from(one: Statement, step: Step) -> Step:
    return replace(step, statement=replace(step.statement, line=one.line, file=one.file))


def _bounded(steps: Sequence[Step]) -> Iterator[Statement]:
    """With a commit before and after what takes long, so that it holds no lock of another's."""
    for one, then in pairwise([*steps, None]):
        assert one is not None
        ends = one.own or (then is not None and then.own)
        yield replace(one.statement, boundary=True) if ends else one.statement
