-- pair: primary-key-added
-- from
CREATE TABLE depot (
  depot_id integer NOT NULL,
  name text
);
-- to
CREATE TABLE depot (
  depot_id integer NOT NULL,
  name text,
  CONSTRAINT depot_pkey PRIMARY KEY (depot_id)
);
-- pair: primary-key-changed-to-composite
-- from
CREATE TABLE order_item (
  order_id integer NOT NULL,
  line_no integer NOT NULL,
  sku text NOT NULL,
  PRIMARY KEY (order_id)
);
-- to
CREATE TABLE order_item (
  order_id integer NOT NULL,
  line_no integer NOT NULL,
  sku text NOT NULL,
  PRIMARY KEY (order_id, line_no)
);
-- pair: primary-key-column-order-and-name
-- from
CREATE TABLE route_stop (
  route integer NOT NULL,
  stop integer NOT NULL,
  CONSTRAINT route_stop_pk PRIMARY KEY (route, stop)
);
-- to
CREATE TABLE route_stop (
  route integer NOT NULL,
  stop integer NOT NULL,
  CONSTRAINT route_stop_pkey PRIMARY KEY (stop, route)
);
-- pair: primary-key-moves-not-null-stays
-- from
CREATE TABLE locale_text (
  key text PRIMARY KEY,
  body text NOT NULL
);
-- to
CREATE TABLE locale_text (
  key text,
  body text PRIMARY KEY
);
-- pair: unique-added-and-composite
-- from
CREATE TABLE app_user (
  id integer PRIMARY KEY,
  email text,
  realm text,
  UNIQUE (email)
);
-- to
CREATE TABLE app_user (
  id integer PRIMARY KEY,
  email text,
  realm text,
  UNIQUE (realm, email)
);
-- pair: unique-nulls-not-distinct
-- from
CREATE TABLE discount (
  code text,
  branch integer,
  CONSTRAINT discount_once UNIQUE (code, branch)
);
-- to
CREATE TABLE discount (
  code text,
  branch integer,
  CONSTRAINT discount_once UNIQUE NULLS NOT DISTINCT (code, branch)
);
-- pair: unique-include-and-fillfactor
-- from
CREATE TABLE coupon (
  code text,
  worth numeric,
  CONSTRAINT coupon_code_uq UNIQUE (code)
);
-- to
CREATE TABLE coupon (
  code text,
  worth numeric,
  CONSTRAINT coupon_code_uq UNIQUE (code) INCLUDE (worth) WITH (fillfactor = 75)
);
-- pair: unique-constraint-to-unique-index
-- from
CREATE TABLE badge (
  badge_no text,
  CONSTRAINT badge_no_uq UNIQUE (badge_no)
);
-- to
CREATE TABLE badge (
  badge_no text
);
CREATE UNIQUE INDEX badge_no_uq ON badge (badge_no);
-- pair: unique-deferrable
-- from
CREATE TABLE playlist (
  pos integer,
  track text,
  CONSTRAINT playlist_pos UNIQUE (pos)
);
-- to
CREATE TABLE playlist (
  pos integer,
  track text,
  CONSTRAINT playlist_pos UNIQUE (pos) DEFERRABLE INITIALLY DEFERRED
);
-- pair: check-added-and-changed
-- from
CREATE TABLE reservation (
  seats integer,
  starts date,
  ends date,
  CONSTRAINT reservation_dates CHECK (ends >= starts)
);
-- to
CREATE TABLE reservation (
  seats integer,
  starts date,
  ends date,
  CONSTRAINT reservation_dates CHECK (ends > starts),
  CONSTRAINT reservation_seats_check CHECK (seats BETWEEN 1 AND 12)
);
-- pair: check-no-inherit
-- from
CREATE TABLE premium (
  amount numeric,
  CONSTRAINT premium_min CHECK (amount >= 5)
);
-- to
CREATE TABLE premium (
  amount numeric,
  CONSTRAINT premium_min CHECK (amount >= 5) NO INHERIT
);
-- pair: check-not-valid
-- from
CREATE TABLE donation (
  amount numeric
);
ALTER TABLE donation ADD CONSTRAINT donation_positive CHECK (amount > 0) NOT VALID;
-- to
CREATE TABLE donation (
  amount numeric,
  CONSTRAINT donation_positive CHECK (amount > 0)
);
-- pair: check-not-enforced (since 18)
-- from
CREATE TABLE promise (
  due date,
  CONSTRAINT promise_future CHECK (due > '2020-01-01') NOT ENFORCED
);
-- to
CREATE TABLE promise (
  due date,
  CONSTRAINT promise_future CHECK (due > '2020-01-01')
);
-- pair: check-renamed-only
-- from
CREATE TABLE temperature (
  celsius numeric,
  CONSTRAINT too_cold CHECK (celsius > -274)
);
-- to
CREATE TABLE temperature (
  celsius numeric,
  CONSTRAINT temperature_above_zero_kelvin CHECK (celsius > -274)
);
-- pair: check-list-of-values
-- from
CREATE TABLE incident (
  severity text,
  CONSTRAINT incident_severity_check CHECK (severity IN ('low', 'high'))
);
-- to
CREATE TABLE incident (
  severity text,
  CONSTRAINT incident_severity_check CHECK (severity IN ('low', 'medium', 'high', 'critical'))
);
-- pair: check-unnamed-several
-- from
CREATE TABLE part_weight (
  gross numeric CHECK (gross > 0),
  net numeric CHECK (net > 0),
  CHECK (gross >= net)
);
-- to
CREATE TABLE part_weight (
  gross numeric CHECK (gross > 0.1),
  net numeric,
  CHECK (gross >= net)
);
-- pair: check-uses-function
-- from
CREATE FUNCTION valid_iban(t text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT t ~ '^[A-Z]{2}\d{2}' $$;
CREATE TABLE bank_account (
  iban text
);
-- to
CREATE FUNCTION valid_iban(t text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT t ~ '^[A-Z]{2}\d{2}' AND length(t) < 35 $$;
CREATE TABLE bank_account (
  iban text,
  CONSTRAINT bank_account_iban CHECK (valid_iban(iban))
);
-- pair: check-with-whole-row
-- from
CREATE TABLE survey_answer (
  a integer,
  b integer
);
-- to
CREATE TABLE survey_answer (
  a integer,
  b integer,
  CONSTRAINT at_least_one CHECK (num_nonnulls(a, b) > 0)
);
-- pair: exclusion-gist-range
-- from
CREATE TABLE room_booking (
  during tstzrange NOT NULL,
  room box
);
-- to
CREATE TABLE room_booking (
  during tstzrange NOT NULL,
  room box,
  CONSTRAINT room_booking_no_clash EXCLUDE USING gist (during WITH &&)
);
-- pair: exclusion-predicate-and-deferrable
-- from
CREATE TABLE crane_slot (
  slot int4range,
  cancelled boolean,
  CONSTRAINT crane_slot_free EXCLUDE USING gist (slot WITH &&)
);
-- to
CREATE TABLE crane_slot (
  slot int4range,
  cancelled boolean,
  CONSTRAINT crane_slot_free EXCLUDE USING gist (slot WITH &&) WHERE (NOT cancelled) DEFERRABLE INITIALLY DEFERRED
);
-- pair: exclusion-btree-to-unique
-- from
CREATE TABLE seat (
  seat_no integer,
  CONSTRAINT seat_no_once EXCLUDE USING btree (seat_no WITH =)
);
-- to
CREATE TABLE seat (
  seat_no integer,
  CONSTRAINT seat_no_once UNIQUE (seat_no)
);
-- pair: not-null-named (since 18)
-- from
CREATE TABLE passport (
  number text NOT NULL,
  country text CONSTRAINT passport_has_country NOT NULL
);
-- to
CREATE TABLE passport (
  number text CONSTRAINT passport_needs_number NOT NULL,
  country text NOT NULL
);
-- pair: not-null-named-added (since 18)
-- from
CREATE TABLE visa (
  holder text
);
-- to
CREATE TABLE visa (
  holder text,
  CONSTRAINT visa_holder_present NOT NULL holder
);
-- pair: not-null-not-valid (since 18)
-- from
CREATE TABLE lead (
  email text
);
-- to
CREATE TABLE lead (
  email text
);
ALTER TABLE lead ADD CONSTRAINT lead_email_present NOT NULL email NOT VALID;
-- pair: temporal-primary-key (since 18)
-- from
CREATE TABLE rate_period (
  rate int4range NOT NULL,
  valid daterange NOT NULL
);
-- to
CREATE TABLE rate_period (
  rate int4range NOT NULL,
  valid daterange NOT NULL,
  CONSTRAINT rate_period_pk PRIMARY KEY (rate, valid WITHOUT OVERLAPS)
);
-- pair: temporal-unique (since 18)
-- from
CREATE TABLE lease (
  flat int4range,
  during tstzrange,
  CONSTRAINT lease_once UNIQUE (flat, during)
);
-- to
CREATE TABLE lease (
  flat int4range,
  during tstzrange,
  CONSTRAINT lease_once UNIQUE (flat, during WITHOUT OVERLAPS)
);
-- pair: temporal-foreign-key (since 18)
-- from
CREATE TABLE post (
  post_id int4range,
  valid daterange,
  PRIMARY KEY (post_id, valid WITHOUT OVERLAPS)
);
CREATE TABLE post_holder (
  holder text,
  post_id int4range,
  held daterange
);
-- to
CREATE TABLE post (
  post_id int4range,
  valid daterange,
  PRIMARY KEY (post_id, valid WITHOUT OVERLAPS)
);
CREATE TABLE post_holder (
  holder text,
  post_id int4range,
  held daterange,
  CONSTRAINT post_holder_post FOREIGN KEY (post_id, PERIOD held) REFERENCES post (post_id, PERIOD valid)
);
