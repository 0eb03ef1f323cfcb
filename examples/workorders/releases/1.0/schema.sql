-- The whole schema of release 1.0, for a new database.

CREATE TABLE assets (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text NOT NULL UNIQUE,
    name text NOT NULL,
    location text NOT NULL DEFAULT ''
);

CREATE TABLE work_orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference text UNIQUE,
    title text NOT NULL,
    description text NOT NULL DEFAULT '',
    asset_id bigint REFERENCES assets,
    state text NOT NULL DEFAULT 'open'
        CHECK (state IN ('open', 'assigned', 'in_progress', 'done', 'cancelled')),
    assignee text,
    due date,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    shift text NOT NULL CHECK (shift IN ('any', 'early', 'late'))
);
COMMENT ON COLUMN work_orders.reference IS 'Chosen by the caller; an order that is sent twice is made once.';
CREATE INDEX work_orders_due ON work_orders (due) WHERE state NOT IN ('done', 'cancelled');

CREATE TABLE order_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES work_orders,
    at timestamptz NOT NULL DEFAULT now(),
    from_state text NOT NULL,
    to_state text NOT NULL,
    assignee text
);
CREATE INDEX order_changes_order ON order_changes (order_id);

CREATE TABLE attachments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES work_orders,
    name text NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    stored text NOT NULL UNIQUE,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX attachments_order ON attachments (order_id);

CREATE TABLE reminders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES work_orders,
    due date NOT NULL,
    assignee text,
    sent_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (order_id, due)
);
