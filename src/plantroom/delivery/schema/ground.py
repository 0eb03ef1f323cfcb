"""The proving ground: databases in a throw-away cluster, into which schemas are loaded and on which scripts are tried.

Statements run as an owner who is no superuser. A few kinds that only a superuser may run, and that start no code of
whoever wrote them, are run by one: extensions that are there, event triggers, publications and the like. Event triggers
are off for the superuser, so that none of theirs runs as one.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, LiteralString, Self

import psycopg
from psycopg import sql

from plantroom.delivery.schema import dumps, fingerprint, wording
from plantroom.delivery.schema.fingerprint import Fact
from plantroom.delivery.schema.model import Entry, Failure, SchemaError, Statement
from plantroom.delivery.schema.names import kept
from plantroom.delivery.schema.statements import bare
from plantroom.runtime.postgres import SUPERUSER
from plantroom.runtime.scratch import OWNER, Scratch

_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_PRIVILEGED = re.compile(
    r"(CREATE|ALTER|DROP)\s+"
    r"(EVENT\s+TRIGGER|PUBLICATION|SUBSCRIPTION|FOREIGN\s+DATA\s+WRAPPER|OPERATOR\s+(CLASS|FAMILY)"
    r"|TEXT\s+SEARCH\s+(PARSER|TEMPLATE))\s"
    r"|(CREATE|DROP)\s+EXTENSION\s"
    rf"|ALTER\s+EXTENSION\s+{_NAME}\s+(UPDATE|SET\s+SCHEMA)\b"
    r"|COMMENT\s+ON\s"
    rf"|CREATE\s+SCHEMA\s+({_NAME}\s+)?AUTHORIZATION\s+{_NAME}\s*$"
    rf"|ALTER\s+DEFAULT\s+PRIVILEGES\s+(IN\s+SCHEMA\s+{_NAME}\s+)?FOR\s+(ROLE|USER)\s+(?P<giver>{_NAME})(?!\s*,)\s"
    rf"|ALTER\s+([A-Z]+\s+)+({_NAME}\.)?{_NAME}\s*(\([\w\s\".,\[\]]*\))?\s*OWNER\s+TO\s+(?P<owner>{_NAME})\s*$",
    re.IGNORECASE,
)
"""What is run by a superuser when the owner may not. None of it runs code of its author's, gives the owner more than it
has, or makes a function the superuser's: no roles, no grants, no foreign tables, one property at a time, nothing added
to an extension or taken from it."""
_CALLED_FOR = re.compile(rf"\b(NO\s+)?(HANDLER|VALIDATOR)\b\s*((?:{_NAME}\s*\.\s*)?{_NAME})?", re.IGNORECASE)
_VALIDATOR = re.compile(r"(pg_catalog\s*\.\s*)?postgresql_fdw_validator", re.IGNORECASE)
_WRAPPER = re.compile(r"(?P<verb>CREATE|ALTER)\s+FOREIGN\s+DATA\s+WRAPPER\s", re.IGNORECASE)
_SUBSCRIPTION = re.compile(
    r"(?P<verb>CREATE|ALTER|DROP)\s+SUBSCRIPTION\s+(?:IF\s+EXISTS\s+)?(?P<name>\S+)", re.IGNORECASE
)
_NOT_CONNECTED = re.compile(r"\bconnect\s*=\s*(false|off)\b", re.IGNORECASE)
_CONNECTS = re.compile(r"\b(REFRESH|ENABLE|failover|two_phase)\b", re.IGNORECASE)
_OPERATORS = re.compile(r"(CREATE|ALTER)\s+OPERATOR\s+(CLASS|FAMILY)\s", re.IGNORECASE)
_REACHES = """
    SELECT FROM pg_catalog.pg_opclass c
    WHERE c.oid >= 16384::oid AND c.opcdefault AND c.opcintype < 16384::oid AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 2616::oid AND d.objid = c.oid AND d.deptype = 'e'::"char")
    UNION ALL SELECT FROM pg_catalog.pg_amop o WHERE o.oid >= 16384::oid AND o.amopfamily < 16384::oid
    UNION ALL SELECT FROM pg_catalog.pg_amproc p WHERE p.oid >= 16384::oid AND p.amprocfamily < 16384::oid
