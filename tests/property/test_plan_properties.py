"""Plans over generated estates and generated drift, one sentence each."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.golden.applied import applied
from tests.property.test_placement_properties import estates

from plantroom.estate.model import Allowances, Bounds, Estate, Loaded
from plantroom.estate.plan import Action, ObjectKind, Observed, Plan, as_data, from_data, make
from plantroom.platforms.contract import Running
from plantroom.rollout.placement import place

RUNS = settings(max_examples=100, deadline=None)
DATA = (ObjectKind.ENVIRONMENT, ObjectKind.DATABASE, ObjectKind.FILE_STORE)


def plan_of(estate: Estate, observed: Observed) -> Plan:
    current = {record.environment: record.assignments for record in observed.records}
    loaded = Loaded(estate, "c" * 40, False, "sha256:content")
    return make(loaded, observed, place(estate, current), 3, date(2027, 1, 1))


def as_applied(estate: Estate) -> Observed:
    return applied(estate, place(estate, {}))


@RUNS
@given(estates())
def test_an_applied_estate_plans_to_nothing(estate: Estate) -> None:
    # Whoever found no room may find some in the next plan: one that is suspended is put where there is room by then.
    assume(all(isinstance(one, tuple) for one in place(estate, {}).values()))
    plan = plan_of(estate, as_applied(estate))
    assert plan.effective == ()


@RUNS
@given(estates(), estates())
def test_nothing_with_data_is_deleted_without_an_allowance(before: Estate, after: Estate) -> None:
    plan = plan_of(after, as_applied(before))
    assert not [change for change in plan.changes if change.action is Action.DELETED and change.kind in DATA]


@RUNS
@given(estates(), estates(), st.integers(0, 6), st.integers(0, 100))
def test_deletions_never_pass_a_bound(before: Estate, after: Estate, count: int, percent: int) -> None:
    observed = as_applied(before)
    names = tuple(record.environment for record in observed.records)
    allow = Allowances(delete_environments=names, delete_databases=names, delete_file_stores=names)
    bounds = Bounds(max_deletions=count, max_deletions_percent=percent)
    chosen = after.estate.model_copy(update={"allow": allow, "bounds": bounds})
    plan = plan_of(after.model_copy(update={"estate": chosen}), observed)
    alive = [record for record in observed.records if record.status != "retired"]
    for kind in DATA:
        deleted = [change for change in plan.effective if change.action is Action.DELETED and change.kind is kind]
        retired = [change for change in plan.effective if (change.after or {}).get("state") == "retired"]
        going = len(deleted) + (len(retired) if kind is ObjectKind.ENVIRONMENT else 0)
        assert going <= count
        assert going * 100 <= percent * max(len(alive), going)


@RUNS
@given(estates(), estates())
def test_a_plan_names_everything_once_and_goes_through_json(before: Estate, after: Estate) -> None:
    plan = plan_of(after, as_applied(before))
    names = [(change.kind, change.name) for change in plan.changes]
    assert len(set(names)) == len(names)
    assert from_data(as_data(plan)) == plan
    assert all(change.reason for change in plan.changes if change.action is not Action.UNCHANGED)


@RUNS
@given(estates(), st.data())
def test_every_drift_is_found_and_nothing_else(estate: Estate, data: st.DataObject) -> None:
    observed = as_applied(estate)
    stopped = (
        data.draw(st.sets(st.sampled_from([one.id for one in observed.instances]))) if observed.instances else set()
    )
    unrouted = (
        data.draw(st.sets(st.sampled_from([one.environment for one in observed.routes]))) if observed.routes else set()
    )
    drifted = replace(
        observed,
        instances=[replace(one, state=Running.STOPPED) if one.id in stopped else one for one in observed.instances],
        routes=[route for route in observed.routes if route.environment not in unrouted],
    )
    plan = plan_of(estate, drifted)
    found = {(change.action, change.kind) for change in plan.effective}
    assert found <= {(Action.UPDATED, ObjectKind.INSTANCE), (Action.CREATED, ObjectKind.ROUTE)}
    assert len(plan.effective) == len(stopped) + len(unrouted)
