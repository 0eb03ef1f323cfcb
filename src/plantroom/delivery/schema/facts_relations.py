"""The parts of the catalogue query that speak of tables, views and sequences, and of what belongs to one.

Each part selects (classid, oid, sub, kind, identity, definition): the object's address, by which its comment and labels
are found and which is in no fact, and its fact. A definition that is NULL is no fact: pg_dump does not print it, but
may print the comment. What is selected follows pg_dump (src/bin/pg_dump/pg_dump.c): getTables, getTableAttrs,
flagInhAttrs, getIndexes, getConstraints, getRules, getTriggers, dumpSequence.
"""

from __future__ import annotations

from plantroom.delivery.schema.facts_part import Part, made, some

RELATIONS = """
SELECT c.*, n.name || '.' || quote_ident(c.relname) AS name
FROM pg_class c JOIN spaces n ON n.oid = c.relnamespace
WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_class'::regclass AND m.objid = c.oid)
"""

_OPTIONS = (
    "(SELECT string_agg(quote_ident(option_name) || ' ' || quote_literal(option_value), ', ' ORDER BY option_name)"
    " FROM pg_options_to_table({0}))"
)


def options(column: str) -> str:
    """Options of foreign objects, in pg_dump's order, which is not the catalogue's."""
    return f"CASE WHEN {column} IS NOT NULL THEN {_OPTIONS.format(column)} END"


_TABLES = f"""
SELECT 'pg_class'::regclass, r.oid, 0,
  CASE r.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'table' END,
  r.name,
  concat_ws(E'\\n', 'owner ' || r.relowner::regrole,
    CASE WHEN r.relpersistence = 'u' THEN 'unlogged' END,
    CASE WHEN r.relkind = 'p' THEN 'partition by ' || pg_get_partkeydef(r.oid) END,
    'of ' || nullif(r.reloftype, 0)::regtype,
    CASE WHEN r.relispartition THEN 'partition of ' ELSE 'inherits ' END || h.parents,
    pg_get_expr(r.relpartbound, r.oid),
    'with ' || nullif(array_remove(array_remove(
      r.reloptions, 'check_option=local'), 'check_option=cascaded')::text, '{{}}'),
    CASE WHEN r.relkind = 'v' THEN CASE WHEN 'check_option=local' = ANY (r.reloptions) THEN 'with local check option'
      WHEN 'check_option=cascaded' = ANY (r.reloptions) THEN 'with cascaded check option' END END,
    'toast with ' || toast.reloptions::text,
    'using ' || am.amname::text,
    'tablespace ' || sp.spcname::text,
    'server ' || quote_ident(fs.srvname),
    'options ' || {options("ft.ftoptions")},
    CASE r.relreplident WHEN 'n' THEN 'replica identity nothing' WHEN 'f' THEN 'replica identity full' END,
    CASE WHEN r.relforcerowsecurity THEN 'force row level security' END,
    CASE WHEN r.relkind IN ('v', 'm') THEN pg_get_viewdef(r.oid) END)
FROM relations r
LEFT JOIN (SELECT inhrelid, string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno) AS parents
           FROM pg_inherits GROUP BY inhrelid) h ON h.inhrelid = r.oid
LEFT JOIN pg_class toast ON toast.oid = r.reltoastrelid
LEFT JOIN pg_am am ON am.oid = r.relam
LEFT JOIN pg_tablespace sp ON sp.oid = r.reltablespace
LEFT JOIN pg_foreign_table ft ON ft.ftrelid = r.oid
LEFT JOIN pg_foreign_server fs ON fs.oid = ft.ftserver
WHERE r.relkind <> 'S'
"""

_NOT_NULL = """
    CASE WHEN a.attnotnull AND r.relkind IN ('r', 'p', 'f') AND (r.relispartition OR NOT EXISTS (
      SELECT FROM pg_inherits i JOIN pg_attribute p ON p.attrelid = i.inhparent AND p.attname = a.attname
      WHERE i.inhrelid = a.attrelid AND p.attnotnull)) THEN 'not null' END,
"""
# Before PostgreSQL 18: pg_dump leaves it out where a parent has it. From 18 on it is a constraint.

