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
from plantroom.delivery.schema.facts_part import Part, some
from plantroom.kernel import digest as canonical
from plantroom.platforms.contract import Rows, Run, ScriptSeen

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

_SPACES = """spaces AS MATERIALIZED (
  SELECT oid, quote_ident(nspname) AS name FROM pg_namespace
  WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'{without})"""

_QUERY = """WITH members AS MATERIALIZED (
  SELECT classid, objid FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'),
{spaces},
relations AS MATERIALIZED ({relations}),
{types}objects (classid, oid, sub, kind, identity, definition) AS MATERIALIZED ({objects})
SELECT kind, identity, definition FROM objects WHERE definition IS NOT NULL
UNION ALL
SELECT 'comment on schema', 'public', coalesce(d.description, '')
FROM objects o LEFT JOIN pg_description d ON d.classoid = o.classid AND d.objoid = o.oid AND d.objsubid = 0
WHERE o.kind = 'schema' AND o.identity = 'public' AND d.description IS DISTINCT FROM 'standard public schema'
{further}"""

_COMMENTS = """
SELECT 'comment on ' || o.kind, o.identity, d.description
FROM objects o JOIN pg_description d ON d.classoid = o.classid AND d.objoid = o.oid AND d.objsubid = o.sub
WHERE d.objoid >= 16384 AND NOT (o.kind = 'schema' AND o.identity = 'public')
"""

_LABELS = """
SELECT 'security label on ' || o.kind, o.identity, l.provider || ': ' || l.label
FROM objects o JOIN pg_seclabel l ON l.classoid = o.classid AND l.objoid = o.oid AND l.objsubid = o.sub
"""

_DEPENDENT = """
SELECT o.kind || ' depends on extension', o.identity, quote_ident(e.extname)
FROM objects o JOIN pg_depend d ON d.classid = o.classid AND d.objid = o.oid AND d.deptype = 'x'
JOIN pg_extension e ON e.oid = d.refobjid
WHERE d.refclassid = 'pg_extension'::regclass
"""

_FURTHER = (
    Part(_COMMENTS, some("pg_description WHERE objoid >= 16384")),
    Part(_LABELS, some("pg_seclabel")),
    Part(_DEPENDENT, some("pg_depend WHERE deptype = 'x'")),
    *(
        Part(f"SELECT * FROM ({one.text}) r (kind, identity, definition) WHERE definition <> ''", one.there)
        for one in facts_rights.PARTS
    ),
)
"""Facts of what the objects' parts have found, and of privileges."""


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """One thing that pg_dump says. `kind` and `identity` are for people; `definition` is all the rest of it."""

    kind: str
    identity: str
    definition: str


def query(
    version: int, without: Sequence[str] = (), owner: str | None = None, there: Sequence[bool] | None = None
) -> str:
    """The query for a server's major version, 15 or later. It only reads. `without`: schemas to leave out. `owner`: a
    role that is called `owner` whatever its name is, and for whom it is nothing special to have the schema public, so
    that databases of different owners can be compared. `there`: what `census` found, to ask for no more than that.

    To be run as a superuser with `OPTIONS`. Rows: (kind, identity, definition).
    """
    asked = parts(version)
    if there is not None:
        wanted = iter(there)
        asked = [one for one in asked if not one.there or next(wanted)]
    further = [one for one in asked if one in _FURTHER]
    objects = [one for one in asked if one not in _FURTHER]
    types = any("FROM types" in one.text for one in objects)
    text = _QUERY.format(
        spaces=_spaces(without),
        relations=facts_relations.RELATIONS,
        types=f"types AS MATERIALIZED ({facts_objects.TYPES}),\n" if types else "",
        objects="UNION ALL".join(one.text for one in objects),
        further="".join(f"UNION ALL\n{one.text}" for one in further),
    )
    if owner is None:
        return text
    name = '"' + owner.replace('"', '""') + '"'
    mine = f"{_literal(name)}::regrole"
    public = facts_objects.PUBLIC_S_OWNER
    text = text.replace(public, f"{public[:-1]}, {mine})")
    return _ROLE.sub(rf"(CASE \1 WHEN {mine} THEN 'owner' ELSE \1::regrole::text END)", text)


def census(version: int, without: Sequence[str] = ()) -> str:
    """A query for one row: of each part that not every database has, whether it is there."""
    conditions = [one.there for one in parts(version) if one.there]
    return f"WITH {_spaces(without)}\nSELECT {', '.join(conditions)}"


def parts(version: int) -> list[Part]:
    """All of the query, in its order."""
    return [*facts_relations.parts(version), *facts_objects.parts(version), *_FURTHER]


async def of_fleet(version: int, role: str, run: Run) -> Rows:
    """The facts of a database in a pool, in two steps: what is there, and no more than that."""
    return await run(query(version, (RECORDS,), role, await _there(version, run)))


async def looked_at(version: int, role: str, run: Run) -> Rows:
    """The same, and the scripts that are recorded, in their order, as rows of the kind `RELEASE`: each with the release
    and its hash, of which `recorded` makes them again."""
    text = query(version, (RECORDS,), role, await _there(version, run))
    scripts = f"SELECT '{RELEASE}', lpad(place::text, 10, '0'), release || ' ' || sha256 FROM {RECORDS}.script"
    return await run(f"{text} UNION ALL {scripts}")


async def _there(version: int, run: Run) -> Sequence[bool]:
    """What the census finds, which also makes the settings for the query that follows."""
    settings = [one.split(" = ") for one in _LOCAL]
    made = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings)
    (found,) = await run(f"{census(version, (RECORDS,))}, {made}")
    return found[: -len(settings)]


def recorded(rows: Iterable[Sequence[Any]]) -> list[ScriptSeen]:
    """What the rows of `looked_at` say of scripts, the oldest first."""
    found = sorted((row[1], row[2].rpartition(" ")) for row in rows if row[0] == RELEASE)
    return [ScriptSeen(release, sha256) for _, (release, _, sha256) in found]


def facts(rows: Iterable[Sequence[Any]]) -> list[Fact]:
    """What the query's rows say, in one order on every machine."""
    return sorted(Fact(str(kind), str(identity), str(definition)) for kind, identity, definition in rows)


def digest(found: Iterable[Fact]) -> str:
    """`sha256:` and the hash of the facts, in whatever order they come."""
    return _digest((one.kind, one.identity, one.definition) for one in found)


def of_rows(version: int, rows: Rows) -> str:
    """The fingerprint of what the query's rows say."""
    return _named(version, _digest(tuple(row) for row in rows))


def named(version: int, found: Iterable[Fact]) -> str:
    """The fingerprint with the major version that it was taken on, since others cannot be compared with it."""
    return _named(version, digest(found))


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


def _digest(found: Iterable[tuple[str, ...]]) -> str:
    # Texts sort as the facts that are made of them do, in a third of the time.
    return canonical.digest(sorted(found))


def _named(version: int, digest_: str) -> str:
    return f"postgresql-{version}/{digest_}"


def _spaces(without: Sequence[str]) -> str:
    names = ", ".join(_literal(name) for name in without)
    return _SPACES.format(without=f" AND nspname NOT IN ({names})" if names else "")


def _literal(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _keyed(found: Iterable[Fact]) -> dict[tuple[str, str], list[str]]:
    keyed: dict[tuple[str, str], list[str]] = {}
    for one in sorted(found):
        keyed.setdefault((one.kind, one.identity), []).append(one.definition)
    return keyed