"""
"""Functions of a script's that comparing PostgreSQL's own types would call, whoever compares: not only who made them.
2616 is pg_opclass; what was there from the beginning has a lower number than 16384."""
_EVENT_TRIGGER = re.compile(r"(CREATE|ALTER)\s+EVENT\s+TRIGGER\s", re.IGNORECASE)
_NOBODY = frozenset({SUPERUSER, "current_user", "session_user", "current_role"})
"""To whom nothing is given by the superuser: all of these would be itself."""
_POWERFUL = """
    SELECT FROM pg_catalog.pg_roles r JOIN pg_catalog.pg_roles s ON pg_catalog.pg_has_role(r.oid, s.oid, 'MEMBER')
    WHERE r.rolname = %s AND (s.rolsuper OR s.rolname ~ '^pg_')
"""
_CATALOG = "pg_catalog,pg_temp"
"""The superuser's search path: nothing that a script has made is called by name."""
_NO_ROLE = re.compile(r'role "(.+)" does not exist')
_DENIED = "42501"
_NO_TRANSACTION = "25P01"
_NOT_GRANTED = ("01006", "01007")
_GRANTS = re.compile(r"(GRANT|REVOKE)\b", re.IGNORECASE)
_PLACED = re.compile(r"(?:SET|SELECT)\b.*\bdefault_table(?:space|_access_method)\b", re.IGNORECASE | re.DOTALL)
"""Where and how something is to lie is part of what it is; of what is not here, nobody can say that it came there."""
_UNDEFINED_OBJECT = "42704"
_DUPLICATE_OBJECT = "42710"
_SETTINGS = re.compile(r"SET\s+(?!CONSTRAINTS)|SELECT\s+pg_catalog\.set_config|RESET\b", re.IGNORECASE)
_UNKNOWN_SETTING = ("42704", "22023", "42501", "55P02")
_PLAIN_ROLE = re.compile(rf"CREATE\s+ROLE\s+(?P<name>{_NAME})\s*;?\s*$", re.IGNORECASE)
_ROLE = re.compile(r"CREATE\s+(ROLE|USER|GROUP)\b", re.IGNORECASE)
_MOST_ROUNDS = 60
_MOST_BATCHES = 1000
"""More than there are rows of ours in any table."""

Connection = psycopg.Connection[tuple[Any, ...]]


