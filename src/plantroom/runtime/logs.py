"""Logging: one line an event, in UTC, to standard error. Never a secret, never a value of an environment."""

from __future__ import annotations

import logging
import time

from plantroom.kernel.errors import TRIED_AGAIN, PlatformError


def to_standard_error(level: int = logging.INFO) -> None:
    handler = logging.StreamHandler()
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.addFilter(_in_one_line)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "temporalio.worker", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _in_one_line(record: logging.LogRecord) -> bool:
    """What is busy or does not answer is tried again, which is no news of the code: its words stand for its traceback.
    Always true, since nothing is left out."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, PlatformError) and error.code in TRIED_AGAIN:
        record.msg, record.args = f"{record.getMessage()}: {' '.join(str(error).split())}", ()
        record.exc_info = record.exc_text = None
    return True
