"""Which changes take an environment back to what it has run before."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.get_bind().exec_driver_sql("ALTER TABLE change ADD COLUMN returns boolean NOT NULL DEFAULT false")
