-- pair: domain-created-and-used
-- from
CREATE TABLE shop (
  mail text
);
-- to
CREATE DOMAIN email AS text CHECK (VALUE ~ '@');
CREATE TABLE shop (
  mail email
);
-- pair: domain-check-changed
-- from
CREATE DOMAIN percentage AS numeric(5,2) CONSTRAINT percentage_range CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE rebate (
  rate percentage
);
-- to
CREATE DOMAIN percentage AS numeric(5,2) CONSTRAINT percentage_range CHECK (VALUE BETWEEN -100 AND 100) CONSTRAINT percentage_not_one CHECK (VALUE <> 1);
CREATE TABLE rebate (
  rate percentage
);
-- pair: domain-default-and-not-null
-- from
CREATE DOMAIN short_code AS character varying(8);
CREATE TABLE zone (
  code short_code
);
-- to
CREATE DOMAIN short_code AS character varying(8) DEFAULT 'none' NOT NULL;
CREATE TABLE zone (
  code short_code
);
-- pair: domain-base-type-changed
-- from
CREATE DOMAIN quantity AS integer CHECK (VALUE >= 0);
CREATE TABLE stock_row (
  sku text,
  qty quantity DEFAULT 0
);
-- to
CREATE DOMAIN quantity AS numeric(12,3) CHECK (VALUE >= 0);
CREATE TABLE stock_row (
  sku text,
  qty quantity DEFAULT 0
);
-- pair: domain-collation
-- from
CREATE DOMAIN surname AS text;
-- to
CREATE DOMAIN surname AS text COLLATE "C";
-- pair: domain-constraint-not-valid
-- from
CREATE DOMAIN sku_code AS text;
CREATE TABLE sku_list (
  sku sku_code
);
-- to
CREATE DOMAIN sku_code AS text;
ALTER DOMAIN sku_code ADD CONSTRAINT sku_shape CHECK (VALUE ~ '^[A-Z]{3}') NOT VALID;
CREATE TABLE sku_list (
  sku sku_code
);
-- pair: domain-named-not-null (since 18)
-- from
CREATE DOMAIN plate AS text CONSTRAINT plate_given NOT NULL;
-- to
CREATE DOMAIN plate AS text CONSTRAINT plate_required NOT NULL;
-- pair: domain-over-domain-and-array
-- from
CREATE DOMAIN word AS text CHECK (VALUE !~ ' ');
CREATE TABLE tagged (
  t word
);
-- to
CREATE DOMAIN word AS text CHECK (VALUE !~ ' ');
CREATE DOMAIN short_word AS word CHECK (length(VALUE) < 12);
CREATE DOMAIN word_list AS word[] CHECK (cardinality(VALUE) < 5);
CREATE TABLE tagged (
  t short_word,
  more word_list
);
-- pair: domain-uses-function
-- from
CREATE FUNCTION luhn_ok(t text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT length(t) = 16 $$;
CREATE DOMAIN card_no AS text CHECK (luhn_ok(VALUE));
-- to
CREATE FUNCTION luhn_ok(t text, strict_len boolean) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT NOT strict_len OR length(t) = 16 $$;
CREATE DOMAIN card_no AS text CHECK (luhn_ok(VALUE, true));
-- pair: domain-default-in-generated-and-view
-- from
CREATE DOMAIN cents AS integer;
CREATE TABLE amount_row (
  net cents,
  twice cents GENERATED ALWAYS AS (net * 2) STORED
);
CREATE VIEW amount_v AS SELECT net, twice FROM amount_row;
-- to
CREATE DOMAIN cents AS bigint;
CREATE TABLE amount_row (
  net cents,
  twice cents GENERATED ALWAYS AS (net * 2) STORED
);
CREATE VIEW amount_v AS SELECT net, twice FROM amount_row;
-- pair: composite-attribute-added
-- from
CREATE TYPE address AS (street text, town text);
-- to
CREATE TYPE address AS (street text, town text, country character(2));
-- pair: composite-attribute-added-while-used
-- from
CREATE TYPE geo AS (lat numeric, lon numeric);
CREATE TABLE spot (
  name text,
  at geo,
  track geo[]
);
-- to
CREATE TYPE geo AS (lat numeric, lon numeric, alt numeric);
CREATE TABLE spot (
  name text,
  at geo,
  track geo[]
);
-- pair: composite-attribute-type-changed-unused
-- from
CREATE TYPE line AS (sku character varying(10), qty integer);
-- to
CREATE TYPE line AS (sku text COLLATE "C", qty numeric(8,2));
-- pair: composite-attribute-type-changed-while-used
-- from
CREATE TYPE money_part AS (currency character(3), amount integer);
CREATE TABLE fee_row (
  id integer,
  fee money_part
);
CREATE FUNCTION fee_text(f money_part) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT f.currency || f.amount $$;
-- to
CREATE TYPE money_part AS (currency character(3), amount numeric(10,2));
CREATE TABLE fee_row (
  id integer,
  fee money_part
);
CREATE FUNCTION fee_text(f money_part) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT f.currency || f.amount $$;
-- pair: composite-attribute-dropped-and-view
-- from
CREATE TYPE contact AS (mail text, fax text);
CREATE TABLE firm (
  c contact
);
CREATE VIEW firm_fax AS SELECT (c).fax FROM firm;
-- to
CREATE TYPE contact AS (mail text);
CREATE TABLE firm (
  c contact
);
CREATE VIEW firm_fax AS SELECT (c).mail AS fax FROM firm;
-- pair: composite-to-enum-same-name
-- from
CREATE TYPE marker AS (label text);
-- to
CREATE TYPE marker AS ENUM ('start', 'stop');
-- pair: composite-nested
-- from
CREATE TYPE inner_t AS (a integer);
CREATE TYPE outer_t AS (i inner_t, n integer);
-- to
CREATE TYPE inner_t AS (a bigint, b text);
CREATE TYPE outer_t AS (i inner_t[], n integer);
-- pair: range-type-created
-- from
CREATE TABLE promo (
  id integer,
  band numrange
);
-- to
CREATE TYPE price_band AS RANGE (SUBTYPE = numeric);
CREATE TABLE promo (
  id integer,
  band price_band
);
-- pair: range-type-options
-- from
CREATE TYPE float_band AS RANGE (SUBTYPE = double precision);
-- to
CREATE TYPE float_band AS RANGE (SUBTYPE = double precision, SUBTYPE_DIFF = float8mi, MULTIRANGE_TYPE_NAME = float_bands);
-- pair: range-type-with-collation-used
-- from
CREATE TYPE text_span AS RANGE (SUBTYPE = text, COLLATION = "C");
CREATE TABLE shelf (
  letters text_span
);
CREATE INDEX shelf_letters ON shelf USING gist (letters);
-- to
CREATE TYPE text_span AS RANGE (SUBTYPE = text, COLLATION = "POSIX");
CREATE TABLE shelf (
  letters text_span
);
CREATE INDEX shelf_letters ON shelf USING gist (letters);
-- pair: range-to-multirange-column
-- from
CREATE TABLE opening (
  id integer,
  hours int4range DEFAULT '[8,17)'::int4range,
  days datemultirange
);
-- to
CREATE TABLE opening (
  id integer,
  hours int4multirange DEFAULT '{[8,12),[13,17)}'::int4multirange,
  days daterange[]
);
-- pair: type-moved-between-uses
-- from
CREATE TYPE pair_t AS (k text, v text);
CREATE TABLE settings (
  entries pair_t[]
);
-- to
CREATE TYPE pair_t AS (k text, v text);
CREATE TABLE settings (
  entries jsonb
);
-- pair: table-row-type-used-in-other-table
-- from
CREATE TABLE template_row (
  a integer,
  b text
);
CREATE TABLE history (
  at timestamp,
  was template_row
);
-- to
CREATE TABLE template_row (
  a integer,
  b text,
  c date
);
CREATE TABLE history (
  at timestamp,
  was template_row
);
-- pair: types-nested-all-created
-- from
-- to
CREATE TYPE kind AS ENUM ('x', 'y');
CREATE DOMAIN kind_opt AS kind DEFAULT 'x';
CREATE TYPE kinded AS (k kind_opt, n integer);
CREATE TABLE kind_use (
  id integer,
  one kinded,
  many kinded[]
);
CREATE FUNCTION kind_count(k kinded[]) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT cardinality(k) $$;
-- pair: domain-base-among-views-and-generated
-- from
CREATE DOMAIN money_amount AS numeric(12,2) CHECK (VALUE >= 0);
CREATE TABLE article (
  nr serial PRIMARY KEY,
  price money_amount NOT NULL,
  "price incl." numeric GENERATED ALWAYS AS (price * 1.19) STORED
);
CREATE TABLE sale (id bigserial PRIMARY KEY, article integer REFERENCES article, total money_amount DEFAULT 0);
CREATE MATERIALIZED VIEW revenue AS SELECT article, sum(total) AS total FROM sale GROUP BY 1;
CREATE UNIQUE INDEX revenue_article ON revenue (article);
-- to
CREATE DOMAIN money_amount AS numeric(14,4) CHECK (VALUE >= 0);
CREATE TABLE article (
  nr serial PRIMARY KEY,
  price money_amount NOT NULL,
  "price incl." numeric GENERATED ALWAYS AS (price * 1.19) STORED
);
CREATE TABLE sale (id bigserial PRIMARY KEY, article integer REFERENCES article, total money_amount DEFAULT 0);
CREATE MATERIALIZED VIEW revenue AS SELECT article, sum(total) AS total FROM sale GROUP BY 1;
CREATE UNIQUE INDEX revenue_article ON revenue (article);
-- pair: domain-of-a-type-that-an-extension-brings
-- from
CREATE DOMAIN email AS text CHECK (VALUE ~ '@');
CREATE TABLE person (id integer PRIMARY KEY, mail email);
ALTER TABLE person ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON person FOR SELECT USING (mail = current_user::text);
-- to
CREATE EXTENSION citext;
CREATE DOMAIN email AS citext CHECK (VALUE ~ '@');
CREATE TABLE person (id integer PRIMARY KEY, mail email);
ALTER TABLE person ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON person FOR SELECT USING (mail = current_user::citext);
-- pair: range-type-gets-a-difference
-- from
CREATE FUNCTION apart(a integer, b integer) RETURNS double precision IMMUTABLE LANGUAGE sql AS 'SELECT (a - b)::double precision';
CREATE TYPE zr AS RANGE (subtype = integer);
CREATE TABLE booked (id integer PRIMARY KEY, span zr, spans zr[]);
-- to
CREATE FUNCTION apart(a integer, b integer) RETURNS double precision IMMUTABLE LANGUAGE sql AS 'SELECT (a - b)::double precision';
CREATE TYPE zr AS RANGE (subtype = integer, subtype_diff = apart);
CREATE TABLE booked (id integer PRIMARY KEY, span zr, spans zr[]);
