"""The parts of the catalogue query that speak of everything but tables: schemas, extensions, types, routines,
operators, text search, foreign servers, publications and the like.

Each part selects (classid, oid, sub, kind, identity, definition), as those of tables do. What is selected follows
pg_dump (src/bin/pg_dump/pg_dump.c): the selectDumpable… functions say what is a user's, the dump… ones what is told.
"""

from __future__ import annotations

from plantroom.delivery.schema.facts_part import Part, made, some
from plantroom.delivery.schema.facts_relations import options


def _not_member(catalog: str, oid: str) -> str:
    return f"NOT EXISTS (SELECT FROM members m WHERE m.classid = '{catalog}'::regclass AND m.objid = {oid})"


_NO_ARRAY = "NOT EXISTS (SELECT FROM pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid)"

TYPES = f"""
SELECT t.*, t.oid::regtype::text AS name
FROM pg_type t JOIN spaces n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.oid >= 16384 AND t.typtype <> 'm' AND (c.oid IS NULL OR c.relkind = 'c')
  AND {_NO_ARRAY}
  AND {_not_member("pg_type", "t.oid")}
"""
# Neither arrays nor the row types of tables nor multiranges: they come with something else.

PUBLIC_S_OWNER = "('pg_database_owner'::regrole)"
"""Whose the schema public is when nobody has given it away, as a list."""

_SCHEMAS = f"""
SELECT 'pg_namespace'::regclass, s.oid, 0, 'schema', quote_ident(s.nspname), CASE
  WHEN s.nspname <> 'public' OR s.nspowner NOT IN {PUBLIC_S_OWNER} THEN 'owner ' || s.nspowner::regrole END
FROM pg_namespace s JOIN spaces n ON n.oid = s.oid WHERE {_not_member("pg_namespace", "s.oid")}
"""

_EXTENSIONS = """
SELECT 'pg_extension'::regclass, e.oid, 0, 'extension', quote_ident(e.extname),
  'schema ' || e.extnamespace::regnamespace
FROM pg_extension e WHERE e.oid >= 16384
"""

_ENUMS_AND_SHELLS = """
SELECT 'pg_type'::regclass, t.oid, 0, CASE t.typtype WHEN 'e' THEN 'enum' ELSE 'shell type' END, t.name,
  concat_ws(E'\\n', 'owner ' || t.typowner::regrole, e.labels)
FROM types t LEFT JOIN (
  SELECT enumtypid, string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) AS labels
  FROM pg_enum GROUP BY enumtypid) e ON e.enumtypid = t.oid
WHERE t.typtype = 'e' OR t.typtype = 'p' AND NOT t.typisdefined
"""

_DOMAINS = """
SELECT 'pg_type'::regclass, t.oid, 0, 'domain', t.name,
  concat_ws(E'\\n', 'owner ' || t.typowner::regrole, format_type(t.typbasetype, t.typtypmod),
    CASE WHEN t.typcollation <> u.typcollation THEN 'collate ' || t.typcollation::regcollation END,
    'default ' || coalesce(pg_get_expr(t.typdefaultbin, 'pg_type'::regclass), quote_literal(t.typdefault)),
    CASE WHEN t.typnotnull THEN 'not null' END)
FROM types t JOIN pg_type u ON u.oid = t.typbasetype WHERE t.typtype = 'd'
UNION ALL
SELECT 'pg_constraint'::regclass, k.oid, 0, 'domain constraint', quote_ident(k.conname) || ' on ' || t.name,
  pg_get_constraintdef(k.oid)
FROM types t JOIN pg_constraint k ON k.contypid = t.oid
"""

_COMPOSITES = """
SELECT 'pg_type'::regclass, t.oid, 0, 'composite type', t.name,
  concat_ws(E'\\n', 'owner ' || t.typowner::regrole, string_agg(quote_ident(a.attname) || ' '
    || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attcollation <> u.typcollation
      THEN ' collate ' || a.attcollation::regcollation ELSE '' END, E',\\n' ORDER BY a.attnum))
FROM types t LEFT JOIN (pg_attribute a JOIN pg_type u ON u.oid = a.atttypid)
  ON a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
WHERE t.typtype = 'c' GROUP BY t.oid, t.name, t.typowner
UNION ALL
SELECT 'pg_class'::regclass, t.typrelid, a.attnum, 'attribute', t.name || '.' || quote_ident(a.attname), NULL
FROM types t JOIN pg_attribute a ON a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
WHERE t.typtype = 'c'
"""

