"""The plan as data: its digest, its way through JSON, and what it never holds."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.golden.applied import applied

from plantroom.delivery.tenancy import policy
from plantroom.estate.loader import load
from plantroom.estate.model import Loaded
from plantroom.estate.plan import Action, ObjectKind, Observed, Plan, Status, as_data, from_data, make
from plantroom.platforms.contract import Capability
from plantroom.rollout.placement import place

BASE = (Path(__file__).parents[1] / "golden/estate/base.yaml").read_text()
CLIENTS = """\
clients:
  harbour:
    ring: pilot
    residency: [north]
    environments:
      production:
        application: workorders
        database_pool: north-a
        hosts: [harbour.example.com]
        values: {TITLE: a-plain-value}
        secrets: {MAIL_KEY: {env: SOME_SECRET_NAME}}
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    (tmp_path / "a.yaml").write_text(BASE)
    (tmp_path / "b.yaml").write_text(CLIENTS)
    return replace(load(tmp_path), commit="c" * 40, dirty=False)


def plan_of(loaded: Loaded, observed: Observed, generation: int = 1, today: date = date(2027, 1, 1)) -> Plan:
    current = {record.environment: record.assignments for record in observed.records}
    return make(loaded, observed, place(loaded.estate, current), generation, today)


def as_applied(loaded: Loaded) -> Observed:
    return applied(loaded.estate, place(loaded.estate, {}))


@pytest.mark.parametrize(("commit", "what"), [("c" * 40, "differ from the commit"), ("", "are in no Git commit")])
def test_a_dirty_tree_is_told_for_what_it_is(loaded: Loaded, commit: str, what: str) -> None:
    dirty = replace(loaded, commit=commit, dirty=True)
    first = plan_of(dirty, Observed())
    later = policy.with_settings(plan_of(dirty, as_applied(dirty)), dirty, "sha256:other")
    for plan in (first, later):
        (refusal,) = plan.refusals
        assert refusal.startswith(f"the files {what}")


def test_the_digest_covers_commit_generation_content_and_changes(loaded: Loaded) -> None:
    plan = plan_of(loaded, Observed())
    others = [
        plan_of(loaded, Observed(), generation=2),
        plan_of(replace(loaded, commit="d" * 40), Observed()),
        plan_of(replace(loaded, content="sha256:other"), Observed()),
        replace(plan, changes=plan.changes[1:]),
        replace(plan, changes=(replace(plan.changes[0], reason="because"), *plan.changes[1:])),
        replace(plan, changes=(replace(plan.changes[0], after={"memory_mib": 1}), *plan.changes[1:])),
        replace(plan, refusals=("no",)),
        replace(plan, dirty=True),
    ]
    assert len({plan.digest, *(other.digest for other in others)}) == len(others) + 1
    assert plan_of(loaded, Observed()).digest == plan.digest


def test_what_stays_as_it_is_makes_no_other_plan(loaded: Loaded) -> None:
    """A night that goes on meanwhile takes environments out of what is unchanged, and puts them back."""
    plan = plan_of(loaded, as_applied(loaded))
    assert plan.effective == ()
    assert replace(plan, changes=plan.changes[1:]).digest == plan.digest


def test_a_plan_goes_through_json_and_a_changed_one_is_noticed(loaded: Loaded) -> None:
    plan = plan_of(loaded, Observed())
    data = json.loads(json.dumps(as_data(plan)))
    assert from_data(data) == plan
    data["changes"][0]["reason"] = "because"
    with pytest.raises(ValueError, match="has the digest"):
        from_data(data)


def test_values_and_secrets_appear_by_name_only(loaded: Loaded) -> None:
    said = json.dumps(as_data(plan_of(loaded, Observed())))
    assert "TITLE" in said
    assert "MAIL_KEY" in said
    assert "a-plain-value" not in said
    assert "SOME_SECRET_NAME" not in said


def test_a_plan_never_changes_the_release_of_what_runs(loaded: Loaded, tmp_path: Path) -> None:
    observed = as_applied(loaded)
    (tmp_path / "a.yaml").write_text(BASE.replace('release: "1.0"', 'release: "2.0"'))
    assert plan_of(load(tmp_path), observed).effective == ()


def test_what_is_missing_while_provisioning_is_not_blamed_on_anybody(loaded: Loaded) -> None:
    observed = as_applied(loaded)
    records = [replace(record, status=Status.PROVISIONING) for record in observed.records]
    plan = plan_of(loaded, replace(observed, records=records, databases=[], routes=[], instances=[], file_stores=[]))
    reasons = {change.kind: change.reason for change in plan.effective}
    assert reasons[ObjectKind.ENVIRONMENT] == "its provisioning has not ended"
    assert not any("behind" in reason for reason in reasons.values())


def test_what_is_only_observed_is_drift_and_nobody_s_work(loaded: Loaded, tmp_path: Path) -> None:
    observed = as_applied(loaded)
    (tmp_path / "b.yaml").write_text(CLIENTS.replace("ring: pilot", "ring: pilot\n    management: observed"))
    watched = replace(load(tmp_path), commit="c" * 40, dirty=True)
    plan = plan_of(watched, replace(observed, databases=[], routes=[]))
    assert {(one.action, one.kind) for one in plan.observed} == {
        (Action.OBSERVED, ObjectKind.DATABASE),
        (Action.OBSERVED, ObjectKind.ROUTE),
    }
    assert (plan.effective, plan.refusals) == ((), ())
    assert policy.drift(plan) == plan.observed
    work = policy.work_of(plan, watched, {}, {}, {}, date(2027, 1, 1))
    assert (work.environments, work.waiting, work.clear) == ({}, {}, ())


@pytest.mark.parametrize(
    ("lacks", "kind"),
    [
        (Capability.DATABASES, ObjectKind.DATABASE_POOL),
        (Capability.SERVERS, ObjectKind.SERVER),
        (Capability.FILES, None),
        (Capability.TRAFFIC, None),
        (Capability.INSTANCES, None),
    ],
)
def test_what_the_platform_lacks_is_refused(loaded: Loaded, lacks: Capability, kind: ObjectKind | None) -> None:
    able = frozenset(Capability) - {lacks}
    plan = plan_of(loaded, Observed(platform="small", capabilities=able))
    refused = {change.kind: change.reason for change in plan.refused}
    environment = set() if lacks is Capability.SERVERS else {ObjectKind.ENVIRONMENT}
    assert set(refused) == environment | ({kind} if kind else set())
    assert set(refused.values()) == {f"the platform small has no {lacks.value}"}
    if environment:
        assert not [change for change in plan.effective if change.environment is not None]
    # What is there stays as it is.
    there = plan_of(loaded, replace(as_applied(loaded), platform="small", capabilities=able))
    assert there.effective == ()
    assert {change.kind for change in there.refused} == environment


def test_everything_of_an_environment_is_sorted_and_named_once(loaded: Loaded) -> None:
    plan = plan_of(loaded, Observed())
    kinds = list(ObjectKind)
    keys = [(kinds.index(change.kind), change.name) for change in plan.changes]
    assert keys == sorted(set(keys))
    assert {change.action for change in plan.changes} == {Action.CREATED}