class Ground:
    """Databases by name. Blocking."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._admin: Connection = psycopg.connect(
            scratch.url(SUPERUSER, "postgres"), autocommit=True, options=f"-c search_path={_CATALOG}"
        )
        self.version = self._admin.info.server_version // 10000
        if self.version >= 17:
            # However it connects: one on login would be run by whoever dumps the database.
            self._admin.execute(f"ALTER ROLE {SUPERUSER} SET event_triggers = off")
        # Rows are sown without asking triggers and references.
        self._admin.execute(f"GRANT SET ON PARAMETER session_replication_role TO {OWNER}")

    def close(self) -> None:
        self._admin.close()

    def create(self, name: str, template: str | None = None) -> None:
        """Anew, in place of one by that name."""
        self.drop(name)
        parts = [sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(OWNER))]
        if template is not None:
            parts.append(sql.SQL("TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(template)))
        self._admin.execute(sql.SQL(" ").join(parts))

    def drop(self, name: str) -> None:
        self._admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def session(self, name: str) -> Session:
        return Session(self, name)

    def url(self, name: str, role: str = SUPERUSER) -> str:
        return self._scratch.url(role, name)

    def connect(self, name: str, role: str) -> Connection:
        options = "-c check_function_bodies=off"
        # An owner is warned, and no more, of a right that is not its to give.
        options += f" -c client_min_messages=error -c search_path={_CATALOG}" if role == SUPERUSER else ""
        return psycopg.connect(self.url(name, role), autocommit=True, options=options)

    def dump(self, name: str) -> list[Entry]:
        """What pg_dump says of it, in entries."""
        return dumps.parse(self.dump_text(name))

    def dump_text(self, name: str) -> str:
        command = [str(self._scratch.program("pg_dump")), "--schema-only", "--no-password", name]
        ended = subprocess.run(
            command, capture_output=True, check=False, env=self._scratch.environment(), stdin=subprocess.DEVNULL
        )
        if ended.returncode != 0:
            raise SchemaError("PR003", f"pg_dump of {name}", value=ended.stderr.decode(errors="replace").strip())
        return ended.stdout.decode()

    def fingerprint(self, name: str) -> str:
        """Of its catalogue, by one query."""
        return fingerprint.named(self.version, self.facts(name))

    def facts(self, name: str) -> list[Fact]:
        """Of its catalogue, as those of a database in a pool are."""
        text = fingerprint.query(self.version, (fingerprint.RECORDS,), OWNER)
        with psycopg.connect(self.url(name), autocommit=True, options=fingerprint.OPTIONS) as connection:
            return fingerprint.facts(connection.execute(text.encode()).fetchall())

    def role(self, name: str) -> None:
        """A role that a schema speaks of; it may do nothing by itself, and the owner may act as it."""
        role = sql.Identifier(name)
        if self._admin.execute("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s", (name,)).fetchone() is None:
            self._admin.execute(sql.SQL("CREATE ROLE {}").format(role))
        elif self.powerful(name):
            # It is there: an error that says otherwise was raised by a script.
            return
        self._admin.execute(sql.SQL("GRANT {} TO {}").format(role, sql.Identifier(OWNER)))

    def powerful(self, name: str) -> bool:
        """Whether a role is a superuser or one of PostgreSQL's own, or may act as one."""
        return self._admin.execute(_POWERFUL, (name,)).fetchone() is not None

    def load(self, name: str, statements: Iterable[Statement]) -> list[Failure]:
        """In any order that leads to the end; what did not run, in the order of the text."""
        with self.session(name) as session:
            _, failed = session.settle(statements)
        return failed


