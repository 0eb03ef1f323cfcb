"""Which scripts a database still needs."""

from __future__ import annotations

import pytest

from plantroom.delivery.artefacts.model import Artefact, ArtefactKind, Contract, Schema
from plantroom.delivery.artefacts.policy import last_of, left_by, no_way, scripts_due, too_soon
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


EXPANDED, HELD = Script("1.1", "e", "between"), Script("contract:1.1", "c", "drops")
NEXT_INITIAL, NEXT = Script("1.2", "i2", "whole"), Script("1.2", "m2", "from 1.1")
CONTRACT = Contract("1.1", "m", HELD, {})
HOLDING = artefact(Schema("1.1", INITIAL, "1.0", MIGRATE, {}, EXPANDED, CONTRACT))
CARRYING = artefact(Schema("1.1", INITIAL, held=CONTRACT), "1.1.1")
FOLLOWING = artefact(Schema("1.2", NEXT_INITIAL, "1.1", NEXT, held=CONTRACT), "1.2")
OLDER = artefact(Schema("1.0", Script("1.0", "0", "whole")), "1.0")

MADE_AT_1_0 = ScriptSeen("1.0", "0")
MIGRATED_TO_1_1, MADE_AT_1_1 = ScriptSeen("1.1", "m"), ScriptSeen("1.1", "i")
CONTRACTED, MIGRATED_TO_1_2 = ScriptSeen("contract:1.1", "c"), ScriptSeen("1.2", "m2")
REPAIRED = ScriptSeen("outside:repair 1", "r")
EXPANDED_NOW = [MADE_AT_1_0, MIGRATED_TO_1_1]


@pytest.mark.parametrize(
    ("release", "recorded", "running", "due"),
    [
        (HOLDING, [MADE_AT_1_0], ["1.0"], (MIGRATE,)),
        # Again, and with nothing else that runs: a release never contracts what it has held back itself.
        (HOLDING, EXPANDED_NOW, ["1.1"], ()),
        (HOLDING, EXPANDED_NOW, [], ()),
        # The next one, with a change of its own or without.
        (FOLLOWING, EXPANDED_NOW, ["1.1"], (HELD, NEXT)),
        (CARRYING, EXPANDED_NOW, ["1.1"], (HELD,)),
        (CARRYING, [*EXPANDED_NOW, REPAIRED], ["1.1", "1.1"], (HELD,)),
        # Never twice, and not where there is nothing to drop.
        (FOLLOWING, [*EXPANDED_NOW, CONTRACTED], ["1.1"], (NEXT,)),
        (CARRYING, [*EXPANDED_NOW, CONTRACTED], ["1.1"], ()),
        (FOLLOWING, [*EXPANDED_NOW, CONTRACTED, MIGRATED_TO_1_2], ["1.2"], ()),
        (FOLLOWING, [MADE_AT_1_1], ["1.1"], (NEXT,)),
        (CARRYING, [MADE_AT_1_1], ["1.1"], ()),
        (FOLLOWING, [], [], (NEXT_INITIAL,)),
        # A client that was returned to 1.0 still needs what is held back.
        (CARRYING, EXPANDED_NOW, ["1.0"], ()),
        (CARRYING, EXPANDED_NOW, ["1.0", "1.1"], ()),
        # Going back.
        (OLDER, EXPANDED_NOW, ["1.1"], ()),
        (HOLDING, [*EXPANDED_NOW, CONTRACTED], ["1.1"], ()),
        (HOLDING, [*EXPANDED_NOW, CONTRACTED, MIGRATED_TO_1_2], ["1.2"], ()),
    ],
)
def test_what_was_held_back_is_due_with_a_later_release(
    release: Artefact, recorded: list[ScriptSeen], running: list[str], due: tuple[Script, ...]
) -> None:
    assert scripts_due(release, recorded, running) == due


@pytest.mark.parametrize(
    ("release", "recorded", "running", "words"),
    [
        # From 1.0 to 1.2 in one night: 1.0 runs while its columns go.
        (FOLLOWING, [MADE_AT_1_0], ["1.0"], "the database has schema 1.0; release 1.1 first"),
        (CARRYING, [MADE_AT_1_0], ["1.0"], "the database has schema 1.0"),
        # The same where the database was expanded ahead, or the client went back.
        (FOLLOWING, EXPANDED_NOW, ["1.0"], "release 1.1 first"),
        (FOLLOWING, EXPANDED_NOW, ["1.0", "1.1"], "or may be returned to"),
        (FOLLOWING, EXPANDED_NOW, [""], "release 1.1 first"),
        # Back to what needs what is gone.
        (OLDER, [*EXPANDED_NOW, CONTRACTED], ["1.1"], "has lost since what 1.1 drops"),
        (OLDER, [*EXPANDED_NOW, CONTRACTED, MIGRATED_TO_1_2], ["1.2"], "has lost since what 1.1 drops"),
    ],
)
def test_nothing_goes_that_something_may_need(
    release: Artefact, recorded: list[ScriptSeen], running: list[str], words: str
) -> None:
    verdict = scripts_due(release, recorded, running)
    assert isinstance(verdict, Refused)
    assert words in verdict.reason


@pytest.mark.parametrize(
    ("release", "running", "soon"),
    [
        (FOLLOWING, "1.0", True),
        (FOLLOWING, "", True),
        (FOLLOWING, "1.1", False),
        (FOLLOWING, "1.2", False),
        (CARRYING, "1.0", False),
        (HOLDING, "1.0", False),
        (artefact(None), "1.0", False),
    ],
)
def test_a_jump_is_told_before_the_night(release: Artefact, running: str, soon: bool) -> None:
    assert ("release 1.1 first" in too_soon(release, running)) is soon


@pytest.mark.parametrize(
    ("release", "been", "none"),
    [
        (MIGRATED, ["1.0"], False),
        (MIGRATED, ["0.9"], True),
        (MIGRATED, ["0.9", "1.0"], False),
        # What the database was left with by a release that it has come back from.
        (MIGRATED, ["0.9", "1.1"], False),
        (FIRST, ["1.0"], True),
        (FIRST, ["1.1"], False),
        # Nothing is known against it.
        (FIRST, ["1.0", ""], False),
        (FIRST, [], False),
        (artefact(None), ["1.0"], False),
    ],
)
def test_a_release_without_a_way_is_told_before_the_night(release: Artefact, been: list[str], none: bool) -> None:
    told = no_way(release, been)
    assert bool(told) is none
    assert not none or f"it has been on {been[0]}" in told


@pytest.mark.parametrize(
    ("recorded", "release", "left"),
    [
        ([MADE_AT_1_1], "1.1", INITIAL),
        (EXPANDED_NOW, "1.1", EXPANDED),
        ([*EXPANDED_NOW, REPAIRED], "1.1", EXPANDED),
        ([*EXPANDED_NOW, CONTRACTED], "1.1", INITIAL),
    ],
)
def test_which_schema_a_database_was_left_with(recorded: list[ScriptSeen], release: str, left: Script) -> None:
    last = last_of(recorded)
    assert last is not None
    assert last[0] == release
    assert HOLDING.schema is not None
    assert left_by(HOLDING.schema, last[1]) == left


def test_no_script_has_left_anything() -> None:
    assert last_of([]) is None
    assert last_of([REPAIRED]) is None
