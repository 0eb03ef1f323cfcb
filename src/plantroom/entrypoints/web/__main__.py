"""`python -m plantroom.entrypoints.web --home DIR --estate DIR --parent PID`, started by `plantroom up`."""

from __future__ import annotations

import argparse
from pathlib import Path

import uvicorn

from plantroom import bootstrap
from plantroom.entrypoints.web.app import build
from plantroom.runtime import logs
from plantroom.runtime.peers import PeerProtocol, bind
from plantroom.runtime.processes import bind_to_parent
from plantroom.runtime.settings import from_environment


def main() -> None:
    parser = argparse.ArgumentParser(prog="plantroom-api")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--estate", type=Path, required=True)
    parser.add_argument("--parent", type=int, required=True, help="the process that this one ends with")
    given = parser.parse_args()
    bind_to_parent(given.parent)
    logs.to_standard_error()
    settings = from_environment(given.home)
    app = build(bootstrap.core(settings, given.estate), given.estate)
    listener = bind(settings.api_socket, settings.socket_group)
    config = uvicorn.Config(
        app, http=PeerProtocol, ws="none", lifespan="off", access_log=False, log_config=None, server_header=False
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
