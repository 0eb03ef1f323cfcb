"""Logging: one line an event, in UTC, to standard error. Never a secret, never a value of an environment.

Files of logs are kept short by whoever watches their processes.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from plantroom.kernel.errors import TRIED_AGAIN, PlatformError
from plantroom.runtime.files import private

LONGEST_LOG = 10 * 1024 * 1024
"""Bytes. An engine's log and the part that was moved on are at most twice that, and what a second brings."""


def keep_short(log: Path) -> None:
    """Move what a log has grown to on to `<log>.1`, over what is there, so that no disk fills up with it.

    Who writes to it goes on in the same file, which it must have open to append to; what it writes while this looks may
    be lost. A disk that is full already keeps nothing from being started: then the log is cut all the same.
    """
    with suppress(OSError):
        if log.stat().st_size > LONGEST_LOG:
            with suppress(OSError):
                moved = log.with_name(f"{log.name}.1")
                with log.open("rb") as old, open(moved, "wb", opener=private) as new:
                    shutil.copyfileobj(old, new)
            os.truncate(log, 0)


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
