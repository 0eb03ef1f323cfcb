-- pair: rls-enabled-and-forced
-- from
CREATE TABLE medical_note (
  owner_name text,
  body text
);
-- to
CREATE TABLE medical_note (
  owner_name text,
  body text
);
ALTER TABLE medical_note ENABLE ROW LEVEL SECURITY;
ALTER TABLE medical_note FORCE ROW LEVEL SECURITY;
-- pair: policy-created
-- from
CREATE TABLE tenant_file (
  tenant text,
  path text
);
ALTER TABLE tenant_file ENABLE ROW LEVEL SECURITY;
-- to
CREATE TABLE tenant_file (
  tenant text,
  path text
);
ALTER TABLE tenant_file ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON tenant_file USING (tenant = current_setting('app.tenant', true));
-- pair: policy-expressions-changed
-- from
CREATE TABLE mail (
  sender text,
  recipient text
);
ALTER TABLE mail ENABLE ROW LEVEL SECURITY;
CREATE POLICY mail_mine ON mail FOR UPDATE TO app_writer USING (sender = CURRENT_USER) WITH CHECK (sender = CURRENT_USER);
-- to
CREATE TABLE mail (
  sender text,
  recipient text
);
ALTER TABLE mail ENABLE ROW LEVEL SECURITY;
CREATE POLICY mail_mine ON mail FOR UPDATE TO app_writer USING (sender = CURRENT_USER OR recipient = CURRENT_USER) WITH CHECK (recipient IS NOT NULL);
-- pair: policy-check-clause-removed
-- from
CREATE TABLE wiki (
  author text
);
CREATE POLICY wiki_write ON wiki USING (true) WITH CHECK (author = CURRENT_USER);
-- to
CREATE TABLE wiki (
  author text
);
CREATE POLICY wiki_write ON wiki USING (true);
-- pair: policy-command-and-roles
-- from
CREATE TABLE survey (
  id integer,
  hidden boolean
);
CREATE POLICY survey_see ON survey FOR ALL TO PUBLIC USING (NOT hidden);
-- to
CREATE TABLE survey (
  id integer,
  hidden boolean
);
CREATE POLICY survey_see ON survey FOR SELECT TO app_reader, app_writer USING (NOT hidden);
-- pair: policy-restrictive
-- from
CREATE TABLE contract (
  id integer,
  secret boolean
);
CREATE POLICY contract_guard ON contract AS PERMISSIVE USING (NOT secret);
-- to
CREATE TABLE contract (
  id integer,
  secret boolean
);
CREATE POLICY contract_guard ON contract AS RESTRICTIVE USING (NOT secret);
COMMENT ON POLICY contract_guard ON contract IS 'never the secret ones';
-- pair: policy-column-type-changed
-- from
CREATE TABLE shift (
  worker integer,
  site integer
);
ALTER TABLE shift ENABLE ROW LEVEL SECURITY;
CREATE POLICY shift_site ON shift USING (site = 7);
-- to
CREATE TABLE shift (
  worker integer,
  site bigint
);
ALTER TABLE shift ENABLE ROW LEVEL SECURITY;
CREATE POLICY shift_site ON shift USING (site = 7);
-- pair: policy-uses-other-table-and-function
-- from
CREATE TABLE member (
  name text,
  team integer
);
CREATE TABLE board (
  team integer
);
ALTER TABLE board ENABLE ROW LEVEL SECURITY;
-- to
CREATE TABLE member (
  name text,
  team integer
);
CREATE FUNCTION my_name() RETURNS text LANGUAGE sql STABLE AS $$ SELECT session_user::text $$;
CREATE TABLE board (
  team integer
);
ALTER TABLE board ENABLE ROW LEVEL SECURITY;
CREATE POLICY board_team ON board FOR SELECT USING (team IN (SELECT m.team FROM member m WHERE m.name = my_name()));
-- pair: policy-cross-referencing-tables
-- from
CREATE TABLE folder (
  id integer
);
CREATE TABLE folder_file (
  folder integer
);
-- to
CREATE TABLE folder (
  id integer
);
CREATE TABLE folder_file (
  folder integer
);
CREATE POLICY f1 ON folder USING (EXISTS (SELECT FROM folder_file x WHERE x.folder = id));
CREATE POLICY f2 ON folder_file USING (EXISTS (SELECT FROM folder x WHERE x.id = folder));
-- pair: grant-table-privileges
-- from
CREATE TABLE sales (
  id integer,
  amount numeric
);
GRANT SELECT ON sales TO app_reader;
-- to
CREATE TABLE sales (
  id integer,
  amount numeric
);
GRANT SELECT, INSERT, UPDATE ON sales TO app_writer;
GRANT SELECT, TRIGGER ON sales TO PUBLIC;
-- pair: grant-with-grant-option (since 17)
-- from
CREATE TABLE stats (
  id integer
);
GRANT SELECT ON stats TO app_reader;
-- to
CREATE TABLE stats (
  id integer
);
GRANT SELECT ON stats TO app_reader WITH GRANT OPTION;
GRANT MAINTAIN, TRUNCATE ON stats TO app_writer;
-- pair: grant-columns
-- from
CREATE TABLE person (
  name text,
  salary numeric,
  phone text
);
GRANT SELECT (name, phone) ON person TO app_reader;
-- to
CREATE TABLE person (
  name text,
  salary numeric,
  phone text
);
GRANT SELECT (name), UPDATE (phone) ON person TO app_reader;
GRANT SELECT ON person TO app_writer;
-- pair: grant-function-revoked-from-public
-- from
CREATE FUNCTION secret_sum(a integer) RETURNS integer LANGUAGE sql AS $$ SELECT a $$;
CREATE PROCEDURE wipe() LANGUAGE sql AS $$ SELECT 1 $$;
-- to
CREATE FUNCTION secret_sum(a integer) RETURNS integer LANGUAGE sql AS $$ SELECT a $$;
REVOKE EXECUTE ON FUNCTION secret_sum(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION secret_sum(integer) TO app_writer;
CREATE PROCEDURE wipe() LANGUAGE sql AS $$ SELECT 1 $$;
REVOKE ALL ON PROCEDURE wipe() FROM PUBLIC;
-- pair: grant-kept-through-function-recreation
-- from
CREATE FUNCTION quote_for(a integer) RETURNS integer LANGUAGE sql AS $$ SELECT a $$;
REVOKE ALL ON FUNCTION quote_for(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION quote_for(integer) TO app_reader;
-- to
CREATE FUNCTION quote_for(a integer) RETURNS numeric LANGUAGE sql AS $$ SELECT a::numeric $$;
REVOKE ALL ON FUNCTION quote_for(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION quote_for(integer) TO app_reader;
-- pair: grant-schema
-- from
CREATE SCHEMA finance;
-- to
CREATE SCHEMA finance;
GRANT USAGE ON SCHEMA finance TO app_reader;
GRANT USAGE, CREATE ON SCHEMA finance TO app_writer;
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
-- pair: grant-sequence-and-type
-- from
CREATE SEQUENCE doc_seq;
CREATE TYPE doc_kind AS ENUM ('a');
CREATE DOMAIN doc_no AS text;
-- to
CREATE SEQUENCE doc_seq;
GRANT USAGE, SELECT ON SEQUENCE doc_seq TO app_writer;
CREATE TYPE doc_kind AS ENUM ('a');
REVOKE USAGE ON TYPE doc_kind FROM PUBLIC;
GRANT USAGE ON TYPE doc_kind TO app_reader;
CREATE DOMAIN doc_no AS text;
REVOKE ALL ON DOMAIN doc_no FROM PUBLIC;
-- pair: grant-owner-rights-revoked
-- from
CREATE TABLE vault (
  id integer
);
-- to
CREATE TABLE vault (
  id integer
);
REVOKE DELETE, TRUNCATE ON vault FROM CURRENT_USER;
-- pair: default-privileges-in-schema
-- from
CREATE SCHEMA report;
-- to
CREATE SCHEMA report;
ALTER DEFAULT PRIVILEGES IN SCHEMA report GRANT SELECT ON TABLES TO app_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA report GRANT USAGE ON SEQUENCES TO app_reader;
-- pair: default-privileges-global
-- from
ALTER DEFAULT PRIVILEGES FOR ROLE app_writer GRANT SELECT ON TABLES TO app_reader;
-- to
ALTER DEFAULT PRIVILEGES FOR ROLE app_writer GRANT SELECT, INSERT ON TABLES TO app_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE app_writer REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE app_writer GRANT USAGE ON SCHEMAS TO app_reader;
-- pair: default-privileges-then-new-table
-- from
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO app_reader;
CREATE TABLE seen_by_reader (
  id integer
);
-- to
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO app_reader;
CREATE TABLE seen_by_reader (
  id integer
);
CREATE TABLE hidden_from_reader (
  id integer
);
REVOKE ALL ON hidden_from_reader FROM app_reader;
-- pair: owner-of-several-kinds
-- from
CREATE SCHEMA lab;
CREATE TABLE lab.sample (
  id serial
);
CREATE VIEW lab.sample_v AS SELECT id FROM lab.sample;
CREATE FUNCTION lab.f() RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$;
CREATE TYPE lab.t AS ENUM ('p');
-- to
CREATE SCHEMA lab AUTHORIZATION app_writer;
CREATE TABLE lab.sample (
  id serial
);
ALTER TABLE lab.sample OWNER TO app_writer;
CREATE VIEW lab.sample_v AS SELECT id FROM lab.sample;
ALTER VIEW lab.sample_v OWNER TO app_reader;
CREATE FUNCTION lab.f() RETURNS integer LANGUAGE sql AS $$ SELECT 1 $$;
ALTER FUNCTION lab.f() OWNER TO app_writer;
CREATE TYPE lab.t AS ENUM ('p');
ALTER TYPE lab.t OWNER TO app_writer;

-- pair: rights-taken-from-the-owner
-- from
CREATE SCHEMA s;
CREATE TABLE t (id integer PRIMARY KEY);
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
-- to
CREATE SCHEMA s;
CREATE TABLE t (id integer PRIMARY KEY);
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
REVOKE ALL ON t FROM CURRENT_USER;
REVOKE ALL ON FUNCTION f() FROM CURRENT_USER;
REVOKE ALL ON SCHEMA s FROM CURRENT_USER;