class Session:
    """A database's owner at work, and a superuser for what only one may do."""

    def __init__(self, ground: Ground, name: str) -> None:
        self._ground = ground
        self._name = name
        self._owner: Connection | None = None
        self._super: Connection | None = None
        self._let_in = False
        self._ungranted = ""

    def _noticed(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.sqlstate in _NOT_GRANTED:
            self._ungranted = notice.message_primary or "no privileges were granted"

    def __enter__(self) -> Self:
        if self.owner.execute("SELECT FROM pg_catalog.pg_foreign_data_wrapper").fetchone() is not None:
            self.let_in()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._let_in:
            self._wrappers("REVOKE USAGE ON FOREIGN DATA WRAPPER {} FROM {}")
        for connection in (self._owner, self._super):
            if connection is not None:
                connection.close()

    @property
    def owner(self) -> Connection:
        if self._owner is None or self._owner.broken:
            self._owner = self._ground.connect(self._name, OWNER)
            self._owner.add_notice_handler(self._noticed)
        return self._owner

    @property
    def superuser(self) -> Connection:
        if self._super is None or self._super.broken:
            self._super = self._ground.connect(self._name, SUPERUSER)
        return self._super

    def settle(self, statements: Iterable[Statement]) -> tuple[list[Statement], list[Failure]]:
        """Run each by itself; what fails is tried again after the others, for as long as that brings anything.

        Returns what ran, in the order in which it did, and what did not.
        """
        ran: list[Statement] = []
        pending = list(statements)
        failed: list[Failure] = []
        paths: dict[int, str] = {}
        path = self._path()
        for _ in range(_MOST_ROUNDS):
            failed = []
            for one in pending:
                if id(one) in paths and paths[id(one)] != path:
                    path = self._set_path(paths[id(one)])
                setting = _SETTINGS.match(bare(one.sql)) is not None
                if not setting:
                    paths.setdefault(id(one), path)
                done = self.run(one)
                if isinstance(done, Statement):
                    ran.append(done)
                elif not (setting and done.state in _UNKNOWN_SETTING and not _PLACED.match(bare(one.sql))):
                    failed.append(done)
                if setting:
                    path = self._path()
            if not failed or len(failed) == len(pending):
                break
            pending = [one.statement for one in failed]
        return ran, failed

    def first(self, forms: Iterable[Sequence[Statement]]) -> list[Statement]:
        """The first form of which every statement runs, or nothing: one that fails half-way leaves no trace."""
        for form in forms:
            ran: list[Statement] = []
            self.owner.execute("BEGIN")
            for one in form:
                done = self.run(one)
                if isinstance(done, Failure):
                    break
                ran.append(done)
            else:
                self.owner.execute("COMMIT")
                return ran
            self.owner.execute("ROLLBACK")
        return []

    def run(self, statement: Statement) -> Statement | Failure:
        """One statement, as the owner or, where only that is possible, as superuser; which it was is in the answer."""
        failure = self.try_on(self.owner, statement)
        if failure is not None and failure.state == _NO_TRANSACTION:
            self.owner.execute("BEGIN")
            failure = self.try_on(self.owner, statement)
            self.owner.execute("COMMIT" if failure is None else "ROLLBACK")
        for _ in range(20):
            missing = _NO_ROLE.search(failure.message) if failure is not None else None
            if failure is None or failure.state != _UNDEFINED_OBJECT or missing is None:
                break
            if self.owner.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                return failure
            self._ground.role(missing.group(1))
            failure = self.try_on(self.owner, statement)
        if failure is None:
            return statement
        body = bare(statement.sql)
        if failure.state == _DUPLICATE_OBJECT and _ROLE.match(body):
            return statement
        plain = _PLAIN_ROLE.match(body)
        if failure.state == _DENIED and plain is not None and self._ground.version < 16:
            # There the owner may make none: who may, could be granted everything (see Scratch).
            name = plain["name"]
            try:
                self._ground.role(name[1:-1].replace('""', '"') if name.startswith('"') else name.lower())
            except psycopg.Error as error:
                return Failure(statement, error.sqlstate or "", str(error).strip())
            return statement
        outside = self.owner.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        if failure.state == _DENIED and outside and self._may_be_privileged(body):
            again = self.try_on(self.superuser, statement)
            if again is None:
                self.let_in()
                return replace(statement, privileged=True)
            return again
        return failure

    def let_in(self) -> None:
        """For as long as the session lasts, the owner may use whatever wrapper there is; what its servers and tables
        may do is for PostgreSQL to say. Afterwards nothing of that is in a dump, or in a script that is made of one."""
        self._let_in = True
        self._wrappers("GRANT USAGE ON FOREIGN DATA WRAPPER {} TO {}")

    def _wrappers(self, what: LiteralString) -> None:
        query = "SELECT fdwname FROM pg_catalog.pg_foreign_data_wrapper"
        for (name,) in self.superuser.execute(query).fetchall():
            self.superuser.execute(sql.SQL(what).format(sql.Identifier(name), sql.Identifier(OWNER)))

    def try_on(self, connection: Connection, statement: Statement) -> Failure | None:
        """A batch is run again until it finds nothing; in a transaction that is open, once."""
        if connection is self._super:
            return self._as_superuser(connection, statement)
        self._ungranted = ""
        try:
            for _ in range(_MOST_BATCHES):
                done = connection.execute(statement.sql.encode(), prepare=False)
                if not (statement.batch and _idle(connection) and done.rowcount):
                    break
            else:
                return Failure(statement, "", f"it still finds rows when it has run {_MOST_BATCHES} times")
        except psycopg.Error as error:
            return Failure(statement, error.sqlstate or "", str(error).strip())
        if self._ungranted and _GRANTS.match(bare(statement.sql)):
            return Failure(statement, _DENIED, f"{self._ungranted}: it is PostgreSQL's own, or an extension's")
        return None

    def _as_superuser(self, connection: Connection, statement: Statement) -> Failure | None:
        """One statement and no more, by the protocol and not by how the text was split."""
        looked_at = _OPERATORS.match(bare(statement.sql)) is not None
        try:
            self._names_as_the_owner()
            dropped = _SUBSCRIPTION.match(bare(statement.sql))
            if dropped is not None and dropped["verb"].upper() == "DROP":
                # What it has elsewhere is not asked after from here.
                with suppress(psycopg.Error):
                    connection.execute(
                        f"ALTER SUBSCRIPTION {dropped['name']} SET (slot_name = NONE)".encode(), binary=True
                    )
            with connection.transaction() if looked_at else nullcontext():
                connection.execute(statement.sql.encode(), prepare=False, binary=True)
                if looked_at and connection.execute(_REACHES).fetchone() is not None:
                    why = "it would be called wherever types of PostgreSQL's own are compared"
                    raise psycopg.errors.InsufficientPrivilege(why)
        except psycopg.Error as error:
            return Failure(statement, error.sqlstate or "", str(error).strip())
        finally:
            if not connection.broken and connection.info.transaction_status != psycopg.pq.TransactionStatus.INERROR:
                connection.execute(f"SET search_path = {_CATALOG}")
        return None

    def _names_as_the_owner(self) -> None:
        """For one statement. PostgreSQL's own names come first whatever the owner's path says: pg_catalog is left out
        of the path, and so before it."""
        row = self.owner.execute("SELECT pg_catalog.current_schemas(false)").fetchone()
        names: list[sql.Composable] = [
            sql.Identifier(one) for one in (row[0] if row else ()) if not one.startswith("pg_")
        ]
        self.superuser.execute(sql.SQL("SET search_path = {}").format(sql.SQL(", ").join(names or [sql.Literal("")])))

    def _may_be_privileged(self, body: str) -> bool:
        if self._ground.version < 17 and _EVENT_TRIGGER.match(body):
            # They cannot be turned off there, and would be run by the superuser.
            return False
        match = _PRIVILEGED.match(body)
        if match is None:
            return False
        wrapper = _WRAPPER.match(body)
        if wrapper is not None and not _calls_nothing(body, wrapper["verb"]):
            return False
        subscription = _SUBSCRIPTION.match(body)
        if subscription is not None and not _stays_here(body, subscription["verb"].upper()):
            return False
        role = match["owner"] or match["giver"] or ""
        name = kept(role) if role else ""
        return name.lower() not in _NOBODY and not self._ground.powerful(name)

    def _path(self) -> str:
        row = self.owner.execute("SHOW search_path").fetchone()
        assert row is not None
        return str(row[0])

    def _set_path(self, path: str) -> str:
        self.owner.execute("SELECT pg_catalog.set_config('search_path', %s, false)", (path,))
        return path


def _idle(connection: Connection) -> bool:
    return connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def _calls_nothing(body: str, verb: str) -> bool:
    """Whether a foreign data wrapper is left as careful as it is: its validator is called by whoever makes it, and
    without one, or with another, what its tables read and run is nobody's business any more."""
    for no, _, function in _CALLED_FOR.findall(wording.plain(body)):
        if not (no and verb.upper() == "CREATE") and (no or _VALIDATOR.fullmatch(function) is None):
            return False
    return True


def _stays_here(body: str, verb: str) -> bool:
    """Whether a subscription connects to nobody: a schema is read here, and calls nobody up."""
    text = wording.plain(body)
    return _NOT_CONNECTED.search(text) is not None if verb == "CREATE" else _CONNECTS.search(text) is None


def said(failures: Sequence[Failure]) -> str:
    """The failures in one line."""
    return "; ".join(f"{one.message.splitlines()[0]} (line {one.statement.line})" for one in failures)
