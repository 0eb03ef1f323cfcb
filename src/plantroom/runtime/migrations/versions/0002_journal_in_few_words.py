"""A step's journal and the ledger's append, each as one question: a night asks thousands of them."""

from alembic import op

revision = "0002"
down_revision = "0001"

_FUNCTIONS = """
-- Takes the lock on a step for this session, and says what there is of the step. With an outcome there is nothing to
-- do any more, and the lock is let go at once.
CREATE FUNCTION journal_open(step text) RETURNS SETOF ledger_entry LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_lock(hashtextextended(step, 0));
    RETURN QUERY SELECT * FROM ledger_entry WHERE key = step;
    IF EXISTS (SELECT FROM ledger_entry WHERE key = step AND ledger_entry.phase = 'outcome') THEN
        PERFORM pg_advisory_unlock(hashtextextended(step, 0));
    END IF;
END $$;

-- From here to the end of the transaction the step is locked by it, and by the session no more.
CREATE FUNCTION journal_close(step text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(step, 0));
    PERFORM pg_advisory_unlock(hashtextextended(step, 0));
END $$;

-- Numbers are without gaps and in the order of commits: whoever appends is alone until its transaction ends. `head` and
-- `tail` are the entry's canonical bytes before and after its number.
CREATE FUNCTION ledger_append(
    at text, actor text, verb text, subject text, phase text, key text, payload text, head bytea, tail bytea
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    place bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(7002);
    SELECT coalesce(max(seq) + 1, 0) INTO place FROM ledger_entry;
    INSERT INTO ledger_entry VALUES (
        place, at, actor, verb, subject, phase, key, payload,
        sha256('\\x00'::bytea || head || convert_to(place::text, 'UTF8') || tail)
    );
END $$;
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(_FUNCTIONS)
