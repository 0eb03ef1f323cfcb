-- pair: view-created-on-table
-- from
CREATE TABLE employee (
  emp_no integer,
  name text,
  left_on date
);
-- to
CREATE TABLE employee (
  emp_no integer,
  name text,
  left_on date
);
CREATE VIEW current_employee AS SELECT emp_no, name FROM employee WHERE left_on IS NULL;
-- pair: view-column-appended
-- from
CREATE TABLE invoice (
  no integer,
  net numeric,
  vat numeric
);
CREATE VIEW invoice_list AS SELECT no, net FROM invoice;
-- to
CREATE TABLE invoice (
  no integer,
  net numeric,
  vat numeric
);
CREATE VIEW invoice_list AS SELECT no, net, net + vat AS gross FROM invoice;
-- pair: view-column-renamed
-- from
CREATE TABLE item (
  sku text,
  qty integer
);
CREATE VIEW item_stock AS SELECT sku, qty AS on_hand FROM item;
-- to
CREATE TABLE item (
  sku text,
  qty integer
);
CREATE VIEW item_stock AS SELECT sku, qty AS available FROM item;
-- pair: view-column-renamed-with-dependants
-- from
CREATE TABLE meter (
  meter_id integer,
  kwh numeric
);
CREATE VIEW meter_total (m, used) AS SELECT meter_id, sum(kwh) FROM meter GROUP BY meter_id;
CREATE VIEW meter_big AS SELECT m FROM meter_total WHERE used > 1000;
-- to
CREATE TABLE meter (
  meter_id integer,
  kwh numeric
);
CREATE VIEW meter_total (meter, consumption) AS SELECT meter_id, sum(kwh) FROM meter GROUP BY meter_id;
CREATE VIEW meter_big AS SELECT meter AS m FROM meter_total WHERE consumption > 1000;
-- pair: view-column-type-changed
-- from
CREATE TABLE fee (
  amount numeric
);
CREATE VIEW fee_shown AS SELECT amount::integer AS shown FROM fee;
-- to
CREATE TABLE fee (
  amount numeric
);
CREATE VIEW fee_shown AS SELECT to_char(amount, 'FM999.00') AS shown FROM fee;
-- pair: view-columns-reordered
-- from
CREATE TABLE place (
  lat real,
  lon real,
  label text
);
CREATE VIEW place_map AS SELECT lat, lon, label FROM place;
-- to
CREATE TABLE place (
  lat real,
  lon real,
  label text
);
CREATE VIEW place_map AS SELECT label, lon, lat FROM place;
-- pair: view-security-options
-- from
CREATE TABLE patient (
  id integer,
  ward text
);
CREATE VIEW ward_patient AS SELECT id, ward FROM patient WHERE ward = 'A';
-- to
CREATE TABLE patient (
  id integer,
  ward text
);
CREATE VIEW ward_patient WITH (security_barrier = true, security_invoker = true) AS SELECT id, ward FROM patient WHERE ward = 'A';
-- pair: view-security-option-removed-and-added
-- from
CREATE TABLE tenant_row (
  tenant text,
  v integer
);
CREATE VIEW my_rows WITH (security_barrier = true) AS SELECT * FROM tenant_row;
-- to
CREATE TABLE tenant_row (
  tenant text,
  v integer
);
CREATE VIEW my_rows WITH (security_invoker = true) AS SELECT * FROM tenant_row;
-- pair: view-check-option
-- from
CREATE TABLE document (
  id integer,
  state text
);
CREATE VIEW draft_document AS SELECT id, state FROM document WHERE state = 'draft' WITH LOCAL CHECK OPTION;
-- to
CREATE TABLE document (
  id integer,
  state text
);
CREATE VIEW draft_document AS SELECT id, state FROM document WHERE state = 'draft' WITH CASCADED CHECK OPTION;
-- pair: view-check-option-dropped
-- from
CREATE TABLE seat (
  no integer,
  row_no integer
);
CREATE VIEW front_seat AS SELECT no, row_no FROM seat WHERE row_no < 4 WITH CHECK OPTION;
-- to
CREATE TABLE seat (
  no integer,
  row_no integer
);
CREATE VIEW front_seat AS SELECT no, row_no FROM seat WHERE row_no < 4;
-- pair: view-recursive
-- from
CREATE TABLE org_unit (
  unit_id integer,
  parent_id integer,
  title text
);
-- to
CREATE TABLE org_unit (
  unit_id integer,
  parent_id integer,
  title text
);
CREATE RECURSIVE VIEW org_path (unit_id, path) AS
  SELECT unit_id, title FROM org_unit WHERE parent_id IS NULL
  UNION ALL
  SELECT o.unit_id, p.path || '/' || o.title FROM org_unit o JOIN org_path p ON p.unit_id = o.parent_id;
