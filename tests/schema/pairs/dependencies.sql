-- pair: dep-type-change-everything-depends
-- from
CREATE TABLE core (
  id integer PRIMARY KEY,
  amount integer DEFAULT 10 NOT NULL,
  note text,
  doubled integer GENERATED ALWAYS AS (amount * 2) STORED,
  CONSTRAINT core_amount CHECK (amount > 0)
);
CREATE INDEX core_amount_ix ON core (amount) WHERE amount > 5;
CREATE INDEX core_expr_ix ON core ((amount + 1));
CREATE STATISTICS core_stx ON amount, note FROM core;
CREATE VIEW core_v AS SELECT id, amount FROM core;
CREATE MATERIALIZED VIEW core_m AS SELECT sum(amount) AS s FROM core_v;
ALTER TABLE core ENABLE ROW LEVEL SECURITY;
CREATE POLICY core_p ON core USING (amount < 1000);
CREATE FUNCTION core_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER core_t BEFORE UPDATE OF amount ON core FOR EACH ROW WHEN (NEW.amount > 3) EXECUTE FUNCTION core_fn();
-- to
CREATE TABLE core (
  id integer PRIMARY KEY,
  amount numeric(12,2) DEFAULT 10 NOT NULL,
  note text,
  doubled integer GENERATED ALWAYS AS (amount * 2) STORED,
  CONSTRAINT core_amount CHECK (amount > 0)
);
CREATE INDEX core_amount_ix ON core (amount) WHERE amount > 5;
CREATE INDEX core_expr_ix ON core ((amount + 1));
CREATE STATISTICS core_stx ON amount, note FROM core;
CREATE VIEW core_v AS SELECT id, amount FROM core;
CREATE MATERIALIZED VIEW core_m AS SELECT sum(amount) AS s FROM core_v;
ALTER TABLE core ENABLE ROW LEVEL SECURITY;
CREATE POLICY core_p ON core USING (amount < 1000);
CREATE FUNCTION core_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER core_t BEFORE UPDATE OF amount ON core FOR EACH ROW WHEN (NEW.amount > 3) EXECUTE FUNCTION core_fn();
-- pair: dep-function-everywhere-return-type
-- from
CREATE FUNCTION cat_of(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT n / 10 $$;
CREATE TABLE unit (
  n integer,
  c integer DEFAULT cat_of(50),
  g integer GENERATED ALWAYS AS (cat_of(n)) STORED,
  CONSTRAINT unit_cat CHECK (cat_of(n) < 100)
);
CREATE INDEX unit_cat_ix ON unit (cat_of(n));
CREATE VIEW unit_v AS SELECT n, cat_of(n) AS cat FROM unit;
-- to
CREATE FUNCTION cat_of(n integer) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT (n / 10)::bigint $$;
CREATE TABLE unit (
  n integer,
  c integer DEFAULT cat_of(50),
  g integer GENERATED ALWAYS AS (cat_of(n)) STORED,
  CONSTRAINT unit_cat CHECK (cat_of(n) < 100)
);
CREATE INDEX unit_cat_ix ON unit (cat_of(n));
CREATE VIEW unit_v AS SELECT n, cat_of(n) AS cat FROM unit;
-- pair: dep-function-dropped-with-users
-- from
CREATE FUNCTION tag(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT '#' || t $$;
CREATE TABLE label (
  t text DEFAULT tag('none'),
  u text
);
CREATE INDEX label_tag ON label (tag(u));
ALTER TABLE label ADD CONSTRAINT label_ok CHECK (tag(t) <> '#');
-- to
CREATE TABLE label (
  t text,
  u text
);
CREATE INDEX label_tag ON label (u);
-- pair: dep-function-on-table-used-in-its-check
-- from
CREATE TABLE setting (
  k text,
  v text
);
CREATE FUNCTION setting_of(key text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT v FROM setting WHERE k = key $$;
CREATE TABLE limit_row (
  n integer
);
-- to
CREATE TABLE setting (
  k text,
  v text
);
CREATE FUNCTION setting_of(key text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT v FROM setting WHERE k = key $$;
CREATE TABLE limit_row (
  n integer,
  unit text DEFAULT setting_of('unit'),
  CONSTRAINT limit_ok CHECK (n < setting_of('max')::integer)
);
-- pair: dep-sql-function-body-needs-later-table
-- from
-- to
CREATE TABLE zz_data (
  v integer
);
CREATE FUNCTION aa_sum() RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT sum(v) FROM zz_data $$;
CREATE TABLE bb_log (
  s bigint DEFAULT aa_sum()
);
CREATE VIEW aa_view AS SELECT aa_sum() AS s, b.s AS logged FROM bb_log b;
-- pair: dep-default-function-reads-own-table
-- from
-- to
CREATE TABLE chain (
  n bigint
);
CREATE FUNCTION chain_next() RETURNS bigint LANGUAGE sql AS $$ SELECT coalesce(max(n), 0) + 1 FROM chain $$;
ALTER TABLE chain ALTER COLUMN n SET DEFAULT chain_next();
-- pair: dep-atomic-function-and-view-cycle
-- from
-- to
CREATE TABLE zone_t (
  id integer,
  parent integer
);
CREATE VIEW a_zone AS SELECT id, parent FROM zone_t;
CREATE FUNCTION z_depth(z integer) RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT count(*) FROM a_zone WHERE a_zone.parent = z; END;
CREATE VIEW a_zone_depth AS SELECT id, z_depth(id) AS depth FROM zone_t;
-- pair: dep-table-to-view-with-dependants
-- from
CREATE TABLE people (
  id integer,
  name text
);
CREATE VIEW people_names AS SELECT name FROM people;
GRANT SELECT ON people TO app_reader;
-- to
CREATE TABLE people_base (
  id integer,
  name text
);
CREATE VIEW people AS SELECT id, name FROM people_base;
CREATE VIEW people_names AS SELECT name FROM people;
GRANT SELECT ON people TO app_reader;
-- pair: dep-views-swap-names
-- from
CREATE TABLE s (
  a integer,
  b integer
);
CREATE VIEW x AS SELECT a FROM s;
CREATE VIEW y AS SELECT b FROM s;
-- to
CREATE TABLE s (
  a integer,
  b integer
);
CREATE VIEW x AS SELECT b FROM s;
CREATE VIEW y AS SELECT a FROM s;
-- pair: dep-table-names-swap
-- from
CREATE TABLE first_t (
  a integer PRIMARY KEY,
  t text
);
CREATE TABLE second_t (
  b integer PRIMARY KEY,
  a integer REFERENCES first_t
);
-- to
CREATE TABLE second_t (
  a integer PRIMARY KEY,
  t text
);
CREATE TABLE first_t (
  b integer PRIMARY KEY,
  a integer REFERENCES second_t
);
-- pair: dep-view-on-dropped-and-new-column
-- from
CREATE TABLE stock (
  sku text,
  qty integer,
  old_bin text
);
CREATE VIEW stock_v AS SELECT sku, old_bin AS bin FROM stock;
CREATE VIEW stock_vv AS SELECT bin, count(*) AS n FROM stock_v GROUP BY bin;
-- to
CREATE TABLE stock (
  sku text,
  qty integer,
  bin_id integer
);
CREATE VIEW stock_v AS SELECT sku, bin_id AS bin FROM stock;
CREATE VIEW stock_vv AS SELECT bin, count(*) AS n FROM stock_v GROUP BY bin;
-- pair: dep-domain-enum-composite-chain-dropped
-- from
CREATE TYPE st AS ENUM ('a', 'b');
CREATE DOMAIN st_d AS st CHECK (VALUE <> 'b');
CREATE TYPE st_c AS (s st_d, n integer);
CREATE TABLE st_t (
  id integer,
  c st_c
);
CREATE FUNCTION st_f(x st_c) RETURNS st_d LANGUAGE sql IMMUTABLE AS $$ SELECT x.s $$;
CREATE VIEW st_v AS SELECT id, st_f(c) AS s FROM st_t;
-- to
CREATE TABLE st_t (
  id integer
);
-- pair: dep-sequence-default-in-view-base
-- from
CREATE SEQUENCE nr;
CREATE TABLE doc (
  no bigint DEFAULT nextval('nr') NOT NULL
);
CREATE VIEW doc_max AS SELECT max(no) AS m FROM doc;
-- to
CREATE TABLE doc (
  no integer GENERATED ALWAYS AS IDENTITY
);
CREATE VIEW doc_max AS SELECT max(no) AS m FROM doc;
-- pair: dep-function-argument-type-is-dropped-type
-- from
CREATE TYPE opt AS ENUM ('p', 'q');
CREATE FUNCTION use_opt(o opt) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT o::text $$;
-- to
CREATE FUNCTION use_opt(o text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT o $$;
-- pair: dep-trigger-function-with-rowtype-variable
-- from
-- to
CREATE TABLE a_first (
  id integer
);
CREATE TABLE b_row (
  id integer
);
CREATE FUNCTION z_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  r b_row%ROWTYPE;
BEGIN
  RETURN NEW;
END $$;
CREATE TRIGGER t1 AFTER INSERT ON a_first FOR EACH ROW EXECUTE FUNCTION z_trigger();
-- pair: dep-operator-in-index-dropped
-- from
CREATE FUNCTION mod3(a integer, b integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT (a + b) % 3 $$;
CREATE OPERATOR +% (LEFTARG = integer, RIGHTARG = integer, FUNCTION = mod3);
CREATE TABLE ring (
  a integer,
  b integer
);
CREATE INDEX ring_ix ON ring ((a +% b));
CREATE VIEW ring_v AS SELECT a +% b AS r FROM ring;
-- to
CREATE TABLE ring (
  a integer,
  b integer
);
CREATE INDEX ring_ix ON ring (((a + b) % 3));
CREATE VIEW ring_v AS SELECT (a + b) % 3 AS r FROM ring;
-- pair: dep-rls-policy-function-signature-changed
-- from
CREATE FUNCTION allowed(o text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT o = CURRENT_USER $$;
CREATE TABLE owned (
  o text
);
CREATE POLICY owned_p ON owned USING (allowed(o));
ALTER TABLE owned ENABLE ROW LEVEL SECURITY;
-- to
CREATE FUNCTION allowed(o text, admin text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT CURRENT_USER IN (o, admin) $$;
CREATE TABLE owned (
  o text
);
CREATE POLICY owned_p ON owned USING (allowed(o, 'app_writer'));
ALTER TABLE owned ENABLE ROW LEVEL SECURITY;
-- pair: dep-partitioned-with-view-index-trigger-type-change
-- from
CREATE TABLE flow (
  id integer NOT NULL,
  at date NOT NULL,
  rate real
) PARTITION BY RANGE (at);
CREATE TABLE flow_a PARTITION OF flow FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE INDEX flow_rate ON flow (rate);
CREATE VIEW flow_v AS SELECT id, rate FROM flow;
CREATE VIEW flow_a_v AS SELECT rate FROM flow_a;
-- to
CREATE TABLE flow (
  id integer NOT NULL,
  at date NOT NULL,
  rate double precision
) PARTITION BY RANGE (at);
CREATE TABLE flow_a PARTITION OF flow FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE INDEX flow_rate ON flow (rate);
CREATE VIEW flow_v AS SELECT id, rate FROM flow;
CREATE VIEW flow_a_v AS SELECT rate FROM flow_a;
-- pair: dep-matview-chain-over-function-over-table
-- from
CREATE TABLE quote (
  id integer,
  px numeric
);
CREATE FUNCTION last_px(q integer) RETURNS numeric LANGUAGE sql STABLE AS $$ SELECT px FROM public.quote WHERE id = q $$;
CREATE MATERIALIZED VIEW quote_m AS SELECT id, last_px(id) AS px FROM quote;
CREATE VIEW quote_v AS SELECT avg(px) AS mean FROM quote_m;
-- to
CREATE TABLE quote (
  id integer,
  px numeric,
  cur text
);
CREATE FUNCTION last_px(q integer) RETURNS text LANGUAGE sql STABLE AS $$ SELECT px || cur FROM public.quote WHERE id = q $$;
CREATE MATERIALIZED VIEW quote_m AS SELECT id, last_px(id) AS px FROM quote;
CREATE VIEW quote_v AS SELECT max(px) AS mean FROM quote_m;
-- pair: dep-table-dropped-others-keep-dangling
-- from
CREATE TABLE parent (
  id integer PRIMARY KEY
);
CREATE TABLE child (
  id integer,
  parent_id integer REFERENCES parent
);
CREATE VIEW parent_child AS SELECT p.id, c.id AS child FROM parent p JOIN child c ON c.parent_id = p.id;
CREATE RULE child_touch AS ON DELETE TO child DO ALSO DELETE FROM parent WHERE id = OLD.parent_id;
CREATE POLICY child_pol ON child USING (parent_id IN (SELECT id FROM parent));
-- to
CREATE TABLE child (
  id integer,
  parent_id integer
);
CREATE VIEW parent_child AS SELECT c.parent_id AS id, c.id AS child FROM child c;
-- pair: dep-not-null-dropped-under-primary-key-swap-and-identity
-- from
CREATE TABLE device (
  device_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  serial text
);
-- to
CREATE TABLE device (
  device_no integer,
  serial text PRIMARY KEY
);
-- pair: dep-unique-key-used-by-on-conflict-function
-- from
CREATE TABLE tally (
  k text,
  n integer,
  CONSTRAINT tally_k UNIQUE (k)
);
CREATE FUNCTION tally_up(key text) RETURNS void LANGUAGE sql
BEGIN ATOMIC
  INSERT INTO tally (k, n) VALUES (key, 1) ON CONFLICT ON CONSTRAINT tally_k DO UPDATE SET n = tally.n + 1;
END;
-- to
CREATE TABLE tally (
  k text,
  n integer,
  CONSTRAINT tally_key UNIQUE (k)
);
CREATE FUNCTION tally_up(key text) RETURNS void LANGUAGE sql
BEGIN ATOMIC
  INSERT INTO tally (k, n) VALUES (key, 1) ON CONFLICT ON CONSTRAINT tally_key DO UPDATE SET n = tally.n + 10;
END;
-- pair: dep-primary-key-changed-under-group-by-view
-- from
CREATE TABLE artist (
  id integer NOT NULL,
  code text NOT NULL,
  name text,
  CONSTRAINT artist_pkey PRIMARY KEY (id)
);
CREATE VIEW artist_n AS SELECT id, name, count(*) AS n FROM artist GROUP BY id;
-- to
CREATE TABLE artist (
  id integer NOT NULL,
  code text NOT NULL,
  name text,
  CONSTRAINT artist_pkey PRIMARY KEY (code)
);
CREATE VIEW artist_n AS SELECT id, name, count(*) AS n FROM artist GROUP BY id, name;
-- pair: dep-small-application-evolves
-- from
CREATE TYPE order_state AS ENUM ('open', 'paid');
CREATE TABLE customer (
  id serial PRIMARY KEY,
  name character varying(60) NOT NULL
);
CREATE TABLE orders (
  id serial PRIMARY KEY,
  customer_id integer NOT NULL REFERENCES customer,
  state order_state DEFAULT 'open' NOT NULL,
  total numeric(10,2)
);
CREATE INDEX orders_open ON orders (customer_id) WHERE state = 'open';
CREATE VIEW open_orders AS SELECT o.id, c.name, o.total FROM orders o JOIN customer c ON c.id = o.customer_id WHERE o.state = 'open';
-- to
CREATE TYPE order_state AS ENUM ('cart', 'open', 'paid', 'returned');
CREATE TABLE customer (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  email text UNIQUE
);
CREATE TABLE orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customer ON DELETE RESTRICT,
  state order_state DEFAULT 'cart' NOT NULL,
  total numeric(14,2),
  placed_at timestamp with time zone
);
CREATE INDEX orders_open ON orders (customer_id, placed_at) WHERE state = 'open';
CREATE VIEW open_orders AS SELECT o.id, c.name, c.email, o.total FROM orders o JOIN customer c ON c.id = o.customer_id WHERE o.state IN ('open', 'cart');
CREATE FUNCTION order_count(c bigint) RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT count(*) FROM open_orders WHERE id = c $$;
GRANT SELECT ON open_orders TO app_reader;
