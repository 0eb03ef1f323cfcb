-- pair: aggregate-created
-- from
-- to
CREATE AGGREGATE total_of(numeric) (SFUNC = numeric_add, STYPE = numeric, INITCOND = '0');
-- pair: aggregate-initial-condition
-- from
CREATE FUNCTION mul_step(s numeric, v numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT s * coalesce(v, 1) $$;
CREATE AGGREGATE product_of(numeric) (SFUNC = mul_step, STYPE = numeric, INITCOND = '1');
-- to
CREATE FUNCTION mul_step(s numeric, v numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT s * coalesce(v, 1) $$;
CREATE AGGREGATE product_of(numeric) (SFUNC = mul_step, STYPE = numeric, INITCOND = '100');
-- pair: aggregate-with-combine-and-parallel
-- from
CREATE AGGREGATE sum_cents(bigint) (SFUNC = int8pl, STYPE = bigint, INITCOND = '0');
-- to
CREATE AGGREGATE sum_cents(bigint) (SFUNC = int8pl, STYPE = bigint, COMBINEFUNC = int8pl, INITCOND = '0', PARALLEL = SAFE);
-- pair: aggregate-final-function
-- from
CREATE FUNCTION spread_step(s numeric[], v numeric) RETURNS numeric[] LANGUAGE sql IMMUTABLE AS $$ SELECT ARRAY[least(s[1], v), greatest(s[2], v)] $$;
CREATE AGGREGATE spread(numeric) (SFUNC = spread_step, STYPE = numeric[], INITCOND = '{NULL,NULL}');
-- to
CREATE FUNCTION spread_step(s numeric[], v numeric) RETURNS numeric[] LANGUAGE sql IMMUTABLE AS $$ SELECT ARRAY[least(s[1], v), greatest(s[2], v)] $$;
CREATE FUNCTION spread_final(s numeric[]) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT s[2] - s[1] $$;
CREATE AGGREGATE spread(numeric) (SFUNC = spread_step, STYPE = numeric[], FINALFUNC = spread_final, INITCOND = '{NULL,NULL}');
-- pair: aggregate-used-by-view
-- from
CREATE FUNCTION cat_step(s text, v text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT concat(s, v) $$;
CREATE AGGREGATE cat_all(text) (SFUNC = cat_step, STYPE = text);
CREATE TABLE chunk (
  doc integer,
  piece text
);
CREATE VIEW whole AS SELECT doc, cat_all(piece) AS body FROM chunk GROUP BY doc;
-- to
CREATE FUNCTION cat_step(s text, v text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT concat(s, v) $$;
CREATE AGGREGATE cat_all(text) (SFUNC = cat_step, STYPE = text, INITCOND = '>');
CREATE TABLE chunk (
  doc integer,
  piece text
);
CREATE VIEW whole AS SELECT doc, cat_all(piece) AS body FROM chunk GROUP BY doc;
-- pair: aggregate-moving-window
-- from
CREATE AGGREGATE run_sum(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
-- to
CREATE AGGREGATE run_sum(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0', MSFUNC = int4pl, MINVFUNC = int4mi, MSTYPE = integer, MINITCOND = '0');
COMMENT ON AGGREGATE run_sum(integer) IS 'running sum';
-- pair: aggregate-to-function
-- from
CREATE AGGREGATE biggest(integer) (SFUNC = int4larger, STYPE = integer, SORTOP = >);
-- to
CREATE FUNCTION biggest(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT $1 $$;
-- pair: operator-created-with-commutator
-- from
CREATE TYPE money_amount AS (currency text, cents bigint);
-- to
CREATE TYPE money_amount AS (currency text, cents bigint);
CREATE FUNCTION money_same(a money_amount, b money_amount) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT a.currency = b.currency AND a.cents = b.cents $$;
CREATE OPERATOR === (LEFTARG = money_amount, RIGHTARG = money_amount, FUNCTION = money_same, COMMUTATOR = ===, RESTRICT = eqsel, JOIN = eqjoinsel);
-- pair: operator-changed-function
-- from
CREATE FUNCTION near(a numeric, b numeric) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT abs(a - b) < 1 $$;
CREATE FUNCTION very_near(a numeric, b numeric) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT abs(a - b) < 0.1 $$;
CREATE OPERATOR ~== (LEFTARG = numeric, RIGHTARG = numeric, FUNCTION = near);
-- to
CREATE FUNCTION near(a numeric, b numeric) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT abs(a - b) < 1 $$;
CREATE FUNCTION very_near(a numeric, b numeric) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT abs(a - b) < 0.1 $$;
CREATE OPERATOR ~== (LEFTARG = numeric, RIGHTARG = numeric, FUNCTION = very_near, COMMUTATOR = ~==);
-- pair: operator-prefix-used-in-check
-- from
CREATE FUNCTION is_even(a integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT a % 2 = 0 $$;
CREATE TABLE pairings (
  n integer
);
-- to
CREATE FUNCTION is_even(a integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT a % 2 = 0 $$;
CREATE OPERATOR ?% (RIGHTARG = integer, FUNCTION = is_even);
CREATE TABLE pairings (
  n integer,
  CONSTRAINT pairings_even CHECK (?% n)
);
-- pair: operator-class-btree
-- from
CREATE FUNCTION cmp_len(a text, b text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT length(a) - length(b) $$;
CREATE TABLE word_by_len (
  w text
);
-- to
CREATE FUNCTION cmp_len(a text, b text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT length(a) - length(b) $$;
CREATE FUNCTION len_lt(a text, b text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT length(a) < length(b) $$;
CREATE FUNCTION len_eq(a text, b text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT length(a) = length(b) $$;
CREATE FUNCTION len_gt(a text, b text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT length(a) > length(b) $$;
CREATE FUNCTION len_le(a text, b text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT length(a) <= length(b) $$;
CREATE FUNCTION len_ge(a text, b text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT length(a) >= length(b) $$;
CREATE OPERATOR <# (LEFTARG = text, RIGHTARG = text, FUNCTION = len_lt);
CREATE OPERATOR <=# (LEFTARG = text, RIGHTARG = text, FUNCTION = len_le);
CREATE OPERATOR =# (LEFTARG = text, RIGHTARG = text, FUNCTION = len_eq);
CREATE OPERATOR >=# (LEFTARG = text, RIGHTARG = text, FUNCTION = len_ge);
CREATE OPERATOR ># (LEFTARG = text, RIGHTARG = text, FUNCTION = len_gt);
CREATE OPERATOR CLASS text_len_ops FOR TYPE text USING btree AS
  OPERATOR 1 <# (text, text),
  OPERATOR 2 <=# (text, text),
  OPERATOR 3 =# (text, text),
  OPERATOR 4 >=# (text, text),
  OPERATOR 5 ># (text, text),
  FUNCTION 1 cmp_len(text, text);
CREATE TABLE word_by_len (
  w text
);
CREATE INDEX word_by_len_idx ON word_by_len (w text_len_ops);
-- pair: operator-family
-- from
-- to
CREATE OPERATOR FAMILY loose_ops USING hash;
COMMENT ON OPERATOR FAMILY loose_ops USING hash IS 'reserved';
-- pair: cast-created-and-context
-- from
CREATE TYPE traffic_light AS ENUM ('red', 'green');
CREATE FUNCTION light_to_int(l traffic_light) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT CASE l WHEN 'red' THEN 0 ELSE 1 END $$;
CREATE CAST (traffic_light AS integer) WITH FUNCTION light_to_int(traffic_light) AS ASSIGNMENT;
-- to
CREATE TYPE traffic_light AS ENUM ('red', 'green');
CREATE FUNCTION light_to_int(l traffic_light) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT CASE l WHEN 'red' THEN 0 ELSE 1 END $$;
CREATE CAST (traffic_light AS integer) WITH FUNCTION light_to_int(traffic_light) AS IMPLICIT;
-- pair: cast-inout
-- from
CREATE TYPE point_3d AS (x real, y real, z real);
-- to
CREATE TYPE point_3d AS (x real, y real, z real);
CREATE CAST (text AS point_3d) WITH INOUT AS ASSIGNMENT;
-- pair: conversion-created
-- from
-- to
CREATE CONVERSION latin_in FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