-- pair: view-chain-of-three-bottom-changed
-- from
CREATE TABLE hours (
  emp integer,
  day date,
  h numeric
);
CREATE VIEW hours_week AS SELECT emp, date_trunc('week', day) AS wk, sum(h) AS h FROM hours GROUP BY 1, 2;
CREATE VIEW hours_over AS SELECT emp, wk, h FROM hours_week WHERE h > 40;
CREATE VIEW hours_over_count AS SELECT emp, count(*) AS weeks FROM hours_over GROUP BY emp;
-- to
CREATE TABLE hours (
  emp integer,
  day date,
  h numeric
);
CREATE VIEW hours_week AS SELECT emp, date_trunc('week', day)::date AS wk, sum(h)::integer AS h FROM hours GROUP BY 1, 2;
CREATE VIEW hours_over AS SELECT emp, wk, h FROM hours_week WHERE h > 40;
CREATE VIEW hours_over_count AS SELECT emp, count(*) AS weeks FROM hours_over GROUP BY emp;
-- pair: view-base-column-type-changed
-- from
CREATE TABLE payment (
  payment_id integer,
  amount integer
);
CREATE VIEW payment_v AS SELECT payment_id, amount FROM payment;
CREATE VIEW payment_vv AS SELECT sum(amount) AS total FROM payment_v;
-- to
CREATE TABLE payment (
  payment_id bigint,
  amount numeric(12,2)
);
CREATE VIEW payment_v AS SELECT payment_id, amount FROM payment;
CREATE VIEW payment_vv AS SELECT sum(amount) AS total FROM payment_v;
-- pair: view-base-column-dropped
-- from
CREATE TABLE courier (
  id integer,
  name text,
  fax text
);
CREATE VIEW courier_contact AS SELECT id, name, fax FROM courier;
-- to
CREATE TABLE courier (
  id integer,
  name text
);
CREATE VIEW courier_contact AS SELECT id, name FROM courier;
-- pair: view-base-column-dropped-and-view-too
-- from
CREATE TABLE store (
  id integer,
  pager text
);
CREATE VIEW store_pager AS SELECT id FROM store WHERE pager IS NOT NULL;
-- to
CREATE TABLE store (
  id integer
);
-- pair: view-default-on-column
-- from
CREATE TABLE memo (
  id integer,
  body text
);
CREATE VIEW memo_entry AS SELECT id, body FROM memo;
-- to
CREATE TABLE memo (
  id integer,
  body text
);
CREATE VIEW memo_entry AS SELECT id, body FROM memo;
ALTER VIEW memo_entry ALTER COLUMN body SET DEFAULT 'n/a';
-- pair: view-to-table-of-same-name
-- from
CREATE TABLE raw_rate (
  code text,
  rate numeric
);
CREATE VIEW rate AS SELECT code, rate FROM raw_rate;
-- to
CREATE TABLE raw_rate (
  code text,
  rate numeric
);
CREATE TABLE rate (
  code text,
  rate numeric
);
-- pair: view-to-materialized-view
-- from
CREATE TABLE sale (
  sku text,
  amount numeric
);
CREATE VIEW sale_by_sku AS SELECT sku, sum(amount) AS amount FROM sale GROUP BY sku;
-- to
CREATE TABLE sale (
  sku text,
  amount numeric
);
CREATE MATERIALIZED VIEW sale_by_sku AS SELECT sku, sum(amount) AS amount FROM sale GROUP BY sku;
-- pair: view-whole-row-and-star
-- from
CREATE TABLE hub (
  id integer,
  name text
);
CREATE VIEW hub_row AS SELECT h AS hub, h.id FROM hub h;
-- to
CREATE TABLE hub (
  id integer,
  name text,
  area text
);
CREATE VIEW hub_row AS SELECT h AS hub, h.* FROM hub h;
-- pair: view-with-window-cte-lateral
-- from
CREATE TABLE lap (
  rider integer,
  lap_no integer,
  secs numeric
);
CREATE VIEW best_lap AS SELECT rider, min(secs) AS best FROM lap GROUP BY rider;
-- to
CREATE TABLE lap (
  rider integer,
  lap_no integer,
  secs numeric
);
CREATE VIEW best_lap AS
WITH ranked AS (
  SELECT rider, secs, rank() OVER (PARTITION BY rider ORDER BY secs) AS r FROM lap
)
SELECT DISTINCT ON (r.rider) r.rider, r.secs AS best, x.n
FROM ranked r, LATERAL (SELECT count(*) AS n FROM lap l WHERE l.rider = r.rider) x
WHERE r.r = 1;
-- pair: view-group-by-primary-key
-- from
CREATE TABLE author (
  author_id integer PRIMARY KEY,
  pen_name text
);
CREATE TABLE book (
  book_id integer PRIMARY KEY,
  author_id integer
);
CREATE VIEW author_books AS
  SELECT a.author_id, a.pen_name, count(b.book_id) AS books
  FROM author a LEFT JOIN book b USING (author_id) GROUP BY a.author_id;
