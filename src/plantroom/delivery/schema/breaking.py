"""What the running release counts on and would miss: the catalogue before a script held against the one after it. Pure,
but for the query's text.

In a night both releases run on one database, and a release that is taken back runs on the new schema again. What the
old one reads must be there, and what it writes must be taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Known = Mapping[tuple[str, str], str]
"""By kind and name, what is known of it."""

_MINE = "n.nspname !~ '^pg_|^information_schema$'"
_OF_EXTENSION = """EXISTS (
    SELECT FROM pg_catalog.pg_depend d
    WHERE d.classid = '{0}'::pg_catalog.regclass AND d.objid = {1} AND d.deptype = 'e')"""

# One that is not valid yet holds for new rows all the same.
_DEFINED = r"pg_catalog.regexp_replace(pg_catalog.pg_get_constraintdef(o.oid), ' NOT VALID$', '')"

QUERY = f"""
SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' ELSE 'table' END,
    pg_catalog.format('%I.%I', n.nspname, c.relname), ''
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND {_MINE}
UNION ALL
SELECT 'column', pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname),
    pg_catalog.format_type(a.atttypid, a.atttypmod)
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {_MINE}
UNION ALL
SELECT 'attribute', pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname),
    pg_catalog.format_type(a.atttypid, a.atttypmod)
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind = 'c' AND {_MINE}
    AND NOT {_OF_EXTENSION.format("pg_catalog.pg_class", "c.oid")}
UNION ALL
SELECT CASE WHEN a.attgenerated <> '' OR a.attidentity = 'a' THEN 'computed' ELSE 'required' END,
    pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname), pg_catalog.format('%I.%I', n.nspname, c.relname)
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f') AND {_MINE}
    AND (a.attgenerated <> '' OR a.attidentity = 'a' OR (a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''))
UNION ALL
SELECT 'function', pg_catalog.format(
    '%I.%I(%s)', n.nspname, p.proname, pg_catalog.oidvectortypes(p.proargtypes)),
    coalesce(pg_catalog.pg_get_function_result(p.oid), '')
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE p.prorettype NOT IN ('pg_catalog.trigger'::pg_catalog.regtype, 'pg_catalog.event_trigger'::pg_catalog.regtype)
    AND {_MINE} AND NOT {_OF_EXTENSION.format("pg_catalog.pg_proc", "p.oid")}
UNION ALL
SELECT 'type', pg_catalog.format('%I.%I', n.nspname, t.typname), ''
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
WHERE (t.typtype IN ('e', 'd', 'r') OR c.relkind = 'c') AND {_MINE}
    AND NOT {_OF_EXTENSION.format("pg_catalog.pg_type", "t.oid")}
UNION ALL
SELECT 'value', pg_catalog.format('%L of %I.%I', e.enumlabel, n.nspname, t.typname),
    pg_catalog.format('%I.%I', n.nspname, t.typname)
FROM pg_catalog.pg_enum e JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
UNION ALL
SELECT 'constraint', pg_catalog.format(
    '%s on %I.%I', {_DEFINED}, n.nspname, c.relname),
    pg_catalog.concat_ws(E'\\n', pg_catalog.format('%I.%I', n.nspname, c.relname), (
        SELECT pg_catalog.string_agg(pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname), E'\\n')
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (o.conkey)))
FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_class c ON c.oid = o.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE o.contype IN ('c', 'f', 'x') AND o.conparentid = 0 AND {_MINE}
UNION ALL
SELECT 'constraint', pg_catalog.format('%s on %I.%I', {_DEFINED}, n.nspname, t.typname),
    pg_catalog.format('%I.%I', n.nspname, t.typname)
FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_type t ON t.oid = o.contypid
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE o.contype = 'c' AND {_MINE}
UNION ALL
SELECT 'unique', pg_catalog.format(
    '(%s) on %I.%I%s', pg_catalog.array_to_string(ARRAY(
        SELECT pg_catalog.pg_get_indexdef(i.indexrelid, k, true) FROM pg_catalog.generate_series(1, i.indnkeyatts) k
        ORDER BY 1), ', '), n.nspname, c.relname, ' where ' || pg_catalog.pg_get_expr(i.indpred, i.indrelid)),
    pg_catalog.concat_ws(E'\\n', pg_catalog.format('%I.%I', n.nspname, c.relname), (
        SELECT pg_catalog.string_agg(pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname), E'\\n')
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
        HAVING NOT i.indnullsnotdistinct AND pg_catalog.bool_or(NOT a.atthasdef AND a.attidentity = '')))
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE i.indisunique AND c.relkind IN ('r', 'p') AND {_MINE}
UNION ALL
SELECT 'constraint', pg_catalog.format('NOT NULL on %I.%I', n.nspname, t.typname),
    pg_catalog.format('%I.%I', n.nspname, t.typname)
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'd' AND t.typnotnull AND {_MINE}
UNION ALL
SELECT 'rows', pg_catalog.format('%I.%I in %I.%I', n.nspname, c.relname, m.nspname, p.relname),
    pg_catalog.format('%I.%I', n.nspname, c.relname)
FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class p ON p.oid = i.inhparent JOIN pg_catalog.pg_namespace m ON m.oid = p.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND {_MINE}
UNION ALL
SELECT 'short call', pg_catalog.format(
    '%I.%I(%s)', n.nspname, p.proname, pg_catalog.oidvectortypes(p.proargtypes)), p.pronargdefaults::text
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE p.pronargdefaults > 0 AND {_MINE} AND NOT {_OF_EXTENSION.format("pg_catalog.pg_proc", "p.oid")}
UNION ALL
SELECT 'writable', pg_catalog.format('%I.%I', n.nspname, c.relname), ''
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'v' AND pg_catalog.pg_relation_is_updatable(c.oid, true) & 28 > 0 AND {_MINE}
UNION ALL
SELECT 'extension', pg_catalog.quote_ident(e.extname), '' FROM pg_catalog.pg_extension e
UNION ALL
SELECT 'text search configuration', pg_catalog.format('%I.%I', n.nspname, f.cfgname), ''
FROM pg_catalog.pg_ts_config f JOIN pg_catalog.pg_namespace n ON n.oid = f.cfgnamespace WHERE {_MINE}
UNION ALL
SELECT 'operator', pg_catalog.format('%I.%s', n.nspname, o.oid::pg_catalog.regoperator), ''
FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
WHERE {_MINE} AND NOT {_OF_EXTENSION.format("pg_catalog.pg_operator", "o.oid")}
UNION ALL
SELECT 'policy', pg_catalog.format('%I on %I.%I', p.polname, n.nspname, c.relname),
    pg_catalog.format('%I.%I', n.nspname, c.relname)
FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE p.polpermissive AND c.relrowsecurity AND {_MINE}
UNION ALL
SELECT 'right', pg_catalog.format('%s on %I.%I.%I for %s', x.privilege_type, n.nspname, c.relname, a.attname,
    coalesce(pg_catalog.quote_ident(r.rolname), 'PUBLIC')),
    pg_catalog.concat_ws(E'\\n', pg_catalog.format('%I.%I', n.nspname, c.relname),
        pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname))
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL pg_catalog.aclexplode(a.attacl) x LEFT JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND x.grantee <> c.relowner AND {_MINE}
UNION ALL
SELECT 'use', pg_catalog.format('%s on schema %I for %s', x.privilege_type, n.nspname,
    coalesce(pg_catalog.quote_ident(r.rolname), 'PUBLIC')), ''
FROM pg_catalog.pg_namespace n
CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) x LEFT JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
WHERE x.grantee <> n.nspowner AND {_MINE}
UNION ALL
SELECT 'call', pg_catalog.format('%s on %I.%I(%s) for %s', x.privilege_type, n.nspname, p.proname,
    pg_catalog.oidvectortypes(p.proargtypes), coalesce(pg_catalog.quote_ident(r.rolname), 'PUBLIC')),
    pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.oidvectortypes(p.proargtypes))
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) x
LEFT JOIN pg_catalog.pg_roles r ON r.oid = x.grantee
WHERE x.grantee <> p.proowner AND {_MINE} AND NOT {_OF_EXTENSION.format("pg_catalog.pg_proc", "p.oid")}
UNION ALL
SELECT 'instead', pg_catalog.format('%I on %I.%I', r.rulename, n.nspname, c.relname),
    pg_catalog.format('%I.%I', n.nspname, c.relname)
FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE r.is_instead AND r.ev_type <> '1' AND c.relkind IN ('r', 'p') AND {_MINE}
UNION ALL
SELECT 'filled', pg_catalog.format('%I.%I', n.nspname, c.relname), ''
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'm' AND c.relispopulated AND {_MINE}
UNION ALL
SELECT 'policed', pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.format('%I.%I', n.nspname, c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relrowsecurity AND {_MINE}
UNION ALL
SELECT 'policed', pg_catalog.format('%I.%I, its owner too', n.nspname, c.relname),
    pg_catalog.format('%I.%I', n.nspname, c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relrowsecurity AND c.relforcerowsecurity AND {_MINE}
UNION ALL
SELECT 'right', pg_catalog.format('%s on %I.%I for %s', a.privilege_type, n.nspname, c.relname,
    coalesce(pg_catalog.quote_ident(r.rolname), 'PUBLIC')), pg_catalog.format('%I.%I', n.nspname, c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
WHERE a.grantee <> c.relowner AND {_MINE}
"""

_NEEDED = (
    *("table", "view", "materialized view", "sequence", "column", "attribute", "function", "type", "value"),
    *("extension", "operator", "text search configuration"),
)
"""What the running release may name."""

_GONE = {
    "rows": "whoever reads the one above misses these rows",
    "short call": "the running release may call it with fewer values",
    "filled": "nobody can read it before it is refreshed",
    "writable": "the running release may write through it",
    "right": "the running release may need it",
    "use": "the running release may need it",
    "call": "the running release may need it",
    "policy": "what it let through is not there for others any more",
    "unique": "the running release may count on it (ON CONFLICT)",
}
"""What goes by itself, although that of which it is stays."""

_NEW = {
    "instead": "what is written there goes elsewhere, or nowhere",
    "policed": "what no policy lets through is not there for others any more",
    "required": "a row without a value for it is not taken any more",
    "computed": "no value for it is taken any more",
    "constraint": "a row that does not fit it is not taken any more",
    "unique": "a second row of the same values is not taken any more",
}

_WIDTH = re.compile(r"(character varying|numeric|character)\((\d+)(?:,(\d+))?\)")
_MOMENT = re.compile(r"(timestamp|time)(?:\((\d)\))?( with(?:out)? time zone)")
_LAST = re.compile(r'\.(?:"(?:[^"]|"")+"|[^".]+)$')
_INTEGERS = ("smallint", "integer", "bigint")


def known(rows: Iterable[Sequence[Any]]) -> Known:
    return {(str(kind), str(name)): str(value) for kind, name, value in rows}


def broken(before: Known, now: Known) -> dict[tuple[str, str], str]:
    """By kind and name, what the running release would miss."""
    found: dict[tuple[str, str], str] = {}
    relations = _relations(now)
    for (kind, name), value in before.items():
        if kind not in _NEEDED:
            continue
        if (kind, name) not in now:
            # Of what has gone as a whole, its parts are not told.
            with_all = (
                (kind == "column" and _owner(name) not in relations)
                or (kind == "attribute" and ("type", _owner(name)) not in now)
                or (kind == "value" and ("type", value) not in now)
            )
            if not with_all:
                found[kind, name] = f"the running release may still use the {kind}"
        elif kind in ("column", "attribute") and not wider(value, now[kind, name]):
            found[kind, name] = f"it was {value}, and becomes {now[kind, name]}"
        elif kind == "function" and value != now[kind, name]:
            found[kind, name] = f"it returned {value}, and now {now[kind, name]}"
    for (kind, name), value in before.items():
        if kind in _GONE and not _still(kind, name, value, now):
            found[kind, name] = _GONE[kind]
    there = _relations(before) | {name for kind, name in before if kind == "type"}
    for (kind, name), value in now.items():
        if kind not in _NEW or (kind, name) in before:
            continue
        owner, *columns = value.split("\n")
        # Of columns that it does not know, whoever writes leaves what they are by default.
        unknown = columns and not any(("column", one) in before for one in columns)
        if owner in there and not unknown:
            found[kind, name] = _NEW[kind]
    return found


def _still(kind: str, name: str, value: str, now: Known) -> bool:
    """Whether it is there, or has gone with all that it is of, which is told."""
    if (kind, name) in now:
        return kind != "short call" or int(now[kind, name]) >= int(value)
    if kind == "short call":
        return ("function", name) not in now
    if kind == "call":
        return ("function", value) not in now
    if kind == "use":
        return False
    if kind in ("writable", "filled"):
        return ("view" if kind == "writable" else "materialized view", name) not in now
    owner, *columns = value.split("\n")
    if owner not in _relations(now):
        return True
    if kind == "rows":
        return False
    return any(("column", one) not in now for one in columns)


def _owner(column: str) -> str:
    return _LAST.sub("", column)


def _relations(there: Known) -> set[str]:
    return {name for kind, name in there if kind in _NEEDED[:4]}


def wider(old: str, new: str) -> bool:
    """Whether everything that the old type holds, the new one does in the same way."""
    if old == new:
        return True
    if old.endswith("[]") and new.endswith("[]"):
        return wider(old.removesuffix("[]"), new.removesuffix("[]"))
    moment, later = _MOMENT.fullmatch(old), _MOMENT.fullmatch(new)
    if moment is not None and later is not None:
        return (moment[1], moment[3]) == (later[1], later[3]) and int(later[2] or 6) >= int(moment[2] or 6)
    if old in _INTEGERS and new in _INTEGERS:
        return _INTEGERS.index(old) < _INTEGERS.index(new)
    if (old, new) == ("real", "double precision"):
        return True
    had, has = _WIDTH.fullmatch(old), _WIDTH.fullmatch(new)
    texts = ("character varying", "text")
    if (had is not None and had[1] == "character varying") or old in texts:
        unbounded = new in texts
        return unbounded or (had is not None and has is not None and has[1] == had[1] and int(has[2]) >= int(had[2]))
    if had is not None and had[1] == "numeric":
        if has is None or has[1] != "numeric":
            return new == "numeric"
        scale, wanted = int(had[3] or 0), int(has[3] or 0)
        return wanted >= scale and int(has[2]) - wanted >= int(had[2]) - scale
    return False
