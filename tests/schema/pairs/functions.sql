-- pair: function-sql-body-changed
-- from
CREATE FUNCTION vat_of(net numeric) RETURNS numeric LANGUAGE sql AS $$ SELECT net * 0.19 $$;
-- to
CREATE FUNCTION vat_of(net numeric) RETURNS numeric LANGUAGE sql AS $$ SELECT round(net * 0.21, 2) $$;
-- pair: function-plpgsql-created
-- from
-- to
CREATE FUNCTION next_working_day(d date) RETURNS date
    LANGUAGE plpgsql STABLE
    AS $body$
DECLARE
  r date := d + 1;
BEGIN
  -- a comment with ; and 'quotes' and $$ dollars $$
  WHILE extract(isodow FROM r) > 5 LOOP
    r := r + 1;
  END LOOP;
  RETURN r;
END;
$body$;
-- pair: function-language-changed
-- from
CREATE FUNCTION double_it(x integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT x * 2 $$;
-- to
CREATE FUNCTION double_it(x integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN x * 2; END $$;
-- pair: function-begin-atomic
-- from
CREATE TABLE wallet (
  owner text,
  cents bigint
);
CREATE FUNCTION wallet_total() RETURNS numeric LANGUAGE sql AS $$ SELECT sum(cents) FROM wallet $$;
-- to
CREATE TABLE wallet (
  owner text,
  cents bigint
);
CREATE FUNCTION wallet_total() RETURNS numeric LANGUAGE sql
BEGIN ATOMIC
  SELECT sum(cents) / 100.0 FROM wallet WHERE owner <> 'house;';
END;
-- pair: function-begin-atomic-column-type-changed
-- from
CREATE TABLE crate (
  crate_id integer,
  weight integer
);
CREATE FUNCTION heavy_crates(m integer) RETURNS bigint LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT count(*) FROM crate WHERE weight > m;
END;
-- to
CREATE TABLE crate (
  crate_id integer,
  weight numeric(8,2)
);
CREATE FUNCTION heavy_crates(m integer) RETURNS bigint LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT count(*) FROM crate WHERE weight > m;
END;
-- pair: function-begin-atomic-return-expression
-- from
CREATE FUNCTION margin(buy numeric, sell numeric) RETURNS numeric LANGUAGE sql RETURN sell - buy;
-- to
CREATE FUNCTION margin(buy numeric, sell numeric) RETURNS numeric LANGUAGE sql IMMUTABLE RETURN (sell - buy) / nullif(buy, 0);
-- pair: function-overloads
-- from
CREATE FUNCTION describe(a integer) RETURNS text LANGUAGE sql AS $$ SELECT 'int' $$;
CREATE FUNCTION describe(a text) RETURNS text LANGUAGE sql AS $$ SELECT 'text' $$;
-- to
CREATE FUNCTION describe(a integer) RETURNS text LANGUAGE sql AS $$ SELECT 'integer' $$;
CREATE FUNCTION describe(a boolean) RETURNS text LANGUAGE sql AS $$ SELECT 'bool' $$;
CREATE FUNCTION describe(a integer, b integer) RETURNS text LANGUAGE sql AS $$ SELECT 'two' $$;
-- pair: function-default-arguments
-- from
CREATE FUNCTION page_of(n integer, size integer) RETURNS integer LANGUAGE sql AS $$ SELECT n / size $$;
-- to
CREATE FUNCTION page_of(n integer, size integer DEFAULT 20) RETURNS integer LANGUAGE sql AS $$ SELECT n / size $$;
-- pair: function-default-argument-value
-- from
CREATE FUNCTION greet(who text DEFAULT 'you', lang text DEFAULT 'en') RETURNS text LANGUAGE sql AS $$ SELECT who || lang $$;
-- to
CREATE FUNCTION greet(who text DEFAULT 'it''s you', lang text DEFAULT current_setting('server_encoding')) RETURNS text LANGUAGE sql AS $$ SELECT who || lang $$;
-- pair: function-return-type-changed
-- from
CREATE FUNCTION order_age(o date) RETURNS integer LANGUAGE sql AS $$ SELECT CURRENT_DATE - o $$;
-- to
CREATE FUNCTION order_age(o date) RETURNS interval LANGUAGE sql AS $$ SELECT age(o) $$;
-- pair: function-argument-names-changed
-- from
CREATE FUNCTION clamp(v integer, lo integer, hi integer) RETURNS integer LANGUAGE sql AS $$ SELECT least(hi, greatest(lo, v)) $$;
-- to
CREATE FUNCTION clamp(val integer, lowest integer, highest integer) RETURNS integer LANGUAGE sql AS $$ SELECT least(highest, greatest(lowest, val)) $$;
-- pair: function-argument-names-changed-with-dependants
-- from
CREATE FUNCTION net_of(g numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT g / 1.2 $$;
CREATE TABLE bill (
  gross numeric,
  net numeric GENERATED ALWAYS AS (net_of(gross)) STORED,
  CHECK (net_of(gross) > 0)
);
CREATE VIEW bill_net AS SELECT net_of(gross) AS n FROM bill;
-- to
CREATE FUNCTION net_of(gross_amount numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT gross_amount / 1.2 $$;
CREATE TABLE bill (
  gross numeric,
  net numeric GENERATED ALWAYS AS (net_of(gross)) STORED,
  CHECK (net_of(gross) > 0)
);
CREATE VIEW bill_net AS SELECT net_of(gross) AS n FROM bill;
-- pair: function-out-parameters
-- from
CREATE FUNCTION split_name(full_name text, OUT given text) LANGUAGE sql AS $$ SELECT split_part(full_name, ' ', 1) $$;
-- to
CREATE FUNCTION split_name(full_name text, OUT given text, OUT family text) LANGUAGE sql AS $$ SELECT split_part(full_name, ' ', 1), split_part(full_name, ' ', 2) $$;
-- pair: function-inout-parameter
-- from
CREATE FUNCTION bump(x integer) RETURNS integer LANGUAGE sql AS $$ SELECT x + 1 $$;
-- to
CREATE FUNCTION bump(INOUT x integer) LANGUAGE sql AS $$ SELECT x + 1 $$;
-- pair: function-returns-table
-- from
CREATE TABLE claim (
  claim_no integer,
  paid numeric
);
CREATE FUNCTION open_claims() RETURNS TABLE (claim_no integer) LANGUAGE sql AS $$ SELECT claim_no FROM claim $$;
-- to
CREATE TABLE claim (
  claim_no integer,
  paid numeric
);
CREATE FUNCTION open_claims() RETURNS TABLE (claim_no integer, paid numeric) LANGUAGE sql ROWS 50 AS $$ SELECT claim_no, paid FROM claim $$;
-- pair: function-returns-setof-table
-- from
CREATE TABLE event (
  id integer,
  at date
);
CREATE FUNCTION events_on(d date) RETURNS SETOF event LANGUAGE sql STABLE AS $$ SELECT * FROM event WHERE at = d $$;
-- to
CREATE TABLE event (
  id bigint,
  at date,
  place text
);
CREATE FUNCTION events_on(d date) RETURNS SETOF event LANGUAGE sql STABLE AS $$ SELECT * FROM event WHERE at = d $$;
-- pair: function-variadic
-- from
CREATE FUNCTION join_tags(sep text, tags text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT array_to_string(tags, sep) $$;
-- to
CREATE FUNCTION join_tags(sep text, VARIADIC tags text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT array_to_string(tags, sep) $$;
-- pair: function-attributes
-- from
CREATE FUNCTION lookup_rate(c text) RETURNS numeric LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;
-- to
CREATE FUNCTION lookup_rate(c text) RETURNS numeric LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER LEAKPROOF COST 500 PARALLEL SAFE AS $$ BEGIN RETURN 1; END $$;
-- pair: function-set-options
-- from
CREATE FUNCTION tidy(t text) RETURNS text LANGUAGE sql SET search_path TO 'public' AS $$ SELECT trim(t) $$;
-- to
CREATE FUNCTION tidy(t text) RETURNS text LANGUAGE sql SET search_path TO 'pg_catalog', 'pg_temp' SET work_mem TO '8MB' SET datestyle TO 'ISO, DMY' AS $$ SELECT trim(t) $$;
-- pair: function-to-procedure
-- from
CREATE FUNCTION close_month(m date) RETURNS void LANGUAGE sql AS $$ SELECT $$;
-- to
CREATE PROCEDURE close_month(m date) LANGUAGE sql AS $$ SELECT $$;
-- pair: procedure-arguments
-- from
CREATE TABLE till (
  till_no integer,
  sum numeric
);
CREATE PROCEDURE settle(n integer) LANGUAGE plpgsql AS $$
BEGIN
  UPDATE till SET sum = 0 WHERE till_no = n;
END $$;
-- to
CREATE TABLE till (
  till_no integer,
  sum numeric
);
CREATE PROCEDURE settle(n integer, INOUT taken numeric DEFAULT NULL) LANGUAGE plpgsql AS $$
BEGIN
  SELECT sum INTO taken FROM till WHERE till_no = n;
  UPDATE till SET sum = 0 WHERE till_no = n;
  COMMIT;
END $$;
-- pair: procedure-begin-atomic-security
-- from
CREATE TABLE counter (
  k text,
  n integer
);
CREATE PROCEDURE hit(key text) LANGUAGE sql
BEGIN ATOMIC
  UPDATE counter SET n = n + 1 WHERE k = key;
END;
-- to
CREATE TABLE counter (
  k text,
  n integer
);
CREATE PROCEDURE hit(key text) LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
  UPDATE counter SET n = n + 1 WHERE k = key;
  INSERT INTO counter (k, n) SELECT key, 1 WHERE NOT EXISTS (SELECT FROM counter WHERE k = key);
END;
-- pair: function-polymorphic
-- from
CREATE FUNCTION first_of(a anyarray) RETURNS anyelement LANGUAGE sql IMMUTABLE AS $$ SELECT a[1] $$;
-- to
CREATE FUNCTION first_of(a anycompatiblearray) RETURNS anycompatible LANGUAGE sql IMMUTABLE AS $$ SELECT a[1] $$;
-- pair: function-calls-function
-- from
CREATE FUNCTION base_price(s text) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT 10::numeric $$;
CREATE FUNCTION list_price(s text) RETURNS numeric LANGUAGE sql IMMUTABLE RETURN base_price(s) * 2;
-- to
CREATE FUNCTION base_price(s text, year integer) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT 10::numeric + year $$;
CREATE FUNCTION list_price(s text) RETURNS numeric LANGUAGE sql IMMUTABLE RETURN base_price(s, 2024) * 2;
-- pair: function-used-in-default
-- from
CREATE FUNCTION new_token() RETURNS text LANGUAGE sql AS $$ SELECT md5(random()::text) $$;
CREATE TABLE device (
  token text DEFAULT new_token() NOT NULL
);
-- to
CREATE FUNCTION new_token() RETURNS uuid LANGUAGE sql AS $$ SELECT gen_random_uuid() $$;
CREATE TABLE device (
  token uuid DEFAULT new_token() NOT NULL
);
-- pair: function-row-type-argument
-- from
CREATE TABLE parcel (
  w integer,
  h integer
);
CREATE FUNCTION parcel_area(p parcel) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT p.w * p.h $$;
-- to
CREATE TABLE parcel (
  w integer,
  h integer,
  d integer
);
CREATE FUNCTION parcel_area(p parcel) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT p.w * p.h * p.d $$;
-- pair: function-table-dropped-with-row-function
-- from
CREATE TABLE relic (
  a integer
);
CREATE FUNCTION relic_label(r relic) RETURNS text LANGUAGE sql AS $$ SELECT 'relic ' || r.a $$;
CREATE VIEW relic_labels AS SELECT relic_label(r) AS l FROM relic r;
-- to
-- pair: function-signature-uses-enum-array
-- from
CREATE TYPE channel AS ENUM ('web', 'phone');
CREATE FUNCTION pick(c channel[]) RETURNS channel LANGUAGE sql IMMUTABLE AS $$ SELECT c[1] $$;
-- to
CREATE TYPE channel AS ENUM ('web', 'phone', 'shop');
CREATE FUNCTION pick(c channel[], VARIADIC more text[]) RETURNS channel LANGUAGE sql IMMUTABLE AS $$ SELECT c[1] $$;
-- pair: function-empty-body-and-odd-quotes
-- from
CREATE FUNCTION noop() RETURNS void LANGUAGE sql AS '';
-- to
CREATE FUNCTION noop() RETURNS void LANGUAGE sql AS ' SELECT ''$$ $_$ it''''s'' ';
-- pair: function-null-input-and-support-window
-- from
CREATE FUNCTION coalesce_zero(n numeric) RETURNS numeric LANGUAGE sql STRICT PARALLEL RESTRICTED AS $$ SELECT n $$;
-- to
CREATE FUNCTION coalesce_zero(n numeric) RETURNS numeric LANGUAGE sql CALLED ON NULL INPUT PARALLEL UNSAFE COST 1 AS $$ SELECT n $$;
