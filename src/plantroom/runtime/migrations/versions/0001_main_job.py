"""The ledger, intents, the estate's generations, observations, environments and their changes, and trains."""

from alembic import op

revision = "0001"
down_revision = None

_TABLES = """
CREATE TABLE ledger_entry (
    seq bigint PRIMARY KEY,
    at text NOT NULL,
    actor text NOT NULL,
    verb text NOT NULL,
    subject text NOT NULL,
    phase text NOT NULL CHECK (phase IN ('intent', 'outcome', 'note')),
    key text NOT NULL,
    payload text NOT NULL,
    leaf bytea NOT NULL,
    UNIQUE (key, phase)
);
CREATE INDEX ledger_entry_subject ON ledger_entry (subject, seq);

CREATE TABLE intent (
    digest text PRIMARY KEY,
    kind text NOT NULL,
    actor text NOT NULL,
    at text NOT NULL,
    body jsonb NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'ended')),
    outcome jsonb
);
CREATE INDEX intent_open ON intent (at) WHERE state = 'open';

CREATE TABLE estate_generation (
    generation integer PRIMARY KEY,
    digest text NOT NULL UNIQUE REFERENCES intent,
    git_commit text NOT NULL,
    content text NOT NULL,
    actor text NOT NULL,
    at text NOT NULL
);

CREATE TABLE observation (
    id text PRIMARY KEY,
    at text NOT NULL,
    seen jsonb NOT NULL
);

CREATE TABLE environment (
    environment text PRIMARY KEY,
    status text NOT NULL CHECK (status IN ('provisioning', 'live', 'suspended', 'retired')),
    target jsonb NOT NULL,
    change text NOT NULL,
    at text NOT NULL
);

CREATE TABLE change (
    key text PRIMARY KEY,
    intent text NOT NULL REFERENCES intent,
    environment text NOT NULL,
    actor text NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'open', 'done', 'failed', 'superseded')),
    target jsonb NOT NULL,
    previous jsonb,
    why text NOT NULL DEFAULT '',
    at text NOT NULL,
    ended text
);
CREATE INDEX change_environment ON change (environment, at);
-- Two changes of one environment never run at once, whoever asks.
CREATE UNIQUE INDEX change_open ON change (environment) WHERE state = 'open';

CREATE TABLE drain_lease (
    instance text PRIMARY KEY,
    environment text NOT NULL,
    owner text NOT NULL REFERENCES change,
    reason text NOT NULL,
    expires text NOT NULL
);

CREATE TABLE train (
    name text PRIMARY KEY,
    intent text NOT NULL UNIQUE REFERENCES intent,
    application text NOT NULL,
    release text NOT NULL,
    artefact text NOT NULL,
    actor text NOT NULL,
    started text NOT NULL,
    ended text,
    state text NOT NULL,
    ring text NOT NULL DEFAULT '',
    why text NOT NULL DEFAULT '',
    abort_by text NOT NULL DEFAULT '',
    rings jsonb NOT NULL,
    passed jsonb NOT NULL DEFAULT '[]'
);

CREATE TABLE train_target (
    train text NOT NULL REFERENCES train,
    environment text NOT NULL,
    ring text NOT NULL,
    place integer NOT NULL,
    state text NOT NULL,
    from_release text NOT NULL,
    change text REFERENCES change,
    back text REFERENCES change,
    why text NOT NULL DEFAULT '',
    finished integer,
    ended text,
    baseline jsonb,
    PRIMARY KEY (train, environment)
);

DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'plantroom_runtime') THEN
        CREATE ROLE plantroom_runtime NOLOGIN;
    END IF;
END $$;
GRANT plantroom_runtime TO CURRENT_USER;
GRANT USAGE ON SCHEMA public TO plantroom_runtime;
GRANT SELECT, INSERT ON ledger_entry, estate_generation TO plantroom_runtime;
GRANT SELECT, INSERT, UPDATE ON intent, environment, change, train, train_target TO plantroom_runtime;
GRANT SELECT, INSERT, DELETE ON observation TO plantroom_runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON drain_lease TO plantroom_runtime;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(_TABLES)
