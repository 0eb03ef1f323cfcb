"""Logging: one line an event, in UTC, to standard error. Never a secret, never a value of an environment."""

from __future__ import annotations

import logging
import time


def to_standard_error(level: int = logging.INFO) -> None:
    handler = logging.StreamHandler()
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "temporalio.worker", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
