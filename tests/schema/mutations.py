"""Small changes of a catalogue: each a query that makes statements of the objects that are there."""

from __future__ import annotations

_USER = "relnamespace::regnamespace::text !~ '^(pg_|information_schema)'"


def _relations(kinds: str, statement: str, more: str = "true") -> str:
    return (
        f"SELECT format('{statement}', c.oid::regclass) FROM pg_class c"
        f" WHERE c.relkind IN ({kinds}) AND {_USER} AND {more}"
    )


def _tables(statement: str, more: str = "true") -> str:
    return _relations("'r', 'p'", f"ALTER TABLE %1$s {statement}", more)


def _columns(statement: str, more: str = "true", kinds: str = "'r', 'p'") -> str:
    return (
        f"SELECT format('{statement}', c.oid::regclass, quote_ident(a.attname)) FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        f" WHERE c.relkind IN ({kinds}) AND {_USER} AND {more}"
    )


def _column(statement: str, more: str = "true") -> str:
    return _columns(f"ALTER TABLE %1$s ALTER COLUMN %2$s {statement}", more)


def _of_tables(catalog: str, name: str, table: str, statement: str, more: str = "true") -> str:
    return (
        f"SELECT format('{statement}', quote_ident(x.{name}), c.oid::regclass) FROM {catalog} x"
        f" JOIN pg_class c ON c.oid = x.{table} WHERE {_USER} AND {more}"
    )


def _routines(statement: str, kinds: str = "'f', 'p'") -> str:
    return (
        f"SELECT format('{statement}', oid::regprocedure) FROM pg_proc WHERE prokind IN ({kinds})"
        " AND pronamespace::regnamespace::text !~ '^(pg_|information_schema)'"
    )


def _types(statement: str, more: str) -> str:
    return (
        f"SELECT format('{statement}', t.oid::regtype) FROM pg_type t"
        f" WHERE typnamespace::regnamespace::text !~ '^(pg_|information_schema)' AND {more}"
    )


def _schemas(statement: str) -> str:
    return (
        f"SELECT format('{statement}', oid::regnamespace) FROM pg_namespace"
        " WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
    )


def _named(catalog: str, name: str, statement: str) -> str:
    return f"SELECT format('{statement}', quote_ident({name})) FROM {catalog} WHERE oid >= 16384"


def _any(statement: str) -> str:
    """Of every object, whatever it is; a comment or an owner that it cannot have fails, which changes nothing."""
    return (
        f"SELECT format('{statement}', CASE WHEN i.type LIKE '% column' THEN 'COLUMN'"
        " WHEN i.type LIKE '% constraint' THEN 'CONSTRAINT' ELSE upper(i.type) END, i.identity)"
        " FROM (SELECT DISTINCT classid, objid, objsubid FROM pg_depend WHERE objid >= 16384) d"
        " CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i"
        " WHERE i.type <> 'default value' AND i.identity !~ 'pg_(toast|temp)'"
    )


_FOREIGN_KEY = "x.contype = 'f'"
_CONSTRAINT = "x.contype IN ('p', 'u', 'c', 'f', 'x') AND x.conrelid <> 0"
_PLAIN = "a.attidentity = '' AND a.attgenerated = ''"

