-- pair: comment-on-table-and-columns
-- from
CREATE TABLE crane (
  id integer,
  reach numeric
);
COMMENT ON TABLE crane IS 'harbour cranes';
-- to
CREATE TABLE crane (
  id integer,
  reach numeric
);
COMMENT ON TABLE crane IS 'harbour cranes; incl. mobile ones';
COMMENT ON COLUMN crane.reach IS E'metres\n(from the ''base'' \\ pivot)';
-- pair: comment-on-constraints-and-indexes
-- from
CREATE TABLE berth (
  no integer CONSTRAINT berth_pk PRIMARY KEY,
  len numeric CONSTRAINT berth_len CHECK (len > 0)
);
CREATE INDEX berth_len_ix ON berth (len);
-- to
CREATE TABLE berth (
  no integer CONSTRAINT berth_pk PRIMARY KEY,
  len numeric CONSTRAINT berth_len CHECK (len > 0)
);
CREATE INDEX berth_len_ix ON berth (len);
COMMENT ON CONSTRAINT berth_pk ON berth IS 'painted on the quay';
COMMENT ON CONSTRAINT berth_len ON berth IS 'metres';
COMMENT ON INDEX berth_len_ix IS 'for the planner';
-- pair: comment-on-code-objects
-- from
CREATE FUNCTION f_tax(n numeric) RETURNS numeric LANGUAGE sql AS $$ SELECT n $$;
CREATE PROCEDURE p_run() LANGUAGE sql AS $$ SELECT 1 $$;
CREATE TABLE t_host (
  id integer
);
CREATE FUNCTION t_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER t_trg BEFORE INSERT ON t_host FOR EACH ROW EXECUTE FUNCTION t_fn();
-- to
CREATE FUNCTION f_tax(n numeric) RETURNS numeric LANGUAGE sql AS $$ SELECT n $$;
COMMENT ON FUNCTION f_tax(numeric) IS 'identity for now';
CREATE PROCEDURE p_run() LANGUAGE sql AS $$ SELECT 1 $$;
COMMENT ON PROCEDURE p_run() IS 'nightly';
CREATE TABLE t_host (
  id integer
);
CREATE FUNCTION t_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER t_trg BEFORE INSERT ON t_host FOR EACH ROW EXECUTE FUNCTION t_fn();
COMMENT ON TRIGGER t_trg ON t_host IS 'does nothing';
-- pair: comment-on-types-and-sequences
-- from
CREATE TYPE ship_kind AS ENUM ('bulk');
CREATE DOMAIN imo AS text CONSTRAINT imo_shape CHECK (VALUE ~ '^\d{7}$');
CREATE TYPE hull AS (len numeric, beam numeric);
CREATE SEQUENCE call_no;
COMMENT ON SEQUENCE call_no IS 'old comment';
-- to
CREATE TYPE ship_kind AS ENUM ('bulk');
COMMENT ON TYPE ship_kind IS 'kinds of ship';
CREATE DOMAIN imo AS text CONSTRAINT imo_shape CHECK (VALUE ~ '^\d{7}$');
COMMENT ON DOMAIN imo IS 'IMO number';
COMMENT ON CONSTRAINT imo_shape ON DOMAIN imo IS 'seven digits';
CREATE TYPE hull AS (len numeric, beam numeric);
COMMENT ON TYPE hull IS 'outer measures';
COMMENT ON COLUMN hull.beam IS 'width';
CREATE SEQUENCE call_no;
-- pair: comment-on-schema-and-views
-- from
CREATE SCHEMA port;
CREATE VIEW port.clock AS SELECT now() AS t;
-- to
CREATE SCHEMA port;
COMMENT ON SCHEMA port IS 'port calls';
CREATE VIEW port.clock AS SELECT now() AS t;
COMMENT ON VIEW port.clock IS 'server time';
COMMENT ON COLUMN port.clock.t IS 'with zone';
-- pair: names-spaces-and-case
-- from
CREATE TABLE "Order Lines" (
  "Line No" integer PRIMARY KEY,
  "Net €" numeric
);
-- to
CREATE TABLE "Order Lines" (
  "Line No" bigint PRIMARY KEY,
  "Net €" numeric DEFAULT 0 NOT NULL,
  "Überweisung am" date
);
CREATE INDEX "Order Lines by Net" ON "Order Lines" ("Net €" DESC);
-- pair: names-differ-only-in-case
-- from
CREATE TABLE invoice (
  id integer
);
CREATE TABLE "Invoice" (
  id integer
);
-- to
CREATE TABLE invoice (
  id integer,
  "Id" text
);
CREATE TABLE "INVOICE" (
  id integer
);
-- pair: names-reserved-words
-- from
CREATE TABLE "user" (
  "order" integer,
  "select" text
);
-- to
CREATE TABLE "user" (
  "order" bigint NOT NULL,
  "select" text,
  "primary" boolean DEFAULT true,
  CONSTRAINT "check" CHECK ("order" > 0),
  CONSTRAINT "unique" UNIQUE ("select")
);
CREATE VIEW "table" AS SELECT "order" AS "where", "select" AS "from" FROM "user";
-- pair: names-dots-and-quotes
-- from
CREATE TABLE "v1.0" (
  "a.b" integer
);
-- to
CREATE TABLE "v1.0" (
  "a.b" integer,
  "say ""hi""" text DEFAULT '"'
);
COMMENT ON COLUMN "v1.0"."say ""hi""" IS 'it''s quoted';
CREATE UNIQUE INDEX "ix""q.""" ON "v1.0" ("say ""hi""");
-- pair: names-unicode-and-emoji
-- from
CREATE TABLE "顧客" (
  "名前" text
);
-- to
CREATE TABLE "顧客" (
  "名前" text NOT NULL,
  "🚢" integer
);
CREATE FUNCTION "größe"("länge" integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT "länge" * 2 $$;
CREATE INDEX "顧客_idx" ON "顧客" ("größe"("🚢"));
-- pair: names-quoted-schema
-- from
CREATE SCHEMA "My Schema";
CREATE TABLE "My Schema"."T" (
  "Id" serial PRIMARY KEY
);
-- to
CREATE SCHEMA "My Schema";
CREATE TYPE "My Schema"."Kind-Of" AS ENUM ('One', 'two');
CREATE TABLE "My Schema"."T" (
  "Id" serial PRIMARY KEY,
  "K" "My Schema"."Kind-Of" DEFAULT 'One'
);
-- pair: names-at-length-limit
-- from
CREATE TABLE quarterly_regional_distribution_centre_capacity_forecast_values (
  id integer
);
-- to
CREATE TABLE quarterly_regional_distribution_centre_capacity_forecast_values (
  id integer PRIMARY KEY,
  expected_number_of_pallets_including_overflow_storage_and_buffer integer CHECK (expected_number_of_pallets_including_overflow_storage_and_buffer > 0) UNIQUE
);
-- pair: names-quoted-trigger-policy-role-grants
-- from
CREATE TABLE "Payroll Run" (
  "Who" text
);
CREATE FUNCTION "Trg Fn"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
-- to
CREATE TABLE "Payroll Run" (
  "Who" text
);
CREATE FUNCTION "Trg Fn"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER "Before It" BEFORE UPDATE OF "Who" ON "Payroll Run" FOR EACH ROW EXECUTE FUNCTION "Trg Fn"();
ALTER TABLE "Payroll Run" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "Only Mine" ON "Payroll Run" USING ("Who" = CURRENT_USER);
GRANT SELECT ("Who") ON "Payroll Run" TO app_reader;
-- pair: names-type-like-builtin
-- from
CREATE TABLE "date" (
  "time" time,
  "text" text
);
-- to
CREATE TABLE "date" (
  "time" time,
  "text" text
);
CREATE DOMAIN public."integer" AS numeric;
CREATE TABLE odd (
  v public."integer",
  w pg_catalog.int4,
  x public."date"
);
