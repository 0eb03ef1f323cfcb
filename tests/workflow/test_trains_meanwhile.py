"""What people do while a train is under way: suspend, retire, change a value, abort; and what is lost meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.house import tiny_estate

from plantroom import bootstrap
from plantroom.delivery.tenancy.service import StalePlanError
from plantroom.kernel.errors import ArtefactError, PlanError, ReleaseError
from plantroom.platforms.contract import TrafficCount

SKIP = timedelta(minutes=10)
CLIENTS = {"alder": "pilot", "birch": "early", "cedar": "general"}


def estate(soak: str, **changed: dict[str, Any]) -> dict[str, Any]:
    """With these keys of these clients' environments changed."""
    made = tiny_estate(CLIENTS)
    for ring in made["rings"]:
        ring["soak"] = soak
    for client, keys in changed.items():
        made["clients"][client]["environments"]["production"].update(keys)
    return made


async def until_state(world: Any, client: str, state: str) -> None:
    async def so() -> bool:
        return bool((await world.states("two"))[client] == state)

    await world.until(so)


async def statuses(world: Any) -> dict[str, tuple[str, str]]:
    """Status and release by client."""
    found = await world.core.tenancy.environments()
    return {one["environment"].split("/")[0]: (one["status"], one["release"]) for one in found}


def a_layer(world: Any, name: str) -> Path:
    artefacts = bootstrap.artefacts(world.core.settings)
    return artefacts.layout.blob_path(artefacts.show(name).layers[0].digest)


async def erring(world: Any, monkeypatch: pytest.MonkeyPatch, client: str) -> None:
    """From now on this client gets nothing but errors on release 2.0."""
    original = world.platform.traffic.count

    async def count(environment: str) -> TrafficCount:
        seen: TrafficCount = await original(environment)
        if environment == f"{client}/production" and (await world.running()).get(client) == {"2.0"}:
            world.platform.traffic.routes[environment].requests += 100
            world.platform.traffic.routes[environment].errors_5xx += 100
        return seen

    monkeypatch.setattr(world.platform.traffic, "count", count)


async def test_a_train_goes_on_without_a_client_that_is_suspended_before_its_ring(simulate: Any) -> None:
    async with simulate(CLIENTS, soak="1h") as world:
        await world.apply()
        await world.release("2.0", "two")
        await until_state(world, "alder", "done")
        world.declare(estate("1h", cedar={"state": "suspended"}))
        await world.apply()
        ended = await world.ended("two")
        assert ended["state"] == "done"
        assert await world.states("two") == {"alder": "done", "birch": "done", "cedar": "left"}
        assert (await statuses(world))["cedar"] == ("suspended", "1.0")
        told = (await world.core.trains.why("cedar"))["environments"][0]["history"]
        assert told == ["train two (2.0) went on without it: it is suspended since the train began"]


