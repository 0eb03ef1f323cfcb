"""What Git says of the files that an estate was read from."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path

TIMEOUT_S = 30
"""A status of a large work tree on a slow disk takes seconds; more means that Git waits for something."""

MOST_LINKS = 40
"""Symbolic links that Linux itself follows on the way to one file (path_resolution(7))."""


def git_state(directory: Path, files: Collection[str]) -> tuple[str, bool]:
    """The commit that is checked out, and whether what is below `directory` differs from it. `files` were read, each
    named from there; one that Git does not track (an ignored one too) is a difference, and so is a symbolic link that
    leads to what is not in the commit. ("", True) outside of Git or without a commit."""
    commit = _git(directory, "rev-parse", "--verify", "--quiet", "HEAD")
    if commit is None:
        return "", True
    changed = _git(directory, "status", "--porcelain", "--untracked-files=all", "--", ".")
    differs = changed != "" or not _compared(directory, ".").issuperset(files)
    return commit.strip(), differs or not _linked_are_committed(directory, files)


def _linked_are_committed(directory: Path, files: Collection[str]) -> bool:
    """Whether all that symbolic links among the files lead through and to is in the commit, and as it is there."""
    linked = {step for file in files if (directory / file).is_symlink() for step in _way(directory.resolve() / file)}
    if not linked:
        return True
    top = _git(directory, "rev-parse", "--show-toplevel")
    if top is None:
        return False
    root = Path(top.removesuffix("\n"))
    if not all(step.is_relative_to(root) for step in linked):
        return False
    names = sorted(str(step.relative_to(root)) for step in linked)
    changed = _git(root, "--literal-pathspecs", "status", "--porcelain", "--", *names)
    return changed == "" and _compared(root, *names).issuperset(names)


def _compared(directory: Path, *paths: str) -> set[str]:
    """The tracked files that Git holds against the commit: not those that it was told to take as unchanged, which it
    lists with another letter (git-ls-files(1), -v)."""
    listed = _git(directory, "--literal-pathspecs", "ls-files", "-v", "-z", "--", *paths) or ""
    return {one[2:] for one in listed.split("\0") if one.startswith("H ")}


def _way(path: Path) -> Iterator[Path]:
    """Every symbolic link on the way to a file, those among its directories too, and the file at the end; all as
    absolute paths that lead through no link."""
    left, at, links = list(reversed(path.parts[1:])), Path(path.anchor), 0
    while left:
        name = left.pop()
        if name == "..":
            at = at.parent
            continue
        here = at / name
        if not here.is_symlink() or links == MOST_LINKS:
            at = here
            continue
        yield here
        links += 1
        to = here.readlink()
        if to.is_absolute():
            at = Path(to.anchor)
        left += reversed(to.parts[1:] if to.is_absolute() else to.parts)
    yield at


def _git(directory: Path, *arguments: str) -> str | None:
    """Output of a Git command, or None when it fails or there is no Git. The variables that would point Git at another
    repository are taken away, and so is the hook that a work tree's own configuration could have it run."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", *arguments],
            cwd=directory,
            env={**environment, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return os.fsdecode(done.stdout) if done.returncode == 0 else None
