-- From the schema of 1.0. It only adds: release 1.0 runs on with it, and gives its orders the default priority.
-- A constant default is kept in the catalogue, so the table is not rewritten (PostgreSQL 11 and later).

ALTER TABLE work_orders
    ADD COLUMN priority text NOT NULL DEFAULT 'normal'
        CONSTRAINT work_orders_priority CHECK (priority IN ('low', 'normal', 'high', 'urgent'));
CREATE INDEX work_orders_by_priority ON work_orders (priority, due) WHERE state NOT IN ('done', 'cancelled');
