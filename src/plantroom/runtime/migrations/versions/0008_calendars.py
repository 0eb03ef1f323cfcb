"""Calendars as they were applied, and who has let a work start outside of them."""

from alembic import op

revision = "0008"
down_revision = "0007"

_TABLES = """
CREATE TABLE calendars (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    body jsonb NOT NULL
);

-- `subject` may start until `until` whatever the calendars say, once somebody else than who asked has confirmed it.
CREATE TABLE calendar_override (
    subject text NOT NULL,
    number integer NOT NULL,
    why text NOT NULL,
    until text NOT NULL,
    asked_by text NOT NULL,
    asked_at text NOT NULL,
    confirmed_by text CHECK (confirmed_by <> asked_by),
    confirmed_at text,
    PRIMARY KEY (subject, number)
);

GRANT SELECT, INSERT, UPDATE ON calendars, calendar_override TO plantroom_runtime;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(_TABLES)
