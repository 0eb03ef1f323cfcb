"""`python -m workorders.worker`: sends a reminder for every work order that is overdue, once for each due date.

One worker per environment is enough; a second one would do no harm, since a reminder is unique in the database.
"""

from __future__ import annotations

import os
import signal
import threading

import psycopg

from workorders.settings import Settings, from_environment

_REMIND = """
INSERT INTO reminders (order_id, due, assignee)
SELECT id, due, assignee FROM work_orders WHERE due < current_date AND state NOT IN ('done', 'cancelled')
ON CONFLICT (order_id, due) DO NOTHING
RETURNING order_id, due
"""


def run(settings: Settings, stop: threading.Event) -> None:
    """Remind, wait, and again, until asked to stop. A database that does not answer is tried again at the next turn."""
    connection: psycopg.Connection[tuple[int, object]] | None = None
    while not stop.is_set():
        try:
            if connection is None or connection.closed:
                connection = psycopg.connect(
                    settings.database_url,
                    autocommit=True,
                    connect_timeout=5,
                    application_name="workorders worker",
                    options="-c statement_timeout=5s",
                )
            for order, due in connection.execute(_REMIND).fetchall():
                print(f"reminder: {settings.client}: work order {order} was due on {due}", flush=True)
        except psycopg.Error as error:
            print(f"the database does not answer: {error}", flush=True)
            if connection is not None:
                connection.close()
        stop.wait(settings.remind_every_s)
    if connection is not None:
        connection.close()


def remind(settings: Settings) -> list[tuple[int, object]]:
    """Once, and what was reminded of."""
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        return connection.execute(_REMIND).fetchall()


def main() -> None:
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    run(from_environment(os.environ), stop)


if __name__ == "__main__":
    main()
