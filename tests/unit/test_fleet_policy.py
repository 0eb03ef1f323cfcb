"""Which databases of a fleet are alike, and which come next."""

from __future__ import annotations

import pytest

from plantroom.delivery.schema import fleet_policy as policy
from plantroom.delivery.schema.fleet_model import Found, Look, Run, RunState, Standing, Work, script_data, script_from
from plantroom.platforms.contract import Script, Step

LEFT = "postgresql-18/sha256:aaaa1111"
OTHER = "postgresql-18/sha256:bbbb2222"


def found(name: str, fingerprint: str = LEFT, expected: str = LEFT, why: str = "") -> Found:
    return Found(f"{name}/production", "data", "shop", "1.0", "1.0", fingerprint, expected, why)


@pytest.mark.parametrize(
    ("one", "standing"),
    [
        (found("a"), Standing.AS_RELEASED),
        (found("a", OTHER), Standing.DRIFTED),
        (found("b", OTHER), Standing.ACCEPTED),
        (found("b", OTHER, "postgresql-18/sha256:cccc"), Standing.DRIFTED),
        (found("a", OTHER, ""), Standing.UNKNOWN),
        (found("a", "", LEFT, "does not answer"), Standing.UNKNOWN),
    ],
)
def test_how_a_database_stands(one: Found, standing: Standing) -> None:
    assert policy.standing(one, {(OTHER, LEFT): {"b/production"}}) is standing


def test_those_that_are_alike_are_together_and_drift_comes_first() -> None:
    look = Look(
        [found("a"), found("b", OTHER), found("c"), found("d", "", "", "no answer")], {f"{OTHER} {LEFT}": ["x"]}
    )
    groups = policy.groups(Look.from_data(look.as_data()), {})
    assert [(one.standing, one.environments, one.difference) for one in groups] == [
        (Standing.DRIFTED, ["b/production"], ["x"]),
        (Standing.UNKNOWN, ["d/production"], ()),
        (Standing.AS_RELEASED, ["a/production", "c/production"], ()),
    ]


def test_a_group_is_named_by_how_its_hash_begins() -> None:
    groups = policy.groups(Look([found("a"), found("b", OTHER)]), {})
    assert [one.environments for one in policy.named(groups, "bbbb")] == [["b/production"]]
    assert policy.named(groups, "postgres") == []


def test_canaries_come_by_themselves_and_then_a_batch() -> None:
    waiting = [(place, f"c{place}") for place in range(6)]
    assert policy.next_batch(waiting, 2, 3) == ["c0", "c1"]
    assert policy.next_batch(waiting[1:], 2, 3) == ["c1"]
    assert policy.next_batch(waiting[2:], 2, 3) == ["c2", "c3", "c4"]
    assert policy.next_batch(waiting, 0, 3) == ["c0", "c1", "c2"]


def test_a_script_is_the_same_after_it_was_kept() -> None:
    step = Step("CREATE INDEX CONCURRENTLY i ON t (c)", True, "DROP INDEX i", "SELECT true")
    script = Script.of("outside:repair 1", [Step("SELECT 1"), step], LEFT, OTHER)
    assert script_from(script_data(script)) == script
    work = Work("repair", "", script, 1, 4, 1)
    assert Work.from_data(work.as_data()) == work
    assert Run("r", "i", "ada", "t", None, RunState.RUNNING, "", work).work.script == script
