-- pair: inherits-child-added
-- from
CREATE TABLE document (
  doc_id integer NOT NULL,
  title text
);
-- to
CREATE TABLE document (
  doc_id integer NOT NULL,
  title text
);
CREATE TABLE signed_document (
  signed_on date
) INHERITS (document);
-- pair: inherits-link-removed
-- from
CREATE TABLE vehicle (
  plate text NOT NULL,
  bought date
);
CREATE TABLE truck (
  payload_t numeric(4,1)
) INHERITS (vehicle);
-- to
CREATE TABLE vehicle (
  plate text NOT NULL,
  bought date
);
CREATE TABLE truck (
  plate text NOT NULL,
  bought date,
  payload_t numeric(4,1)
);
-- pair: inherits-column-added-in-parent
-- from
CREATE TABLE party (
  party_id integer
);
CREATE TABLE party_person (
  party_id integer,
  born date
);
ALTER TABLE party_person INHERIT party;
-- to
CREATE TABLE party (
  party_id integer,
  remark text
);
CREATE TABLE party_person (
  party_id integer,
  born date,
  remark text
);
ALTER TABLE party_person INHERIT party;
-- pair: inherits-two-parents
-- from
CREATE TABLE billable (
  rate numeric(8,2)
);
CREATE TABLE schedulable (
  starts timestamp
);
CREATE TABLE job (
  job_no integer
) INHERITS (billable);
-- to
CREATE TABLE billable (
  rate numeric(8,2)
);
CREATE TABLE schedulable (
  starts timestamp
);
CREATE TABLE job (
  job_no integer,
  starts timestamp
) INHERITS (billable);
ALTER TABLE job INHERIT schedulable;
-- pair: inherits-check-and-no-inherit
-- from
CREATE TABLE measure (
  amount numeric,
  CONSTRAINT measure_positive CHECK (amount > 0)
);
CREATE TABLE measure_flow () INHERITS (measure);
-- to
CREATE TABLE measure (
  amount numeric,
  CONSTRAINT measure_positive CHECK (amount > 0) NO INHERIT
);
CREATE TABLE measure_flow () INHERITS (measure);
-- pair: inherits-type-change-through-hierarchy
-- from
CREATE TABLE ledger (
  amount integer DEFAULT 0 NOT NULL
);
CREATE TABLE ledger_eu (
  vat integer
) INHERITS (ledger);
CREATE TABLE ledger_eu_old (
) INHERITS (ledger_eu);
CREATE VIEW ledger_sum AS SELECT sum(amount) AS total FROM ledger;
-- to
CREATE TABLE ledger (
  amount numeric(12,2) DEFAULT 0 NOT NULL
);
CREATE TABLE ledger_eu (
  vat integer
) INHERITS (ledger);
CREATE TABLE ledger_eu_old (
) INHERITS (ledger_eu);
CREATE VIEW ledger_sum AS SELECT sum(amount) AS total FROM ledger;
-- pair: inherits-child-default-and-not-null
-- from
CREATE TABLE alarm (
  code text,
  level integer DEFAULT 1
);
CREATE TABLE alarm_fire (
  zone text
) INHERITS (alarm);
-- to
CREATE TABLE alarm (
  code text,
  level integer DEFAULT 1
);
CREATE TABLE alarm_fire (
  zone text
) INHERITS (alarm);
ALTER TABLE alarm_fire ALTER COLUMN level SET DEFAULT 9;
ALTER TABLE alarm_fire ALTER COLUMN code SET NOT NULL;
-- pair: inherits-not-null-no-inherit (since 18)
-- from
CREATE TABLE base_asset (
  tag text CONSTRAINT base_tag_needed NOT NULL
);
CREATE TABLE base_asset_lost () INHERITS (base_asset);
-- to
CREATE TABLE base_asset (
  tag text CONSTRAINT base_tag_needed NOT NULL NO INHERIT
);
CREATE TABLE base_asset_lost () INHERITS (base_asset);
-- pair: inherits-parent-dropped-child-stays
-- from
CREATE TABLE legacy_base (
  id integer,
  label text
);
CREATE TABLE legacy_item (
  price numeric
) INHERITS (legacy_base);
-- to
CREATE TABLE legacy_item (
  id integer,
  label text,
  price numeric
);
-- pair: inherits-not-null-and-check-in-parent
-- from
CREATE TABLE asset (
  id integer,
  label text,
  CHECK (id > 0)
);
CREATE TABLE crane (
  reach integer
) INHERITS (asset);
-- to
CREATE TABLE asset (
  id integer NOT NULL,
  label text,
  CHECK (id > 1)
);
CREATE TABLE crane (
  reach integer DEFAULT 3
) INHERITS (asset);