_RANGES = """
SELECT 'pg_type'::regclass, t.oid, 0, 'range type', t.name,
  concat_ws(E'\\n', 'owner ' || t.typowner::regrole, 'subtype ' || g.rngsubtype::regtype,
    'multirange ' || g.rngmultitypid::regtype,
    CASE WHEN NOT o.opcdefault
      THEN 'operator class ' || o.opcnamespace::regnamespace || '.' || quote_ident(o.opcname) END,
    CASE WHEN g.rngcollation <> u.typcollation THEN 'collate ' || g.rngcollation::regcollation END,
    'canonical ' || nullif(g.rngcanonical, 0)::regproc, 'difference ' || nullif(g.rngsubdiff, 0)::regproc)
FROM types t JOIN pg_range g ON g.rngtypid = t.oid JOIN pg_opclass o ON o.oid = g.rngsubopc
JOIN pg_type u ON u.oid = g.rngsubtype
WHERE t.typtype = 'r'
"""

_BASE_TYPES = """
SELECT 'pg_type'::regclass, t.oid, 0, 'base type', t.name,
  concat_ws(E'\\n', 'owner ' || t.typowner::regrole, 'length ' || t.typlen, 'by value ' || t.typbyval,
    concat_ws(', ', t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout, t.typanalyze,
      t.typsubscript),
    'category ' || t.typcategory::text, 'preferred ' || t.typispreferred, 'delimiter ' || t.typdelim::text,
    'alignment ' || t.typalign::text, 'storage ' || t.typstorage::text, 'element ' || nullif(t.typelem, 0)::regtype,
    CASE WHEN t.typcollation <> 0 THEN 'collatable' END,
    'default ' || coalesce(pg_get_expr(t.typdefaultbin, 'pg_type'::regclass), quote_literal(t.typdefault)))
FROM types t WHERE t.typtype = 'b'
"""

_ROUTINES = f"""
SELECT 'pg_proc'::regclass, p.oid, 0,
  CASE p.prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' ELSE 'function' END, p.oid::regprocedure::text,
  concat_ws(E'\\n', 'owner ' || p.proowner::regrole,
    CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE concat_ws(E'\\n',
      pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), 'parallel ' || p.proparallel::text,
      'kind ' || g.aggkind::text, 'direct arguments ' || g.aggnumdirectargs,
      'state ' || g.aggtransfn, 'type ' || g.aggtranstype::regtype, 'space ' || g.aggtransspace,
      'initial ' || quote_literal(g.agginitval), 'final ' || nullif(g.aggfinalfn, 0)::regproc,
      'extra ' || g.aggfinalextra, 'modifies ' || g.aggfinalmodify::text,
      'combine ' || nullif(g.aggcombinefn, 0)::regproc, 'serial ' || nullif(g.aggserialfn, 0)::regproc,
      'deserial ' || nullif(g.aggdeserialfn, 0)::regproc, 'sort ' || nullif(g.aggsortop, 0)::regoperator,
      'moving state ' || nullif(g.aggmtransfn, 0)::regproc,
      'moving inverse ' || nullif(g.aggminvtransfn, 0)::regproc,
      'moving type ' || nullif(g.aggmtranstype, 0)::regtype, 'moving space ' || g.aggmtransspace,
      'moving initial ' || quote_literal(g.aggminitval), 'moving final ' || nullif(g.aggmfinalfn, 0)::regproc,
      'moving extra ' || g.aggmfinalextra, 'moving modifies ' || g.aggmfinalmodify::text) END)
FROM pg_proc p JOIN spaces n ON n.oid = p.pronamespace LEFT JOIN pg_aggregate g ON g.aggfnoid = p.oid
WHERE p.oid >= 16384 AND {_not_member("pg_proc", "p.oid")}
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
"""
# A range type makes its own functions.