async def test_a_client_that_is_suspended_in_its_soak_is_not_judged(
    simulate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulate(CLIENTS, soak="1h") as world:
        await world.apply()
        await world.release("2.0", "two")
        await until_state(world, "alder", "done")
        original = world.platform.traffic.count

        async def count(environment: str) -> TrafficCount:
            seen: TrafficCount = await original(environment)
            suspended = environment == "alder/production"
            return TrafficCount(seen.requests + 50, seen.errors_5xx + 50) if suspended else seen

        monkeypatch.setattr(world.platform.traffic, "count", count)
        world.declare(estate("1h", alder={"state": "suspended"}))
        await world.apply()
        assert (await world.ended("two"))["state"] == "done"


async def test_going_back_keeps_what_was_applied_meanwhile(simulate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with simulate(CLIENTS, soak="1h") as world:
        await world.apply()
        await erring(world, monkeypatch, "cedar")
        await world.release("2.0", "two")
        await until_state(world, "alder", "done")
        meanwhile = {"alder": {"state": "suspended"}, "birch": {"values": {"GREETING": "good evening"}}}
        world.declare(estate("1h", alder=meanwhile["alder"]))
        await world.apply()

        async def birch_is_done() -> bool:
            return bool((await world.states("two"))["birch"] == "done")

        await world.until(birch_is_done, SKIP)
        world.declare(estate("1h", **meanwhile))
        await world.apply()
        ended = await world.ended("two")
        assert ended["state"] == "stopped"
        assert await world.states("two") == {"alder": "back", "birch": "back", "cedar": "back"}
        assert await statuses(world) == {
            "alder": ("suspended", "1.0"),
            "birch": ("live", "1.0"),
            "cedar": ("live", "1.0"),
        }
        assert await world.running() == {"birch": {"1.0"}, "cedar": {"1.0"}}
        greetings = {
            one.spec.variables["GREETING"]
            for one in world.platform.machines.instances.values()
            if one.spec.environment == "birch/production"
        }
        assert greetings == {"good evening"}
        assert (await world.core.tenancy.plan()).plan.effective == ()


async def test_a_train_whose_workflow_is_ended_on_its_way_back_goes_on_back(
    simulate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        await erring(world, monkeypatch, "alder")
        stop = world.platform.workloads.stop
        let_go = asyncio.Event()

        async def slow(instance: str) -> None:
            if (await world.core.trains.status("two"))["state"] == "going back":
                await let_go.wait()
            await stop(instance)

        monkeypatch.setattr(world.platform.workloads, "stop", slow)
        await world.release("2.0", "two")

        async def going_back() -> bool:
            return bool((await world.core.trains.status("two"))["state"] == "going back")

        await world.until(going_back)
        await world.environment.client.get_workflow_handle("train-two").terminate("by somebody")
        let_go.set()
        await world.core.trains.resume()

        async def over() -> bool:
            return bool((await world.core.trains.status("two"))["over"])

        await world.until(over)
        ended = await world.core.trains.status("two")
        assert ended["state"] == "stopped"
        assert "answers were errors" in ended["why"]
        assert await world.states("two") == {"alder": "back", "birch": "waiting", "cedar": "waiting"}
        assert await world.running() == {client: {"1.0"} for client in CLIENTS}


async def test_an_abort_of_which_the_train_never_heard_still_leaves_everyone_where_they_are(
    simulate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulate(CLIENTS, soak="1h") as world:
        await world.apply()

        async def lost(id: str, signal: str) -> None:
            return

        monkeypatch.setattr(world.core.courier, "wake", lost)
        await world.release("2.0", "two")
        await until_state(world, "alder", "done")
        await world.core.trains.abort("two", "tester")
        ended = await world.ended("two")
        assert (ended["state"], ended["why"]) == ("aborted", "aborted by tester")
        assert await world.states("two") == {"alder": "done", "birch": "waiting", "cedar": "waiting"}


async def test_a_soak_is_seen_and_says_until_when(simulate: Any) -> None:
    async with simulate(CLIENTS, soak="6h") as world:
        await world.apply()
        await world.release("2.0", "two")
        await until_state(world, "alder", "done")
        status = await world.core.trains.status("two")
        assert (status["state"], status["ring"]) == ("soaking", "pilot")
        [alder] = (await world.core.trains.why("alder"))["environments"]
        until = status["soaks_until"][11:19]
        assert alder["next"] == f"train two is in ring pilot, which soaks until {until} UTC, then comes its verdict"
        [cedar] = (await world.core.trains.why("cedar"))["environments"]
        assert cedar["history"] == []
        assert cedar["next"].startswith("train two brings 2.0 in ring general; it is in ring pilot")


async def test_settings_alone_are_applied_and_the_next_release_goes_by_them(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        world.declare(estate("6h"))
        with pytest.raises(PlanError, match="PR207"):
            await world.release("2.0", "two")
        planned = await world.core.tenancy.plan()
        assert [(one.kind.value, one.action.value) for one in planned.plan.effective] == [("estate", "updated")]
        await world.apply()
        assert (await world.core.tenancy.plan()).plan.effective == ()
        await world.release("2.0", "two")
        await until_state(world, "alder", "done")
        assert (await world.core.trains.status("two"))["state"] == "soaking"


async def test_a_digest_that_was_applied_is_not_applied_again(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        planned = await world.core.tenancy.plan()
        await world.apply()
        with pytest.raises(StalePlanError):
            await world.core.tenancy.apply(planned.plan.digest, "tester")


async def test_an_artefact_that_is_not_whole_is_refused_before_anything_is_touched(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        blob = a_layer(world, "tiny@2.0")
        before = await world.verbs()
        blob.write_bytes(blob.read_bytes()[:-1])
        with pytest.raises(ArtefactError, match="PR302"):
            await world.release("2.0", "two")
        assert await world.verbs() == before


async def test_one_that_is_altered_after_the_train_began_is_refused_before_its_schema_runs(simulate: Any) -> None:
    async with simulate(CLIENTS, soak="1h") as world:
        await world.apply()
        blob = a_layer(world, "tiny@2.0")
        await world.release("2.0", "two")
        await until_state(world, "alder", "done")
        blob.write_bytes(b"\0" * blob.stat().st_size)
        ended = await world.ended("two")
        assert ended["state"] == "stopped"
        assert "PR303" in ended["why"]
        touched = [subject for verb, subject in await world.verbs() if verb == "rollout.schema"]
        assert touched.count("birch/production") == touched.count("cedar/production") == 2, "only as it was provisioned"


async def test_a_release_is_started_by_its_digest_and_deployed_again_when_nothing_changed(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        digest = await world.core.catalogue.find("tiny", "1.0")
        before = {one.id for one in await world.platform.workloads.observe()}
        await world.core.trains.start(version=digest, name="two", application=None, stage="production", actor="tester")
        ended = await world.ended("two")
        assert (ended["state"], ended["release"]) == ("done", "1.0")
        assert before.isdisjoint({one.id for one in await world.platform.workloads.observe()})
        with pytest.raises(ArtefactError, match="PR304"):
            await world.core.trains.start(
                version=f"sha256:{'0' * 64}", name="three", application=None, stage="production", actor="tester"
            )


async def test_why_says_what_there_is_to_say_of_clients_that_were_never_provisioned(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        later = world.clock.at.date().replace(year=2030).isoformat()
        world.declare(estate("0s", birch={"go_live": later}, cedar={"management": "external"}))
        await world.apply()
        [birch] = (await world.core.trains.why("birch"))["environments"]
        assert (birch["status"], birch["next"]) == ("waiting", f"it goes live on {later}")
        [cedar] = (await world.core.trains.why("cedar"))["environments"]
        assert (cedar["status"], cedar["because"]) == ("external", "it is declared as external")
        with pytest.raises(ReleaseError, match="Did you mean cedar"):
            await world.core.trains.why("ceder")
        assert {one["environment"]: one["status"] for one in await world.core.tenancy.environments()} == {
            "alder/production": "live",
            "birch/production": "provisioning",
        }


async def test_an_apply_that_boards_after_a_train_keeps_the_trains_release(simulate: Any) -> None:
    """The plan was made on the release before; whoever boards later goes on from what is there by then."""
    async with simulate(CLIENTS) as world:
        await world.apply()
        world.declare(estate("0s", cedar={"values": {"GREETING": "good evening"}}))
        planned = await world.core.tenancy.plan()
        held = asyncio.Event()
        start = world.core.courier.start

        async def later(workflow: str, given: object, id: str) -> None:
            if id.startswith("apply-"):
                await held.wait()
            await start(workflow, given, id)

        world.core.courier.start = later
        applying = asyncio.ensure_future(world.core.tenancy.apply(planned.plan.digest, "tester"))
        await asyncio.sleep(0.5)
        world.declare(estate("0s"))
        await world.release("2.0", "two")
        await until_state(world, "cedar", "done")
        held.set()
        await applying

        async def applied() -> bool:
            return bool((await world.core.tenancy.status(planned.plan.digest))["state"] == "ended")

        await world.until(applied)
        assert (await statuses(world))["cedar"] == ("live", "2.0")
        assert (await world.running())["cedar"] == {"2.0"}
        greetings = {
            one.spec.variables["GREETING"]
            for one in world.platform.machines.instances.values()
            if one.spec.environment == "cedar/production"
        }
        assert greetings == {"good evening"}
        told = (await world.core.trains.why("cedar"))["environments"][0]["because"]
        assert told.startswith("train two brought release 2.0")
        assert "has changed it since" in told


async def test_two_environments_whose_names_differ_only_in_a_hyphen_are_both_made(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        made = tiny_estate({"acme": "pilot", "acme-eu": "pilot"})
        made["stages"]["eu-production"] = {}
        acme = made["clients"]["acme"]["environments"]
        acme["eu-production"] = {**acme.pop("production"), "hosts": ["eu.acme.tiny.test"]}
        world.declare(made)
        await world.apply()
        assert set(await world.running()) == {"acme", "acme-eu"}
        assert (await world.core.tenancy.plan()).plan.effective == ()


async def test_two_clients_exchange_their_host_names(simulate: Any) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        names = {"alder": ["birch.tiny.test"], "birch": ["alder.tiny.test"]}
        world.declare(estate("0s", **{client: {"hosts": hosts} for client, hosts in names.items()}))
        await world.apply()
        there = {route.environment: list(route.hosts) for route in await world.platform.traffic.observe()}
        assert {client: there[f"{client}/production"] for client in names} == names
        assert (await world.core.tenancy.plan()).plan.effective == ()


async def test_a_plan_stays_the_same_plan_while_a_night_changes_others(simulate: Any) -> None:
    async with simulate(CLIENTS, soak="1h") as world:
        await world.apply()
        world.declare(estate("1h", cedar={"state": "suspended"}))
        before = (await world.core.tenancy.plan()).plan.digest
        world.declare(estate("1h"))
        await world.release("2.0", "two")
        await until_state(world, "alder", "done")
        world.declare(estate("1h", cedar={"state": "suspended"}))
        assert (await world.core.tenancy.plan()).plan.digest == before


async def test_who_goes_back_runs_what_is_unpacked_although_its_artefact_is_damaged(
    simulate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        await erring(world, monkeypatch, "alder")
        verify = world.core.catalogue.verify
        old = await world.core.catalogue.find("tiny", "1.0")

        async def damaged(digest: str) -> None:
            if digest == old:
                raise ArtefactError("PR301", "the artefact", value="a layer of it is missing")
            await verify(digest)

        await world.release("2.0", "two")
        monkeypatch.setattr(world.core.catalogue, "verify", damaged)
        ended = await world.ended("two")
        assert ended["state"] == "stopped"
        assert await world.states("two") == {"alder": "back", "birch": "waiting", "cedar": "waiting"}
        assert await world.running() == {client: {"1.0"} for client in CLIENTS}


async def test_what_could_not_be_taken_back_says_so(simulate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        await erring(world, monkeypatch, "alder")
        old = await world.core.catalogue.find("tiny", "1.0")
        await world.release("2.0", "two")
        world.platform.workloads.unhealthy = lambda spec: "it says so" if spec.artefact == old else None
        ended = await world.ended("two")
        assert ended["state"] == "stopped"
        assert (await world.states("two"))["alder"] == "stuck"
        [told] = (await world.core.trains.why("alder"))["environments"]
        assert told["release"] == "2.0"
        assert told["because"].startswith(
            "train two brought release 2.0, asked for by tester, and could not take it back"
        )


async def test_a_train_that_goes_back_already_is_not_aborted(simulate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with simulate(CLIENTS) as world:
        await world.apply()
        await erring(world, monkeypatch, "alder")
        stop = world.platform.workloads.stop
        let_go = asyncio.Event()

        async def slow(instance: str) -> None:
            if (await world.core.trains.status("two"))["state"] == "going back":
                await let_go.wait()
            await stop(instance)

        monkeypatch.setattr(world.platform.workloads, "stop", slow)
        await world.release("2.0", "two")

        async def going_back() -> bool:
            return bool((await world.core.trains.status("two"))["state"] == "going back")

        await world.until(going_back)
        with pytest.raises(ReleaseError, match="PR709 train two: is going back already"):
            await world.core.trains.abort("two", "tester")
        let_go.set()
        assert (await world.ended("two"))["state"] == "stopped"
