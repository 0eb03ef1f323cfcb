"""Schemas of the fleet: what was seen of them, what was accepted, ways back, and runs outside of trains."""

from alembic import op

revision = "0004"
down_revision = "0003"

_TABLES = """
CREATE TABLE schema_look (
    id text PRIMARY KEY,
    at text NOT NULL,
    body jsonb NOT NULL
);

-- A database of this environment may have this schema although `instead` is what its release left.
CREATE TABLE schema_accepted (
    environment text NOT NULL,
    fingerprint text NOT NULL,
    instead text NOT NULL,
    actor text NOT NULL,
    why text NOT NULL,
    at text NOT NULL,
    PRIMARY KEY (environment, fingerprint, instead)
);

CREATE TABLE schema_repair (
    digest text PRIMARY KEY,
    at text NOT NULL,
    body jsonb NOT NULL
);

CREATE TABLE schema_run (
    name text PRIMARY KEY,
    intent text NOT NULL UNIQUE REFERENCES intent,
    actor text NOT NULL,
    started text NOT NULL,
    ended text,
    state text NOT NULL CHECK (state IN ('running', 'done', 'stopped')),
    why text NOT NULL DEFAULT ''
);
-- One at a time: what one run leaves, another is not to count on meanwhile.
CREATE UNIQUE INDEX schema_run_running ON schema_run ((true)) WHERE state = 'running';

CREATE TABLE schema_target (
    run text NOT NULL REFERENCES schema_run,
    environment text NOT NULL,
    pool text NOT NULL,
    place integer NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed')),
    why text NOT NULL DEFAULT '',
    PRIMARY KEY (run, environment)
);

GRANT SELECT, INSERT, DELETE ON schema_look, schema_repair TO plantroom_runtime;
GRANT SELECT, INSERT ON schema_accepted TO plantroom_runtime;
GRANT SELECT, INSERT, UPDATE ON schema_run, schema_target TO plantroom_runtime;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(_TABLES)
