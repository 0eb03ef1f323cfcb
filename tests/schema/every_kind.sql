-- One object of every kind, and those of which pg_dump tells only a part. `elsewhere` is a tablespace of the cluster.
CREATE SCHEMA side AUTHORIZATION app_writer;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad');
CREATE TYPE pair AS (x integer, y text COLLATE "C");
CREATE DOMAIN percent AS integer DEFAULT 0 CONSTRAINT in_range CHECK (VALUE BETWEEN 0 AND 100);
CREATE TYPE span AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE TYPE shell;
CREATE TYPE flag;
CREATE FUNCTION flag_in(cstring) RETURNS flag LANGUAGE internal IMMUTABLE STRICT AS 'boolin';
CREATE FUNCTION flag_out(flag) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'boolout';
CREATE TYPE flag (INPUT = flag_in, OUTPUT = flag_out, PASSEDBYVALUE, INTERNALLENGTH = 1, ALIGNMENT = char, DEFAULT = 't');
CREATE FUNCTION flag_cmp(flag, flag) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'btboolcmp';
CREATE FUNCTION flag_lt(flag, flag) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'boollt';
CREATE FUNCTION flag_gt(flag, flag) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'boolgt';
CREATE FUNCTION flag_eq(flag, flag) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'booleq';
CREATE FUNCTION flag_int(flag) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'bool_int4';
CREATE OPERATOR < (LEFTARG = flag, RIGHTARG = flag, FUNCTION = flag_lt, COMMUTATOR = >, RESTRICT = scalarltsel);
CREATE OPERATOR > (LEFTARG = flag, RIGHTARG = flag, FUNCTION = flag_gt, COMMUTATOR = <, JOIN = scalargtjoinsel);
CREATE OPERATOR = (LEFTARG = flag, RIGHTARG = flag, FUNCTION = flag_eq, MERGES, HASHES, NEGATOR = <>);
CREATE OPERATOR FAMILY flag_family USING btree;
CREATE OPERATOR CLASS flag_ops DEFAULT FOR TYPE flag USING btree FAMILY flag_family AS
  OPERATOR 1 <, OPERATOR 3 =, OPERATOR 5 >, FUNCTION 1 flag_cmp(flag, flag);
