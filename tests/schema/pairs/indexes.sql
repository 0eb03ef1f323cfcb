-- pair: index-btree-added
-- from
CREATE TABLE lot (
  lot_no text,
  expires date
);
-- to
CREATE TABLE lot (
  lot_no text,
  expires date
);
CREATE INDEX lot_expires_idx ON lot (expires);
-- pair: index-columns-and-order-changed
-- from
CREATE TABLE bid (
  auction integer,
  amount numeric,
  placed timestamp
);
CREATE INDEX bid_lookup ON bid (auction, amount);
-- to
CREATE TABLE bid (
  auction integer,
  amount numeric,
  placed timestamp
);
CREATE INDEX bid_lookup ON bid (auction, amount DESC NULLS LAST, placed NULLS FIRST);
-- pair: index-unique-toggled
-- from
CREATE TABLE domain_name (
  fqdn text
);
CREATE INDEX domain_name_fqdn ON domain_name (fqdn);
-- to
CREATE TABLE domain_name (
  fqdn text
);
CREATE UNIQUE INDEX domain_name_fqdn ON domain_name (fqdn);
-- pair: index-method-hash
-- from
CREATE TABLE file_blob (
  digest text
);
CREATE INDEX file_blob_digest ON file_blob (digest);
-- to
CREATE TABLE file_blob (
  digest text
);
CREATE INDEX file_blob_digest ON file_blob USING hash (digest);
-- pair: index-gin-jsonb-opclass
-- from
CREATE TABLE device_state (
  doc jsonb,
  tags text[]
);
CREATE INDEX device_state_doc ON device_state USING gin (doc);
-- to
CREATE TABLE device_state (
  doc jsonb,
  tags text[]
);
CREATE INDEX device_state_doc ON device_state USING gin (doc jsonb_path_ops) WITH (fastupdate = off);
CREATE INDEX device_state_tags ON device_state USING gin (tags);
-- pair: index-gist-and-spgist
-- from
CREATE TABLE site_shape (
  spot point,
  span daterange
);
CREATE INDEX site_spot ON site_shape USING gist (spot);
-- to
CREATE TABLE site_shape (
  spot point,
  span daterange
);
CREATE INDEX site_spot ON site_shape USING spgist (spot);
CREATE INDEX site_span ON site_shape USING gist (span) WITH (buffering = on);
-- pair: index-brin-options
-- from
CREATE TABLE sensor_sample (
  at timestamp with time zone,
  val double precision
);
CREATE INDEX sensor_sample_at ON sensor_sample USING brin (at);
-- to
CREATE TABLE sensor_sample (
  at timestamp with time zone,
  val double precision
);
CREATE INDEX sensor_sample_at ON sensor_sample USING brin (at timestamptz_minmax_multi_ops) WITH (pages_per_range = 32, autosummarize = on);
-- pair: index-opclass-parameters
-- from
CREATE TABLE track_bloom (
  vin text
);
CREATE INDEX track_bloom_vin ON track_bloom USING brin (vin text_bloom_ops);
-- to
CREATE TABLE track_bloom (
  vin text
);
CREATE INDEX track_bloom_vin ON track_bloom USING brin (vin text_bloom_ops (n_distinct_per_range = 500, false_positive_rate = 0.02));
-- pair: index-partial-predicate-changed
-- from
CREATE TABLE job_run (
  job text,
  state text,
  started timestamp
);
CREATE INDEX job_run_open ON job_run (started) WHERE state = 'open';
-- to
CREATE TABLE job_run (
  job text,
  state text,
  started timestamp
);
CREATE INDEX job_run_open ON job_run (started) WHERE state IN ('open', 'stuck') AND job IS NOT NULL;
-- pair: index-expression
-- from
CREATE TABLE login (
  name text,
  created timestamp
);
CREATE UNIQUE INDEX login_name ON login (lower(name));
-- to
CREATE TABLE login (
  name text,
  created timestamp
);
CREATE UNIQUE INDEX login_name ON login (lower(btrim(name)), (created::date));
-- pair: index-covering-include
-- from
CREATE TABLE stock (
  sku text,
  qty integer,
  bin text
);
CREATE INDEX stock_sku ON stock (sku);
-- to
CREATE TABLE stock (
  sku text,
  qty integer,
  bin text
);
CREATE INDEX stock_sku ON stock (sku) INCLUDE (qty, bin);
-- pair: index-opclass-pattern-and-collation
-- from
CREATE TABLE street (
  name text
);
CREATE INDEX street_prefix ON street (name text_pattern_ops);
-- to
CREATE TABLE street (
  name text
);
CREATE INDEX street_prefix ON street (name COLLATE "C");
-- pair: index-nulls-not-distinct
-- from
CREATE TABLE slot_plan (
  bay integer,
  slot integer
);
CREATE UNIQUE INDEX slot_plan_once ON slot_plan (bay, slot);
-- to
CREATE TABLE slot_plan (
  bay integer,
  slot integer
);
CREATE UNIQUE INDEX slot_plan_once ON slot_plan (bay, slot) NULLS NOT DISTINCT;
-- pair: index-fillfactor-and-deduplicate
-- from
CREATE TABLE zip_zone (
  zip text
);
CREATE INDEX zip_zone_zip ON zip_zone (zip) WITH (fillfactor = 70);
-- to
CREATE TABLE zip_zone (
  zip text
);
CREATE INDEX zip_zone_zip ON zip_zone (zip) WITH (fillfactor = 95, deduplicate_items = off);
-- pair: index-clustered-on
-- from
CREATE TABLE ledger_row (
  booked date,
  amount numeric
);
CREATE INDEX ledger_row_booked ON ledger_row (booked);
-- to
CREATE TABLE ledger_row (
  booked date,
  amount numeric
);
CREATE INDEX ledger_row_booked ON ledger_row (booked);
ALTER TABLE ledger_row CLUSTER ON ledger_row_booked;
-- pair: index-clustered-and-redefined
-- from
CREATE TABLE parcel_scan (
  at timestamp NOT NULL,
  code text NOT NULL
);
CREATE UNIQUE INDEX parcel_scan_key ON parcel_scan (at, code);
ALTER TABLE parcel_scan CLUSTER ON parcel_scan_key;
ALTER TABLE parcel_scan REPLICA IDENTITY USING INDEX parcel_scan_key;
-- to
CREATE TABLE parcel_scan (
  at timestamp NOT NULL,
  code text NOT NULL
);
CREATE UNIQUE INDEX parcel_scan_key ON parcel_scan (code, at);
ALTER TABLE parcel_scan CLUSTER ON parcel_scan_key;
ALTER TABLE parcel_scan REPLICA IDENTITY USING INDEX parcel_scan_key;
-- pair: index-replica-identity-dropped
-- from
CREATE TABLE sync_row (
  uid uuid NOT NULL,
  rev integer NOT NULL
);
CREATE UNIQUE INDEX sync_row_uid ON sync_row (uid);
ALTER TABLE sync_row REPLICA IDENTITY USING INDEX sync_row_uid;
-- to
CREATE TABLE sync_row (
  uid uuid NOT NULL,
  rev integer NOT NULL
);
-- pair: index-statistics-on-expression
-- from
CREATE TABLE basket_sum (
  net integer,
  tax integer
);
CREATE INDEX basket_sum_gross ON basket_sum ((net + tax));
-- to
CREATE TABLE basket_sum (
  net integer,
  tax integer
);
CREATE INDEX basket_sum_gross ON basket_sum ((net + tax));
ALTER INDEX basket_sum_gross ALTER COLUMN 1 SET STATISTICS 700;
-- pair: index-commented-and-redefined
-- from
CREATE TABLE fleet (
  plate text,
  yard integer
);
CREATE INDEX fleet_yard ON fleet (yard);
COMMENT ON INDEX fleet_yard IS 'yard lookup';
-- to
CREATE TABLE fleet (
  plate text,
  yard integer
);
CREATE INDEX fleet_yard ON fleet (yard, plate);
COMMENT ON INDEX fleet_yard IS 'yard lookup';
-- pair: index-column-type-changed
-- from
CREATE TABLE stop_time (
  trip text,
  seq text
);
CREATE INDEX stop_time_trip ON stop_time (trip text_pattern_ops);
CREATE INDEX stop_time_seq ON stop_time (seq) WHERE trip <> 'x';
-- to
CREATE TABLE stop_time (
  trip text,
  seq integer
);
CREATE INDEX stop_time_trip ON stop_time (trip text_pattern_ops);
CREATE INDEX stop_time_seq ON stop_time (seq) WHERE trip <> 'x';
-- pair: index-on-user-function
-- from
CREATE FUNCTION norm_plate(p text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT upper(p) $$;
CREATE TABLE car (
  plate text
);
CREATE INDEX car_plate_norm ON car (norm_plate(plate));
-- to
CREATE FUNCTION norm_plate(p text, keep_dash boolean DEFAULT false) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN keep_dash THEN upper(p) ELSE upper(replace(p, '-', '')) END $$;
CREATE TABLE car (
  plate text
);
CREATE INDEX car_plate_norm ON car (norm_plate(plate));
-- pair: index-names-swapped
-- from
CREATE TABLE swap_case (
  a integer,
  b integer
);
CREATE INDEX swap_one ON swap_case (a);
CREATE INDEX swap_two ON swap_case (b);
-- to
CREATE TABLE swap_case (
  a integer,
  b integer
);
CREATE INDEX swap_one ON swap_case (b);
CREATE INDEX swap_two ON swap_case (a);
-- pair: index-moves-to-another-table
-- from
CREATE TABLE left_table (
  k integer
);
CREATE TABLE right_table (
  k integer
);
CREATE INDEX lookup_k ON left_table (k);
-- to
CREATE TABLE left_table (
  k integer
);
CREATE TABLE right_table (
  k integer
);
CREATE INDEX lookup_k ON right_table (k);
-- pair: index-kept-while-column-dropped
-- from
CREATE TABLE consignment (
  origin text,
  target text,
  weight numeric,
  legacy_code text
);
CREATE INDEX consignment_route ON consignment (origin, target);
CREATE INDEX consignment_legacy ON consignment (legacy_code, origin);
-- to
CREATE TABLE consignment (
  origin text,
  target text,
  weight numeric
);
CREATE INDEX consignment_route ON consignment (origin, target);
CREATE INDEX consignment_weight ON consignment (weight) WHERE weight > 100;
