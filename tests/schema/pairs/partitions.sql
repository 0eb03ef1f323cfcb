-- pair: partition-range-added
-- from
CREATE TABLE sales_order (
  order_id bigint NOT NULL,
  ordered_on date NOT NULL
) PARTITION BY RANGE (ordered_on);
CREATE TABLE sales_order_2023 PARTITION OF sales_order FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
-- to
CREATE TABLE sales_order (
  order_id bigint NOT NULL,
  ordered_on date NOT NULL
) PARTITION BY RANGE (ordered_on);
CREATE TABLE sales_order_2023 PARTITION OF sales_order FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE sales_order_2024 PARTITION OF sales_order FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
-- pair: partition-list-values-changed
-- from
CREATE TABLE stock_by_site (
  site text NOT NULL,
  sku text NOT NULL,
  qty integer
) PARTITION BY LIST (site);
CREATE TABLE stock_north PARTITION OF stock_by_site FOR VALUES IN ('oslo', 'bergen');
CREATE TABLE stock_south PARTITION OF stock_by_site FOR VALUES IN ('rome');
-- to
CREATE TABLE stock_by_site (
  site text NOT NULL,
  sku text NOT NULL,
  qty integer
) PARTITION BY LIST (site);
CREATE TABLE stock_north PARTITION OF stock_by_site FOR VALUES IN ('oslo');
CREATE TABLE stock_south PARTITION OF stock_by_site FOR VALUES IN ('rome', 'bergen', NULL);
-- pair: partition-range-bounds-changed
-- from
CREATE TABLE reading (
  sensor_id integer NOT NULL,
  at timestamp with time zone NOT NULL,
  val real
) PARTITION BY RANGE (at);
CREATE TABLE reading_old PARTITION OF reading FOR VALUES FROM (MINVALUE) TO ('2024-01-01 00:00:00+00');
CREATE TABLE reading_new PARTITION OF reading FOR VALUES FROM ('2024-01-01 00:00:00+00') TO (MAXVALUE);
-- to
CREATE TABLE reading (
  sensor_id integer NOT NULL,
  at timestamp with time zone NOT NULL,
  val real
) PARTITION BY RANGE (at);
CREATE TABLE reading_old PARTITION OF reading FOR VALUES FROM (MINVALUE) TO ('2025-07-01 00:00:00+00');
CREATE TABLE reading_new PARTITION OF reading FOR VALUES FROM ('2025-07-01 00:00:00+00') TO (MAXVALUE);
-- pair: partition-hash-modulus-doubled
-- from
CREATE TABLE account_event (
  account_id integer NOT NULL,
  body text
) PARTITION BY HASH (account_id);
CREATE TABLE account_event_0 PARTITION OF account_event FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE account_event_1 PARTITION OF account_event FOR VALUES WITH (MODULUS 2, REMAINDER 1);
-- to
CREATE TABLE account_event (
  account_id integer NOT NULL,
  body text
) PARTITION BY HASH (account_id);
CREATE TABLE account_event_0 PARTITION OF account_event FOR VALUES WITH (MODULUS 4, REMAINDER 0);
CREATE TABLE account_event_1 PARTITION OF account_event FOR VALUES WITH (MODULUS 4, REMAINDER 1);
CREATE TABLE account_event_2 PARTITION OF account_event FOR VALUES WITH (MODULUS 4, REMAINDER 2);
CREATE TABLE account_event_3 PARTITION OF account_event FOR VALUES WITH (MODULUS 4, REMAINDER 3);
-- pair: partition-default-added
-- from
CREATE TABLE claim (
  country character(2) NOT NULL,
  claim_no integer NOT NULL
) PARTITION BY LIST (country);
CREATE TABLE claim_de PARTITION OF claim FOR VALUES IN ('DE');
-- to
CREATE TABLE claim (
  country character(2) NOT NULL,
  claim_no integer NOT NULL
) PARTITION BY LIST (country);
CREATE TABLE claim_de PARTITION OF claim FOR VALUES IN ('DE');
CREATE TABLE claim_other PARTITION OF claim DEFAULT;
-- pair: partition-default-becomes-list
-- from
CREATE TABLE freight (
  mode text,
  ref text
) PARTITION BY LIST (mode);
CREATE TABLE freight_sea PARTITION OF freight FOR VALUES IN ('sea');
CREATE TABLE freight_rest PARTITION OF freight DEFAULT;
-- to
CREATE TABLE freight (
  mode text,
  ref text
) PARTITION BY LIST (mode);
CREATE TABLE freight_sea PARTITION OF freight DEFAULT;
CREATE TABLE freight_rest PARTITION OF freight FOR VALUES IN ('air', 'rail');
-- pair: partition-detached-to-plain-table
-- from
CREATE TABLE payroll (
  emp_no integer NOT NULL,
  month date NOT NULL,
  gross numeric(10,2)
) PARTITION BY RANGE (month);
CREATE TABLE payroll_2022 PARTITION OF payroll FOR VALUES FROM ('2022-01-01') TO ('2023-01-01');
CREATE TABLE payroll_2023 PARTITION OF payroll FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
-- to
CREATE TABLE payroll (
  emp_no integer NOT NULL,
  month date NOT NULL,
  gross numeric(10,2)
) PARTITION BY RANGE (month);
CREATE TABLE payroll_2022 (
  emp_no integer NOT NULL,
  month date NOT NULL,
  gross numeric(10,2)
);
CREATE TABLE payroll_2023 PARTITION OF payroll FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
-- pair: partition-attached-with-primary-key
-- from
CREATE TABLE bill (
  bill_no integer NOT NULL,
  year integer NOT NULL,
  PRIMARY KEY (year, bill_no)
) PARTITION BY LIST (year);
CREATE TABLE bill_2024 (
  bill_no integer NOT NULL,
  year integer NOT NULL,
  CONSTRAINT bill_2024_pkey PRIMARY KEY (year, bill_no)
);
-- to
CREATE TABLE bill (
  bill_no integer NOT NULL,
  year integer NOT NULL,
  PRIMARY KEY (year, bill_no)
) PARTITION BY LIST (year);
CREATE TABLE bill_2024 PARTITION OF bill FOR VALUES IN (2024);
-- pair: partition-sub-partitions-added
-- from
CREATE TABLE delivery (
  region text NOT NULL,
  day date NOT NULL,
  parcels integer
) PARTITION BY LIST (region);
CREATE TABLE delivery_east PARTITION OF delivery FOR VALUES IN ('east');
-- to
CREATE TABLE delivery (
  region text NOT NULL,
  day date NOT NULL,
  parcels integer
) PARTITION BY LIST (region);
CREATE TABLE delivery_east PARTITION OF delivery FOR VALUES IN ('east');
CREATE TABLE delivery_west PARTITION OF delivery FOR VALUES IN ('west') PARTITION BY RANGE (day);
CREATE TABLE delivery_west_h1 PARTITION OF delivery_west FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
CREATE TABLE delivery_west_h2 PARTITION OF delivery_west FOR VALUES FROM ('2024-07-01') TO ('2025-01-01');
-- pair: partition-leaf-becomes-partitioned
-- from
CREATE TABLE tracking (
  carrier text NOT NULL,
  code integer NOT NULL
) PARTITION BY LIST (carrier);
CREATE TABLE tracking_a PARTITION OF tracking FOR VALUES IN ('a');
-- to
CREATE TABLE tracking (
  carrier text NOT NULL,
  code integer NOT NULL
) PARTITION BY LIST (carrier);
CREATE TABLE tracking_a PARTITION OF tracking FOR VALUES IN ('a') PARTITION BY HASH (code);
CREATE TABLE tracking_a_0 PARTITION OF tracking_a FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE tracking_a_1 PARTITION OF tracking_a FOR VALUES WITH (MODULUS 2, REMAINDER 1);
-- pair: partition-plain-to-partitioned
-- from
CREATE TABLE archive_mail (
  mail_id bigint NOT NULL,
  sent_on date NOT NULL,
  subject text
);
CREATE INDEX archive_mail_subject_idx ON archive_mail (subject);
-- to
CREATE TABLE archive_mail (
  mail_id bigint NOT NULL,
  sent_on date NOT NULL,
  subject text
) PARTITION BY RANGE (sent_on);
CREATE TABLE archive_mail_all PARTITION OF archive_mail DEFAULT;
CREATE INDEX archive_mail_subject_idx ON archive_mail (subject);
-- pair: partition-strategy-changed
-- from
CREATE TABLE usage_record (
  tenant integer NOT NULL,
  used_on date NOT NULL
) PARTITION BY RANGE (used_on);
CREATE TABLE usage_record_p1 PARTITION OF usage_record FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
-- to
CREATE TABLE usage_record (
  tenant integer NOT NULL,
  used_on date NOT NULL
) PARTITION BY LIST (tenant);
CREATE TABLE usage_record_p1 PARTITION OF usage_record FOR VALUES IN (1, 2, 3);
-- pair: partition-index-on-parent
-- from
CREATE TABLE call_record (
  caller text NOT NULL,
  started timestamp NOT NULL
) PARTITION BY RANGE (started);
CREATE TABLE call_record_q1 PARTITION OF call_record FOR VALUES FROM ('2024-01-01') TO ('2024-04-01');
CREATE TABLE call_record_q2 PARTITION OF call_record FOR VALUES FROM ('2024-04-01') TO ('2024-07-01');
-- to
CREATE TABLE call_record (
  caller text NOT NULL,
  started timestamp NOT NULL
) PARTITION BY RANGE (started);
CREATE TABLE call_record_q1 PARTITION OF call_record FOR VALUES FROM ('2024-01-01') TO ('2024-04-01');
CREATE TABLE call_record_q2 PARTITION OF call_record FOR VALUES FROM ('2024-04-01') TO ('2024-07-01');
CREATE INDEX call_record_caller_idx ON call_record (caller, started DESC);
-- pair: partition-index-only-on-parent-invalid
-- from
CREATE TABLE heat_log (
  room integer NOT NULL,
  at date NOT NULL
) PARTITION BY RANGE (at);
CREATE TABLE heat_log_2024 PARTITION OF heat_log FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE INDEX heat_log_room_idx ON ONLY heat_log (room);
-- to
CREATE TABLE heat_log (
  room integer NOT NULL,
  at date NOT NULL
) PARTITION BY RANGE (at);
CREATE TABLE heat_log_2024 PARTITION OF heat_log FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE INDEX heat_log_room_idx ON ONLY heat_log (room);
CREATE INDEX heat_log_2024_by_room ON heat_log_2024 (room);
ALTER INDEX heat_log_room_idx ATTACH PARTITION heat_log_2024_by_room;
-- pair: partition-own-index-and-check
-- from
CREATE TABLE permit (
  kind text NOT NULL,
  fee numeric
) PARTITION BY LIST (kind);
CREATE TABLE permit_build PARTITION OF permit FOR VALUES IN ('build');
-- to
CREATE TABLE permit (
  kind text NOT NULL,
  fee numeric
) PARTITION BY LIST (kind);
CREATE TABLE permit_build PARTITION OF permit (
  CONSTRAINT permit_build_fee_floor CHECK (fee >= 25)
) FOR VALUES IN ('build');
CREATE INDEX permit_build_fee_idx ON permit_build (fee);
-- pair: partition-unique-and-foreign-key
-- from
CREATE TABLE tenant (
  tenant_id integer PRIMARY KEY
);
CREATE TABLE tenant_doc (
  tenant_id integer NOT NULL,
  doc_no integer NOT NULL
) PARTITION BY HASH (tenant_id);
CREATE TABLE tenant_doc_h0 PARTITION OF tenant_doc FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE tenant_doc_h1 PARTITION OF tenant_doc FOR VALUES WITH (MODULUS 2, REMAINDER 1);
-- to
CREATE TABLE tenant (
  tenant_id integer PRIMARY KEY
);
CREATE TABLE tenant_doc (
  tenant_id integer NOT NULL,
  doc_no integer NOT NULL,
  CONSTRAINT tenant_doc_uq UNIQUE (tenant_id, doc_no),
  CONSTRAINT tenant_doc_tenant_fk FOREIGN KEY (tenant_id) REFERENCES tenant ON DELETE CASCADE
) PARTITION BY HASH (tenant_id);
CREATE TABLE tenant_doc_h0 PARTITION OF tenant_doc FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE tenant_doc_h1 PARTITION OF tenant_doc FOR VALUES WITH (MODULUS 2, REMAINDER 1);
-- pair: partition-referenced-by-foreign-key
-- from
CREATE TABLE asset (
  asset_id integer NOT NULL,
  class text NOT NULL,
  PRIMARY KEY (asset_id, class)
) PARTITION BY LIST (class);
CREATE TABLE asset_pump PARTITION OF asset FOR VALUES IN ('pump');
CREATE TABLE asset_note (
  asset_id integer,
  class text,
  note text
);
-- to
CREATE TABLE asset (
  asset_id integer NOT NULL,
  class text NOT NULL,
  PRIMARY KEY (asset_id, class)
) PARTITION BY LIST (class);
CREATE TABLE asset_pump PARTITION OF asset FOR VALUES IN ('pump');
CREATE TABLE asset_motor PARTITION OF asset FOR VALUES IN ('motor');
CREATE TABLE asset_note (
  asset_id integer,
  class text,
  note text,
  FOREIGN KEY (asset_id, class) REFERENCES asset (asset_id, class)
);
-- pair: partition-column-added-and-type-changed
-- from
CREATE TABLE toll (
  gate integer NOT NULL,
  passed date NOT NULL,
  amount integer
) PARTITION BY RANGE (passed);
CREATE TABLE toll_2024 PARTITION OF toll FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE INDEX toll_amount_idx ON toll (amount);
-- to
CREATE TABLE toll (
  gate integer NOT NULL,
  passed date NOT NULL,
  amount numeric(8,2),
  plate text DEFAULT 'unknown' NOT NULL
) PARTITION BY RANGE (passed);
CREATE TABLE toll_2024 PARTITION OF toll FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE INDEX toll_amount_idx ON toll (amount);
-- pair: partition-own-default
-- from
CREATE TABLE quote (
  year integer NOT NULL,
  currency text DEFAULT 'EUR'
) PARTITION BY LIST (year);
CREATE TABLE quote_2024 PARTITION OF quote FOR VALUES IN (2024);
-- to
CREATE TABLE quote (
  year integer NOT NULL,
  currency text DEFAULT 'EUR'
) PARTITION BY LIST (year);
CREATE TABLE quote_2024 PARTITION OF quote (
  currency DEFAULT 'GBP' NOT NULL
) FOR VALUES IN (2024);
-- pair: partition-expression-key
-- from
CREATE FUNCTION fiscal_year(d date) RETURNS integer
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT (extract(year FROM d + interval '3 months'))::integer $$;
CREATE TABLE voucher (
  voucher_no integer,
  booked date
) PARTITION BY LIST (fiscal_year(booked));
CREATE TABLE voucher_2024 PARTITION OF voucher FOR VALUES IN (2024);
-- to
CREATE FUNCTION fiscal_year(d date) RETURNS integer
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT (extract(year FROM d + interval '3 months'))::integer $$;
CREATE TABLE voucher (
  voucher_no integer,
  booked date
) PARTITION BY LIST (fiscal_year(booked));
CREATE TABLE voucher_2024 PARTITION OF voucher FOR VALUES IN (2024);
CREATE TABLE voucher_2025 PARTITION OF voucher FOR VALUES IN (2025);
-- pair: partition-key-opclass-and-collation
-- from
CREATE TABLE catalogue (
  title text NOT NULL,
  isbn text
) PARTITION BY RANGE (title COLLATE "C");
CREATE TABLE catalogue_am PARTITION OF catalogue FOR VALUES FROM ('A') TO ('N');
-- to
CREATE TABLE catalogue (
  title text NOT NULL,
  isbn text
) PARTITION BY RANGE (title text_pattern_ops);
CREATE TABLE catalogue_am PARTITION OF catalogue FOR VALUES FROM ('A') TO ('N');
-- pair: partition-multi-column-range
-- from
CREATE TABLE tide (
  station integer NOT NULL,
  year integer NOT NULL,
  level real
) PARTITION BY RANGE (station, year);
CREATE TABLE tide_a PARTITION OF tide FOR VALUES FROM (1, MINVALUE) TO (10, MAXVALUE);
-- to
CREATE TABLE tide (
  station integer NOT NULL,
  year integer NOT NULL,
  level real
) PARTITION BY RANGE (station, year);
CREATE TABLE tide_a PARTITION OF tide FOR VALUES FROM (1, MINVALUE) TO (5, 2000);
CREATE TABLE tide_b PARTITION OF tide FOR VALUES FROM (5, 2000) TO (10, MAXVALUE);
-- pair: partition-trigger-on-parent
-- from
CREATE FUNCTION stamp_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.touched := now();
  RETURN NEW;
