"""Whether an environment is Plantroom's to change, as it was last applied; and databases that a run leaves out."""

from alembic import op

revision = "0006"
down_revision = "0005"

_TABLES = """
-- NULL: no file declares it any more. What was applied before counts as managed until the next apply: who begins a
-- train or a run asks the files as well.
ALTER TABLE environment ADD COLUMN management text DEFAULT 'managed'
    CHECK (management IN ('managed', 'observed', 'external'));

ALTER TABLE schema_target DROP CONSTRAINT schema_target_state_check;
ALTER TABLE schema_target ADD CONSTRAINT schema_target_state_check
    CHECK (state IN ('waiting', 'done', 'failed', 'left'));
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(_TABLES)
