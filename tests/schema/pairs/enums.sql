-- pair: enum-value-added-at-end
-- from
CREATE TYPE order_status AS ENUM ('draft', 'placed');
-- to
CREATE TYPE order_status AS ENUM ('draft', 'placed', 'shipped');
-- pair: enum-value-added-in-middle-and-front
-- from
CREATE TYPE phase AS ENUM ('plan', 'build', 'run');
-- to
CREATE TYPE phase AS ENUM ('idea', 'plan', 'review', 'build', 'test', 'run');
-- pair: enum-value-renamed
-- from
CREATE TYPE priority AS ENUM ('low', 'normal', 'urgent');
-- to
CREATE TYPE priority AS ENUM ('low', 'medium', 'urgent');
-- pair: enum-values-reordered
-- from
CREATE TYPE size AS ENUM ('small', 'large', 'medium');
CREATE TABLE shirt (
  size size
);
-- to
CREATE TYPE size AS ENUM ('small', 'medium', 'large');
CREATE TABLE shirt (
  size size
);
-- pair: enum-value-removed-while-used
-- from
CREATE TYPE ticket_state AS ENUM ('new', 'open', 'parked', 'closed');
CREATE TABLE ticket (
  id integer,
  state ticket_state DEFAULT 'new' NOT NULL
);
CREATE INDEX ticket_open ON ticket (id) WHERE state = 'open';
-- to
CREATE TYPE ticket_state AS ENUM ('new', 'open', 'closed');
CREATE TABLE ticket (
  id integer,
  state ticket_state DEFAULT 'new' NOT NULL
);
CREATE INDEX ticket_open ON ticket (id) WHERE state = 'open';
-- pair: enum-added-value-used-as-default
-- from
CREATE TYPE channel AS ENUM ('mail', 'phone');
CREATE TABLE contact (
  via channel DEFAULT 'mail'
);
-- to
CREATE TYPE channel AS ENUM ('mail', 'phone', 'chat');
CREATE TABLE contact (
  via channel DEFAULT 'chat'
);
-- pair: enum-added-value-used-in-check-and-view
-- from
CREATE TYPE lamp AS ENUM ('on', 'off');
CREATE TABLE lamp_log (
  s lamp,
  CONSTRAINT lamp_known CHECK (s <> 'off')
);
CREATE VIEW lamp_on AS SELECT s FROM lamp_log WHERE s = 'on';
-- to
CREATE TYPE lamp AS ENUM ('on', 'off', 'broken');
CREATE TABLE lamp_log (
  s lamp,
  CONSTRAINT lamp_known CHECK (s <> 'broken')
);
CREATE VIEW lamp_on AS SELECT s FROM lamp_log WHERE s IN ('on', 'broken');
-- pair: enum-array-column-value-removed
-- from
CREATE TYPE weekday AS ENUM ('mon', 'tue', 'wed', 'xxx');
CREATE TABLE shift (
  days weekday[] DEFAULT '{mon,tue}' NOT NULL
);
CREATE INDEX shift_days ON shift USING gin (days);
-- to
CREATE TYPE weekday AS ENUM ('mon', 'tue', 'wed');
CREATE TABLE shift (
  days weekday[] DEFAULT '{mon,tue}' NOT NULL
);
CREATE INDEX shift_days ON shift USING gin (days);
-- pair: enum-used-by-function-and-domain-value-removed
-- from
CREATE TYPE grade AS ENUM ('a', 'b', 'c', 'd');
CREATE DOMAIN pass_grade AS grade CHECK (VALUE <> 'c');
CREATE FUNCTION better(x grade, y grade) RETURNS grade LANGUAGE sql IMMUTABLE AS $$ SELECT least(x, y) $$;
CREATE TABLE result (
  g grade,
  p pass_grade
);
CREATE VIEW result_best AS SELECT better(g, 'b'::grade) AS best FROM result;
-- to
CREATE TYPE grade AS ENUM ('a', 'b', 'c');
CREATE DOMAIN pass_grade AS grade CHECK (VALUE <> 'c');
CREATE FUNCTION better(x grade, y grade) RETURNS grade LANGUAGE sql IMMUTABLE AS $$ SELECT least(x, y) $$;
CREATE TABLE result (
  g grade,
  p pass_grade
);
CREATE VIEW result_best AS SELECT better(g, 'b'::grade) AS best FROM result;
-- pair: enum-column-to-text
-- from
CREATE TYPE colour AS ENUM ('red', 'blue');
CREATE TABLE paint (
  colour colour DEFAULT 'red' NOT NULL
);
-- to
CREATE TABLE paint (
  colour text DEFAULT 'red' NOT NULL
);
-- pair: enum-replaced-by-another
-- from
CREATE TYPE old_kind AS ENUM ('a', 'b');
CREATE TABLE thing (
  kind old_kind DEFAULT 'a'
);
-- to
CREATE TYPE new_kind AS ENUM ('a', 'b', 'c');
CREATE TABLE thing (
  kind new_kind DEFAULT 'a'
);
-- pair: enum-to-domain-of-same-name
-- from
CREATE TYPE level AS ENUM ('1', '2');
CREATE TABLE stage (
  level level
);
-- to
CREATE DOMAIN level AS text CHECK (VALUE IN ('1', '2'));
CREATE TABLE stage (
  level level
);
-- pair: enum-empty-and-odd-labels
-- from
CREATE TYPE mood AS ENUM ();
-- to
CREATE TYPE mood AS ENUM ('it''s fine', '', 'Ünïcode ✓', 'back\slash', 'with "quotes"', 'semi;colon');
-- pair: enum-in-primary-key-and-fk
-- from
CREATE TYPE plant AS ENUM ('north', 'south', 'closed');
CREATE TABLE plant_info (
  plant plant PRIMARY KEY,
  note text
);
CREATE TABLE machine (
  machine_id integer,
  plant plant REFERENCES plant_info
);
-- to
CREATE TYPE plant AS ENUM ('north', 'south');
CREATE TABLE plant_info (
  plant plant PRIMARY KEY,
  note text
);
CREATE TABLE machine (
  machine_id integer,
  plant plant REFERENCES plant_info
);
-- pair: enum-partition-key-value-added
-- from
CREATE TYPE zone AS ENUM ('eu', 'us');
CREATE TABLE hit (
  zone zone NOT NULL,
  n integer
) PARTITION BY LIST (zone);
CREATE TABLE hit_eu PARTITION OF hit FOR VALUES IN ('eu');
-- to
CREATE TYPE zone AS ENUM ('eu', 'us', 'asia');
CREATE TABLE hit (
  zone zone NOT NULL,
  n integer
) PARTITION BY LIST (zone);
CREATE TABLE hit_eu PARTITION OF hit FOR VALUES IN ('eu');
CREATE TABLE hit_asia PARTITION OF hit FOR VALUES IN ('asia', 'us');
-- pair: enum-in-composite-and-generated
-- from
CREATE TYPE unit AS ENUM ('kg', 'lb', 'st');
CREATE TYPE weight AS (amount numeric, unit unit);
CREATE TABLE package (
  w weight,
  u unit,
  is_kg boolean GENERATED ALWAYS AS (u = 'kg') STORED
);
-- to
CREATE TYPE unit AS ENUM ('kg', 'lb');
CREATE TYPE weight AS (amount numeric, unit unit);
CREATE TABLE package (
  w weight,
  u unit,
  is_kg boolean GENERATED ALWAYS AS (u = 'kg') STORED
);
