"""What may run where: hazards against what a stage and a ring say to them."""

from __future__ import annotations

from typing import get_args

import pytest

from plantroom.delivery.schema.model import Hazard, HazardClass, Migration
from plantroom.delivery.schema.policy import may_run
from plantroom.estate.model import HazardName, Migrations
from plantroom.kernel.verdict import Allowed, Refused, Unknown, Verdict

LOSS = Hazard(HazardClass.LOSES_DATA, 0, "asset.note", "")
BLOCKS = Hazard(HazardClass.BLOCKS_READS, 1, "asset", "")
BRIEF = Hazard(HazardClass.BLOCKS_READS, 1, "asset", "", brief=True)


def judged(*hazards: Hazard, by: set[str] | None = None, **rules: tuple[str, ...]) -> Verdict:
    given = {"stage production": Migrations.model_validate(rules)}
    return may_run([Migration("1.1", "aa", hazards)], given, {"aa": by or set()}, "ada")


def test_the_estate_knows_every_class_but_what_rules_on_the_text_say() -> None:
    assert set(get_args(HazardName)) == {one.value for one in HazardClass if one is not HazardClass.RULE}


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (judged(LOSS, BLOCKS), Allowed),
        (judged(LOSS, second_person=("rewrites",)), Allowed),
        (judged(LOSS, second_person=("loses data",)), Refused),
        (judged(LOSS, by={"ada"}, second_person=("loses data",)), Refused),
        (judged(LOSS, by={"bob"}, second_person=("loses data",)), Allowed),
        (judged(LOSS, by={"ada", "bob"}, second_person=("loses data",)), Allowed),
        (judged(LOSS, by={"bob"}, refused=("loses data",)), Refused),
        (judged(BRIEF, refused=("blocks reads",)), Allowed),
        (judged(BLOCKS, refused=("blocks reads",)), Refused),
    ],
)
def test_hazards_are_held_against_rules_and_nobody_is_their_own_second_person(
    verdict: Verdict, expected: type[Verdict]
) -> None:
    assert isinstance(verdict, expected)


def test_of_a_script_that_was_never_proven_nobody_knows_what_a_rule_would_say() -> None:
    never = [Migration("1.1", "aa", None)]
    rules = {"ring pilot": Migrations(second_person=("loses data",))}
    assert isinstance(may_run(never, rules, {"aa": {"bob"}}, "ada"), Unknown)
    assert isinstance(may_run(never, {"ring pilot": Migrations()}, {}, "ada"), Allowed)


def test_all_that_stands_against_it_is_said_at_once() -> None:
    rules = {
        "stage production": Migrations(refused=("blocks reads",)),
        "ring general": Migrations(second_person=("loses data",)),
    }
    verdict = may_run([Migration("1.1", "aa", [LOSS, BLOCKS])], rules, {}, "ada")
    assert isinstance(verdict, Refused)
    assert "stage production refuses" in verdict.reason
    assert "ring general wants a second person" in verdict.reason