_OPERATORS = f"""
SELECT 'pg_operator'::regclass, o.oid, 0, 'operator', o.oid::regoperator::text,
  concat_ws(E'\\n', 'owner ' || o.oprowner::regrole, o.oprcode, 'commutator ' || nullif(o.oprcom, 0)::regoperator,
    'negator ' || nullif(o.oprnegate, 0)::regoperator, 'restrict ' || nullif(o.oprrest, 0)::regproc,
    'join ' || nullif(o.oprjoin, 0)::regproc, CASE WHEN o.oprcanmerge THEN 'merges' END,
    CASE WHEN o.oprcanhash THEN 'hashes' END)
FROM pg_operator o JOIN spaces n ON n.oid = o.oprnamespace
WHERE o.oid >= 16384 AND o.oprcode <> 0 AND {_not_member("pg_operator", "o.oid")}
"""

_MEMBERS = """(
  SELECT d.refobjid AS holder, string_agg(m.told, E'\\n' ORDER BY m.told) AS told
  FROM pg_depend d JOIN (
    SELECT 'pg_amop'::regclass AS catalog, o.oid, format('operator %s %s%s', o.amopstrategy, o.amopopr::regoperator,
      ' for order by ' || quote_ident(sn.nspname) || '.' || quote_ident(s.opfname)) AS told
    FROM pg_amop o LEFT JOIN pg_opfamily s ON s.oid = o.amopsortfamily
    LEFT JOIN pg_namespace sn ON sn.oid = s.opfnamespace WHERE o.oid >= 16384
    UNION ALL
    SELECT 'pg_amproc'::regclass, o.oid, format('function %s (%s, %s) %s', o.amprocnum, o.amproclefttype::regtype,
      o.amprocrighttype::regtype, o.amproc::regprocedure) FROM pg_amproc o WHERE o.oid >= 16384
  ) m ON d.classid = m.catalog AND d.objid = m.oid
  WHERE d.refclassid = '{holder}'::regclass GROUP BY d.refobjid)"""

_CLASSES = f"""
SELECT 'pg_opclass'::regclass, o.oid, 0, 'operator class', format('%s.%I using %I', n.name, o.opcname, am.amname),
  concat_ws(E'\\n', 'owner ' || o.opcowner::regrole, CASE WHEN o.opcdefault THEN 'default' END,
    'for ' || o.opcintype::regtype, 'family ' || f.opfnamespace::regnamespace || '.' || quote_ident(f.opfname),
    'storage ' || nullif(o.opckeytype, 0)::regtype, m.told)
FROM pg_opclass o JOIN spaces n ON n.oid = o.opcnamespace JOIN pg_am am ON am.oid = o.opcmethod
JOIN pg_opfamily f ON f.oid = o.opcfamily
LEFT JOIN {_MEMBERS.format(holder="pg_opclass")} m ON m.holder = o.oid
WHERE o.oid >= 16384 AND {_not_member("pg_opclass", "o.oid")}
UNION ALL
SELECT 'pg_opfamily'::regclass, o.oid, 0, 'operator family', format('%s.%I using %I', n.name, o.opfname, am.amname),
  concat_ws(E'\\n', 'owner ' || o.opfowner::regrole, m.told)
FROM pg_opfamily o JOIN spaces n ON n.oid = o.opfnamespace JOIN pg_am am ON am.oid = o.opfmethod
LEFT JOIN {_MEMBERS.format(holder="pg_opfamily")} m ON m.holder = o.oid
WHERE o.oid >= 16384 AND {_not_member("pg_opfamily", "o.oid")}
"""

_COLLATIONS = f"""
SELECT 'pg_collation'::regclass, c.oid, 0, 'collation', c.oid::regcollation::text,
  concat_ws(E'\\n', 'owner ' || c.collowner::regrole, 'provider ' || c.collprovider::text,
    'deterministic ' || c.collisdeterministic, 'collate ' || c.collcollate, 'ctype ' || c.collctype,
    'locale ' || c.{{locale}}{{rules}})
FROM pg_collation c JOIN spaces n ON n.oid = c.collnamespace
WHERE c.oid >= 16384 AND {_not_member("pg_collation", "c.oid")}
"""

