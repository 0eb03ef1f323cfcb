"""Entries of the ledger are numbered from 0: below that nothing can be inserted, where a reader might not look."""

from alembic import op

from plantroom.kernel.errors import LedgerError

revision = "0003"
down_revision = "0002"

_CHECK = "ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_seq_check CHECK (seq >= 0)"


def upgrade() -> None:
    connection = op.get_bind()
    below = connection.exec_driver_sql("SELECT count(*) FROM ledger_entry WHERE seq < 0").scalar_one()
    if below:
        raise LedgerError(
            "PR506",
            "the ledger",
            value=f"{below} entries have a number below 0, which is never given: somebody wrote into the database",
            remedy="Take a copy of the database to look into it, then delete them",
        )
    connection.exec_driver_sql(_CHECK)
