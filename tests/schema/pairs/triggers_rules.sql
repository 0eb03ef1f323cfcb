-- pair: trigger-row-created
-- from
CREATE TABLE article (
  id integer,
  changed timestamp
);
CREATE FUNCTION set_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.changed := now(); RETURN NEW; END $$;
-- to
CREATE TABLE article (
  id integer,
  changed timestamp
);
CREATE FUNCTION set_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.changed := now(); RETURN NEW; END $$;
CREATE TRIGGER article_changed BEFORE UPDATE ON article FOR EACH ROW EXECUTE FUNCTION set_changed();
-- pair: trigger-timing-and-events
-- from
CREATE TABLE stock (
  sku text,
  qty integer
);
CREATE FUNCTION note_stock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER stock_note AFTER INSERT ON stock FOR EACH ROW EXECUTE FUNCTION note_stock();
-- to
CREATE TABLE stock (
  sku text,
  qty integer
);
CREATE FUNCTION note_stock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER stock_note AFTER INSERT OR DELETE OR TRUNCATE ON stock FOR EACH STATEMENT EXECUTE FUNCTION note_stock('audit', 'it''s');
-- pair: trigger-when-and-update-of
-- from
CREATE TABLE price (
  sku text,
  net numeric,
  note text
);
CREATE FUNCTION price_moved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER price_move BEFORE UPDATE OF net ON price FOR EACH ROW EXECUTE FUNCTION price_moved();
-- to
CREATE TABLE price (
  sku text,
  net numeric,
  note text
);
CREATE FUNCTION price_moved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER price_move BEFORE UPDATE OF net, note ON price FOR EACH ROW WHEN (OLD.net IS DISTINCT FROM NEW.net) EXECUTE FUNCTION price_moved();
-- pair: trigger-transition-tables
-- from
CREATE TABLE entry (
  amount numeric
);
CREATE FUNCTION sum_entries() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER entry_sum AFTER UPDATE ON entry FOR EACH STATEMENT EXECUTE FUNCTION sum_entries();
-- to
CREATE TABLE entry (
  amount numeric
);
CREATE FUNCTION sum_entries() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM count(*) FROM before_rows; RETURN NULL; END $$;
CREATE TRIGGER entry_sum AFTER UPDATE ON entry REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows FOR EACH STATEMENT EXECUTE FUNCTION sum_entries();
-- pair: trigger-constraint-deferrable
-- from
CREATE TABLE booking (
  debit numeric,
  credit numeric
);
CREATE FUNCTION check_balance() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER booking_balance AFTER INSERT ON booking FOR EACH ROW EXECUTE FUNCTION check_balance();
-- to
CREATE TABLE booking (
  debit numeric,
  credit numeric
);
CREATE FUNCTION check_balance() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER booking_balance AFTER INSERT OR UPDATE ON booking DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.debit <> NEW.credit) EXECUTE FUNCTION check_balance();
-- pair: trigger-constraint-from-other-table
-- from
CREATE TABLE quota (
  owner text
);
CREATE TABLE quota_use (
  owner text
);
CREATE FUNCTION quota_ok() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
-- to
CREATE TABLE quota (
  owner text
);
CREATE TABLE quota_use (
  owner text
);
CREATE FUNCTION quota_ok() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER quota_use_ok AFTER UPDATE ON quota_use FROM quota DEFERRABLE FOR EACH ROW EXECUTE FUNCTION quota_ok();
-- pair: trigger-disabled
-- from
CREATE TABLE feed (
  id integer
);
CREATE FUNCTION feed_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER feed_in BEFORE INSERT ON feed FOR EACH ROW EXECUTE FUNCTION feed_fn();
-- to
CREATE TABLE feed (
  id integer
);
CREATE FUNCTION feed_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER feed_in BEFORE INSERT ON feed FOR EACH ROW EXECUTE FUNCTION feed_fn();
ALTER TABLE feed DISABLE TRIGGER feed_in;
-- pair: trigger-enable-always-and-replica
-- from
CREATE TABLE mirror (
  id integer
);
CREATE FUNCTION mirror_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER mirror_a BEFORE INSERT ON mirror FOR EACH ROW EXECUTE FUNCTION mirror_fn();
ALTER TABLE mirror ENABLE ALWAYS TRIGGER mirror_a;
-- to
CREATE TABLE mirror (
  id integer
);
CREATE FUNCTION mirror_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER mirror_a BEFORE INSERT ON mirror FOR EACH ROW EXECUTE FUNCTION mirror_fn();
ALTER TABLE mirror ENABLE REPLICA TRIGGER mirror_a;
-- pair: trigger-disabled-stays-disabled-when-redefined
-- from
CREATE TABLE outbox (
  id integer,
  sent boolean
);
CREATE FUNCTION outbox_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER outbox_t BEFORE UPDATE ON outbox FOR EACH ROW EXECUTE FUNCTION outbox_fn();
ALTER TABLE outbox DISABLE TRIGGER outbox_t;
COMMENT ON TRIGGER outbox_t ON outbox IS 'off during migration';
-- to
CREATE TABLE outbox (
  id integer,
  sent boolean
);
CREATE FUNCTION outbox_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER outbox_t BEFORE UPDATE OF sent ON outbox FOR EACH ROW WHEN (NEW.sent) EXECUTE FUNCTION outbox_fn();
ALTER TABLE outbox DISABLE TRIGGER outbox_t;
COMMENT ON TRIGGER outbox_t ON outbox IS 'off during migration';
-- pair: trigger-instead-of-on-view
-- from
CREATE TABLE base_item (
  id integer,
  label text
);
CREATE VIEW item AS SELECT id, upper(label) AS label FROM base_item;
-- to
CREATE TABLE base_item (
  id integer,
  label text
);
CREATE VIEW item AS SELECT id, upper(label) AS label FROM base_item;
CREATE FUNCTION item_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM base_item WHERE id = OLD.id; RETURN OLD; END $$;
CREATE TRIGGER item_del INSTEAD OF DELETE OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION item_write();
-- pair: trigger-function-replaced-by-other
-- from
CREATE TABLE log_line (
  t text
);
CREATE FUNCTION log_old() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER log_t BEFORE INSERT ON log_line FOR EACH ROW EXECUTE FUNCTION log_old();
-- to
CREATE TABLE log_line (
  t text
);
CREATE FUNCTION log_new() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.t := trim(NEW.t); RETURN NEW; END $$;
CREATE TRIGGER log_t BEFORE INSERT ON log_line FOR EACH ROW EXECUTE FUNCTION log_new();
-- pair: trigger-column-dropped
-- from
CREATE TABLE lease (
  id integer,
  rent numeric,
  note text
);
CREATE FUNCTION lease_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER lease_note BEFORE UPDATE OF note ON lease FOR EACH ROW EXECUTE FUNCTION lease_fn();
CREATE TRIGGER lease_when BEFORE INSERT ON lease FOR EACH ROW WHEN (NEW.note <> '') EXECUTE FUNCTION lease_fn();
-- to
CREATE TABLE lease (
  id integer,
  rent numeric
);
CREATE FUNCTION lease_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
-- pair: trigger-column-type-changed
-- from
CREATE TABLE parcel (
  id integer,
  kg integer
);
CREATE FUNCTION parcel_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER parcel_kg BEFORE UPDATE OF kg ON parcel FOR EACH ROW WHEN (NEW.kg > 30) EXECUTE FUNCTION parcel_fn();
-- to
CREATE TABLE parcel (
  id integer,
  kg numeric(7,2)
);
CREATE FUNCTION parcel_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER parcel_kg BEFORE UPDATE OF kg ON parcel FOR EACH ROW WHEN (NEW.kg > 30) EXECUTE FUNCTION parcel_fn();
-- pair: trigger-function-and-table-dropped
-- from
CREATE TABLE temp_board (
  id integer
);
CREATE FUNCTION temp_board_fn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER temp_board_t BEFORE INSERT ON temp_board FOR EACH ROW EXECUTE FUNCTION temp_board_fn();
-- to
-- pair: event-trigger-created (since 17)
-- from
CREATE FUNCTION ddl_note() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
-- to
CREATE FUNCTION ddl_note() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE EVENT TRIGGER note_ddl ON ddl_command_end EXECUTE FUNCTION ddl_note();
-- pair: event-trigger-tags-and-enabled (since 17)
-- from
CREATE FUNCTION ddl_watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE EVENT TRIGGER watch_ddl ON sql_drop WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION ddl_watch();
-- to
CREATE FUNCTION ddl_watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE EVENT TRIGGER watch_ddl ON sql_drop WHEN TAG IN ('DROP TABLE', 'DROP VIEW') EXECUTE FUNCTION ddl_watch();
ALTER EVENT TRIGGER watch_ddl DISABLE;
COMMENT ON EVENT TRIGGER watch_ddl IS 'off for now';
-- pair: event-trigger-enable-always (since 17)
-- from
CREATE FUNCTION et() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE EVENT TRIGGER et_start ON ddl_command_start EXECUTE FUNCTION et();
-- to
CREATE FUNCTION et() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE EVENT TRIGGER et_start ON table_rewrite EXECUTE FUNCTION et();
ALTER EVENT TRIGGER et_start ENABLE ALWAYS;
-- pair: rule-created-on-view
-- from
CREATE TABLE t_store (
  id integer,
  v text
);
CREATE VIEW v_store AS SELECT id, v FROM t_store;
-- to
CREATE TABLE t_store (
  id integer,
  v text
);
CREATE VIEW v_store AS SELECT id, v FROM t_store;
CREATE RULE v_store_upd AS ON UPDATE TO v_store DO INSTEAD UPDATE t_store SET v = NEW.v WHERE id = OLD.id;
-- pair: rule-condition-changed
-- from
CREATE TABLE ledger (
  id integer,
  frozen boolean
);
CREATE RULE ledger_keep AS ON DELETE TO ledger DO INSTEAD NOTHING;
-- to
CREATE TABLE ledger (
  id integer,
  frozen boolean
);
CREATE RULE ledger_keep AS ON DELETE TO ledger WHERE OLD.frozen DO INSTEAD NOTHING;
-- pair: rule-also-multiple-actions-and-disabled
-- from
CREATE TABLE src (
  a integer
);
CREATE TABLE audit_src (
  a integer,
  at timestamp
);
CREATE RULE src_log AS ON INSERT TO src DO ALSO INSERT INTO audit_src VALUES (NEW.a, now());
-- to
CREATE TABLE src (
  a integer
);
CREATE TABLE audit_src (
  a integer,
  at timestamp
);
CREATE RULE src_log AS ON INSERT TO src DO ALSO (
  INSERT INTO audit_src VALUES (NEW.a, now());
  NOTIFY src_changed;
);
ALTER TABLE src DISABLE RULE src_log;
COMMENT ON RULE src_log ON src IS 'two actions';
-- pair: rule-base-column-type-changed
-- from
CREATE TABLE inbox_raw (
  id integer,
  size integer
);
CREATE TABLE inbox_log (
  size numeric
);
CREATE RULE inbox_rule AS ON UPDATE TO inbox_raw WHERE NEW.size > 100 DO ALSO INSERT INTO inbox_log VALUES (NEW.size);
-- to
CREATE TABLE inbox_raw (
  id integer,
  size bigint
);
CREATE TABLE inbox_log (
  size numeric
);
CREATE RULE inbox_rule AS ON UPDATE TO inbox_raw WHERE NEW.size > 100 DO ALSO INSERT INTO inbox_log VALUES (NEW.size);