_CONVERSIONS = f"""
SELECT 'pg_conversion'::regclass, c.oid, 0, 'conversion', n.name || '.' || quote_ident(c.conname),
  concat_ws(E'\\n', 'owner ' || c.conowner::regrole, CASE WHEN c.condefault THEN 'default' END,
    'for ' || pg_encoding_to_char(c.conforencoding), 'to ' || pg_encoding_to_char(c.contoencoding), c.conproc)
FROM pg_conversion c JOIN spaces n ON n.oid = c.connamespace
WHERE c.oid >= 16384 AND {_not_member("pg_conversion", "c.oid")}
"""

_CASTS = f"""
SELECT 'pg_cast'::regclass, c.oid, 0, 'cast', format('(%s AS %s)', c.castsource::regtype, c.casttarget::regtype),
  concat_ws(E'\\n', c.castmethod, c.castcontext, nullif(c.castfunc, 0)::regprocedure)
FROM pg_cast c
WHERE c.oid >= 16384 AND {_not_member("pg_cast", "c.oid")}
  AND NOT EXISTS (SELECT FROM pg_range r WHERE r.rngtypid = c.castsource AND r.rngmultitypid = c.casttarget)
UNION ALL
SELECT 'pg_transform'::regclass, t.oid, 0, 'transform', format('for %s language %I', t.trftype::regtype, l.lanname),
  concat_ws(E'\\n', 'from ' || nullif(t.trffromsql, 0)::regprocedure, 'to ' || nullif(t.trftosql, 0)::regprocedure)
FROM pg_transform t JOIN pg_language l ON l.oid = t.trflang
WHERE t.oid >= 16384 AND {_not_member("pg_transform", "t.oid")}
"""

_TEXT_SEARCH = f"""
SELECT 'pg_ts_config'::regclass, c.oid, 0, 'text search configuration', c.oid::regconfig::text,
  concat_ws(E'\\n', 'owner ' || c.cfgowner::regrole,
    'parser ' || p.prsnamespace::regnamespace || '.' || quote_ident(p.prsname), m.told)
FROM pg_ts_config c JOIN spaces n ON n.oid = c.cfgnamespace JOIN pg_ts_parser p ON p.oid = c.cfgparser
LEFT JOIN (
  SELECT mapcfg, string_agg(format('%s %s', maptokentype, mapdict::regdictionary), E'\\n'
    ORDER BY maptokentype, mapseqno) AS told FROM pg_ts_config_map WHERE mapcfg >= 16384 GROUP BY mapcfg
) m ON m.mapcfg = c.oid
WHERE c.oid >= 16384 AND {_not_member("pg_ts_config", "c.oid")}
UNION ALL
SELECT 'pg_ts_dict'::regclass, d.oid, 0, 'text search dictionary', d.oid::regdictionary::text,
  concat_ws(E'\\n', 'owner ' || d.dictowner::regrole,
    'template ' || t.tmplnamespace::regnamespace || '.' || quote_ident(t.tmplname), d.dictinitoption)
FROM pg_ts_dict d JOIN spaces n ON n.oid = d.dictnamespace JOIN pg_ts_template t ON t.oid = d.dicttemplate
WHERE d.oid >= 16384 AND {_not_member("pg_ts_dict", "d.oid")}
UNION ALL
SELECT 'pg_ts_parser'::regclass, p.oid, 0, 'text search parser', n.name || '.' || quote_ident(p.prsname),
  concat_ws(', ', p.prsstart, p.prstoken, p.prsend, p.prsheadline, p.prslextype)
FROM pg_ts_parser p JOIN spaces n ON n.oid = p.prsnamespace
WHERE p.oid >= 16384 AND {_not_member("pg_ts_parser", "p.oid")}
UNION ALL
SELECT 'pg_ts_template'::regclass, t.oid, 0, 'text search template', n.name || '.' || quote_ident(t.tmplname),
  concat_ws(', ', t.tmplinit, t.tmpllexize)
FROM pg_ts_template t JOIN spaces n ON n.oid = t.tmplnamespace
WHERE t.oid >= 16384 AND {_not_member("pg_ts_template", "t.oid")}
"""

