"""Decisions of a change: which slots move, in which order, and with what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantroom.estate.changes import Assignment, Status
from plantroom.kernel.errors import PlanError
from plantroom.platforms.contract import (
    Admission,
    InstanceSeen,
    MemberSeen,
    ProcessKind,
    ProcessSpec,
    RouteSeen,
    Running,
    SecretRef,
)
from plantroom.rollout.model import ArtefactView, Move, Size, Target
from plantroom.rollout.policy import instance_spec, misfits, moves, route_of, settle_revision

HERE = "harbour/production"
WEB = ProcessSpec("web", ProcessKind.WEB, ("serve",), health_path="/health")
WORKER = ProcessSpec("worker", ProcessKind.WORKER, ("work",), singleton=True)
ARTEFACT = ArtefactView(
    "sha256:a", "workorders", "1.1", {"web": WEB, "worker": WORKER}, {"APP": "{app}", "TITLE": "the artefact's"}, True
)
PLACES = (Assignment("web", 1, "a"), Assignment("web", 2, "b"), Assignment("worker", 1, "a"))
TARGET = Target(
    environment=HERE,
    status=Status.LIVE,
    ring="pilot",
    application="workorders",
    release="1.1",
    artefact="sha256:a",
    revision="new",
    config="sha256:c",
    assignments=PLACES,
    database_pool="north-a",
    file_store=True,
    hosts=("harbour.test",),
    values={"TITLE": "the client's"},
    secrets={"KEY": SecretRef(env="HARBOUR_KEY")},
    sizes={"web": Size(256, 250), "worker": Size(128, 100)},
)
BEFORE = replace(TARGET, revision="old", release="1.0")


def running(target: Target, process: str, slot: int, **more: Any) -> InstanceSeen:
    """The instance that a target has in a slot, as the platform shows it."""
    kind = ProcessKind.WEB if process == "web" else ProcessKind.WORKER
    place = next((one.server for one in target.assignments if (one.process, one.slot) == (process, slot)), "a")
    found = InstanceSeen(
        target.instance(process, slot),
        target.environment,
        process,
        kind,
        slot,
        place,
        target.artefact,
        Running.RUNNING,
        "127.0.0.1",
        8000 if process == "web" else 0,
        1,
    )
    return replace(found, **more)


def all_of(target: Target) -> list[InstanceSeen]:
    return [running(target, one.process, one.slot) for one in target.assignments]


def serving(*instances: InstanceSeen, **more: Any) -> RouteSeen:
    members = tuple(MemberSeen(one.id, Admission.ADMITTED, True) for one in instances if one.kind is ProcessKind.WEB)
    return replace(RouteSeen(HERE, ("harbour.test",), False, members), **more)


# -- moves ------------------------------------------------------------------------------------------------------------


def test_a_new_environment_gets_every_slot_web_first() -> None:
    found = moves(TARGET, ARTEFACT, [], [])
    assert [(one.process, one.slot, one.web, one.old) for one in found] == [
        ("web", 1, True, ()),
        ("web", 2, True, ()),
        ("worker", 1, False, ()),
    ]
    assert [one.new for one in found] == [TARGET.instance(one.process, one.slot) for one in PLACES]


def test_web_goes_first_also_where_the_alphabet_would_not_have_it() -> None:
    named = replace(ARTEFACT, processes={"web": WEB, "alarm": replace(WORKER, name="alarm")})
    target = replace(TARGET, assignments=(Assignment("alarm", 1, "a"), Assignment("web", 1, "b")))
    assert [one.process for one in moves(target, named, [], [])] == ["web", "alarm"]


def test_an_environment_that_is_right_has_no_move() -> None:
    there = all_of(TARGET)
    assert moves(TARGET, ARTEFACT, there, [serving(*there)]) == ()


def test_another_release_replaces_every_slot() -> None:
    there = all_of(BEFORE)
    found = moves(TARGET, ARTEFACT, there, [serving(*there)])
    assert [(one.new, one.old) for one in found] == [
        (TARGET.instance(place.process, place.slot), (BEFORE.instance(place.process, place.slot),)) for place in PLACES
    ]


def test_a_change_that_was_interrupted_goes_on_where_it_was() -> None:
    """The first slot is done; in the second the new instance runs, and the old one does too."""
    there = [
        running(TARGET, "web", 1),
        running(TARGET, "web", 2),
        running(BEFORE, "web", 2),
        running(BEFORE, "worker", 1),
    ]
    found = moves(TARGET, ARTEFACT, there, [serving(there[0], there[2])])
    assert [(one.process, one.slot, len(one.old)) for one in found] == [("web", 2, 1), ("worker", 1, 1)]


@pytest.mark.parametrize("state", [Running.STOPPED, Running.STARTING])
def test_an_instance_that_does_not_run_is_started_again(state: Running) -> None:
    there = [running(TARGET, "web", 1, state=state), running(TARGET, "web", 2), running(TARGET, "worker", 1)]
    found = moves(TARGET, ARTEFACT, there, [serving(*there)])
    assert found == (Move("web", 1, True, TARGET.instance("web", 1), ()),)


def test_a_web_instance_that_gets_no_requests_is_not_right_yet() -> None:
    there = all_of(TARGET)
    nobody: tuple[MemberSeen, ...] = ()
    draining = (MemberSeen(there[0].id, Admission.DRAINING, True), MemberSeen(there[1].id, Admission.ADMITTED, True))
    down = (MemberSeen(there[0].id, Admission.ADMITTED, False), MemberSeen(there[1].id, Admission.ADMITTED, True))
    slots = {
        name: [one.slot for one in moves(TARGET, ARTEFACT, there, [serving(members=members)])]
        for name, members in (("nobody", nobody), ("draining", draining), ("down", down))
    }
    assert slots == {"nobody": [1, 2], "draining": [1], "down": [1]}


def test_what_serves_another_environment_does_not_count_here() -> None:
    there = all_of(TARGET)
    found = moves(TARGET, ARTEFACT, there, [replace(serving(*there), environment="mill/production")])
    assert [one.process for one in found] == ["web", "web"]


def test_slots_that_nobody_wants_any_more_are_removed_last() -> None:
    wider = replace(TARGET, assignments=(*PLACES, Assignment("web", 3, "c")))
    there = all_of(wider)
    found = moves(TARGET, ARTEFACT, there, [serving(*there)])
    assert found == (Move("web", 3, True, None, (wider.instance("web", 3),)),)
    fewer = replace(TARGET, revision="third")
    assert [one.new is None for one in moves(fewer, ARTEFACT, there, [serving(*there)])] == [False, False, False, True]


def test_a_retired_environment_loses_everything_and_others_lose_nothing() -> None:
    other = running(replace(TARGET, environment="mill/production"), "web", 1)
    gone = replace(TARGET, status=Status.RETIRED, assignments=())
    found = moves(gone, ARTEFACT, [*all_of(TARGET), other], [])
    assert {one.new for one in found} == {None}
    assert {old for one in found for old in one.old} == {one.id for one in all_of(TARGET)}


def test_a_slot_that_moves_to_another_server_gets_a_new_instance_and_loses_the_old() -> None:
    moved = replace(TARGET, assignments=(Assignment("web", 1, "c"), *PLACES[1:]))
    there = all_of(TARGET)
    assert moves(moved, ARTEFACT, there, [serving(*there)]) == (
        Move("web", 1, True, moved.instance("web", 1), (TARGET.instance("web", 1),)),
    )


SLOTS = [("web", 1), ("web", 2), ("web", 3), ("worker", 1)]


@given(
    st.sets(st.sampled_from(SLOTS)),
    st.lists(st.tuples(st.sampled_from([TARGET, BEFORE]), st.sampled_from(SLOTS), st.sampled_from(Running))),
    st.sets(st.integers(0, 7)),
)
def test_to_follow_the_moves_is_to_arrive(
    wanted: set[tuple[str, int]],
    there: list[tuple[Target, tuple[str, int], Running]],
    admitted: set[int],
) -> None:
    """Whatever is there: when every move is made, what runs is what is wanted, and nothing is left to move."""
    everywhere = tuple(Assignment(process, slot, "a") for process, slot in SLOTS)
    target = replace(TARGET, assignments=tuple(one for one in everywhere if (one.process, one.slot) in wanted))
    seen = {
        one.id: one
        for base, (process, slot), state in there
        for one in [running(replace(base, assignments=everywhere), process, slot, state=state)]
    }
    members = [one for place, one in enumerate(seen.values()) if place in admitted]
    for move in moves(target, ARTEFACT, list(seen.values()), [serving(*members)]):
        for old in move.old:
            del seen[old]
        if move.new is not None:
            seen[move.new] = running(target, move.process, move.slot)
            members.append(seen[move.new])
    assert set(seen) == {target.instance(process, slot) for process, slot in wanted}
    assert moves(target, ARTEFACT, list(seen.values()), [serving(*members)]) == ()


# -- names and revisions ----------------------------------------------------------------------------------------------


def test_an_instances_name_is_its_own() -> None:
    """No name for two things: by process, slot, server, revision and environment it differs."""
    elsewhere = replace(TARGET, assignments=(Assignment("web", 1, "c"), *PLACES[1:]))
    found = {
        TARGET.instance("web", 1),
        TARGET.instance("web", 2),
        TARGET.instance("worker", 1),
        BEFORE.instance("web", 1),
        elsewhere.instance("web", 1),
        replace(TARGET, environment="mill/production").instance("web", 1),
        replace(TARGET, environment="harbour/testing").instance("web", 1),
    }
    assert len(found) == 7
    assert TARGET.instance("web", 1) == replace(TARGET, hosts=("other.test",)).instance("web", 1)
    assert TARGET.instance("web", 1).startswith("harbour-production-web-1-")


@pytest.mark.parametrize(
    "changed",
    [
        {"release": "1.2"},
        {"artefact": "sha256:b"},
        {"values": {"TITLE": "another"}},
        {"secrets": {"KEY": SecretRef(file="/run/key")}},
        {"sizes": {"web": Size(512, 250), "worker": Size(128, 100)}},
        {"database_pool": "north-b"},
        {"file_store": False},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_an_instance_is_started_with_makes_new_instances(changed: dict[str, Any]) -> None:
    wanted = replace(TARGET, **changed)
    assert settle_revision(wanted, BEFORE_THE_SAME).revision == "new"


BEFORE_THE_SAME = replace(TARGET, revision="old")


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"hosts": ("other.test",)},
        {"assignments": PLACES[:2]},
        {"ring": "general"},
        {"config": "sha256:d"},
        {"drain_timeout_s": 5},
        {"status": Status.SUSPENDED},
    ],
    ids=lambda changed: next(iter(changed), "nothing"),
)
def test_anything_else_leaves_what_runs_alone(changed: dict[str, Any]) -> None:
    wanted = replace(TARGET, **changed)
    assert settle_revision(wanted, BEFORE_THE_SAME) == replace(wanted, revision="old")


def test_a_new_environment_has_the_revision_of_its_change() -> None:
    assert settle_revision(TARGET, None) == TARGET


# -- misfits and what is started --------------------------------------------------------------------------------------


def test_an_artefact_that_fits_has_no_misfits() -> None:
    assert misfits(TARGET.assignments, TARGET.database_pool, ARTEFACT) == []


def test_misfits_are_told_all_at_once() -> None:
    wants = (*PLACES, Assignment("worker", 2, "b"), Assignment("mailer", 1, "a"))
    told = misfits(wants, None, ARTEFACT)
    assert told == [
        "workorders 1.1 has no process type mailer (it has web, worker)",
        "worker is a singleton in workorders 1.1, 2 are declared",
        "workorders 1.1 needs a database, the environment has no database_pool",
    ]


def test_an_artefact_without_a_schema_needs_no_database() -> None:
    assert misfits(TARGET.assignments, None, replace(ARTEFACT, schema=False)) == []


def test_an_instance_is_told_who_it_is_and_the_client_has_the_last_word_on_values() -> None:
    spec = instance_spec(TARGET, ARTEFACT, "web", 2, {"DATABASE_URL": "postgresql:///x", "FILE_STORE": "/files"})
    assert (spec.id, spec.server, spec.slot) == (TARGET.instance("web", 2), "b", 2)
    assert (spec.memory_mib, spec.cpu_milli) == (256, 250)
    assert spec.template == {"APP": "{app}"}
    assert spec.variables == {
        "TITLE": "the client's",
        "DATABASE_URL": "postgresql:///x",
        "FILE_STORE": "/files",
        "PLANTROOM_CLIENT": "harbour",
        "PLANTROOM_ENVIRONMENT": HERE,
        "PLANTROOM_RELEASE": "1.1",
        "PLANTROOM_STAGE": "production",
    }
    assert spec.secrets == {"KEY": SecretRef(env="HARBOUR_KEY")}


def test_values_cannot_pass_an_environment_off_as_another() -> None:
    liar = replace(TARGET, values={"PLANTROOM_CLIENT": "mill", "DATABASE_URL": "postgresql:///mill"})
    spec = instance_spec(liar, ARTEFACT, "web", 1, {"DATABASE_URL": "postgresql:///harbour"})
    assert (spec.variables["PLANTROOM_CLIENT"], spec.variables["DATABASE_URL"]) == ("harbour", "postgresql:///harbour")


def test_a_slot_without_a_place_cannot_be_started() -> None:
    with pytest.raises(PlanError, match=r"PR204 harbour/production web 9"):
        instance_spec(TARGET, ARTEFACT, "web", 9, {})


def test_the_route_asks_for_the_health_of_web_and_says_when_it_is_suspended() -> None:
    assert route_of(TARGET, ARTEFACT).health_path == "/health"
    assert route_of(TARGET, ARTEFACT).suspended is False
    assert route_of(replace(TARGET, status=Status.SUSPENDED), ARTEFACT).suspended is True
    assert route_of(TARGET, replace(ARTEFACT, processes={"worker": WORKER})).health_path == "/"


def test_a_target_travels_as_data() -> None:
    assert Target.from_data(TARGET.as_data()) == TARGET