CREATE CAST (flag AS integer) WITH FUNCTION flag_int(flag) AS ASSIGNMENT;
CREATE COLLATION plain (provider = libc, locale = 'C');
CREATE CONVERSION myconv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TEXT SEARCH PARSER my_parser (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
CREATE TEXT SEARCH TEMPLATE my_template (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY my_dictionary (TEMPLATE = my_template, STOPWORDS = english);
CREATE TEXT SEARCH CONFIGURATION my_search (PARSER = my_parser);
ALTER TEXT SEARCH CONFIGURATION my_search ADD MAPPING FOR asciiword, word WITH my_dictionary, simple;
CREATE LANGUAGE mine HANDLER plpgsql_call_handler VALIDATOR plpgsql_validator;
CREATE ACCESS METHOD my_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE ACCESS METHOD my_index TYPE INDEX HANDLER bthandler;
CREATE FUNCTION total(integer, integer DEFAULT 1) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
CREATE FUNCTION atomic(a integer) RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT a * 2; END;
CREATE PROCEDURE noop() LANGUAGE plpgsql SET search_path = pg_catalog AS 'BEGIN END';
CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE AGGREGATE summed (integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0', COMBINEFUNC = int4pl, PARALLEL = SAFE);
CREATE AGGREGATE moving (float8) (SFUNC = float8pl, STYPE = float8, MSFUNC = float8pl, MINVFUNC = float8mi, MSTYPE = float8);
CREATE EVENT TRIGGER my_watch ON ddl_command_end WHEN TAG IN ('CREATE AGGREGATE', 'DROP CAST') EXECUTE FUNCTION watch();
CREATE TABLE owner_of (id integer PRIMARY KEY, name text NOT NULL, mood mood, at timestamptz DEFAULT now());
CREATE TABLE thing (
  id bigint GENERATED ALWAYS AS IDENTITY (START WITH 10 CACHE 3) CONSTRAINT thing_key PRIMARY KEY,
  number serial,
  owner integer REFERENCES owner_of ON DELETE CASCADE DEFERRABLE,
  name varchar(20) COLLATE "C" NOT NULL,
  twice integer GENERATED ALWAYS AS (2 * 3) STORED,
  share percent,
  point pair,
  marks flag,
  during int4range,
  CONSTRAINT positive CHECK (number > 0),
  CONSTRAINT apart EXCLUDE USING gist (during WITH &&),
  UNIQUE (name) INCLUDE (owner)
);
ALTER TABLE thing ADD CONSTRAINT later CHECK (share > 1) NOT VALID;
CREATE INDEX thing_marks ON thing (marks);
CREATE INDEX thing_lower ON thing (lower(name), (number + 1)) WHERE number > 3;
ALTER INDEX thing_lower ALTER COLUMN 1 SET STATISTICS 77;
CREATE STATISTICS thing_statistics (ndistinct, mcv) ON number, name FROM thing;
CREATE TRIGGER thing_guard BEFORE INSERT OR UPDATE OF name ON thing FOR EACH ROW WHEN (NEW.number > 1) EXECUTE FUNCTION guard();
CREATE CONSTRAINT TRIGGER thing_late AFTER UPDATE ON thing DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard();
CREATE RULE thing_rule AS ON DELETE TO thing DO ALSO NOTHING;
CREATE POLICY thing_policy ON thing FOR UPDATE TO app_reader, app_writer USING (number > 1) WITH CHECK (number > 2);
ALTER TABLE thing ENABLE ROW LEVEL SECURITY;
CREATE TABLE event (at date NOT NULL, kind text NOT NULL, size integer DEFAULT 1, PRIMARY KEY (at, kind)) PARTITION BY RANGE (at);
CREATE TABLE event_old PARTITION OF event FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE event_new (kind text NOT NULL, at date NOT NULL, size integer DEFAULT 2);
ALTER TABLE event ATTACH PARTITION event_new FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
CREATE TABLE event_rest PARTITION OF event DEFAULT PARTITION BY LIST (kind);
CREATE TRIGGER event_guard AFTER INSERT ON event FOR EACH ROW EXECUTE FUNCTION guard();
CREATE INDEX event_size ON event (size);
CREATE INDEX event_kind ON ONLY event (kind);
CREATE INDEX event_old_kind ON event_old (kind);
CREATE TABLE parent (a integer NOT NULL DEFAULT 1, b text, CONSTRAINT parent_b CHECK (b <> ''), CONSTRAINT alone CHECK (a > 0) NO INHERIT);
CREATE TABLE other (a integer DEFAULT 3, c text);
CREATE TABLE heir (b text, d integer) INHERITS (parent);
CREATE TABLE heir_of_two (a integer DEFAULT 5) INHERITS (parent, other);
ALTER TABLE heir ALTER COLUMN a SET DEFAULT 9;
CREATE TABLE typed OF pair (x WITH OPTIONS NOT NULL DEFAULT 4);
CREATE TABLE kept (a integer, b text) TABLESPACE elsewhere;
CREATE UNLOGGED TABLE fleeting (a integer, b jsonb) WITH (fillfactor = 90, toast.autovacuum_enabled = false);
CREATE TABLE in_my_heap (a integer) USING my_heap;
CREATE SEQUENCE counter AS integer INCREMENT BY -2 MAXVALUE 100 START 50 CYCLE;
CREATE VIEW glad WITH (security_barrier) AS SELECT id, name FROM owner_of WHERE mood = 'glad' WITH CASCADED CHECK OPTION;
CREATE MATERIALIZED VIEW summary WITH (fillfactor = 80) AS SELECT name, count(*) AS many FROM thing GROUP BY name;
CREATE UNIQUE INDEX summary_name ON summary (name);
CREATE TABLE side.reference (thing bigint REFERENCES thing, event date, kind text, FOREIGN KEY (event, kind) REFERENCES event);
CREATE FOREIGN DATA WRAPPER my_wrapper OPTIONS (b '2', a '1');
CREATE SERVER my_server TYPE 'x' VERSION '1' FOREIGN DATA WRAPPER my_wrapper OPTIONS (z '1', y '2');
CREATE USER MAPPING FOR PUBLIC SERVER my_server OPTIONS (who 'anyone');
CREATE FOREIGN TABLE far (a integer OPTIONS (q '1', p '2') NOT NULL, b text DEFAULT 'x', CHECK (a > 0)) SERVER my_server OPTIONS (k 'v');
CREATE PUBLICATION my_publication FOR TABLE thing (id, name) WHERE (id > 5), ONLY event WITH (publish = 'insert');
CREATE PUBLICATION of_a_schema FOR TABLES IN SCHEMA side, TABLE thing WHERE (number > 5) WITH (publish = 'insert, update');
CREATE PUBLICATION all_of_it FOR ALL TABLES WITH (publish_via_partition_root);
CREATE SUBSCRIPTION my_subscription CONNECTION 'dbname=nowhere' PUBLICATION one, two WITH (connect = false, slot_name = NONE);
CREATE TRANSFORM FOR pair LANGUAGE plpgsql (FROM SQL WITH FUNCTION time_support(internal));
CREATE EXTENSION citext SCHEMA side;
GRANT SELECT ON thing TO app_reader;
GRANT UPDATE (name), SELECT (name) ON thing TO app_writer;
GRANT EXECUTE ON FUNCTION total(integer, integer) TO app_reader WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES IN SCHEMA side GRANT SELECT ON TABLES TO app_reader;
COMMENT ON COLUMN thing.name IS 'what it is called';
COMMENT ON CONSTRAINT positive ON thing IS 'a natural number';
