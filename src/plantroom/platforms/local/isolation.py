"""What keeps an environment's database apart from the others in its pool, and how that is put right.

A database belongs to the superuser. Its environment's role has its name, signs in without a password, has no attribute
that leads out of the database, is no member of another role and has none, and is the only one that may connect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection, sql

from plantroom.runtime.postgres import SUPERUSER

_COLUMNS = """
    d.datname,
    pg_catalog.shobj_description(d.oid, 'pg_database'),
    d.datallowconn,
    pg_catalog.pg_get_userbyid(d.datdba),
    r.oid IS NOT NULL,
    r.rolcanlogin,
    ARRAY[r.rolsuper, r.rolcreatedb, r.rolcreaterole, r.rolreplication, r.rolbypassrls],
    r.rolpassword IS NOT NULL,
    ARRAY[d.datconnlimit, r.rolconnlimit],
    ARRAY(
        SELECT DISTINCT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(g.grantee)::text END
          FROM pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) g
         WHERE g.privilege_type = 'CONNECT' ORDER BY 1
    ),
    ARRAY(
        SELECT pg_catalog.pg_get_userbyid(m.member)::text FROM pg_catalog.pg_auth_members m
         WHERE m.roleid = r.oid ORDER BY 1
    ),
    ARRAY(
        SELECT pg_catalog.pg_get_userbyid(m.roleid)::text FROM pg_catalog.pg_auth_members m
         WHERE m.member = r.oid ORDER BY 1
    )
    FROM pg_catalog.pg_database d LEFT JOIN pg_catalog.pg_authid r ON r.rolname = d.datname
"""
_ONE = f"SELECT {_COLUMNS} WHERE d.datname = %s"
_MARKED = f"SELECT {_COLUMNS} WHERE d.datallowconn AND pg_catalog.shobj_description(d.oid, 'pg_database') LIKE %s"

_ATTRIBUTES = (
    "is a superuser",
    "may create databases",
    "may create roles",
    "may replicate",
    "passes by row security",
)

_CLOSE = (
    "REVOKE ALL ON DATABASE {0} FROM PUBLIC",
    "GRANT CONNECT, TEMPORARY, CREATE ON DATABASE {0} TO {0}",
    "ALTER DATABASE {0} CONNECTION LIMIT -1",
    "ALTER DATABASE {0} ALLOW_CONNECTIONS true",
)
_PLAIN = (
    "ALTER ROLE {0} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD NULL"
    " CONNECTION LIMIT -1"
)
_MEMBERS = """
    SELECT pg_catalog.pg_get_userbyid(m.roleid)::text, pg_catalog.pg_get_userbyid(m.member)::text,
           pg_catalog.pg_get_userbyid(m.grantor)::text
      FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid IN (m.roleid, m.member)
     WHERE r.rolname = %s
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """How a database is kept apart now. `mark` is its comment; `open` that it takes connections; `role` that its role
    is there; `wrong` what is not as it was made, in words; `strangers` who may connect besides its role."""

    name: str
    mark: str | None
    open: bool
    role: bool
    wrong: tuple[str, ...]
    strangers: tuple[str, ...]


async def look(connection: AsyncConnection[tuple[Any, ...]], name: str) -> Kept | None:
    """None when there is no database of this name."""
    row = await (await connection.execute(_ONE.encode(), (name,))).fetchone()
    return None if row is None else _kept(*row)


async def look_at_all(connection: AsyncConnection[tuple[Any, ...]], mark: str) -> list[Kept]:
    """Those that take connections and whose comment begins with `mark`."""
    rows = await (await connection.execute(_MARKED.encode(), (f"{mark}%",))).fetchall()
    return [_kept(*row) for row in rows]


async def put_right(connection: AsyncConnection[tuple[Any, ...]], of: str) -> None:
    """Keep a new database apart from the others, or one that was changed by hand, and let connections in. Nobody is cut
    off who is connected already. Its role must be there."""
    kept = await look(connection, of)
    name = sql.Identifier(of)
    await connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, sql.Identifier(SUPERUSER)))
    await connection.execute(sql.SQL(_PLAIN).format(name))
    revoke = sql.SQL("REVOKE GRANT OPTION FOR ALL ON DATABASE {0} FROM {0} CASCADE")
    await connection.execute(revoke.format(name))
    for stranger in () if kept is None else kept.strangers:
        who = sql.SQL("PUBLIC") if stranger == "PUBLIC" else sql.Identifier(stranger)
        await connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM {} CASCADE").format(name, who))
    for granted in await (await connection.execute(_MEMBERS.encode(), (of,))).fetchall():
        part = [sql.Identifier(one) for one in granted]
        await connection.execute(sql.SQL("REVOKE {} FROM {} GRANTED BY {} CASCADE").format(*part))
    for statement in _CLOSE:
        await connection.execute(sql.SQL(statement).format(name))


def _kept(
    name: str,
    mark: str | None,
    open_: bool,
    owner: str,
    role: bool,
    login: bool | None,
    attributes: list[bool | None],
    password: bool,
    limits: list[int | None],
    connecting: list[str],
    members: list[str],
    memberships: list[str],
) -> Kept:
    strangers = tuple(one for one in connecting if one not in (name, SUPERUSER))
    wrong = [] if owner == SUPERUSER else [f"it belongs to {owner}"]
    for what, limit in zip(("it takes", "its role may have"), limits, strict=True):
        wrong += [f"{what} {limit} connections at most"] if limit is not None and limit >= 0 else []
    if role:
        wrong += [] if login else ["its role cannot log in"]
        wrong += [f"its role {what}" for what, has in zip(_ATTRIBUTES, attributes, strict=True) if has]
        wrong += ["its role has a password"] if password else []
        wrong += [] if name in connecting else ["its role may not connect to it"]
        wrong += [f"its role is a member of {one}" for one in memberships]
        wrong += [f"{one} is a member of its role" for one in members]
    else:
        wrong.append("its role is gone")
    wrong += ["everybody may connect to it" if one == "PUBLIC" else f"{one} may connect to it" for one in strangers]
    return Kept(name, mark, open_, role, tuple(wrong), strangers)
