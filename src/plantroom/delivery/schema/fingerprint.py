"""A database's schema as facts that one query finds, and the fingerprint that is the same exactly when pg_dump says the
same of two databases.

A dump takes a process and a second of work, and a fleet has many databases; the query takes some milliseconds. What is
a fact, and how much of it is told, follows pg_dump: what it does not print (the order of columns in a table, whether a
materialised view has been filled, what an extension brought) is in no fact. Catalogues differ between PostgreSQL's
major versions, and so does the query: fingerprints are compared within one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from plantroom.delivery.schema import facts_objects, facts_relations, facts_rights
from plantroom.kernel import digest as canonical
from plantroom.platforms.contract import ScriptSeen

_LOCAL = (
    *("jit = off", "max_parallel_workers_per_gather = 0", "enable_mergejoin = off"),
    *("join_collapse_limit = 1", "from_collapse_limit = 1"),
)
OPTIONS = " ".join(f"-c {one.replace(' = ', '=')}" for one in ("search_path = ", *_LOCAL))
"""How a connection starts that runs the query. With an empty search path names have their schemas. The rest spares
time: compiling and looking for plans would take longer than the query does, which joins in the order written."""

RECORDS = "plantroom"
"""The schema in which a database keeps what was run in it; it is no part of the client's."""

RELEASE = "~release"
"""No object is of this kind."""

_ROLE = re.compile(r"\b([a-z]+\.[a-z]+)::regrole")

_QUERY = """WITH members AS MATERIALIZED (
  SELECT classid, objid FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'),
spaces AS MATERIALIZED (
  SELECT oid, quote_ident(nspname) AS name FROM pg_namespace
  WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'{without}),
relations AS MATERIALIZED ({relations}),
types AS MATERIALIZED ({types}),
objects (classid, oid, sub, kind, identity, definition) AS MATERIALIZED ({objects})
SELECT kind, identity, definition FROM objects WHERE definition IS NOT NULL
UNION ALL
SELECT 'comment on ' || o.kind, o.identity, d.description
FROM objects o JOIN pg_description d ON d.classoid = o.classid AND d.objoid = o.oid AND d.objsubid = o.sub
WHERE d.objoid >= 16384 AND NOT (o.kind = 'schema' AND o.identity = 'public')
UNION ALL
SELECT 'comment on schema', 'public', coalesce(d.description, '')
FROM objects o LEFT JOIN pg_description d ON d.classoid = o.classid AND d.objoid = o.oid AND d.objsubid = 0
WHERE o.kind = 'schema' AND o.identity = 'public' AND d.description IS DISTINCT FROM 'standard public schema'
UNION ALL
SELECT 'security label on ' || o.kind, o.identity, l.provider || ': ' || l.label
FROM objects o JOIN pg_seclabel l ON l.classoid = o.classid AND l.objoid = o.oid AND l.objsubid = o.sub
UNION ALL
SELECT o.kind || ' depends on extension', o.identity, quote_ident(e.extname)
FROM objects o JOIN pg_depend d ON d.classid = o.classid AND d.objid = o.oid AND d.deptype = 'x'
JOIN pg_extension e ON e.oid = d.refobjid
WHERE d.refclassid = 'pg_extension'::regclass
UNION ALL
SELECT * FROM ({rights}) r (kind, identity, definition) WHERE definition <> ''
"""


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """One thing that pg_dump says. `kind` and `identity` are for people; `definition` is all the rest of it."""

    kind: str
    identity: str
    definition: str


def query(version: int, without: Sequence[str] = (), owner: str | None = None) -> str:
    """The query for a server's major version, 15 or later. It only reads. `without`: schemas to leave out. `owner`: a
    role that is called `owner` whatever its name is, and for whom it is nothing special to have the schema public, so
    that databases of different owners can be compared.

    To be run as a superuser with `OPTIONS`. Rows: (kind, identity, definition).
    """
    names = ", ".join(_literal(name) for name in without)
    text = _QUERY.format(
        without=f" AND nspname NOT IN ({names})" if names else "",
        relations=facts_relations.RELATIONS,
        types=facts_objects.TYPES,
        objects="UNION ALL".join([*facts_relations.parts(version), *facts_objects.parts(version)]),
        rights="UNION ALL".join(facts_rights.PARTS),
    )
    if owner is None:
        return text
    mine = f"(SELECT oid FROM pg_roles WHERE rolname = {_literal(owner)})"
    public = facts_objects.PUBLIC_S_OWNER
    text = text.replace(public, f"{public[:-1]}, {mine})")
    return _ROLE.sub(rf"(CASE \1 WHEN {mine} THEN 'owner' ELSE \1::regrole::text END)", text)


def fleet_query(version: int, role: str) -> str:
    """One text for a database in a pool, with its settings for the transaction that it runs in."""
    settings = "".join(f"SET LOCAL {one}; " for one in _LOCAL)
    return settings + query(version, (RECORDS,), role)


def look_query(version: int, role: str) -> str:
    """The same, and the scripts that are recorded, in their order, as rows of the kind `RELEASE`: each with the release
    and its hash, of which `recorded` makes them again."""
    return (
        f"{fleet_query(version, role)} UNION ALL"
        f" SELECT '{RELEASE}', lpad(place::text, 10, '0'), release || ' ' || sha256 FROM {RECORDS}.script"
    )


def recorded(rows: Iterable[Sequence[Any]]) -> list[ScriptSeen]:
    """What the rows of `look_query` say of scripts, the oldest first."""
    found = sorted((row[1], row[2].rpartition(" ")) for row in rows if row[0] == RELEASE)
    return [ScriptSeen(release, sha256) for _, (release, _, sha256) in found]


def facts(rows: Iterable[Sequence[Any]]) -> list[Fact]:
    """What the query's rows say, in one order on every machine."""
    return sorted(Fact(str(kind), str(identity), str(definition)) for kind, identity, definition in rows)


def digest(found: Iterable[Fact]) -> str:
    """`sha256:` and the hash of the facts, in whatever order they come."""
    return canonical.digest([[one.kind, one.identity, one.definition] for one in sorted(found)])


def named(version: int, found: Iterable[Fact]) -> str:
    """The fingerprint with the major version that it was taken on, since others cannot be compared with it."""
    return f"postgresql-{version}/{digest(found)}"


def difference(have: Iterable[Fact], want: Iterable[Fact]) -> list[str]:
    """In words, a fact each: what is missing, what is too much, what is not the same."""
    there, wanted = _keyed(have), _keyed(want)
    said = []
    for key in sorted(there.keys() | wanted.keys()):
        mine, theirs = there.get(key, []), wanted.get(key, [])
        if mine != theirs:
            how = "is missing" if not mine else "is too much" if not theirs else "differs"
            said.append(f"{key[0]} {key[1]} {how}")
    return said


def _literal(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _keyed(found: Iterable[Fact]) -> dict[tuple[str, str], list[str]]:
    keyed: dict[tuple[str, str], list[str]] = {}
    for one in sorted(found):
        keyed.setdefault((one.kind, one.identity), []).append(one.definition)
    return keyed
