"""Where a schema comes from: a file of SQL, a directory of them, a dump, a database, or a release."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from plantroom.delivery.schema.ground import Ground
from plantroom.delivery.schema.model import Failure, SchemaError, Statement
from plantroom.delivery.schema.names import IDENTIFIER
from plantroom.delivery.schema.statements import split
from plantroom.runtime.scratch import Scratch

_DATABASE = ("postgresql://", "postgres://")
_RELEASE = re.compile(r"[a-z][a-z0-9-]*@[^/]+|sha256:[0-9a-f]{64}")

_OWNED = re.compile(rf"^ALTER\s.*\sOWNER\s+TO\s+(?P<owner>{IDENTIFIER})\s*$", re.DOTALL)
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://")

Released = Callable[[str], str]
"""The schema of an artefact, by `application@version` or digest, as SQL; "" when it has none."""


def read(scratch: Scratch, source: str, released: Released | None = None) -> list[Statement]:
    """Raises SchemaError PR001 for what is not there or is no text, PR002 for what is no SQL, PR003 for a database
    that cannot be dumped; what `released` raises for an artefact that is not there."""
    if source.startswith(_DATABASE):
        return _without_owner(split(_dump(scratch, source)))
    if other := _URL.match(source):
        raise SchemaError(
            "PR003",
            "the database",
            value=f"is one of {other[1]}",
            limit="scripts are made and proven for PostgreSQL",
            remedy="Have the script made by that engine's own tools; a release may carry it as `migrate`",
        )
    path = Path(source)
    if released is not None and _RELEASE.fullmatch(source) and not path.exists():
        text = released(source)
        if not text:
            remedy = "Name a release whose definition has `schema`"
            raise SchemaError("PR001", source, value="has no schema", remedy=remedy)
        return [replace(one, file=source) for one in split(text)]
    if path.is_dir():
        files = sorted(path.rglob("*.sql"))
        if not files:
            raise SchemaError("PR001", source, value="has no *.sql in it", remedy="Name a file, or a directory of them")
        return [one for file in files for one in _file(file)]
    return _file(path)


def load(ground: Ground, name: str, statements: list[Statement], source: str) -> list[Statement]:
    """In the order in which they load. Raises SchemaError PR001 with every statement that PostgreSQL does not take."""
    ground.create(name)
    with ground.session(name) as session:
        ran, failed = session.settle(statements)
    if failed:
        raise SchemaError(
            "PR001",
            source,
            value=f"{len(failed)} of {len(statements)} statements cannot be loaded",
            mistakes=[_mistake(one, ground.version) for one in failed],
        )
    return ran


def _file(path: Path) -> list[Statement]:
    try:
        # Some editors begin a file with a mark that SQL does not know.
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        remedy = "Name a file, a directory, the URL of a database, or a release as in workorders@1.1"
        raise SchemaError("PR001", str(path), value="is not there", remedy=remedy) from error
    except UnicodeDecodeError as error:
        remedy = "A dump is to be plain text: pg_dump --format=plain"
        raise SchemaError("PR001", str(path), value="is not text in UTF-8", remedy=remedy) from error
    if "\0" in text:
        remedy = "Save it as plain text in UTF-8"
        raise SchemaError("PR001", str(path), value="has a NUL character in it", remedy=remedy)
    try:
        return [replace(one, file=str(path)) for one in split(text)]
    except SchemaError as error:
        raise SchemaError(error.code, f"{path}, {error.subject}", value=error.value, remedy=error.remedy) from error


def _dump(scratch: Scratch, url: str) -> str:
    command = [str(scratch.program("pg_dump")), "--schema-only", "--no-password", f"--dbname={url}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if ended.returncode != 0:
        raise SchemaError("PR003", "the database", value=ended.stderr.strip().splitlines()[-1])
    return ended.stdout


def _without_owner(statements: list[Statement]) -> list[Statement]:
    """Files name no owner: all of it belongs to whoever runs them. So it is with what is, in a database, of the role to
    which most is."""
    owners = [_OWNED.search(one.sql) for one in statements]
    counted = Counter(found["owner"] for found in owners if found)
    most = max(counted, key=lambda owner: (counted[owner], owner), default=None)
    return [one for one, found in zip(statements, owners, strict=True) if found is None or found["owner"] != most]


def _mistake(failure: Failure, version: int) -> str:
    one = failure.statement
    text = f"{one.file or 'the dump'}:{one.line}: {failure.message.splitlines()[0]}"
    if ("is not available" in failure.message and "extension" in failure.message) or "ICU" in failure.message:
        text += (
            f" in the PostgreSQL {version} that proofs run on; name one that has it:"
            " --postgres BIN_DIRECTORY, or PLANTROOM_PROOF_POSTGRES"
        )
    return text