_COLUMNS = """
SELECT 'pg_class'::regclass, r.oid, a.attnum, 'column', r.name || '.' || quote_ident(a.attname),
  nullif(concat_ws(E'\\n',
    CASE WHEN r.relkind IN ('r', 'p', 'f') AND (a.attislocal OR r.relispartition)
      THEN format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attcollation <> t.typcollation
        THEN ' collate ' || a.attcollation::regcollation ELSE '' END END,
    CASE a.attgenerated WHEN 's' THEN 'generated stored ' WHEN 'v' THEN 'generated virtual ' ELSE 'default ' END
      || pg_get_expr(d.adbin, d.adrelid),
    CASE a.attidentity WHEN 'a' THEN 'identity always' WHEN 'd' THEN 'identity by default' END,
    {not_null}
    CASE WHEN r.relkind <> 'v' AND a.attstorage <> t.typstorage THEN 'storage ' || a.attstorage::text END,
    CASE a.attcompression WHEN 'p' THEN 'compression pglz' WHEN 'l' THEN 'compression lz4' END,
    'statistics ' || nullif(a.attstattarget, -1),
    'with ' || a.attoptions::text,
    'options ' || {options}), '')
FROM relations r
JOIN pg_attribute a ON a.attrelid = r.oid
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef
WHERE r.relkind <> 'S' AND a.attnum > 0 AND NOT a.attisdropped
"""

_CONSTRAINTS = """
SELECT 'pg_constraint'::regclass, k.oid, 0, 'constraint', quote_ident(k.conname) || ' on ' || r.name,
  CASE WHEN k.contype <> 'n' OR k.conislocal OR k.convalidated AND (r.relispartition OR EXISTS (
      SELECT FROM pg_inherits i JOIN pg_constraint u ON u.conrelid = i.inhparent
      JOIN pg_attribute a ON a.attrelid = u.conrelid AND a.attnum = u.conkey[1]
      JOIN pg_attribute b ON b.attrelid = k.conrelid AND b.attnum = k.conkey[1]
      WHERE i.inhrelid = k.conrelid AND u.contype = 'n' AND NOT u.convalidated AND b.attname = a.attname)) THEN
    concat_ws(E'\\n', pg_get_constraintdef(k.oid), 'with ' || ic.reloptions::text, 'tablespace ' || sp.spcname::text,
    CASE WHEN x.indisclustered THEN 'clustered' END, CASE WHEN x.indisreplident THEN 'replica identity' END) END
FROM relations r
JOIN pg_constraint k ON k.conrelid = r.oid
LEFT JOIN pg_index x ON x.indexrelid = k.conindid AND k.contype IN ('p', 'u', 'x')
LEFT JOIN pg_class ic ON ic.oid = x.indexrelid
LEFT JOIN pg_tablespace sp ON sp.oid = ic.reltablespace
WHERE CASE k.contype WHEN 'c' THEN k.conislocal
  WHEN 'n' THEN true
  WHEN 'f' THEN k.conparentid = 0
  WHEN 't' THEN false
  ELSE x.indisready AND (x.indisvalid OR r.relkind = 'p') END
"""
# A constraint trigger is a trigger. Of an inherited NOT NULL (PostgreSQL 18) only the comment is told, unless
# it is valid and the parent's is not.

_INDEXES = """
SELECT 'pg_class'::regclass, x.indexrelid, 0, 'index', x.indexrelid::regclass::text,
  CASE WHEN k.oid IS NULL THEN concat_ws(E'\\n', pg_get_indexdef(x.indexrelid), 'tablespace ' || sp.spcname::text,
    CASE WHEN x.indisclustered THEN 'clustered' END, CASE WHEN x.indisreplident THEN 'replica identity' END,
    CASE WHEN x.indexprs IS NOT NULL THEN (
      SELECT 'statistics ' || string_agg(a.attnum || ' ' || a.attstattarget, ', ' ORDER BY a.attnum)
      FROM pg_attribute a WHERE a.attrelid = x.indexrelid AND a.attstattarget >= 0) END) END
FROM relations r
JOIN pg_index x ON x.indrelid = r.oid
JOIN pg_class ic ON ic.oid = x.indexrelid
LEFT JOIN pg_tablespace sp ON sp.oid = ic.reltablespace
LEFT JOIN pg_constraint k ON k.conindid = x.indexrelid AND k.conrelid = x.indrelid AND k.contype IN ('p', 'u', 'x')
WHERE x.indisready AND (x.indisvalid OR r.relkind = 'p')
"""
# Of the index behind a constraint only the comment is told.

_ATTACHED = """
SELECT NULL, NULL, NULL, 'index attachment', i.inhrelid::regclass::text, i.inhparent::regclass::text
FROM pg_inherits i JOIN pg_index x ON x.indexrelid = i.inhrelid JOIN relations r ON r.oid = x.indrelid
WHERE x.indisready AND (x.indisvalid OR r.relkind = 'p')
"""