_FOREIGN = f"""
SELECT 'pg_foreign_data_wrapper'::regclass, w.oid, 0, 'foreign data wrapper', quote_ident(w.fdwname),
  concat_ws(E'\\n', 'owner ' || w.fdwowner::regrole, 'handler ' || nullif(w.fdwhandler, 0)::regproc,
    'validator ' || nullif(w.fdwvalidator, 0)::regproc, 'options ' || {options("w.fdwoptions")})
FROM pg_foreign_data_wrapper w WHERE w.oid >= 16384 AND {_not_member("pg_foreign_data_wrapper", "w.oid")}
UNION ALL
SELECT 'pg_foreign_server'::regclass, s.oid, 0, 'server', quote_ident(s.srvname),
  concat_ws(E'\\n', 'owner ' || s.srvowner::regrole, 'wrapper ' || quote_ident(w.fdwname),
    'type ' || quote_literal(s.srvtype), 'version ' || quote_literal(s.srvversion),
    'options ' || {options("s.srvoptions")})
FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
WHERE s.oid >= 16384 AND {_not_member("pg_foreign_server", "s.oid")}
UNION ALL
SELECT NULL, NULL, NULL, 'user mapping',
  format('%s on %I', CASE u.umuser WHEN 0 THEN 'public' ELSE u.umuser::regrole::text END, s.srvname),
  coalesce({options("u.umoptions")}, '')
FROM pg_user_mapping u JOIN pg_foreign_server s ON s.oid = u.umserver
WHERE {_not_member("pg_foreign_server", "s.oid")}
"""

_STATISTICS = f"""
SELECT 'pg_statistic_ext'::regclass, s.oid, 0, 'statistics', n.name || '.' || quote_ident(s.stxname),
  concat_ws(E'\\n', 'owner ' || s.stxowner::regrole, pg_get_statisticsobjdef(s.oid),
    'target ' || nullif(s.stxstattarget, -1))
FROM relations r JOIN pg_statistic_ext s ON s.stxrelid = r.oid JOIN spaces n ON n.oid = s.stxnamespace
WHERE {_not_member("pg_statistic_ext", "s.oid")}
"""

_LANGUAGES = f"""
SELECT 'pg_language'::regclass, l.oid, 0, 'language', quote_ident(l.lanname),
  concat_ws(E'\\n', 'owner ' || l.lanowner::regrole, CASE WHEN l.lanpltrusted THEN 'trusted' END,
    'handler ' || nullif(l.lanplcallfoid, 0)::regproc, 'inline ' || nullif(l.laninline, 0)::regproc,
    'validator ' || nullif(l.lanvalidator, 0)::regproc)
FROM pg_language l WHERE l.lanispl AND l.oid >= 16384 AND {_not_member("pg_language", "l.oid")}
UNION ALL
SELECT 'pg_am'::regclass, a.oid, 0, 'access method', quote_ident(a.amname),
  concat_ws(E'\\n', 'type ' || a.amtype::text, 'handler ' || a.amhandler)
FROM pg_am a WHERE a.oid >= 16384 AND {_not_member("pg_am", "a.oid")}
UNION ALL
SELECT 'pg_event_trigger'::regclass, e.oid, 0, 'event trigger', quote_ident(e.evtname),
  concat_ws(E'\\n', 'owner ' || e.evtowner::regrole, 'on ' || e.evtevent, 'tags ' || e.evttags::text,
    'execute ' || e.evtfoid::regprocedure, 'enabled ' || nullif(e.evtenabled, 'O')::text)
FROM pg_event_trigger e WHERE {_not_member("pg_event_trigger", "e.oid")}
"""

