-- pair: publication-for-table
-- from
CREATE TABLE orders (
  id integer PRIMARY KEY
);
CREATE TABLE customers (
  id integer PRIMARY KEY
);
CREATE PUBLICATION feed FOR TABLE orders;
-- to
CREATE TABLE orders (
  id integer PRIMARY KEY
);
CREATE TABLE customers (
  id integer PRIMARY KEY
);
CREATE PUBLICATION feed FOR TABLE orders, customers;
-- pair: publication-column-list-and-row-filter
-- from
CREATE TABLE account (
  id integer PRIMARY KEY,
  region text,
  secret text
);
CREATE PUBLICATION account_pub FOR TABLE account;
-- to
CREATE TABLE account (
  id integer PRIMARY KEY,
  region text,
  secret text
);
CREATE PUBLICATION account_pub FOR TABLE account (id, region) WHERE (id > 100);
-- pair: publication-row-filter-column-type-changed
-- from
CREATE TABLE shipment (
  id integer PRIMARY KEY,
  w integer
);
CREATE PUBLICATION ship_pub FOR TABLE shipment WHERE (w > 10) WITH (publish = 'insert');
-- to
CREATE TABLE shipment (
  id integer PRIMARY KEY,
  w numeric
);
CREATE PUBLICATION ship_pub FOR TABLE shipment WHERE (w > 10) WITH (publish = 'insert');
-- pair: publication-column-list-column-dropped
-- from
CREATE TABLE lot (
  id integer PRIMARY KEY,
  code text,
  note text
);
CREATE PUBLICATION lot_pub FOR TABLE lot (id, code, note);
-- to
CREATE TABLE lot (
  id integer PRIMARY KEY,
  code text
);
CREATE PUBLICATION lot_pub FOR TABLE lot (id, code);
-- pair: publication-all-tables-options
-- from
CREATE PUBLICATION everything FOR ALL TABLES;
-- to
CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert, update', publish_via_partition_root = true);
COMMENT ON PUBLICATION everything IS 'to the warehouse';
-- pair: publication-all-tables-to-named
-- from
CREATE TABLE a (
  id integer PRIMARY KEY
);
CREATE PUBLICATION p FOR ALL TABLES;
-- to
CREATE TABLE a (
  id integer PRIMARY KEY
);
CREATE PUBLICATION p FOR TABLE a;
-- pair: publication-tables-in-schema
-- from
CREATE SCHEMA sales;
CREATE SCHEMA support;
CREATE PUBLICATION schemas_pub FOR TABLES IN SCHEMA sales;
-- to
CREATE SCHEMA sales;
CREATE SCHEMA support;
CREATE TABLE public.extra (
  id integer PRIMARY KEY
);
CREATE PUBLICATION schemas_pub FOR TABLES IN SCHEMA sales, support, TABLE public.extra;
-- pair: publication-empty-and-generated-columns (since 18)
-- from
CREATE PUBLICATION empty_pub;
-- to
CREATE PUBLICATION empty_pub WITH (publish = 'truncate', publish_generated_columns = stored);
-- pair: publication-table-recreated
-- from
CREATE TABLE part (
  id integer PRIMARY KEY,
  yr integer
);
CREATE PUBLICATION part_pub FOR TABLE part;
-- to
CREATE TABLE part (
  id integer,
  yr integer,
  PRIMARY KEY (id, yr)
) PARTITION BY LIST (yr);
CREATE TABLE part_2024 PARTITION OF part FOR VALUES IN (2024);
CREATE PUBLICATION part_pub FOR TABLE part;
-- pair: statistics-kinds
-- from
CREATE TABLE addr (
  zip text,
  town text,
  street text
);
CREATE STATISTICS addr_stx (dependencies) ON zip, town FROM addr;
-- to
CREATE TABLE addr (
  zip text,
  town text,
  street text
);
CREATE STATISTICS addr_stx (ndistinct, dependencies, mcv) ON zip, town, street FROM addr;
-- pair: statistics-expressions-and-target
-- from
CREATE TABLE visit (
  at timestamp,
  cost numeric
);
-- to
CREATE TABLE visit (
  at timestamp,
  cost numeric
);
CREATE STATISTICS visit_day ON (date_trunc('day', at)), (cost * 100) FROM visit;
ALTER STATISTICS visit_day SET STATISTICS 250;
COMMENT ON STATISTICS visit_day IS 'day buckets';
-- pair: statistics-single-expression
-- from
CREATE TABLE load (
  n integer
);
CREATE STATISTICS load_mod ON (n % 10) FROM load;
-- to
CREATE TABLE load (
  n integer
);
CREATE STATISTICS load_mod ON (n % 100) FROM load;
-- pair: statistics-column-type-changed
-- from
CREATE TABLE cargo (
  port integer,
  kind text
);
CREATE STATISTICS cargo_stx (mcv) ON port, kind FROM cargo;
-- to
CREATE TABLE cargo (
  port bigint,
  kind text
);
CREATE STATISTICS cargo_stx (mcv) ON port, kind FROM cargo;
-- pair: statistics-column-dropped
-- from
CREATE TABLE hold (
  deck integer,
  bay integer,
  tier integer
);
CREATE STATISTICS hold_stx ON deck, bay, tier FROM hold;
-- to
CREATE TABLE hold (
  deck integer,
  bay integer
);
CREATE STATISTICS hold_stx ON deck, bay FROM hold;
-- pair: statistics-moved-to-other-schema-and-table
-- from
CREATE SCHEMA stx;
CREATE TABLE one (
  a integer,
  b integer
);
CREATE TABLE two (
  a integer,
  b integer
);
CREATE STATISTICS both_stx ON a, b FROM one;
-- to
CREATE SCHEMA stx;
CREATE TABLE one (
  a integer,
  b integer
);
CREATE TABLE two (
  a integer,
  b integer
);
CREATE STATISTICS stx.both_stx ON a, b FROM two;
-- pair: publication-of-a-new-schema
-- from
CREATE TABLE a (id integer PRIMARY KEY);
-- to
CREATE SCHEMA s;
CREATE TABLE a (id integer PRIMARY KEY);
CREATE PUBLICATION p FOR TABLES IN SCHEMA s;
