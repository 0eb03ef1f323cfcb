-- pair: fk-added
-- from
CREATE TABLE department (
  dept_id integer PRIMARY KEY
);
CREATE TABLE staff (
  staff_id integer PRIMARY KEY,
  dept_id integer
);
-- to
CREATE TABLE department (
  dept_id integer PRIMARY KEY
);
CREATE TABLE staff (
  staff_id integer PRIMARY KEY,
  dept_id integer REFERENCES department (dept_id)
);
-- pair: fk-actions-changed
-- from
CREATE TABLE project (
  project_id integer PRIMARY KEY
);
CREATE TABLE task (
  task_id integer PRIMARY KEY,
  project_id integer,
  CONSTRAINT task_project FOREIGN KEY (project_id) REFERENCES project ON DELETE CASCADE
);
-- to
CREATE TABLE project (
  project_id integer PRIMARY KEY
);
CREATE TABLE task (
  task_id integer PRIMARY KEY,
  project_id integer,
  CONSTRAINT task_project FOREIGN KEY (project_id) REFERENCES project ON UPDATE CASCADE ON DELETE RESTRICT
);
-- pair: fk-set-null-column-list
-- from
CREATE TABLE cost_centre (
  company integer,
  code text,
  PRIMARY KEY (company, code)
);
CREATE TABLE expense (
  company integer NOT NULL,
  code text,
  CONSTRAINT expense_cc FOREIGN KEY (company, code) REFERENCES cost_centre ON DELETE NO ACTION
);
-- to
CREATE TABLE cost_centre (
  company integer,
  code text,
  PRIMARY KEY (company, code)
);
CREATE TABLE expense (
  company integer NOT NULL,
  code text,
  CONSTRAINT expense_cc FOREIGN KEY (company, code) REFERENCES cost_centre ON DELETE SET NULL (code)
);
-- pair: fk-set-default-and-match-full
-- from
CREATE TABLE grid_cell (
  x integer,
  y integer,
  PRIMARY KEY (x, y)
);
CREATE TABLE marker (
  x integer DEFAULT 0,
  y integer DEFAULT 0,
  CONSTRAINT marker_cell FOREIGN KEY (x, y) REFERENCES grid_cell (x, y)
);
-- to
CREATE TABLE grid_cell (
  x integer,
  y integer,
  PRIMARY KEY (x, y)
);
CREATE TABLE marker (
  x integer DEFAULT 0,
  y integer DEFAULT 0,
  CONSTRAINT marker_cell FOREIGN KEY (x, y) REFERENCES grid_cell (x, y) MATCH FULL ON DELETE SET DEFAULT
);
-- pair: fk-deferrability
-- from
CREATE TABLE sheet (
  sheet_id integer PRIMARY KEY
);
CREATE TABLE sheet_cell (
  sheet_id integer,
  v text,
  CONSTRAINT cell_sheet FOREIGN KEY (sheet_id) REFERENCES sheet
);
-- to
CREATE TABLE sheet (
  sheet_id integer PRIMARY KEY
);
CREATE TABLE sheet_cell (
  sheet_id integer,
  v text,
  CONSTRAINT cell_sheet FOREIGN KEY (sheet_id) REFERENCES sheet DEFERRABLE INITIALLY DEFERRED
);
-- pair: fk-not-valid
-- from
CREATE TABLE carrier (
  carrier_id integer PRIMARY KEY
);
CREATE TABLE waybill (
  carrier_id integer
);
ALTER TABLE waybill ADD CONSTRAINT waybill_carrier FOREIGN KEY (carrier_id) REFERENCES carrier NOT VALID;
-- to
CREATE TABLE carrier (
  carrier_id integer PRIMARY KEY
);
CREATE TABLE waybill (
  carrier_id integer
);
ALTER TABLE waybill ADD CONSTRAINT waybill_carrier FOREIGN KEY (carrier_id) REFERENCES carrier;
-- pair: fk-not-enforced (since 18)
-- from
CREATE TABLE dim_day (
  day date PRIMARY KEY
);
CREATE TABLE fact_sale (
  day date,
  CONSTRAINT fact_sale_day FOREIGN KEY (day) REFERENCES dim_day
);
-- to
CREATE TABLE dim_day (
  day date PRIMARY KEY
);
CREATE TABLE fact_sale (
  day date,
  CONSTRAINT fact_sale_day FOREIGN KEY (day) REFERENCES dim_day NOT ENFORCED
);
-- pair: fk-self-reference
-- from
CREATE TABLE category (
  id integer PRIMARY KEY,
  parent_id integer
);
-- to
CREATE TABLE category (
  id integer PRIMARY KEY,
  parent_id integer REFERENCES category ON DELETE SET NULL
);
-- pair: fk-cycle-created
-- from
-- to
CREATE TABLE team (
  team_id integer PRIMARY KEY,
  captain_id integer NOT NULL
);
CREATE TABLE player (
  player_id integer PRIMARY KEY,
  team_id integer NOT NULL REFERENCES team
);
ALTER TABLE team ADD CONSTRAINT team_captain_fk FOREIGN KEY (captain_id) REFERENCES player DEFERRABLE;
-- pair: fk-three-table-cycle-broken
-- from
CREATE TABLE account_a (
  id integer PRIMARY KEY,
  next_id integer
);
CREATE TABLE account_b (
  id integer PRIMARY KEY,
  next_id integer
);
CREATE TABLE account_c (
  id integer PRIMARY KEY,
  next_id integer REFERENCES account_a
);
ALTER TABLE account_a ADD FOREIGN KEY (next_id) REFERENCES account_b;
ALTER TABLE account_b ADD FOREIGN KEY (next_id) REFERENCES account_c;
-- to
CREATE TABLE account_a (
  id integer PRIMARY KEY,
  next_id integer
);
-- pair: fk-key-types-changed-together
-- from
CREATE TABLE site (
  site_id integer PRIMARY KEY
);
CREATE TABLE building (
  building_id integer PRIMARY KEY,
  site_id integer NOT NULL REFERENCES site
);
CREATE TABLE floor (
  floor_id integer PRIMARY KEY,
  building_id integer NOT NULL REFERENCES building
);
-- to
CREATE TABLE site (
  site_id bigint PRIMARY KEY
);
CREATE TABLE building (
  building_id bigint PRIMARY KEY,
  site_id bigint NOT NULL REFERENCES site
);
CREATE TABLE floor (
  floor_id integer PRIMARY KEY,
  building_id bigint NOT NULL REFERENCES building
);
-- pair: fk-key-types-text-to-integer
-- from
CREATE TABLE currency (
  code text PRIMARY KEY
);
CREATE TABLE price (
  code text REFERENCES currency ON UPDATE CASCADE
);
-- to
CREATE TABLE currency (
  code integer PRIMARY KEY
);
CREATE TABLE price (
  code integer REFERENCES currency ON UPDATE CASCADE
);
-- pair: fk-target-moves-from-pk-to-unique
-- from
CREATE TABLE machine (
  machine_id integer PRIMARY KEY,
  serial_no integer NOT NULL UNIQUE
);
CREATE TABLE repair (
  machine integer,
  CONSTRAINT repair_machine FOREIGN KEY (machine) REFERENCES machine (machine_id)
);
-- to
CREATE TABLE machine (
  machine_id integer PRIMARY KEY,
  serial_no integer NOT NULL UNIQUE
);
CREATE TABLE repair (
  machine integer,
  CONSTRAINT repair_machine FOREIGN KEY (machine) REFERENCES machine (serial_no)
);
-- pair: fk-referenced-unique-index-replaced
-- from
CREATE TABLE agent (
  agent_id integer NOT NULL,
  code text NOT NULL
);
CREATE UNIQUE INDEX agent_code_ui ON agent (code);
CREATE TABLE deal (
  agent_code text REFERENCES agent (code)
);
-- to
CREATE TABLE agent (
  agent_id integer NOT NULL,
  code text NOT NULL,
  CONSTRAINT agent_code_key UNIQUE (code)
);
CREATE TABLE deal (
  agent_code text REFERENCES agent (code)
);
-- pair: fk-referenced-table-replaced
-- from
CREATE TABLE client (
  client_id integer PRIMARY KEY
);
CREATE TABLE matter (
  matter_id integer PRIMARY KEY,
  owner_id integer,
  CONSTRAINT matter_owner FOREIGN KEY (owner_id) REFERENCES client
);
-- to
CREATE TABLE organisation (
  org_id integer PRIMARY KEY
);
CREATE TABLE matter (
  matter_id integer PRIMARY KEY,
  owner_id integer,
  CONSTRAINT matter_owner FOREIGN KEY (owner_id) REFERENCES organisation
);
-- pair: fk-primary-key-extended-under-fk
-- from
CREATE TABLE price_list (
  list_id integer NOT NULL,
  version integer NOT NULL,
  CONSTRAINT price_list_pkey PRIMARY KEY (list_id)
);
CREATE TABLE price_list_use (
  list_id integer,
  version integer,
  CONSTRAINT use_list FOREIGN KEY (list_id) REFERENCES price_list (list_id)
);
-- to
CREATE TABLE price_list (
  list_id integer NOT NULL,
  version integer NOT NULL,
  CONSTRAINT price_list_pkey PRIMARY KEY (list_id, version)
);
CREATE TABLE price_list_use (
  list_id integer,
  version integer,
  CONSTRAINT use_list FOREIGN KEY (list_id, version) REFERENCES price_list (list_id, version)
);
-- pair: fk-between-partitioned-tables
-- from
CREATE TABLE basket (
  basket_id integer NOT NULL,
  PRIMARY KEY (basket_id)
) PARTITION BY HASH (basket_id);
CREATE TABLE basket_0 PARTITION OF basket FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE basket_item (
  basket_id integer NOT NULL,
  sku text
) PARTITION BY HASH (basket_id);
CREATE TABLE basket_item_0 PARTITION OF basket_item FOR VALUES WITH (MODULUS 1, REMAINDER 0);
-- to
CREATE TABLE basket (
  basket_id integer NOT NULL,
  PRIMARY KEY (basket_id)
) PARTITION BY HASH (basket_id);
CREATE TABLE basket_0 PARTITION OF basket FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE basket_item (
  basket_id integer NOT NULL,
  sku text,
  CONSTRAINT basket_item_basket FOREIGN KEY (basket_id) REFERENCES basket ON DELETE CASCADE
) PARTITION BY HASH (basket_id);
CREATE TABLE basket_item_0 PARTITION OF basket_item FOR VALUES WITH (MODULUS 1, REMAINDER 0);
