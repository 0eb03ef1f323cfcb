"""What one HAProxy worker says of itself, read into data, and the commands that bring it to what is wanted. Pure.

Source: HAProxy 2.8 management guide, section 9.3 (`show map`, `show servers state`, `show stat`, `add server`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from plantroom.platforms.local.haproxy_config import MEMBER_OPTIONS, RELAY, Count, Member, decode

_CHECK_ENABLED = 0x04
"""Bit of srv_check_state."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Process ids: the worker that listens now, and those that only finish what they have."""

    current: int
    old: tuple[int, ...]

    def all(self) -> tuple[int, ...]:
        return (self.current, *self.old)


@dataclass(frozen=True, slots=True)
class LiveServer:
    """A server as a worker has it. `flags` is srv_admin_state (0: neither drained nor in maintenance)."""

    address: str
    port: int
    flags: int
    weight: int
    running: bool
    checked: bool

    def admitted(self) -> bool:
        return self.flags == 0 and self.weight > 0


def workers(text: str) -> Workers | None:
    """From `show proc` of the master; None while no worker listens."""
    current: int | None = None
    old: list[int] = []
    section = ""
    for line in text.splitlines():
        if line.startswith("# "):
            section = line[2:].strip()
        fields = line.split()
        if len(fields) < 2 or fields[1] != "worker":
            continue
        if section == "workers":
            current = int(fields[0])
        elif section == "old workers":
            old.append(int(fields[0]))
    return None if current is None else Workers(current, tuple(old))


def map_entries(text: str) -> dict[str, str]:
    """From `show map`: lines of reference, key, value."""
    rows = (line.split(None, 2) for line in text.splitlines() if line.startswith("0x"))
    return {row[1]: row[2].strip() for row in rows if len(row) == 3}


def backends(text: str) -> list[str]:
    """From `show backend`: those of routes."""
    return [name for name in text.split("\n") if name and not name.startswith("#") and name != RELAY]


def servers(text: str) -> dict[str, dict[str, LiveServer]]:
    """From `show servers state`: by backend and server."""
    found: dict[str, dict[str, LiveServer]] = {}
    names: list[str] = []
    for line in text.splitlines():
        if line.startswith("# "):
            names = line[2:].split()
            continue
        values = line.split()
        if len(values) < len(names) or not names:
            continue
        row = dict(zip(names, values, strict=False))
        found.setdefault(row["be_name"], {})[row["srv_name"]] = LiveServer(
            address=row["srv_addr"],
            port=int(row["srv_port"]),
            flags=int(row["srv_admin_state"]),
            weight=int(row["srv_uweight"]),
            running=row["srv_op_state"] != "0",
            checked=bool(int(row["srv_check_state"]) & _CHECK_ENABLED),
        )
    return found


def sessions(text: str, server: str) -> int:
    """From `show stat`: what a server has now, waiting for it included; 0 when it is not there."""
    return sum(int(row["scur"] or 0) + int(row["qcur"] or 0) for row in _rows(text) if row["svname"] == server)


def listens(text: str) -> bool:
    """From `show stat` of the frontend: whether it takes connections."""
    return any(row["status"] == "OPEN" for row in _rows(text) if row["svname"] == "FRONTEND")


def counts(text: str) -> dict[str, Count]:
    """From `show stat`: requests and 5xx answers, by environment."""
    return {
        decode(row["# pxname"]): Count(int(row["req_tot"] or 0), int(row["hrsp_5xx"] or 0))
        for row in _rows(text)
        if row["svname"] == "BACKEND"
    }


def _rows(text: str) -> Iterator[dict[str, str]]:
    return csv.DictReader(text.strip().splitlines())


def to_map(name: str, live: Mapping[str, str], wanted: Mapping[str, str | None]) -> list[str]:
    """Commands that make the entries what is wanted; None: no such entry. Entries not named stay."""
    commands = []
    for key, value in wanted.items():
        there = live.get(key)
        if value is None and there is not None:
            commands.append(f"del map {name} {key}")
        elif value is not None and there is None:
            commands.append(f"add map {name} {key} {value}")
        elif value is not None and there != value:
            commands.append(f"set map {name} {key} {value}")
    return commands


def to_admit(backend: str, server: str, live: LiveServer | None, member: Member) -> list[str]:
    """Commands that let a server have new requests. Serving is last: one whose checks are not on gets none."""
    path = f"{backend}/{server}"
    if live is None:
        return [
            f"add server {path} {member.address}:{member.port} {MEMBER_OPTIONS} weight 1",
            f"enable health {path}",
            f"set server {path} state ready",
        ]
    commands = []
    if (live.address, live.port) != (member.address, member.port):
        commands.append(f"set server {path} addr {member.address} port {member.port}")
    if not live.checked:
        commands.append(f"enable health {path}")
    if live.weight == 0:
        commands.append(f"set server {path} weight 1")
    if live.flags:
        commands.append(f"set server {path} state ready")
    return commands


def to_drain(backend: str, server: str, live: LiveServer | None) -> list[str]:
    if live is None or not live.admitted():
        return []
    return [f"set server {backend}/{server} state drain"]
