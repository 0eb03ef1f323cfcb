"""Who listens on a TCP port of loopback, by account. Ports belong to nobody: when an instance has ended, or has yet to
listen, any account of this machine can take its port and answer in its place.

Source: proc(5), `/proc/net/tcp`; the state of one that listens is 0A (net/tcp_states.h).
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENS = "0A"
_LOCAL, _STATE, _ACCOUNT = 1, 3, 7


def strangers(ports: Collection[int]) -> dict[int, int]:
    """Of these ports, those on which another account than ours listens, with its number."""
    wanted = {f"{port:04X}" for port in ports}
    found = {}
    for table in _TABLES:
        try:
            lines = table.read_text().splitlines()[1:]
        except FileNotFoundError:
            # A kernel without IPv6.
            continue
        for line in lines:
            fields = line.split()
            port = fields[_LOCAL].rpartition(":")[2]
            if fields[_STATE] == _LISTENS and port in wanted and int(fields[_ACCOUNT]) != os.geteuid():
                found[int(port, 16)] = int(fields[_ACCOUNT])
    return found