END $$;
CREATE TABLE booking (
  day date NOT NULL,
  touched timestamp with time zone
) PARTITION BY RANGE (day);
CREATE TABLE booking_jan PARTITION OF booking FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
-- to
CREATE FUNCTION stamp_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.touched := now();
  RETURN NEW;
END $$;
CREATE TABLE booking (
  day date NOT NULL,
  touched timestamp with time zone
) PARTITION BY RANGE (day);
CREATE TABLE booking_jan PARTITION OF booking FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TRIGGER booking_stamp BEFORE INSERT OR UPDATE ON booking FOR EACH ROW EXECUTE FUNCTION stamp_row();
ALTER TABLE booking_jan DISABLE TRIGGER booking_stamp;
-- pair: partition-identity-on-parent
-- from
CREATE TABLE work_order (
  wo_id bigint NOT NULL,
  due date NOT NULL
) PARTITION BY RANGE (due);
CREATE TABLE work_order_2025 PARTITION OF work_order FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
-- to
CREATE TABLE work_order (
  wo_id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  due date NOT NULL
) PARTITION BY RANGE (due);
CREATE TABLE work_order_2025 PARTITION OF work_order FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
-- pair: partition-moved-between-parents
-- from
CREATE TABLE hot_orders (
  id integer NOT NULL,
  yr integer NOT NULL
) PARTITION BY LIST (yr);
CREATE TABLE cold_orders (
  id integer NOT NULL,
  yr integer NOT NULL
) PARTITION BY LIST (yr);
CREATE TABLE orders_2021 PARTITION OF hot_orders FOR VALUES IN (2021);
-- to
CREATE TABLE hot_orders (
  id integer NOT NULL,
  yr integer NOT NULL
) PARTITION BY LIST (yr);
CREATE TABLE cold_orders (
  id integer NOT NULL,
  yr integer NOT NULL
) PARTITION BY LIST (yr);
CREATE TABLE orders_2021 PARTITION OF cold_orders FOR VALUES IN (2021);
-- pair: partition-tree-created-whole
-- from
-- to
CREATE TABLE consumption (
  site_id integer NOT NULL,
  at timestamp with time zone NOT NULL,
  kwh numeric(12,3) NOT NULL CHECK (kwh >= 0),
  PRIMARY KEY (site_id, at)
) PARTITION BY RANGE (at);
CREATE TABLE consumption_2024 PARTITION OF consumption FOR VALUES FROM ('2024-01-01 00:00+00') TO ('2025-01-01 00:00+00') PARTITION BY HASH (site_id);
CREATE TABLE consumption_2024_0 PARTITION OF consumption_2024 FOR VALUES WITH (MODULUS 2, REMAINDER 0) WITH (fillfactor = 80);
CREATE TABLE consumption_2024_1 PARTITION OF consumption_2024 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE consumption_rest PARTITION OF consumption DEFAULT;
CREATE INDEX consumption_kwh_idx ON consumption USING brin (kwh);
