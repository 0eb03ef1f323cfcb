"""A release's own check of a schema: a command of its definition, run from its artefact against a database.

The release before is run against the schema that the new one leaves, and the new one against it too. What has passed is
what makes a way back: without it nothing is known of the old code on the new schema.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from plantroom.delivery.artefacts.model import Artefact, Schema
from plantroom.kernel.errors import ArtefactError

LONGEST_S = 300
BREAKS = "breaks the running version"
"""By this name in `allow` a check need not pass."""
_LAST_LINES = 5
_INHERITED = ("LANG", "LC_ALL", "PATH", "TZ")
"""A check is to find what an instance finds, and nothing of whoever builds."""


def run(artefact: Artefact, command: Sequence[str], root: Path, database_url: str, scratch: Path) -> str:
    """Why it has not passed, or "". `root`: where the artefact is unpacked; `scratch`: an empty directory for it."""
    python = getattr(sys, "_base_executable", "") or sys.executable
    known = {"{app}": str(root), "{python}": python}

    def replaced(text: str) -> str:
        for placeholder, value in known.items():
            text = text.replace(placeholder, value)
        return text

    files = scratch / "files"
    files.mkdir()
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ} | {
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "DATABASE_URL": database_url,
        "FILE_STORE": str(files),
        "PLANTROOM_RELEASE": artefact.version,
        **{name: replaced(value) for name, value in artefact.environment.items()},
    }
    words = [replaced(one) for one in command]
    try:
        ended = subprocess.run(
            words,
            cwd=replaced(artefact.workdir),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it has not ended after {LONGEST_S} s"
    except OSError as error:
        return f"cannot run {words[0]}: {error.strerror}"
    if ended.returncode == 0:
        return ""
    said = " | ".join(line.strip() for line in ended.stdout.strip().splitlines()[-_LAST_LINES:])
    return f"it ended with {ended.returncode}: {said or 'and said nothing'}"


def left(schema: Schema) -> dict[str, str]:
    """The schemas on which releases of two sides meet, as SQL: the one that the migration leaves and, where something
    is held back, the one that is left when that has gone."""
    if schema.expanded is None:
        return {"the schema": schema.initial.sql}
    return {"the expanded schema": schema.expanded.sql, "the schema": schema.initial.sql}


def told(release: str, on: str, why: str, *, bears: bool) -> Mapping[str, object]:
    """One check as the proof has it. Raises ArtefactError PR318 when it has not passed and nobody has said that it
    need not."""
    if why and not bears:
        raise ArtefactError(
            "PR318",
            f"the check of release {release} on {on}",
            value=why,
            remedy=f"Have both releases work on the schema; or allow `{BREAKS}`, and no way back is proven",
        )
    return {"release": release, "on": on, "passed": not why, "why": why}
