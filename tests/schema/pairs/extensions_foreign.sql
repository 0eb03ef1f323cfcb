-- pair: extension-created
-- from
-- to
CREATE EXTENSION citext;
-- pair: extension-type-used
-- from
CREATE TABLE account (
  id integer,
  login text
);
CREATE UNIQUE INDEX account_login ON account (login);
-- to
CREATE EXTENSION citext;
CREATE TABLE account (
  id integer,
  login citext
);
CREATE UNIQUE INDEX account_login ON account (login);
-- pair: extension-trigram-index
-- from
CREATE TABLE product (
  name text
);
-- to
CREATE EXTENSION pg_trgm;
CREATE TABLE product (
  name text
);
CREATE INDEX product_name_trgm ON product USING gin (name gin_trgm_ops);
-- pair: extension-hstore-to-jsonb
-- from
CREATE EXTENSION hstore;
CREATE TABLE attribute_bag (
  attrs hstore DEFAULT ''::hstore NOT NULL
);
CREATE INDEX attribute_bag_idx ON attribute_bag USING gin (attrs);
-- to
CREATE TABLE attribute_bag (
  attrs jsonb DEFAULT '{}'::jsonb NOT NULL
);
CREATE INDEX attribute_bag_idx ON attribute_bag USING gin (attrs);
-- pair: extension-btree-gist-exclusion
-- from
CREATE TABLE room_slot (
  room integer NOT NULL,
  during tsrange NOT NULL
);
-- to
CREATE EXTENSION btree_gist;
CREATE TABLE room_slot (
  room integer NOT NULL,
  during tsrange NOT NULL,
  CONSTRAINT room_slot_free EXCLUDE USING gist (room WITH =, during WITH &&)
);
-- pair: extension-btree-gist-temporal-key (since 18)
-- from
CREATE EXTENSION btree_gist;
CREATE TABLE price_at (
  sku integer NOT NULL,
  valid daterange NOT NULL,
  price numeric
);
-- to
CREATE EXTENSION btree_gist;
CREATE TABLE price_at (
  sku integer NOT NULL,
  valid daterange NOT NULL,
  price numeric,
  CONSTRAINT price_at_pkey PRIMARY KEY (sku, valid WITHOUT OVERLAPS)
);
CREATE TABLE price_use (
  sku integer,
  used daterange,
  CONSTRAINT price_use_fk FOREIGN KEY (sku, PERIOD used) REFERENCES price_at (sku, PERIOD valid)
);
-- pair: extension-in-own-schema
-- from
CREATE SCHEMA ext;
CREATE EXTENSION pg_trgm WITH SCHEMA ext;
-- to
CREATE SCHEMA ext;
CREATE EXTENSION pg_trgm WITH SCHEMA public;
-- pair: extension-comment
-- from
CREATE EXTENSION unaccent;
-- to
CREATE EXTENSION unaccent;
COMMENT ON EXTENSION unaccent IS 'for name search';
-- pair: extension-function-in-generated-and-view
-- from
CREATE EXTENSION fuzzystrmatch;
CREATE TABLE surname (
  s text
);
-- to
CREATE EXTENSION fuzzystrmatch;
CREATE TABLE surname (
  s text,
  sounds text GENERATED ALWAYS AS (soundex(s)) STORED
);
CREATE VIEW surname_pairs AS SELECT a.s AS one, b.s AS two FROM surname a JOIN surname b ON difference(a.s, b.s) > 2;
-- pair: extension-ltree-column
-- from
CREATE EXTENSION ltree;
CREATE TABLE node (
  path text
);
-- to
CREATE EXTENSION ltree;
CREATE TABLE node (
  path ltree
);
CREATE INDEX node_path ON node USING gist (path);
-- pair: extension-two-replaced
-- from
CREATE EXTENSION cube;
CREATE EXTENSION earthdistance;
-- to
CREATE EXTENSION intarray;
-- pair: foreign-file-table
-- from
-- to
CREATE EXTENSION file_fdw;
CREATE SERVER import_files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE bank_csv (
  booked date,
  amount numeric(12,2) NOT NULL,
  memo text
) SERVER import_files OPTIONS (filename '/srv/import/bank.csv', format 'csv', header 'true');
-- pair: foreign-table-columns-and-options
-- from
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE stock_csv (
  sku text,
  qty text
) SERVER files OPTIONS (filename '/srv/a.csv', format 'csv', delimiter ';');
-- to
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE stock_csv (
  sku text NOT NULL,
  qty integer,
  bin text OPTIONS (force_not_null 'true'),
  CONSTRAINT stock_csv_qty CHECK (qty >= 0)
) SERVER files OPTIONS (filename '/srv/b.csv', format 'csv', header 'true');
-- pair: foreign-server-options
-- from
CREATE EXTENSION postgres_fdw;
CREATE SERVER branch_db TYPE 'postgres' VERSION '15' FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'branch.example', dbname 'sales');
-- to
CREATE EXTENSION postgres_fdw;
CREATE SERVER branch_db TYPE 'postgres' VERSION '17' FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'branch2.example', dbname 'sales', fetch_size '500');
GRANT USAGE ON FOREIGN SERVER branch_db TO app_reader;
-- pair: foreign-user-mapping
-- from
CREATE EXTENSION postgres_fdw;
CREATE SERVER head_office FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname 'hq');
CREATE USER MAPPING FOR app_reader SERVER head_office OPTIONS (user 'viewer');
-- to
CREATE EXTENSION postgres_fdw;
CREATE SERVER head_office FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname 'hq');
CREATE USER MAPPING FOR app_reader SERVER head_office OPTIONS (user 'reporter');
CREATE USER MAPPING FOR PUBLIC SERVER head_office OPTIONS (user 'guest');
-- pair: foreign-table-to-local-table
-- from
CREATE EXTENSION postgres_fdw;
CREATE SERVER remote_crm FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE lead (
  lead_id integer OPTIONS (column_name 'id'),
  name text
) SERVER remote_crm OPTIONS (schema_name 'crm', table_name 'leads');
-- to
CREATE TABLE lead (
  lead_id integer,
  name text
);
-- pair: foreign-table-as-partition-and-view
-- from
CREATE EXTENSION file_fdw;
CREATE SERVER cold FOREIGN DATA WRAPPER file_fdw;
CREATE TABLE measure (
  yr integer NOT NULL,
  v numeric
) PARTITION BY LIST (yr);
CREATE TABLE measure_2020 PARTITION OF measure FOR VALUES IN (2020);
CREATE VIEW measure_mean AS SELECT yr, avg(v) AS mean FROM measure GROUP BY yr;
-- to
CREATE EXTENSION file_fdw;
CREATE SERVER cold FOREIGN DATA WRAPPER file_fdw;
CREATE TABLE measure (
  yr integer NOT NULL,
  v numeric
) PARTITION BY LIST (yr);
CREATE FOREIGN TABLE measure_2020 PARTITION OF measure FOR VALUES IN (2020) SERVER cold OPTIONS (filename '/srv/2020.csv');
CREATE VIEW measure_mean AS SELECT yr, avg(v) AS mean FROM measure GROUP BY yr;
-- pair: foreign-data-wrapper-bare
-- from
-- to
CREATE FOREIGN DATA WRAPPER nothing_wrapper OPTIONS (mode 'dry');
CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing_wrapper;
COMMENT ON SERVER nowhere IS 'a placeholder';
GRANT USAGE ON FOREIGN DATA WRAPPER nothing_wrapper TO app_writer;
