"""Exact locked dependencies: the lock is checked, installed into a directory, and made the same for every builder."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from plantroom.kernel.errors import ArtefactError

TIMEOUT_S = 600
"""A cold download of a large application's wheels; a build that takes longer hangs."""

_PINNED = re.compile(
    r"^[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._, -]*\])?\s*==\s*[A-Za-z0-9][A-Za-z0-9.!+_-]*\s*(;[^#]*)?$"
)
_HASH = re.compile(r"--hash[=\s]sha256:[0-9a-f]{64}(?=\s|$)")

_BUILDERS_TRACES = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json")
"""What an installer writes into `*.dist-info` about itself and its machine; nothing of the dependency is in it."""


def platform_tag() -> str:
    """The platform that this interpreter runs on, as in `linux-x86_64`."""
    return sysconfig.get_platform()


def python_minor() -> str:
    """The minor version of this interpreter, as in `3.11`."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def check_lock(lock: Path) -> None:
    """Raises ArtefactError PR311 that names every line which is not `name==version` with SHA-256 hashes."""
    try:
        text = lock.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ArtefactError("PR311", str(lock), value=f"it cannot be read ({error})") from error
    wrong: list[str] = []
    for number, line in _logical_lines(text):
        requirement = _HASH.sub("", line).strip()
        name = re.split(r"[\s=<>!~;\[@]", requirement, maxsplit=1)[0] or line
        if line.startswith("-"):
            wrong.append(f"line {number}: the option {line.split()[0].split('=')[0]} (a lock holds requirements only)")
        elif not _PINNED.match(requirement):
            wrong.append(f"line {number}: {name} is not pinned as name==version")
        elif not _HASH.search(line):
            wrong.append(f"line {number}: {name} has no hash")
    if wrong:
        raise ArtefactError(
            "PR311",
            str(lock),
            value="; ".join(wrong),
            limit="each line is name==version --hash=sha256:…",
            remedy=f"Write it with: uv pip compile --generate-hashes requirements.in -o {lock.name}",
        )


def install(lock: Path, target: Path) -> None:
    """Install what `lock` names, all of it from wheels, each with one of its hashes, into the new directory `target`.

    Dependencies that the lock does not name are an error, not an addition. Uses `uv` when it is importable, else the
    `pip` of this interpreter; both leave the same files. The index, proxies and caches are theirs to configure by
    environment. Raises ArtefactError PR311 for a lock that is not exact, PR312 when the installer fails.
    """
    check_lock(lock)
    target.mkdir(parents=True)
    scratch = target.parent  # so that no project's settings beside the lock take part
    command = [*_installer(), "--target", str(target), "--require-hashes", "--only-binary", ":all:", "-r", str(lock)]
    try:
        done = subprocess.run(
            command, cwd=scratch, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ArtefactError("PR312", str(lock), value=str(error), remedy="Is the package index reachable?") from error
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())[-2000:]
        remedy = "Lock it again if a dependency is missing; else see that the package index is reachable"
        raise ArtefactError("PR312", str(lock), value=said, remedy=remedy)
    _forget_builder(target)


def files_below(root: Path) -> dict[str, Path]:
    """Every file and link below `root`, by its path there."""
    found: dict[str, Path] = {}
    for directory, names, files in os.walk(root):
        here = Path(directory)
        links = [name for name in names if (here / name).is_symlink()]
        for name in (*files, *links):
            path = here / name
            found[path.relative_to(root).as_posix()] = path
    return found


def _installer() -> list[str]:
    if importlib.util.find_spec("uv") is not None:
        program = str(importlib.import_module("uv").find_uv_bin())
        return [program, "pip", "install", "--quiet", "--link-mode", "copy", "--python", sys.executable]
    if importlib.util.find_spec("pip") is not None:
        return [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-compile",
            "--disable-pip-version-check",
            "--no-input",
        ]
    raise ArtefactError(
        "PR312", "the installer", value="neither uv nor pip is importable", remedy=f"{sys.executable} -m ensurepip"
    )


def _forget_builder(target: Path) -> None:
    """Remove what differs between builders: byte code, traces of the installer, and start scripts, whose first line
    is a path on the builder's machine. Programs in `bin/` that are no scripts stay."""
    (target / ".lock").unlink(missing_ok=True)
    for cache in list(target.rglob("__pycache__")):
        shutil.rmtree(cache)
    for info in target.glob("*.dist-info"):
        for name in _BUILDERS_TRACES:
            (info / name).unlink(missing_ok=True)
    programs = target / "bin"
    for program in list(programs.iterdir()) if programs.is_dir() else ():
        with program.open("rb") as stream:
            script = stream.read(2) == b"#!"
        if script:
            program.unlink()
        else:
            program.chmod(0o755)  # some installers make programs executable only where the wheel says so
    if programs.is_dir() and not any(programs.iterdir()):
        programs.rmdir()


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Requirement lines with their continuations joined, comments gone, each with the number of its first line."""
    lines: list[tuple[int, str]] = []
    start, held = 0, ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*$", "", raw).rstrip()
        start = start if held else number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        held += line
        if held.strip():
            lines.append((start, held.strip()))
        held = ""
    if held.strip():
        lines.append((start, held.strip()))
    return lines
