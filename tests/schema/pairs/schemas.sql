-- pair: schema-created-with-objects
-- from
-- to
CREATE SCHEMA inventory;
CREATE TABLE inventory.bin (
  bin_id integer PRIMARY KEY
);
CREATE VIEW inventory.bin_list AS SELECT bin_id FROM inventory.bin;
-- pair: schema-objects-moved
-- from
CREATE SCHEMA old_area;
CREATE SCHEMA new_area;
CREATE TABLE old_area.doc (
  id integer PRIMARY KEY
);
CREATE VIEW old_area.doc_v AS SELECT id FROM old_area.doc;
-- to
CREATE SCHEMA old_area;
CREATE SCHEMA new_area;
CREATE TABLE new_area.doc (
  id integer PRIMARY KEY
);
CREATE VIEW old_area.doc_v AS SELECT id FROM new_area.doc;
-- pair: schema-type-moved-under-column
-- from
CREATE TYPE public.severity AS ENUM ('low', 'high');
CREATE TABLE fault (
  s public.severity DEFAULT 'low'
);
-- to
CREATE SCHEMA lookup;
CREATE TYPE lookup.severity AS ENUM ('low', 'high');
CREATE TABLE fault (
  s lookup.severity DEFAULT 'low'
);
-- pair: schema-same-name-in-two
-- from
CREATE SCHEMA a;
CREATE SCHEMA b;
CREATE TABLE a.item (
  id integer PRIMARY KEY
);
CREATE TABLE b.item (
  id integer PRIMARY KEY,
  other integer CONSTRAINT item_other_fkey REFERENCES a.item
);
CREATE INDEX item_other ON b.item (other);
-- to
CREATE SCHEMA a;
CREATE SCHEMA b;
CREATE TABLE b.item (
  id integer PRIMARY KEY
);
CREATE TABLE a.item (
  id integer PRIMARY KEY,
  other integer CONSTRAINT item_other_fkey REFERENCES b.item
);
CREATE INDEX item_other ON a.item (other);
-- pair: schema-cross-foreign-keys
-- from
CREATE SCHEMA hr;
CREATE SCHEMA pay;
CREATE TABLE hr.person (
  id integer PRIMARY KEY
);
CREATE TABLE pay.slip (
  person integer
);
-- to
CREATE SCHEMA hr;
CREATE SCHEMA pay;
CREATE TABLE hr.person (
  id integer PRIMARY KEY,
  last_slip integer
);
CREATE TABLE pay.slip (
  person integer REFERENCES hr.person,
  slip_no integer PRIMARY KEY
);
ALTER TABLE hr.person ADD CONSTRAINT person_last FOREIGN KEY (last_slip) REFERENCES pay.slip;
-- pair: schema-function-moved-with-dependants
-- from
CREATE SCHEMA util;
CREATE FUNCTION public.code_of(n integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'C' || n $$;
CREATE TABLE thing (
  n integer,
  code text DEFAULT public.code_of(0)
);
CREATE INDEX thing_code ON thing (public.code_of(n));
-- to
CREATE SCHEMA util;
CREATE FUNCTION util.code_of(n integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'C' || n $$;
CREATE TABLE thing (
  n integer,
  code text DEFAULT util.code_of(0)
);
CREATE INDEX thing_code ON thing (util.code_of(n));
-- pair: schema-renamed-in-effect
-- from
CREATE SCHEMA staging;
CREATE TABLE staging.load (
  id integer GENERATED ALWAYS AS IDENTITY
);
CREATE SEQUENCE staging.run_no;
-- to
CREATE SCHEMA landing;
CREATE TABLE landing.load (
  id integer GENERATED ALWAYS AS IDENTITY
);
CREATE SEQUENCE landing.run_no;
-- pair: schema-shadowing-public-and-pg-catalog-names
-- from
CREATE SCHEMA app;
CREATE TABLE public.config (
  k text
);
CREATE VIEW app.config AS SELECT k FROM public.config;
-- to
CREATE SCHEMA app;
CREATE TABLE public.config (
  k text,
  v text
);
CREATE FUNCTION app.lower(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT pg_catalog.lower($1) || '!' $$;
CREATE VIEW app.config AS SELECT app.lower(k) AS k, pg_catalog.lower(v) AS v FROM public.config;
-- pair: schema-dropped-with-cross-dependencies
-- from
CREATE SCHEMA legacy;
CREATE TYPE legacy.state AS ENUM ('x', 'y');
CREATE FUNCTION legacy.is_x(s legacy.state) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT s = 'x' $$;
CREATE TABLE public.live (
  id integer,
  s legacy.state,
  CONSTRAINT live_x CHECK (legacy.is_x(s))
);
CREATE VIEW legacy.live_v AS SELECT id FROM public.live;
-- to
CREATE TABLE public.live (
  id integer,
  s text
);
