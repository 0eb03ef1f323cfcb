"""SQL text as its statements: split where PostgreSQL would split it, without understanding more than that.

The lexical rules are those of PostgreSQL ("Lexical Structure"): strings with and without escapes, quoted identifiers,
dollar quotes, nested comments; a semicolon inside of brackets (CREATE RULE) or of BEGIN ATOMIC … END ends nothing.
What psql adds is taken from dumps: COPY data is left out, and of its commands only those that dumps begin and end with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from plantroom.delivery.schema.halfdone import Recovery, recovery
from plantroom.delivery.schema.model import SchemaError, Statement
from plantroom.delivery.schema.names import FIRST, NEXT

_DOLLAR = re.compile(rf"\$(?:{FIRST}(?:(?!\$){NEXT})*)?\$")
_WORD = re.compile(rf"{FIRST}{NEXT}*")
_COPY = re.compile(r"\s*COPY\b.*\bFROM\s+STDIN\b", re.IGNORECASE | re.DOTALL)
_ROUTINE = re.compile(r"\s*CREATE\s+(OR\s+REPLACE\s+)?(FUNCTION|PROCEDURE)\b", re.IGNORECASE)
_HARMLESS = ("\\restrict", "\\unrestrict")
"""What pg_dump puts around a dump since its versions of August 2025 (CVE-2025-8714)."""
_TRANSACTION = re.compile(r"(BEGIN|START\s+TRANSACTION|COMMIT|END)\b(?!\s+PREPARED)[^;]*;?\s*$", re.IGNORECASE)
_TAKEN_BACK = re.compile(
    r"(ABORT|ROLLBACK|SAVEPOINT|RELEASE|PREPARE\s+TRANSACTION|COMMIT\s+PREPARED|DISCARD)\b[^;]*;?\s*$", re.IGNORECASE
)
_ANOTHER = re.compile(
    r"SET\s+(?:SESSION\s+|LOCAL\s+)?(?:ROLE|SESSION(?:\s+|_)AUTHORIZATION)\b"
    r"(?!\s*(?:=|TO\b)?\s*(?:(?:DEFAULT|NONE)\b|'none'))"
    r"|SELECT\s+(?:pg_catalog\s*\.\s*)?set_config\s*\(\s*'(?:role|session_authorization)'",
    re.IGNORECASE,
)
_PASSING = re.compile(
    r"SET\s+LOCAL\s+(?!(?:\w+_timeout|\w*work_mem|check_function_bodies|client_min_messages)\b)"
    r"|SELECT\s+(?:pg_catalog\s*\.\s*)?set_config\s*\(.*,\s*(?:true|'t\w*'|'on')\s*\)",
    re.IGNORECASE | re.DOTALL,
)
_OUTSIDE = re.compile(
    r"(CREATE|DROP)\s+(UNIQUE\s+)?INDEX\s+CONCURRENTLY\b|VACUUM\b|ALTER\s+SYSTEM\b"
    r"|REINDEX\b.*\bCONCURRENTLY\b|REINDEX\s+(\([^)]*\)\s*)?(SCHEMA|DATABASE|SYSTEM)\b"
    r"|ALTER\s+TABLE\b.*\bDETACH\s+PARTITION\b.*\b(CONCURRENTLY|FINALIZE)\b",
    re.IGNORECASE | re.DOTALL,
)
_BOUNDARY = re.compile(r"ALTER\s+TYPE\b.*\bADD\s+VALUE\b", re.IGNORECASE | re.DOTALL)
_BLANK = re.compile(r"(?:\s+|--[^\n]*(?:\n|$))*")
_COMMENT = re.compile(r"/\*|\*/")


def split(text: str) -> list[Statement]:
    """Every statement with its first line's number (from 1). Transaction commands are left out: who runs the statements
    decides what is one transaction, but that what a text commits is committed there.

    Raises SchemaError PR002 for what only psql understands, for what takes back or holds for one transaction only, and
    for a quote or comment that never ends.
    """
    return _Splitter(text).run()


def bare(sql: str) -> str:
    """Without the white space and comments in front of it."""
    at = 0
    while True:
        blank = _BLANK.match(sql, at)
        at = blank.end() if blank else at
        if not sql.startswith("/*", at):
            return sql[at:]
        end = _after_comment(sql, at)
        if end is None:
            return sql[at:]
        at = end


def _after_comment(sql: str, at: int) -> int | None:
    """Comments may hold comments."""
    depth = 0
    for mark in _COMMENT.finditer(sql, at):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return None


@dataclass(slots=True)
class _Splitter:
    text: str
    at: int = 0
    start: int = 0
    depth: int = 0
    blocks: int = 0
    """Open BEGIN ATOMIC and CASE, each closed by an END."""
    last_word: str = ""

    def run(self) -> list[Statement]:
        found: list[Statement] = []
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == "\\" and not bare(self.text[self.start : self.at]).strip():
                self._psql()
            elif character == ";" and self.depth == 0 and self.blocks == 0:
                self.at += 1
                self._take(found)
            elif character == "(":
                self.depth += 1
                self.at += 1
            elif character == ")":
                self.depth = max(0, self.depth - 1)
                self.at += 1
            else:
                self._token(character)
        self._take(found)
        return found

    def _take(self, found: list[Statement]) -> None:
        sql = self.text[self.start : self.at].strip()
        body = bare(sql).strip()
        if body.strip(";").strip():
            line = (
                self.text.count(
                    "\n",
                    0,
                    self.start + len(self.text[self.start : self.at]) - len(bare(self.text[self.start : self.at])),
                )
                + 1
            )
            if _COPY.match(body):
                self._skip_data()
            elif _TRANSACTION.match(body):
                if found:
                    found[-1] = replace(found[-1], boundary=True)
            else:
                _refuse(body, line)
                found.append(statement(sql, line))
        self.start, self.depth, self.blocks, self.last_word = self.at, 0, 0, ""

    def _token(self, character: str) -> None:
        two = self.text[self.at : self.at + 2]
        if two == "--":
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end + 1
        elif two == "/*":
            self._comment()
        elif character == "'":
            self._string(escapes=False)
        elif character == '"':
            self._until('"')
        elif character == "$" and (match := _DOLLAR.match(self.text, self.at)):
            end = self.text.find(match.group(), match.end())
            if end < 0:
                raise self._endless("dollar quote")
            self.at = end + len(match.group())
        elif match := _WORD.match(self.text, self.at):
            self._word(match)
        else:
            self.at += 1

    def _word(self, match: re.Match[str]) -> None:
        word = match.group().upper()
        self.at = match.end()
        if word == "E" and self.text[self.at : self.at + 1] == "'":
            self._string(escapes=True)
        elif word == "ATOMIC" and self.last_word == "BEGIN":
            if _ROUTINE.match(bare(self.text[self.start : self.at])):
                self.blocks += 1
        elif self.blocks and word == "CASE":
            self.blocks += 1
        elif self.blocks and word == "END":
            self.blocks -= 1
        self.last_word = word

    def _string(self, *, escapes: bool) -> None:
        self._until("'", escapes=escapes)

    def _until(self, quote: str, *, escapes: bool = False) -> None:
        at = self.at + 1
        while True:
            if at >= len(self.text):
                raise self._endless("quote")
            if escapes and self.text[at] == "\\":
                at += 2
            elif self.text[at] == quote:
                if self.text[at + 1 : at + 2] != quote:
                    self.at = at + 1
                    return
                at += 2
            else:
                at += 1

    def _comment(self) -> None:
        end = _after_comment(self.text, self.at)
        if end is None:
            raise self._endless("comment")
        self.at = end

    def _psql(self) -> None:
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        command = self.text[self.at : end].split()[0]
        if command not in _HARMLESS:
            raise SchemaError(
                "PR002",
                f"line {self.text.count(chr(10), 0, self.at) + 1}",
                value=f"{command} is a command of psql, not SQL",
                remedy="Leave it out",
            )
        self.at = self.start = end

    def _skip_data(self) -> None:
        end = re.compile(r"^\\\.\r?$", re.MULTILINE).search(self.text, self.at)
        self.at = len(self.text) if end is None else end.end()

    def _endless(self, what: str) -> SchemaError:
        line = self.text.count("\n", 0, self.at) + 1
        return SchemaError("PR002", f"line {line}", value=f"a {what} that never ends", remedy="Close it")


def _refuse(body: str, line: int) -> None:
    word = " ".join(body.split()[:2]).strip(";")
    if _TAKEN_BACK.match(body):
        remedy = "Leave out what it takes back, and it: every statement here is to have its effect"
        raise SchemaError("PR002", f"line {line}", value=f"{word} takes back or splits a transaction", remedy=remedy)
    if _ANOTHER.match(body):
        remedy = "Say whose a thing is with ALTER … OWNER TO; pg_dump without --use-set-session-authorization does"
        raise SchemaError("PR002", f"line {line}", value=f"{word} has what follows done by another role", remedy=remedy)
    if _PASSING.match(body):
        remedy = "Write SET, or set_config(…, false), or names with their schema"
        raise SchemaError("PR002", f"line {line}", value=f"{word} holds for one transaction only", remedy=remedy)


def statement(sql: str, line: int = 0) -> Statement:
    """One statement, with what its text says of transactions."""
    body = bare(sql)
    alone = _OUTSIDE.match(body) is not None
    half = recovery(body) if alone else Recovery()
    return Statement(
        sql=sql.strip().rstrip(";").rstrip() if not sql.strip().endswith("*/") else sql.strip(),
        line=line,
        alone=alone,
        boundary=_BOUNDARY.match(body) is not None,
        clear=half.clear,
        done=half.done,
    )