_SEQUENCES = """
SELECT 'pg_class'::regclass, r.oid, 0, 'sequence', r.name,
  concat_ws(E'\\n', 'owner ' || r.relowner::regrole,
    CASE WHEN r.relpersistence = 'u' THEN 'unlogged' END,
    CASE WHEN d.deptype IS DISTINCT FROM 'i' THEN 'as ' || s.seqtypid::regtype END,
    format('start %s increment %s cache %s%s', s.seqstart, s.seqincrement, s.seqcache,
      CASE WHEN s.seqcycle THEN ' cycle' END),
    'minimum ' || nullif(s.seqmin, CASE WHEN s.seqincrement > 0 THEN 1 ELSE -t.top - 1 END),
    'maximum ' || nullif(s.seqmax, CASE WHEN s.seqincrement > 0 THEN t.top ELSE -1 END),
    CASE d.deptype WHEN 'i' THEN 'identity of ' ELSE 'owned by ' END
      || d.refobjid::regclass || '.' || quote_ident(o.attname))
FROM relations r
JOIN pg_sequence s ON s.seqrelid = r.oid
JOIN (VALUES ('int2'::regtype, 32767::int8), ('int4'::regtype, 2147483647), ('int8'::regtype, 9223372036854775807))
  AS t (type, top) ON t.type = s.seqtypid
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.objsubid = 0
  AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
LEFT JOIN pg_attribute o ON o.attrelid = d.refobjid AND o.attnum = d.refobjsubid
WHERE d.deptype IS DISTINCT FROM 'i' OR EXISTS (SELECT FROM relations t WHERE t.oid = d.refobjid)
"""
# pg_dump says NO MINVALUE and NO MAXVALUE of what is usual for the type, and no type of an identity.

_RULES = """
SELECT 'pg_rewrite'::regclass, w.oid, 0, 'rule', quote_ident(w.rulename) || ' on ' || r.name,
  concat_ws(E'\\n', pg_get_ruledef(w.oid), 'enabled ' || nullif(w.ev_enabled, 'O')::text)
FROM relations r JOIN pg_rewrite w ON w.ev_class = r.oid
WHERE NOT (r.relkind IN ('v', 'm') AND w.ev_type = '1' AND w.is_instead)
"""

_TRIGGERS = """
SELECT 'pg_trigger'::regclass, g.oid, 0, 'trigger', quote_ident(g.tgname) || ' on ' || r.name,
  CASE WHEN g.tgparentid <> 0 THEN 'enabled ' || g.tgenabled::text
    ELSE concat_ws(E'\\n', pg_get_triggerdef(g.oid, false), 'enabled ' || nullif(g.tgenabled, 'O')::text) END
FROM relations r JOIN pg_trigger g ON g.tgrelid = r.oid LEFT JOIN pg_trigger u ON u.oid = g.tgparentid
WHERE NOT g.tgisinternal AND g.tgparentid = 0 OR g.tgenabled <> u.tgenabled
"""

_POLICIES = """
SELECT 'pg_policy'::regclass, p.oid, 0, 'policy', quote_ident(p.polname) || ' on ' || r.name,
  concat_ws(E'\\n', CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END,
    'for ' || p.polcmd::text,
    'to ' || (SELECT string_agg(quote_ident(o.rolname), ', ' ORDER BY o.rolname) FROM pg_roles o
              WHERE o.oid = ANY (p.polroles)),
    'using ' || pg_get_expr(p.polqual, p.polrelid),
    'with check ' || pg_get_expr(p.polwithcheck, p.polrelid))
FROM relations r JOIN pg_policy p ON p.polrelid = r.oid
"""

_SECURED = """
SELECT NULL, NULL, NULL, 'row level security', r.name, 'enabled' FROM relations r WHERE r.relrowsecurity
"""


def parts(version: int) -> list[Part]:
    columns = _COLUMNS.format(not_null=_NOT_NULL if version < 18 else "", options=options("a.attfdwoptions"))
    return [
        Part(_TABLES),
        Part(columns),
        Part(_CONSTRAINTS),
        Part(_INDEXES),
        Part(_ATTACHED, some("pg_inherits")),
        Part(_SEQUENCES),
        Part(_RULES, made("pg_rewrite")),
        Part(_TRIGGERS, some("pg_trigger WHERE NOT tgisinternal OR tgparentid <> 0")),
        Part(_POLICIES, some("pg_policy")),
        Part(_SECURED, some("pg_class WHERE relrowsecurity")),
    ]