_PUBLICATIONS = f"""
SELECT 'pg_publication'::regclass, p.oid, 0, 'publication', quote_ident(p.pubname),
  concat_ws(E'\\n', 'owner ' || p.pubowner::regrole, CASE WHEN p.puballtables THEN 'all tables' END,
    CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
    CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END,
    CASE WHEN p.pubviaroot THEN 'via root' END{{generated}})
FROM pg_publication p WHERE {_not_member("pg_publication", "p.oid")}
UNION ALL
SELECT NULL, NULL, NULL, 'published table', r.name || ' in ' || quote_ident(p.pubname),
  concat_ws(E'\\n', '(' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.place)
      FROM unnest(e.prattrs) WITH ORDINALITY AS k (attnum, place)
      JOIN pg_attribute a ON a.attrelid = e.prrelid AND a.attnum = k.attnum) || ')',
    'where ' || pg_get_expr(e.prqual, e.prrelid))
FROM pg_publication_rel e JOIN pg_publication p ON p.oid = e.prpubid JOIN relations r ON r.oid = e.prrelid
WHERE {_not_member("pg_publication", "p.oid")}
UNION ALL
SELECT NULL, NULL, NULL, 'published schema', n.name || ' in ' || quote_ident(p.pubname), ''
FROM pg_publication_namespace e JOIN pg_publication p ON p.oid = e.pnpubid JOIN spaces n ON n.oid = e.pnnspid
WHERE {_not_member("pg_publication", "p.oid")}
"""

_SUBSCRIPTIONS = """
SELECT 'pg_subscription'::regclass, s.oid, 0, 'subscription', quote_ident(s.subname),
  concat_ws(E'\\n', 'owner ' || s.subowner::regrole, 'connection ' || s.subconninfo,
    'publications ' || s.subpublications::text, 'slot ' || s.subslotname::text, 'commit ' || s.subsynccommit,
    'binary ' || s.subbinary, 'streaming ' || s.substream::text, 'two phase ' || (s.subtwophasestate <> 'd'),
    'disable on error ' || s.subdisableonerr{more})
FROM pg_subscription s
WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def parts(version: int) -> list[Part]:
    more = ", 'origin ' || s.suborigin, 'password ' || s.subpasswordrequired, 'run as owner ' || s.subrunasowner"
    more += ", 'failover ' || s.subfailover" if version >= 17 else ""
    collations = _COLLATIONS.format(
        locale="colllocale" if version >= 17 else "colliculocale",
        rules=", 'rules ' || c.collicurules" if version >= 16 else "",
    )
    generated = ", 'generated columns ' || p.pubgencols::text" if version >= 18 else ""
    return [
        Part(_SCHEMAS),
        Part(_EXTENSIONS, made("pg_extension")),
        Part(_ENUMS_AND_SHELLS, _types("t.typtype IN ('e', 'p')")),
        Part(_DOMAINS, _types("t.typtype = 'd'")),
        Part(_COMPOSITES, some("pg_class WHERE relkind = 'c' AND oid >= 16384")),
        Part(_RANGES, _types("t.typtype = 'r'")),
        Part(_BASE_TYPES, _types(f"t.typtype = 'b' AND {_NO_ARRAY}")),
        Part(_ROUTINES, made("pg_proc")),
        Part(_OPERATORS, made("pg_operator")),
        Part(_CLASSES, made("pg_opclass", "pg_opfamily")),
        Part(collations, made("pg_collation")),
        Part(_CONVERSIONS, made("pg_conversion")),
        Part(_CASTS, made("pg_cast", "pg_transform")),
        Part(_TEXT_SEARCH, made("pg_ts_config", "pg_ts_dict", "pg_ts_parser", "pg_ts_template")),
        Part(_FOREIGN, f"{made('pg_foreign_data_wrapper')} OR {some('pg_foreign_server')}"),
        Part(_STATISTICS, some("pg_statistic_ext")),
        Part(_LANGUAGES, f"{made('pg_language', 'pg_am')} OR {some('pg_event_trigger')}"),
        Part(_PUBLICATIONS.format(generated=generated), some("pg_publication")),
        Part(_SUBSCRIPTIONS.format(more=more if version >= 16 else ""), some("pg_subscription")),
    ]


def _types(which: str) -> str:
    return some(f"pg_type t WHERE t.oid >= 16384 AND {which}")
