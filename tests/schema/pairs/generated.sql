-- pair: generated-stored-added
-- from
CREATE TABLE order_line (
  qty integer NOT NULL,
  unit_price numeric(10,2) NOT NULL
);
-- to
CREATE TABLE order_line (
  qty integer NOT NULL,
  unit_price numeric(10,2) NOT NULL,
  line_total numeric(12,2) GENERATED ALWAYS AS (qty * unit_price) STORED
);
-- pair: generated-expression-changed-stored
-- from
CREATE TABLE person (
  given text,
  family text,
  sort_name text GENERATED ALWAYS AS (family || ', ' || given) STORED
);
-- to
CREATE TABLE person (
  given text,
  family text,
  sort_name text GENERATED ALWAYS AS (upper(family) || ', ' || coalesce(given, '?')) STORED
);
-- pair: generated-stored-to-plain
-- from
CREATE TABLE box (
  w integer,
  h integer,
  area integer GENERATED ALWAYS AS (w * h) STORED
);
-- to
CREATE TABLE box (
  w integer,
  h integer,
  area integer
);
-- pair: generated-stored-to-default
-- from
CREATE TABLE contract_term (
  starts date,
  ends date GENERATED ALWAYS AS (starts + 365) STORED
);
-- to
CREATE TABLE contract_term (
  starts date,
  ends date DEFAULT '2099-12-31'::date
);
-- pair: generated-virtual-added (since 18)
-- from
CREATE TABLE tank (
  level_mm integer
);
-- to
CREATE TABLE tank (
  level_mm integer,
  level_m numeric GENERATED ALWAYS AS (level_mm / 1000.0) VIRTUAL
);
-- pair: generated-virtual-to-stored (since 18)
-- from
CREATE TABLE product_dim (
  w numeric,
  d numeric,
  footprint numeric GENERATED ALWAYS AS (w * d) VIRTUAL
);
-- to
CREATE TABLE product_dim (
  w numeric,
  d numeric,
  footprint numeric GENERATED ALWAYS AS (w * d) STORED
);
-- pair: generated-virtual-expression-changed (since 18)
-- from
CREATE TABLE salary (
  gross numeric,
  net numeric GENERATED ALWAYS AS (gross * 0.7)
);
-- to
CREATE TABLE salary (
  gross numeric,
  net numeric GENERATED ALWAYS AS (gross * 0.68 - 20)
);
-- pair: generated-base-column-type-changed
-- from
CREATE TABLE consumption_bill (
  used integer,
  price integer,
  cost numeric GENERATED ALWAYS AS (used * price) STORED
);
-- to
CREATE TABLE consumption_bill (
  used numeric(10,3),
  price numeric(8,4),
  cost numeric GENERATED ALWAYS AS (used * price) STORED
);
-- pair: generated-base-column-replaced
-- from
CREATE TABLE plot (
  plot_id integer,
  acres numeric,
  label text GENERATED ALWAYS AS ('plot ' || acres::text) STORED
);
-- to
CREATE TABLE plot (
  plot_id integer,
  hectares numeric,
  label text GENERATED ALWAYS AS ('plot ' || hectares::text || ' ha') STORED
);
-- pair: generated-uses-function
-- from
CREATE FUNCTION slugify(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT lower(replace(t, ' ', '-')) $$;
CREATE TABLE article (
  title text NOT NULL,
  slug text GENERATED ALWAYS AS (slugify(title)) STORED
);
CREATE UNIQUE INDEX article_slug_key ON article (slug);
-- to
CREATE FUNCTION slugify(t text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT regexp_replace(lower(t), '[^a-z0-9]+', '-', 'g') $$;
CREATE TABLE article (
  title text NOT NULL,
  slug text GENERATED ALWAYS AS (slugify(title)) STORED
);
CREATE UNIQUE INDEX article_slug_key ON article (slug);
-- pair: generated-function-argument-type-changed
-- from
CREATE FUNCTION grade_of(score integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN score > 50 THEN 'pass' ELSE 'fail' END $$;
CREATE TABLE exam (
  score integer,
  grade text GENERATED ALWAYS AS (grade_of(score)) STORED
);
-- to
CREATE FUNCTION grade_of(score numeric) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN score > 50 THEN 'pass' ELSE 'fail' END $$;
CREATE TABLE exam (
  score numeric,
  grade text GENERATED ALWAYS AS (grade_of(score)) STORED
);
-- pair: generated-tsvector-with-index
-- from
CREATE TABLE knowledge_page (
  headline text,
  body text
);
-- to
CREATE TABLE knowledge_page (
  headline text,
  body text,
  search tsvector GENERATED ALWAYS AS (setweight(to_tsvector('english', coalesce(headline, '')), 'A') || to_tsvector('english', coalesce(body, ''))) STORED
);
CREATE INDEX knowledge_page_search_idx ON knowledge_page USING gin (search);
-- pair: generated-with-check-and-view
-- from
CREATE TABLE loan (
  lent date NOT NULL,
  days integer NOT NULL,
  due date GENERATED ALWAYS AS (lent + days) STORED,
  CONSTRAINT loan_due_sane CHECK (due < '2100-01-01')
);
CREATE VIEW loan_due AS SELECT due, count(*) AS n FROM loan GROUP BY due;
-- to
CREATE TABLE loan (
  lent date NOT NULL,
  days integer NOT NULL,
  due date GENERATED ALWAYS AS (lent + days + 1) STORED,
  CONSTRAINT loan_due_sane CHECK (due < '2100-01-01')
);
CREATE VIEW loan_due AS SELECT due, count(*) AS n FROM loan GROUP BY due;
-- pair: generated-in-partitioned-table
-- from
CREATE TABLE trip (
  km numeric NOT NULL,
  yr integer NOT NULL
) PARTITION BY LIST (yr);
CREATE TABLE trip_2024 PARTITION OF trip FOR VALUES IN (2024);
-- to
CREATE TABLE trip (
  km numeric NOT NULL,
  yr integer NOT NULL,
  miles numeric GENERATED ALWAYS AS (km * 0.621371) STORED
) PARTITION BY LIST (yr);
CREATE TABLE trip_2024 PARTITION OF trip FOR VALUES IN (2024);
-- pair: generated-type-changed
-- from
CREATE TABLE gauge (
  raw integer,
  doubled integer GENERATED ALWAYS AS (raw * 2) STORED
);
-- to
CREATE TABLE gauge (
  raw integer,
  doubled bigint GENERATED ALWAYS AS (raw * 2) STORED
);
