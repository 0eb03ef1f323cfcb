"""Who has said yes to a script that nobody brings to databases alone."""

from alembic import op

revision = "0005"
down_revision = "0004"

_TABLES = """
CREATE TABLE schema_approval (
    sha256 text NOT NULL,
    actor text NOT NULL,
    about text NOT NULL,
    why text NOT NULL,
    at text NOT NULL,
    PRIMARY KEY (sha256, actor)
);

GRANT SELECT, INSERT ON schema_approval TO plantroom_runtime;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(_TABLES)