-- to
CREATE TABLE author (
  author_id bigint PRIMARY KEY,
  pen_name text
);
CREATE TABLE book (
  book_id integer PRIMARY KEY,
  author_id bigint
);
CREATE VIEW author_books AS
  SELECT a.author_id, a.pen_name, count(b.book_id) AS books
  FROM author a LEFT JOIN book b USING (author_id) GROUP BY a.author_id;
-- pair: view-dependent-privileges-and-comments-survive
-- from
CREATE TABLE trade (
  id integer,
  px integer
);
CREATE VIEW trade_v AS SELECT id, px FROM trade;
COMMENT ON VIEW trade_v IS 'what the desk sees';
COMMENT ON COLUMN trade_v.px IS 'price';
GRANT SELECT ON trade_v TO app_reader;
GRANT UPDATE (px) ON trade_v TO app_writer;
-- to
CREATE TABLE trade (
  id integer,
  px numeric
);
CREATE VIEW trade_v AS SELECT id, px FROM trade;
COMMENT ON VIEW trade_v IS 'what the desk sees';
COMMENT ON COLUMN trade_v.px IS 'price';
GRANT SELECT ON trade_v TO app_reader;
GRANT UPDATE (px) ON trade_v TO app_writer;
-- pair: view-with-instead-of-trigger-redefined
-- from
CREATE TABLE person (
  id integer,
  name text
);
CREATE VIEW person_v AS SELECT id, name FROM person;
CREATE FUNCTION person_v_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO person (id, name) VALUES (NEW.id, NEW.name);
  RETURN NEW;
END $$;
CREATE TRIGGER person_v_ins INSTEAD OF INSERT ON person_v FOR EACH ROW EXECUTE FUNCTION person_v_insert();
-- to
CREATE TABLE person (
  id integer,
  name text
);
CREATE VIEW person_v AS SELECT name, id FROM person;
CREATE FUNCTION person_v_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO person (id, name) VALUES (NEW.id, NEW.name);
  RETURN NEW;
END $$;
CREATE TRIGGER person_v_ins INSTEAD OF INSERT ON person_v FOR EACH ROW EXECUTE FUNCTION person_v_insert();
-- pair: view-and-function-row-type
-- from
CREATE TABLE gear (
  id integer,
  teeth integer
);
CREATE VIEW gear_v AS SELECT id, teeth FROM gear;
CREATE FUNCTION big_gears() RETURNS SETOF gear_v LANGUAGE sql STABLE AS $$ SELECT * FROM gear_v WHERE teeth > 40 $$;
-- to
CREATE TABLE gear (
  id integer,
  teeth integer
);
CREATE VIEW gear_v AS SELECT id, teeth, teeth / 2 AS half FROM gear;
CREATE FUNCTION big_gears() RETURNS SETOF gear_v LANGUAGE sql STABLE AS $$ SELECT * FROM gear_v WHERE teeth > 40 $$;
-- pair: view-dependency-order-reversed
-- from
CREATE TABLE base_fact (
  a integer
);
CREATE VIEW ring_one AS SELECT a FROM base_fact;
CREATE VIEW ring_two AS SELECT a FROM ring_one;
-- to
CREATE TABLE base_fact (
  a integer
);
CREATE VIEW ring_two AS SELECT a FROM base_fact;
CREATE VIEW ring_one AS SELECT a FROM ring_two;
