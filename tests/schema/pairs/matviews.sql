-- pair: matview-created-with-index
-- from
CREATE TABLE visit (
  page text,
  at timestamp
);
-- to
CREATE TABLE visit (
  page text,
  at timestamp
);
CREATE MATERIALIZED VIEW visit_count AS SELECT page, count(*) AS n FROM visit GROUP BY page;
CREATE UNIQUE INDEX visit_count_page ON visit_count (page);
-- pair: matview-definition-changed-index-kept
-- from
CREATE TABLE temp_log (
  room text,
  c numeric
);
CREATE MATERIALIZED VIEW room_stat AS SELECT room, avg(c) AS mean FROM temp_log GROUP BY room;
CREATE UNIQUE INDEX room_stat_room ON room_stat (room);
COMMENT ON MATERIALIZED VIEW room_stat IS 'refreshed nightly';
-- to
CREATE TABLE temp_log (
  room text,
  c numeric
);
CREATE MATERIALIZED VIEW room_stat AS SELECT room, avg(c) AS mean, max(c) AS peak FROM temp_log GROUP BY room;
CREATE UNIQUE INDEX room_stat_room ON room_stat (room);
COMMENT ON MATERIALIZED VIEW room_stat IS 'refreshed nightly';
-- pair: matview-options
-- from
CREATE TABLE ev (
  k integer
);
CREATE MATERIALIZED VIEW ev_k AS SELECT DISTINCT k FROM ev;
-- to
CREATE TABLE ev (
  k integer
);
CREATE MATERIALIZED VIEW ev_k WITH (fillfactor = 80, autovacuum_enabled = false) AS SELECT DISTINCT k FROM ev;
ALTER MATERIALIZED VIEW ev_k ALTER COLUMN k SET STATISTICS 900;
-- pair: matview-no-data
-- from
CREATE TABLE big (
  k integer
);
-- to
CREATE TABLE big (
  k integer
);
CREATE MATERIALIZED VIEW big_sum AS SELECT sum(k) AS s FROM big WITH NO DATA;
-- pair: matview-base-column-type-changed
-- from
CREATE TABLE fare (
  zone integer,
  cents integer
);
CREATE MATERIALIZED VIEW fare_by_zone AS SELECT zone, max(cents) AS cents FROM fare GROUP BY zone;
CREATE INDEX fare_by_zone_cents ON fare_by_zone (cents);
CREATE VIEW fare_top AS SELECT zone FROM fare_by_zone WHERE cents > 500;
-- to
CREATE TABLE fare (
  zone integer,
  cents numeric
);
CREATE MATERIALIZED VIEW fare_by_zone AS SELECT zone, max(cents) AS cents FROM fare GROUP BY zone;
CREATE INDEX fare_by_zone_cents ON fare_by_zone (cents);
CREATE VIEW fare_top AS SELECT zone FROM fare_by_zone WHERE cents > 500;
-- pair: matview-on-matview
-- from
CREATE TABLE shot (
  cam integer,
  at date
);
CREATE MATERIALIZED VIEW shot_day AS SELECT cam, at, count(*) AS n FROM shot GROUP BY cam, at;
CREATE MATERIALIZED VIEW shot_month AS SELECT cam, date_trunc('month', at) AS m, sum(n) AS n FROM shot_day GROUP BY 1, 2;
-- to
CREATE TABLE shot (
  cam integer,
  at date
);
CREATE MATERIALIZED VIEW shot_day AS SELECT cam, at, count(DISTINCT at)::integer AS n FROM shot GROUP BY cam, at;
CREATE MATERIALIZED VIEW shot_month AS SELECT cam, date_trunc('month', at) AS m, sum(n) AS n FROM shot_day GROUP BY 1, 2;
-- pair: matview-indexes-changed-only
-- from
CREATE TABLE word (
  w text
);
CREATE MATERIALIZED VIEW word_list AS SELECT w, length(w) AS len FROM word;
CREATE INDEX word_list_w ON word_list (w);
-- to
CREATE TABLE word (
  w text
);
CREATE MATERIALIZED VIEW word_list AS SELECT w, length(w) AS len FROM word;
CREATE INDEX word_list_len ON word_list (len DESC) INCLUDE (w);
ALTER MATERIALIZED VIEW word_list CLUSTER ON word_list_len;
-- pair: matview-to-table
-- from
CREATE TABLE src (
  a integer
);
CREATE MATERIALIZED VIEW snapshot AS SELECT a FROM src;
GRANT SELECT ON snapshot TO app_reader;
-- to
CREATE TABLE src (
  a integer
);
CREATE TABLE snapshot (
  a integer
);
GRANT SELECT ON snapshot TO app_reader;
-- pair: matview-column-names
-- from
CREATE TABLE kpi (
  d date,
  v numeric
);
CREATE MATERIALIZED VIEW kpi_m (month, value) AS SELECT date_trunc('month', d), sum(v) FROM kpi GROUP BY 1;
-- to
CREATE TABLE kpi (
  d date,
  v numeric
);
CREATE MATERIALIZED VIEW kpi_m (mon, total) AS SELECT date_trunc('month', d), sum(v) FROM kpi GROUP BY 1;
