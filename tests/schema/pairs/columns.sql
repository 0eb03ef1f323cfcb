-- pair: column-added-and-dropped
-- from
CREATE TABLE customer (
  customer_id bigint PRIMARY KEY,
  display_name text NOT NULL
);
-- to
CREATE TABLE customer (
  customer_id bigint PRIMARY KEY,
  display_name text NOT NULL,
  vat_number character varying(20)
);
-- pair: column-not-null-with-default-added
-- from
CREATE TABLE purchase_order (
  order_no integer PRIMARY KEY
);
-- to
CREATE TABLE purchase_order (
  order_no integer PRIMARY KEY,
  status text DEFAULT 'draft' NOT NULL,
  placed_at timestamp with time zone DEFAULT now() NOT NULL
);
-- pair: column-in-the-middle
-- from
CREATE TABLE shipment (
  shipment_id integer NOT NULL,
  weight_kg numeric(8,3)
);
-- to
CREATE TABLE shipment (
  shipment_id integer NOT NULL,
  carrier text,
  weight_kg numeric(8,3)
);
-- pair: column-integer-widened
-- from
CREATE TABLE meter_reading (
  reading_id integer PRIMARY KEY,
  pulses integer DEFAULT 0 NOT NULL
);
-- to
CREATE TABLE meter_reading (
  reading_id bigint PRIMARY KEY,
  pulses bigint DEFAULT 0 NOT NULL
);
-- pair: column-varchar-length-and-text
-- from
CREATE TABLE supplier (
  code character varying(10),
  town character varying(40),
  notes character varying(500)
);
-- to
CREATE TABLE supplier (
  code character varying(16),
  town text,
  notes character varying
);
-- pair: column-text-to-integer
-- from
CREATE TABLE ledger_entry (
  entry_id bigint NOT NULL,
  period text
);
-- to
CREATE TABLE ledger_entry (
  entry_id bigint NOT NULL,
  period integer
);
-- pair: column-text-to-integer-with-default
-- from
CREATE TABLE rack (
  rack_id integer NOT NULL,
  level text DEFAULT '1'
);
-- to
CREATE TABLE rack (
  rack_id integer NOT NULL,
  level integer DEFAULT 1
);
-- pair: column-boolean-to-text
-- from
CREATE TABLE newsletter_consent (
  person_id integer,
  agreed boolean DEFAULT false NOT NULL
);
-- to
CREATE TABLE newsletter_consent (
  person_id integer,
  agreed text DEFAULT 'no' NOT NULL
);
-- pair: column-boolean-to-integer
-- from
CREATE TABLE valve (
  valve_id integer,
  is_open boolean DEFAULT true
);
-- to
CREATE TABLE valve (
  valve_id integer,
  is_open smallint DEFAULT 1
);
-- pair: column-numeric-precision
-- from
CREATE TABLE invoice_line (
  line_no integer NOT NULL,
  net_amount numeric(10,2) NOT NULL,
  tax_rate numeric(4,2),
  discount numeric
);
-- to
CREATE TABLE invoice_line (
  line_no integer NOT NULL,
  net_amount numeric(14,4) NOT NULL,
  tax_rate real,
  discount numeric(5,-1)
);
-- pair: column-timestamp-kinds
-- from
CREATE TABLE visit (
  visit_id integer,
  arrived timestamp without time zone,
  left_at timestamp with time zone,
  day date,
  slot time(3) without time zone,
  stay interval
);
-- to
CREATE TABLE visit (
  visit_id integer,
  arrived timestamp with time zone,
  left_at timestamp(3) with time zone,
  day timestamp without time zone,
  slot time without time zone,
  stay interval hour to minute
);
-- pair: column-json-to-jsonb
-- from
CREATE TABLE webhook (
  hook_id integer,
  payload json,
  headers text
);
-- to
CREATE TABLE webhook (
  hook_id integer,
  payload jsonb,
  headers jsonb
);
-- pair: column-scalar-to-array
-- from
CREATE TABLE technician (
  tech_id integer,
  skill text,
  phones character varying(30)[] DEFAULT '{}'::character varying[] NOT NULL
);
-- to
CREATE TABLE technician (
  tech_id integer,
  skill text[],
  phones text[] DEFAULT ARRAY[]::text[] NOT NULL
);
-- pair: column-uuid-from-text
-- from
CREATE TABLE api_client (
  client_key text NOT NULL,
  label text
);
-- to
CREATE TABLE api_client (
  client_key uuid DEFAULT gen_random_uuid() NOT NULL,
  label text
);
-- pair: column-array-element-type
-- from
CREATE TABLE price_history (
  sku text NOT NULL,
  prices integer[],
  tags text[][]
);
-- to
CREATE TABLE price_history (
  sku text NOT NULL,
  prices numeric(12,2)[],
  tags character varying(20)[]
);
-- pair: column-default-changes
-- from
CREATE TABLE ticket (
  ticket_id integer,
  priority smallint DEFAULT 3,
  opened_at timestamp with time zone DEFAULT now(),
  queue text,
  labels text[] DEFAULT '{new}'::text[],
  meta jsonb DEFAULT '{"v": 1}'::jsonb
);
-- to
CREATE TABLE ticket (
  ticket_id integer,
  priority smallint DEFAULT 5,
  opened_at timestamp with time zone DEFAULT clock_timestamp(),
  queue text DEFAULT 'inbox'::text,
  labels text[],
  meta jsonb DEFAULT '{}'::jsonb
);
-- pair: column-default-tricky-literals
-- from
CREATE TABLE mail_template (
  id integer,
  greeting text DEFAULT 'Dear O''Hara',
  path text DEFAULT 'C:\temp\new',
  marker text DEFAULT $q$it's; $1 -- not a comment$q$
);
-- to
CREATE TABLE mail_template (
  id integer,
  greeting text DEFAULT 'Dear O''Neill; or else',
  path text DEFAULT E'line one\nline two\ttab',
  marker text DEFAULT $q$/* neither is this */ "quoted"$q$
);
-- pair: column-not-null-toggled
-- from
CREATE TABLE contact (
  contact_id integer NOT NULL,
  email text,
  phone text NOT NULL
);
-- to
CREATE TABLE contact (
  contact_id integer NOT NULL,
  email text NOT NULL,
  phone text
);
-- pair: column-collation-changed
-- from
CREATE TABLE product_name (
  product_id integer NOT NULL,
  name text COLLATE "C",
  slug character varying(80)
);
-- to
CREATE TABLE product_name (
  product_id integer NOT NULL,
  name text,
  slug character varying(80) COLLATE "C"
);
-- pair: column-storage-and-compression (since 16)
-- from
CREATE TABLE scanned_document (
  doc_id integer NOT NULL,
  body bytea,
  ocr_text text COMPRESSION pglz,
  thumb bytea
);
ALTER TABLE scanned_document ALTER COLUMN thumb SET STORAGE EXTERNAL;
-- to
CREATE TABLE scanned_document (
  doc_id integer NOT NULL,
  body bytea STORAGE EXTERNAL,
  ocr_text text STORAGE MAIN,
  thumb bytea
);
-- pair: column-statistics-target-and-options
-- from
CREATE TABLE event_log (
  event_id bigint,
  kind text,
  actor integer
);
ALTER TABLE event_log ALTER COLUMN kind SET STATISTICS 500;
ALTER TABLE event_log ALTER COLUMN actor SET (n_distinct = -0.2);
-- to
CREATE TABLE event_log (
  event_id bigint,
  kind text,
  actor integer
);
ALTER TABLE event_log ALTER COLUMN kind SET STATISTICS 0;
ALTER TABLE event_log ALTER COLUMN event_id SET STATISTICS 1000;
ALTER TABLE event_log ALTER COLUMN actor SET (n_distinct = 40, n_distinct_inherited = 60);
-- pair: column-replaced-by-another
-- from
CREATE TABLE employee (
  emp_no integer PRIMARY KEY,
  full_name text NOT NULL
);
-- to
CREATE TABLE employee (
  emp_no integer PRIMARY KEY,
  given_name text,
  family_name text
);
-- pair: column-with-comment-type-changed
-- from
CREATE TABLE warehouse (
  wh_id integer,
  floor_area integer
);
COMMENT ON COLUMN warehouse.floor_area IS 'square metres, whole';
-- to
CREATE TABLE warehouse (
  wh_id integer,
  floor_area numeric(9,1)
);
COMMENT ON COLUMN warehouse.floor_area IS 'square metres, one decimal';
-- pair: column-bit-inet-and-geometry-types
-- from
CREATE TABLE gateway (
  gw_id integer,
  flags bit(8),
  address inet,
  hw macaddr,
  location point
);
-- to
CREATE TABLE gateway (
  gw_id integer,
  flags bit varying(16),
  address cidr,
  hw macaddr8,
  location point DEFAULT '(0,0)'::point NOT NULL
);
-- pair: table-without-columns
-- from
CREATE TABLE placeholder ();
-- to
CREATE TABLE placeholder (
  reserved_until date
);
-- pair: tables-created-in-bulk
-- from
-- to
CREATE TABLE region (
  region_code character(2) PRIMARY KEY,
  title text NOT NULL
);
CREATE TABLE branch (
  branch_id integer PRIMARY KEY,
  region_code character(2) NOT NULL REFERENCES region,
  opened date DEFAULT CURRENT_DATE
);
CREATE TABLE branch_hours (
  branch_id integer NOT NULL REFERENCES branch ON DELETE CASCADE,
  weekday smallint NOT NULL CHECK (weekday BETWEEN 1 AND 7),
  opens time NOT NULL,
  closes time NOT NULL,
  PRIMARY KEY (branch_id, weekday)
);
CREATE INDEX branch_region_idx ON branch (region_code);
-- pair: every-column-type-changed-at-once
-- from
CREATE TABLE import_row (
  a smallint,
  b real,
  c character(3),
  d date,
  e oid
);
-- to
CREATE TABLE import_row (
  a numeric,
  b double precision,
  c text,
  d text,
  e bigint
);
-- pair: column-default-on-identical-text-cast
-- from
CREATE TABLE parcel (
  parcel_id integer,
  state character varying(12) DEFAULT 'packed'
);
-- to
CREATE TABLE parcel (
  parcel_id integer,
  state text DEFAULT 'packed'
);
