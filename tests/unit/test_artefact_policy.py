"""Which scripts a database still needs."""

from __future__ import annotations

import pytest

from plantroom.delivery.artefacts.model import Artefact, ArtefactKind, Schema
from plantroom.delivery.artefacts.policy import scripts_due
from plantroom.kernel.verdict import Refused
from plantroom.platforms.contract import Script, ScriptSeen

INITIAL, MIGRATE = Script("1.1", "i", "whole"), Script("1.1", "m", "from 1.0")


def artefact(schema: Schema | None, version: str = "1.1") -> Artefact:
    return Artefact("sha256:0", "app", version, ArtefactKind.FILES, "any", "", "", (), schema=schema)


MIGRATED = artefact(Schema("1.1", INITIAL, "1.0", MIGRATE))
FIRST = artefact(Schema("1.1", INITIAL))
UNCHANGED = artefact(Schema("1.1", INITIAL), "1.2")


@pytest.mark.parametrize(
    ("release", "recorded", "due"),
    [
        (MIGRATED, [], (INITIAL,)),
        (MIGRATED, ["1.0"], (MIGRATE,)),
        (MIGRATED, ["1.0", "1.1"], ()),
        (MIGRATED, ["1.0", "1.1", "1.2"], ()),  # a return to an earlier release
        (FIRST, [], (INITIAL,)),
        (FIRST, ["1.1"], ()),
        (UNCHANGED, [], (INITIAL,)),
        (UNCHANGED, ["1.0", "1.1"], ()),
        (artefact(None), [], ()),
        (artefact(None), ["1.0"], ()),
    ],
)
def test_what_is_due(release: Artefact, recorded: list[str], due: tuple[Script, ...]) -> None:
    assert scripts_due(release, [ScriptSeen(name, "") for name in recorded]) == due


@pytest.mark.parametrize(
    ("release", "recorded", "words"),
    [
        (MIGRATED, ["0.9"], "migrates from schema 1.0; the database has schema 0.9"),
        (MIGRATED, ["1.0", "1.0.1"], "the database has schema 1.0.1"),
        (FIRST, ["1.0"], "has no migration; the database has schema 1.0"),
        (UNCHANGED, ["1.0"], "app@1.2 needs schema 1.1"),
    ],
)
def test_no_script_leads_there(release: Artefact, recorded: list[str], words: str) -> None:
    verdict = scripts_due(release, [ScriptSeen(name, "") for name in recorded])
    assert isinstance(verdict, Refused)
    assert words in verdict.reason
