-- pair: table-unlogged-and-logged
-- from
CREATE UNLOGGED TABLE session_cache (
  token text PRIMARY KEY,
  data bytea
);
-- to
CREATE TABLE session_cache (
  token text PRIMARY KEY,
  data bytea
);
-- pair: table-unlogged-with-owned-sequence
-- from
CREATE UNLOGGED TABLE job_queue (
  job_id serial PRIMARY KEY,
  task text
);
-- to
CREATE TABLE job_queue (
  job_id serial PRIMARY KEY,
  task text
);
-- pair: table-fillfactor
-- from
CREATE TABLE stock_level (
  sku text PRIMARY KEY,
  qty integer NOT NULL
);
-- to
CREATE TABLE stock_level (
  sku text PRIMARY KEY,
  qty integer NOT NULL
) WITH (fillfactor = 70);
-- pair: table-fillfactor-changed-option-swapped
-- from
CREATE TABLE stock_move (
  move_id bigint,
  qty integer
) WITH (fillfactor = 90, parallel_workers = 2);
-- to
CREATE TABLE stock_move (
  move_id bigint,
  qty integer
) WITH (fillfactor = 60, user_catalog_table = false);
-- pair: table-autovacuum-options
-- from
CREATE TABLE audit_trail (
  id bigint,
  what text
) WITH (autovacuum_enabled = false);
-- to
CREATE TABLE audit_trail (
  id bigint,
  what text
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_threshold = 500, toast.autovacuum_enabled = false);
-- pair: table-toast-options-only
-- from
CREATE TABLE contract_text (
  contract_id integer,
  body text
) WITH (toast_tuple_target = 4096);
-- to
CREATE TABLE contract_text (
  contract_id integer,
  body text
) WITH (toast.autovacuum_vacuum_threshold = 1000, vacuum_truncate = off);
-- pair: table-becomes-unlogged-with-foreign-key
-- from
CREATE TABLE import_batch (
  batch_id integer PRIMARY KEY
);
CREATE TABLE import_batch_row (
  batch_id integer REFERENCES import_batch,
  raw text
);
-- to
CREATE UNLOGGED TABLE import_batch (
  batch_id integer PRIMARY KEY
);
CREATE UNLOGGED TABLE import_batch_row (
  batch_id integer REFERENCES import_batch,
  raw text
);
-- pair: table-typed-to-plain
-- from
CREATE TYPE address_row AS (street text, town text, zip character varying(10));
CREATE TABLE address_book OF address_row (
  town NOT NULL,
  PRIMARY KEY (zip)
);
-- to
CREATE TYPE address_row AS (street text, town text, zip character varying(10));
CREATE TABLE address_book (
  street text,
  town text NOT NULL,
  zip character varying(10) NOT NULL,
  PRIMARY KEY (zip)
);
-- pair: table-cluster-and-replica-identity
-- from
CREATE TABLE tariff (
  tariff_id integer PRIMARY KEY,
  code text NOT NULL
);
CREATE UNIQUE INDEX tariff_code_key ON tariff (code);
ALTER TABLE tariff CLUSTER ON tariff_pkey;
ALTER TABLE tariff REPLICA IDENTITY FULL;
-- to
CREATE TABLE tariff (
  tariff_id integer PRIMARY KEY,
  code text NOT NULL
);
CREATE UNIQUE INDEX tariff_code_key ON tariff (code);
ALTER TABLE tariff CLUSTER ON tariff_code_key;
ALTER TABLE tariff REPLICA IDENTITY USING INDEX tariff_code_key;
-- pair: table-replica-identity-nothing
-- from
CREATE TABLE telemetry_raw (
  ts timestamp with time zone NOT NULL,
  val double precision
);
-- to
CREATE TABLE telemetry_raw (
  ts timestamp with time zone NOT NULL,
  val double precision
);
ALTER TABLE telemetry_raw REPLICA IDENTITY NOTHING;
-- pair: table-owner-changed
-- from
CREATE TABLE petty_cash (
  id integer,
  amount numeric
);
-- to
CREATE TABLE petty_cash (
  id integer,
  amount numeric
);
ALTER TABLE petty_cash OWNER TO app_writer;
