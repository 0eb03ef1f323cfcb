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

_NEAREST = ("0100007F", "0000000000000000FFFF00000100007F", "00000000", "0" * 32)
"""Addresses on which one gets what is sent to 127.0.0.1, the one that gets it before others first: itself, the same in
IPv6, every address, every address in IPv6. On any other somebody may listen beside us."""


def strangers(ports: Collection[int]) -> dict[int, int]:
    """Of these ports, those of which another account than ours gets what is sent to 127.0.0.1, with its number."""
    wanted = {f"{port:04X}": port for port in ports}
    found: dict[int, tuple[int, int]] = {}
    for table in _TABLES:
        try:
            lines = table.read_text().splitlines()[1:]
        except FileNotFoundError:
            # A kernel without IPv6.
            continue
        for line in lines:
            fields = line.split()
            address, _, port = fields[_LOCAL].rpartition(":")
            if fields[_STATE] == _LISTENS and port in wanted and address in _NEAREST:
                here = _NEAREST.index(address), int(fields[_ACCOUNT])
                found[wanted[port]] = min(found.get(wanted[port], here), here)
    return {port: account for port, (_, account) in found.items() if account != os.geteuid()}