MUTATIONS = (
    _any("COMMENT ON %s %s IS ''of this one''"),
    _any("COMMENT ON %s %s IS ''of that one''"),
    _any("COMMENT ON %s %s IS ''of another''"),
    _any("COMMENT ON %s %s IS NULL"),
    _any("ALTER %s %s OWNER TO app_writer"),
    _any("ALTER %s %s OWNER TO app_reader"),
    _any("ALTER %s %s RENAME TO renamed_object"),
    _any("ALTER %s %s SET SCHEMA side"),
    _any("ALTER %s %s SET TABLESPACE elsewhere"),
    _any("DROP %s %s CASCADE"),
    _any("DROP %s %s"),
    _any("ALTER %s %s DEPENDS ON EXTENSION plpgsql"),
    "SELECT 'ALTER OPERATOR FAMILY flag_family USING btree ADD FUNCTION 1 (flag, integer) btint4cmp(integer, integer)'",
    "SELECT 'ALTER OPERATOR < (flag, flag) SET (RESTRICT = NONE)'",
    "SELECT 'ALTER OPERATOR CLASS flag_ops USING btree RENAME TO flag_operators'",
    "SELECT 'ALTER TEXT SEARCH CONFIGURATION my_search ALTER MAPPING REPLACE simple WITH english_stem'",
    "SELECT 'ALTER TEXT SEARCH DICTIONARY my_dictionary (STOPWORDS)'",
    "SELECT 'ALTER SUBSCRIPTION my_subscription SET (binary = true, disable_on_error = true)'",
    "SELECT 'ALTER SUBSCRIPTION my_subscription CONNECTION ''dbname=away'' '",
    "SELECT 'ALTER USER MAPPING FOR PUBLIC SERVER my_server OPTIONS (ADD more ''yes'')'",
    "SELECT 'ALTER FOREIGN DATA WRAPPER my_wrapper OPTIONS (DROP a, ADD a ''1'')'",
    "SELECT 'ALTER FOREIGN DATA WRAPPER my_wrapper NO HANDLER'",
    "SELECT 'ALTER FOREIGN TABLE far ALTER COLUMN a OPTIONS (DROP q, SET p ''3'')'",
    "SELECT 'ALTER TYPE flag SET (STORAGE = plain, TYPMOD_IN = NONE)'",
    "SELECT 'ALTER EXTENSION citext SET SCHEMA public'",
    "SELECT 'ALTER EXTENSION citext DROP FUNCTION side.citext_cmp(side.citext, side.citext)'",
    "SELECT 'GRANT USAGE ON TYPE side.citext TO app_reader'",
    "SELECT 'CREATE CAST (varchar AS date) WITH INOUT AS IMPLICIT'",
    "SELECT 'CREATE OPERATOR !@# (RIGHTARG = integer, FUNCTION = int4abs)'",
    "SELECT 'CREATE INDEX CONCURRENTLY thing_slow ON thing (share)'",
    "SELECT 'ALTER INDEX event_kind ATTACH PARTITION event_old_kind'",
    "SELECT 'ALTER TABLE event DETACH PARTITION event_old'",
    "SELECT 'ALTER TABLE event ATTACH PARTITION event_old FOR VALUES FROM (''2018-01-01'') TO (''2019-01-01'')'",
    "SELECT 'ALTER TABLE parent DROP CONSTRAINT parent_b'",
    "SELECT 'ALTER TABLE ONLY parent DROP CONSTRAINT parent_b'",
    "SELECT 'ALTER TABLE ONLY parent ALTER COLUMN a SET NOT NULL'",
    "SELECT 'ALTER TABLE heir ALTER COLUMN a DROP NOT NULL'",
    "SELECT 'ALTER TABLE typed NOT OF'",
    "SELECT 'ALTER TABLE owner_of SET (fillfactor = 70)'",
    "SELECT 'DROP SCHEMA IF EXISTS side CASCADE'",
    _tables("OWNER TO app_writer"),
    _tables("OWNER TO plantroom_owner"),
    _tables("SET (fillfactor = 70)"),
    _tables("SET (autovacuum_enabled = false, fillfactor = 70)"),
    _tables("SET (toast.autovacuum_enabled = false)", "c.reltoastrelid <> 0"),
    _tables("RESET (fillfactor, toast.autovacuum_enabled)"),
    _tables("SET UNLOGGED"),
    _tables("SET LOGGED"),
    _tables("ENABLE ROW LEVEL SECURITY"),
    _tables("DISABLE ROW LEVEL SECURITY"),
    _tables("FORCE ROW LEVEL SECURITY"),
    _tables("REPLICA IDENTITY FULL"),
    _tables("REPLICA IDENTITY NOTHING"),
    _tables("REPLICA IDENTITY DEFAULT"),
    _tables("SET WITHOUT CLUSTER"),
    _tables("DISABLE TRIGGER ALL", "c.relhastriggers"),
    _tables("DISABLE TRIGGER USER", "c.relhastriggers"),
    _tables("ENABLE TRIGGER ALL", "c.relhastriggers"),
    _tables("ADD COLUMN added_later integer DEFAULT 7"),
    _tables("ADD COLUMN added_key bigint GENERATED BY DEFAULT AS IDENTITY"),
    _tables("ADD CONSTRAINT added_check CHECK (true) NOT VALID"),
    _tables("ADD CONSTRAINT added_alone CHECK (true) NO INHERIT", "c.relkind = 'r'"),
    _tables("SET SCHEMA public"),
    _tables("RENAME TO renamed_table"),
    _column("SET DEFAULT NULL", _PLAIN),
    _column("DROP DEFAULT", _PLAIN),
    _column("SET DEFAULT (random() * 10)::integer", f"{_PLAIN} AND a.atttypid = 'int4'::regtype"),
    _column("SET NOT NULL"),
    _column("DROP NOT NULL"),
    _column("SET STATISTICS 250"),
    _column("SET STATISTICS -1"),
    _column("SET STORAGE EXTERNAL"),
    _column("SET STORAGE PLAIN"),
    _column("SET STORAGE EXTENDED"),
    _column("SET COMPRESSION pglz"),
    _column("SET COMPRESSION default"),
    _column("SET (n_distinct = 5)"),
    _column("RESET (n_distinct)"),
    _column("DROP IDENTITY IF EXISTS"),
    _column("SET GENERATED ALWAYS", "a.attidentity <> ''"),
    _column("SET INCREMENT BY 5", "a.attidentity <> ''"),
    _column("DROP EXPRESSION IF EXISTS", "a.attgenerated = 's'"),
    _column("TYPE text", _PLAIN),
    _column('TYPE text COLLATE "C"', _PLAIN),
    _columns("ALTER TABLE %1$s DROP COLUMN %2$s CASCADE"),
    _columns("ALTER TABLE %1$s RENAME COLUMN %2$s TO renamed_column"),
    _columns("COMMENT ON COLUMN %1$s.%2$s IS ''of the column''", kinds="'r', 'p', 'v', 'm', 'f'"),
    _columns("COMMENT ON COLUMN %1$s.%2$s IS NULL"),
    _columns("GRANT SELECT (%2$s), UPDATE (%2$s) ON %1$s TO app_reader"),
    _columns("REVOKE ALL (%2$s) ON %1$s FROM app_reader"),
    _columns("CREATE INDEX ON %1$s (%2$s) WITH (fillfactor = 80) WHERE %2$s IS NOT NULL"),
    _columns("CREATE UNIQUE INDEX ON %1$s (%2$s) NULLS NOT DISTINCT"),
    _columns("CREATE INDEX ON %1$s ((%2$s::text)) INCLUDE (%2$s)"),
    _columns("ALTER TABLE %1$s ADD UNIQUE (%2$s) DEFERRABLE INITIALLY DEFERRED"),
    _columns("CREATE STATISTICS ON (%2$s::text) FROM %1$s"),
    _columns("CREATE VIEW public.view_added AS SELECT %2$s AS seen FROM %1$s"),
    _relations("'r', 'p'", "COMMENT ON TABLE %s IS ''of the table''"),
    _relations("'r', 'p'", "COMMENT ON TABLE %s IS NULL"),
    _relations("'r', 'p', 'v', 'm'", "GRANT SELECT ON %s TO app_reader"),
    _relations("'r', 'p', 'v', 'm'", "GRANT ALL ON %s TO PUBLIC"),
    _relations("'r', 'p', 'v', 'm'", "GRANT INSERT, SELECT ON %s TO app_writer WITH GRANT OPTION"),
    _relations("'r', 'p', 'v', 'm'", "REVOKE SELECT ON %s FROM app_reader"),
    _relations("'r', 'p', 'v', 'm'", "REVOKE ALL ON %s FROM plantroom_owner"),
    _relations("'r', 'p', 'v', 'm'", "GRANT ALL ON %s TO plantroom_owner"),
    _relations("'r'", "INSERT INTO %s DEFAULT VALUES"),
    _relations("'r', 'm'", "ANALYZE %s"),
    _relations("'r', 'p'", "CREATE POLICY added_policy ON %s FOR SELECT TO app_reader, app_writer USING (true)"),
    _relations("'r', 'p'", "CREATE RULE added_rule AS ON DELETE TO %s DO ALSO NOTHING"),
    _relations(
        "'r', 'p'",
        "CREATE TRIGGER added_trigger BEFORE UPDATE ON %s"
        " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    ),
    _relations("'p'", "CREATE TABLE public.added_part PARTITION OF %s DEFAULT"),
    _relations("'r'", "CREATE TABLE public.added_heir () INHERITS (%s)", "NOT c.relispartition"),
    _relations("'r'", "CREATE TABLE public.added_twin (LIKE %s INCLUDING ALL)"),
    _relations("'r', 'p'", "CREATE PUBLICATION added_publication FOR TABLE ONLY %s WITH (publish = ''insert'')"),
    _relations("'v'", "ALTER VIEW %s SET (security_barrier = true)"),
    _relations("'v'", "ALTER VIEW %s SET (check_option = local)"),
    _relations("'v'", "ALTER VIEW %s RESET (security_barrier, check_option)"),
    _relations("'m'", "REFRESH MATERIALIZED VIEW %s"),
    _relations("'m'", "REFRESH MATERIALIZED VIEW %s WITH NO DATA"),
    _relations("'m'", "ALTER MATERIALIZED VIEW %s SET (fillfactor = 60)"),
    _relations("'S'", "ALTER SEQUENCE %s CACHE 20 CYCLE"),
    _relations("'S'", "ALTER SEQUENCE %s AS smallint"),
    _relations("'S'", "ALTER SEQUENCE %s OWNED BY NONE"),
    _relations("'S'", "ALTER SEQUENCE %s MAXVALUE 30000 START WITH 3"),
    _relations("'S'", "ALTER SEQUENCE %s SET UNLOGGED"),
    _relations("'S'", "SELECT nextval(%L)"),
    _relations("'S'", "GRANT USAGE ON SEQUENCE %s TO app_reader"),
    _relations("'i'", "ALTER INDEX %s SET (fillfactor = 55)"),
    _relations("'i', 'I'", "ALTER INDEX %s ALTER COLUMN 1 SET STATISTICS 300"),
    _relations("'i', 'I'", "COMMENT ON INDEX %s IS ''of the index''"),
    _relations("'i', 'I'", "ALTER INDEX %s RENAME TO renamed_index"),
    _relations("'i'", "REINDEX INDEX %s"),
    _relations("'i'", "UPDATE pg_index SET indisvalid = NOT indisvalid WHERE indexrelid = ''%s''::regclass"),
    _of_tables(
        "(SELECT i.indrelid, k.relname FROM pg_index i JOIN pg_class k ON k.oid = i.indexrelid)",
        "relname",
        "indrelid",
        "ALTER TABLE %2$s CLUSTER ON %1$s",
    ),
    _of_tables(
        "(SELECT i.indrelid, k.relname FROM pg_index i JOIN pg_class k ON k.oid = i.indexrelid)",
        "relname",
        "indrelid",
        "ALTER TABLE %2$s REPLICA IDENTITY USING INDEX %1$s",
    ),
    _of_tables("pg_constraint", "conname", "conrelid", "ALTER TABLE %2$s VALIDATE CONSTRAINT %1$s", _CONSTRAINT),
    _of_tables("pg_constraint", "conname", "conrelid", "ALTER TABLE %2$s DROP CONSTRAINT %1$s CASCADE"),
    _of_tables("pg_constraint", "conname", "conrelid", "ALTER TABLE %2$s RENAME CONSTRAINT %1$s TO renamed_constraint"),
    _of_tables("pg_constraint", "conname", "conrelid", "COMMENT ON CONSTRAINT %1$s ON %2$s IS ''of the constraint''"),
    _of_tables(
        "pg_constraint", "conname", "conrelid", "ALTER TABLE %2$s ALTER CONSTRAINT %1$s DEFERRABLE", _FOREIGN_KEY
    ),
    _of_tables(
        "pg_constraint", "conname", "conrelid", "ALTER TABLE %2$s ALTER CONSTRAINT %1$s NOT ENFORCED", _FOREIGN_KEY
    ),
    _of_tables(
        "pg_constraint", "conname", "conrelid", "ALTER TABLE %2$s ALTER CONSTRAINT %1$s INHERIT", "x.connoinherit"
    ),
    _of_tables("pg_trigger", "tgname", "tgrelid", "ALTER TABLE %2$s DISABLE TRIGGER %1$s"),
    _of_tables("pg_trigger", "tgname", "tgrelid", "ALTER TABLE ONLY %2$s ENABLE REPLICA TRIGGER %1$s"),
    _of_tables("pg_trigger", "tgname", "tgrelid", "ALTER TABLE %2$s ENABLE ALWAYS TRIGGER %1$s"),
    _of_tables("pg_trigger", "tgname", "tgrelid", "COMMENT ON TRIGGER %1$s ON %2$s IS ''of the trigger''"),
    _of_tables("pg_rewrite", "rulename", "ev_class", "ALTER TABLE %2$s DISABLE RULE %1$s", "x.rulename <> '_RETURN'"),
    _of_tables("pg_rewrite", "rulename", "ev_class", "COMMENT ON RULE %1$s ON %2$s IS ''of the rule''"),
    _of_tables("pg_policy", "polname", "polrelid", "ALTER POLICY %1$s ON %2$s TO app_writer"),
    _of_tables("pg_policy", "polname", "polrelid", "ALTER POLICY %1$s ON %2$s TO PUBLIC USING (false)"),
    _of_tables("pg_policy", "polname", "polrelid", "COMMENT ON POLICY %1$s ON %2$s IS ''of the policy''"),
    _of_tables(
        "(SELECT i.inhrelid, p.relname FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent)",
        "relname",
        "inhrelid",
        "ALTER TABLE %2$s NO INHERIT %1$s",
        "NOT c.relispartition",
    ),
    _routines("ALTER ROUTINE %s OWNER TO app_writer", "'f', 'p', 'a', 'w'"),
    _routines("ALTER FUNCTION %s STABLE COST 7", "'f'"),
    _routines("ALTER FUNCTION %s STRICT PARALLEL SAFE LEAKPROOF", "'f'"),
    _routines("ALTER ROUTINE %s SECURITY DEFINER SET search_path = pg_catalog, pg_temp"),
    _routines("ALTER ROUTINE %s RESET ALL"),
    _routines("COMMENT ON ROUTINE %s IS ''of the routine''", "'f', 'p', 'a', 'w'"),
    _routines("GRANT EXECUTE ON ROUTINE %s TO app_reader", "'f', 'p', 'a', 'w'"),
    _routines("REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC", "'f', 'p', 'a', 'w'"),
    _routines("ALTER FUNCTION %s DEPENDS ON EXTENSION plpgsql", "'f'"),
    _types("ALTER TYPE %s ADD VALUE ''added label''", "t.typtype = 'e'"),
    _types("ALTER TYPE %s ADD VALUE ''first label'' BEFORE ''added label''", "t.typtype = 'e'"),
    _types("ALTER DOMAIN %s SET NOT NULL", "t.typtype = 'd'"),
    _types("ALTER DOMAIN %s DROP NOT NULL", "t.typtype = 'd'"),
    _types("ALTER DOMAIN %s SET DEFAULT NULL", "t.typtype = 'd'"),
    _types("ALTER DOMAIN %s ADD CONSTRAINT added_rule CHECK (true) NOT VALID", "t.typtype = 'd'"),
    _types("COMMENT ON CONSTRAINT added_rule ON DOMAIN %s IS ''of the domain''", "t.typtype = 'd'"),
    _types("ALTER DOMAIN %s VALIDATE CONSTRAINT added_rule", "t.typtype = 'd'"),
    _types("ALTER TYPE %s ADD ATTRIBUTE added_attribute numeric(5,2) CASCADE", "t.typtype = 'c'"),
    _types("COMMENT ON TYPE %s IS ''of the type''", "t.typtype <> 'b'"),
    _types("ALTER TYPE %s OWNER TO app_writer", "t.typtype <> 'b'"),
    _types("GRANT USAGE ON TYPE %s TO app_reader", "t.typtype <> 'b'"),
    _types("REVOKE USAGE ON TYPE %s FROM PUBLIC", "t.typtype <> 'b'"),
    _schemas("COMMENT ON SCHEMA %s IS ''of the schema''"),
    _schemas("COMMENT ON SCHEMA %s IS NULL"),
    _schemas("GRANT USAGE ON SCHEMA %s TO app_reader"),
    _schemas("GRANT CREATE ON SCHEMA %s TO PUBLIC"),
    _schemas("REVOKE ALL ON SCHEMA %s FROM PUBLIC"),
    _schemas("ALTER SCHEMA %s OWNER TO app_writer"),
    _schemas("ALTER DEFAULT PRIVILEGES FOR ROLE plantroom_owner IN SCHEMA %s GRANT SELECT ON TABLES TO app_reader"),
    _schemas("ALTER DEFAULT PRIVILEGES FOR ROLE plantroom_owner IN SCHEMA %s REVOKE SELECT ON TABLES FROM app_reader"),
    "SELECT 'ALTER DEFAULT PRIVILEGES FOR ROLE plantroom_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC'",
    "SELECT 'ALTER DEFAULT PRIVILEGES FOR ROLE app_writer GRANT USAGE ON SEQUENCES TO app_reader WITH GRANT OPTION'",
    "SELECT 'REVOKE EXECUTE ON FUNCTION pg_catalog.pg_sleep(double precision) FROM PUBLIC'",
    "SELECT 'GRANT SELECT ON pg_catalog.pg_authid TO app_reader'",
    "SELECT 'REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC'",
    "SELECT 'COMMENT ON EXTENSION plpgsql IS ''of the extension'''",
    "SELECT 'GRANT CREATE ON SCHEMA pg_catalog TO app_reader'",
    _named("pg_statistic_ext", "stxname", "ALTER STATISTICS public.%s SET STATISTICS 120"),
    _named("pg_statistic_ext", "stxname", "COMMENT ON STATISTICS public.%s IS ''of the statistics''"),
    _named("pg_publication", "pubname", "ALTER PUBLICATION %s SET (publish = ''update'', publish_via_partition_root)"),
    _named("pg_publication", "pubname", "ALTER PUBLICATION %s ADD TABLES IN SCHEMA public"),
    _named("pg_publication", "pubname", "ALTER PUBLICATION %s OWNER TO app_writer"),
    _named("pg_event_trigger", "evtname", "ALTER EVENT TRIGGER %s DISABLE"),
    _named("pg_event_trigger", "evtname", "COMMENT ON EVENT TRIGGER %s IS ''of the event trigger''"),
    _named("pg_foreign_server", "srvname", "ALTER SERVER %s OPTIONS (ADD zone ''a'')"),
    _named("pg_foreign_server", "srvname", "ALTER SERVER %s VERSION ''2''"),
    _named("pg_foreign_server", "srvname", "GRANT USAGE ON FOREIGN SERVER %s TO app_reader"),
    _named("pg_foreign_server", "srvname", "CREATE USER MAPPING FOR app_reader SERVER %s OPTIONS (area ''b'')"),
    _named("pg_foreign_data_wrapper", "fdwname", "COMMENT ON FOREIGN DATA WRAPPER %s IS ''of the wrapper''"),
    _named("pg_foreign_data_wrapper", "fdwname", "GRANT USAGE ON FOREIGN DATA WRAPPER %s TO app_writer"),
    "SELECT 'CREATE FOREIGN DATA WRAPPER added_wrapper OPTIONS (b ''2'', a ''1'')'",
    "SELECT 'CREATE SERVER added_server FOREIGN DATA WRAPPER added_wrapper'",
    "SELECT 'CREATE FOREIGN TABLE added_foreign (a integer OPTIONS (y ''1'') NOT NULL, b text) SERVER added_server'",
    "SELECT 'ALTER FOREIGN TABLE added_foreign ALTER COLUMN a OPTIONS (ADD x ''2'', DROP y)'",
    "SELECT 'ALTER FOREIGN TABLE added_foreign OPTIONS (ADD place ''here'')'",
    "SELECT 'CREATE ACCESS METHOD added_method TYPE INDEX HANDLER bthandler'",
    "SELECT 'COMMENT ON ACCESS METHOD added_method IS ''of the method'''",
    "SELECT 'CREATE SCHEMA added_schema AUTHORIZATION app_writer'",
    "SELECT 'CREATE EXTENSION pg_trgm'",
    "SELECT 'DROP EXTENSION IF EXISTS pg_trgm CASCADE'",
    "SELECT 'REVOKE EXECUTE ON FUNCTION similarity(text, text) FROM PUBLIC'",
    "SELECT 'CREATE TYPE added_range AS RANGE (subtype = float8, multirange_type_name = added_multi)'",
    "SELECT 'CREATE COLLATION added_collation (provider = libc, locale = ''C'')'",
    "SELECT 'CREATE TEXT SEARCH CONFIGURATION added_search (COPY = simple)'",
    "SELECT 'ALTER TEXT SEARCH CONFIGURATION added_search DROP MAPPING FOR email'",
    "SELECT 'CREATE TEMP TABLE passing (a integer PRIMARY KEY)'",
    "SELECT 'CREATE VIEW pg_temp.passing_view AS SELECT 1 AS one'",
)
