"""The parts of the catalogue query that speak of privileges.

pg_dump tells how an object's privileges differ from those that it has by itself: those of its kind (`acldefault`), or
those that it had when initdb or its extension made it (`pg_init_privs`). So NULL and the default are the same. It tells
so of objects of pg_catalog and of members of extensions too (pg_dump.c: dumpACL; dumputils.c: buildACLCommands).
"""

from __future__ import annotations

from plantroom.delivery.schema.facts_part import Part, some

_HOLDERS = """
  SELECT 'pg_class'::regclass AS catalog, oid, 0 AS sub, relacl AS acl, relnamespace AS space, relowner AS owner,
    CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char" AS kind
  FROM pg_class WHERE relacl IS NOT NULL AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  UNION ALL
  SELECT 'pg_class'::regclass, a.attrelid, a.attnum, a.attacl, c.relnamespace, c.relowner, 'c'
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
  UNION ALL
  SELECT 'pg_proc'::regclass, p.oid, 0, p.proacl, p.pronamespace, p.proowner, 'f' FROM pg_proc p
  WHERE p.proacl IS NOT NULL AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
  UNION ALL
  SELECT 'pg_type'::regclass, t.oid, 0, t.typacl, t.typnamespace, t.typowner, 'T' FROM pg_type t
  LEFT JOIN pg_class c ON c.oid = t.typrelid
  WHERE t.typacl IS NOT NULL AND (c.oid IS NULL OR c.relkind = 'c')
  UNION ALL
  SELECT 'pg_namespace'::regclass, oid, 0, nspacl, oid, nspowner, 'n' FROM pg_namespace
  UNION ALL
  SELECT 'pg_language'::regclass, oid, 0, lanacl, NULL, lanowner, 'l' FROM pg_language WHERE lanispl
  UNION ALL
  SELECT 'pg_foreign_data_wrapper'::regclass, oid, 0, fdwacl, NULL, fdwowner, 'F' FROM pg_foreign_data_wrapper
  UNION ALL
  SELECT 'pg_foreign_server'::regclass, oid, 0, srvacl, NULL, srvowner, 'S' FROM pg_foreign_server
"""

_ITEM = (
    "(SELECT CASE e.grantee WHEN 0 THEN '' ELSE e.grantee::regrole::text END"
    ' || regexp_replace({0}::text, \'^("([^"]|"")*"|[^"=]*)|/("([^"]|"")*"|[^"/]*)$\', \'\', \'g\')'
    " || CASE WHEN e.grantor <> h.owner THEN '/' || e.grantor::regrole ELSE '' END"
    " FROM aclexplode(ARRAY[{0}]) e LIMIT 1)"
)
# Who granted it is told where that is not the owner.

_SAID = f"""
  concat_ws(E'\\n',
    'revoke ' || (SELECT string_agg({_ITEM.format("b.item")}, ', ' ORDER BY b.place)
                  FROM unnest(h.base) WITH ORDINALITY AS b (item, place)
                  WHERE b.item::text <> ALL (h.acl::text[])),
    'grant ' || (SELECT string_agg({_ITEM.format("a.item")}, ', ' ORDER BY a.place)
                 FROM unnest(h.acl) WITH ORDINALITY AS a (item, place)
                 WHERE a.item::text <> ALL (h.base::text[])))
"""

_APART = f"""(
  SELECT * FROM (
    SELECT h.catalog, h.oid, h.sub, h.owner, coalesce(h.acl, s.standard) AS acl,
      CASE WHEN h.catalog = 'pg_namespace'::regclass AND n.name = 'public'
        THEN s.standard || makeaclitem(0, h.owner, 'USAGE', false)
        ELSE coalesce(i.initprivs, s.standard) END AS base
    FROM ({_HOLDERS}) h
    LEFT JOIN pg_init_privs i ON i.classoid = h.catalog AND i.objoid = h.oid AND i.objsubid = h.sub
    LEFT JOIN spaces n ON n.oid = h.space
    CROSS JOIN LATERAL (SELECT acldefault(h.kind, h.owner) AS standard) s
    WHERE h.space IS NULL OR h.space = 'pg_catalog'::regnamespace OR n.oid IS NOT NULL
  ) h WHERE h.acl IS DISTINCT FROM h.base
) h"""
# What initdb gave for the schema public does not count: pg_dump takes what PostgreSQL 15 gives.

_PRIVILEGES = f"""
SELECT w.type || ' privileges', w.identity, {_SAID}
FROM {_APART} CROSS JOIN LATERAL pg_identify_object(h.catalog, h.oid, h.sub) w
"""

_DEFAULTS = f"""
SELECT 'default privileges',
  format('%s for %s in %s', h.type, h.owner::regrole, coalesce(h.name, 'every schema')), {_SAID}
FROM (
  SELECT d.defaclrole AS owner, n.name, d.defaclacl AS acl,
    CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions'
      WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE d.defaclobjtype::text END AS type,
    CASE WHEN d.defaclnamespace = 0 THEN acldefault(
      CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclrole) ELSE '{{}}' END AS base
  FROM pg_default_acl d LEFT JOIN spaces n ON n.oid = d.defaclnamespace
  WHERE d.defaclnamespace = 0 OR n.oid IS NOT NULL
) h
"""

_ANY_APART = """(
  SELECT 'pg_class'::regclass AS catalog, oid, 0 AS sub, relacl AS acl FROM pg_class
  WHERE relacl IS NOT NULL AND relnamespace IS DISTINCT FROM to_regnamespace('information_schema')
  UNION ALL
  SELECT 'pg_class'::regclass, attrelid, attnum, attacl FROM pg_attribute WHERE attacl IS NOT NULL
  UNION ALL
  SELECT 'pg_proc'::regclass, oid, 0, proacl FROM pg_proc WHERE proacl IS NOT NULL
  UNION ALL
  SELECT 'pg_type'::regclass, oid, 0, typacl FROM pg_type WHERE typacl IS NOT NULL
  UNION ALL
  SELECT 'pg_language'::regclass, oid, 0, lanacl FROM pg_language
  UNION ALL
  SELECT 'pg_foreign_data_wrapper'::regclass, oid, 0, fdwacl FROM pg_foreign_data_wrapper
  UNION ALL
  SELECT 'pg_foreign_server'::regclass, oid, 0, srvacl FROM pg_foreign_server
  ) h LEFT JOIN pg_init_privs i ON i.classoid = h.catalog AND i.objoid = h.oid AND i.objsubid = h.sub
  WHERE h.acl IS DISTINCT FROM i.initprivs"""

_ANY_SCHEMA_APART = """pg_namespace s LEFT JOIN spaces n ON n.oid = s.oid
  LEFT JOIN pg_init_privs i ON i.classoid = 'pg_namespace'::regclass AND i.objoid = s.oid
  WHERE (n.oid IS NOT NULL OR s.nspname = 'pg_catalog') AND s.nspacl IS DISTINCT FROM CASE WHEN n.name = 'public'
    THEN acldefault('n', s.nspowner) || makeaclitem(0, s.nspowner, 'USAGE', false) ELSE i.initprivs END"""
# The same with less: what has other privileges than initdb or its extension gave it, or any at all where they gave
# none. Whose it is, and what it has by itself, is not looked up.

PARTS = (
    Part(_PRIVILEGES, f"{some(_ANY_APART)} OR {some(_ANY_SCHEMA_APART)}"),
    Part(_DEFAULTS, some("pg_default_acl")),
)
"""To be asked where the query's `spaces` are, as are their conditions."""
