"""`python -m workorders.web --port PORT`: one web instance.

Asked to end (SIGTERM), it takes no new connections, finishes the requests it has, and ends.
"""

from __future__ import annotations

import argparse
import os

import uvicorn

from workorders.app import make_app
from workorders.settings import from_environment

GRACE_S = 8
"""Below the stop grace of the build definition, so that the end is our own."""
KEEP_ALIVE_S = 75
"""Longer than a balancer keeps an idle connection: it must be the one to close, or a request may meet a closed one."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="workorders.web", description="One web instance of the work orders.")
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1")
    port = parser.parse_args().port
    config = uvicorn.Config(
        make_app(from_environment(os.environ)),
        host="127.0.0.1",
        port=port,
        loop="asyncio",
        http="h11",
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
