"""A season in which a process is killed at every step: the worker, `plantroom up`, an engine. It ends right each time.

What was done is counted on the platform: starts that the instances wrote down themselves, rows of scripts, dumps kept.
The users are asked too: no request fails when the worker or `up` is killed, and no acknowledged write is ever lost.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
from tests.faults.strikes import PARTS, strikes
from tests.faults.traffic import Traffic
from tests.house import House, tiny_estate

from plantroom.platforms.contract import Admission, Running

CLIENTS = {"alder": "one", "birch": "two", "cedar": "three"}
LONGEST_S = 300
BALANCER_BACK_S = 10
"""A balancer that was killed is back within seconds, also on a busy machine."""
"""For one part of a season, in which a process is killed up to thirty times."""


def estate(*, spare: bool = True, **states: str) -> dict[str, Any]:
    """Three clients, one a ring; `spare` is a server that nobody's residency allows to be used."""
    made = tiny_estate(CLIENTS, bounds={"max_deletions": 5, "max_deletions_percent": 100})
    made["estate"]["allow"]["delete_file_stores"] = ["ghost/production"]
    made["regions"]["there"] = {}
    if spare:
        made["server_pools"]["spare"] = {"region": "there", "servers": 1, "memory_mib": 1024, "cpus": 4}
    for name, client in made["clients"].items():
        client["residency"] = ["here"]
        client["environments"]["production"]["state"] = states.get(name, "live")
    return made


class Season:
    """One house, and who is killed in it."""

    def __init__(self, victim: str) -> None:
        self.victim = victim
        self.house = House()
        self.traffic: Traffic | None = None
        self._armed: dict[str, str] = {}

    # -- killing --------------------------------------------------------------------------------------------------

    def arm(self, part: str) -> None:
        """Start `up` anew, with the faults of this part of the season."""
        setting = ";".join(one.setting(self.house.home) for one in strikes(self.victim, part))
        self._armed = {"PLANTROOM_FAULT": setting}
        if part == "provision":
            self.house.up(**self._armed)
        else:
            self.house.up_anew(**self._armed)

    def endure(self, what: str, query: str) -> None:
        """Until the query answers with a row, with `up` started again whenever it was killed."""

        def holds() -> bool:
            self._keep_up()
            with suppress(psycopg.OperationalError):
                return bool(self.house.rows(query))
            return False

        self.house.wait(what, holds, LONGEST_S)

    def _keep_up(self) -> None:
        """The next fault may strike before `up` is ready; anything else that ends it is a failure."""
        struck = len(list(self.house.home.glob("struck-*")))
        try:
            self.house.keep_up(**self._armed)
        except AssertionError:
            if len(list(self.house.home.glob("struck-*"))) == struck:
                raise

    def all_struck(self, part: str) -> None:
        made = strikes(self.victim, part)
        missed = [one for one in made if not one.marker(self.house.home).exists()]
        assert made
        assert missed == [], f"never struck: {missed}"

    def settled(self) -> None:
        """Everything that was killed is back."""

        def holds() -> bool:
            self._keep_up()
            return all(one["running"] for one in self.house.data("status")["parts"]) and self.answers()

        self.house.wait("everything runs again", holds, 60)

    def answers(self) -> bool:
        try:
            self.house.data("plan")
        except AssertionError:
            return False
        return True

    # -- a user's commands, which may be cut off ------------------------------------------------------------------

    def ask(self, *words: str) -> None:
        """The answer may be cut off: what was asked is in PostgreSQL all the same, or the wait for it is in vain."""
        self.house.run(*words, good=(0, 1, 3))

    def apply(self) -> None:
        digest = self.house.data("plan")["digest"]
        self.ask("apply", digest)
        self.endure("the apply", f"SELECT 1 FROM intent WHERE digest = '{digest}' AND state = 'ended'")
        [(outcome,)] = self.house.rows(f"SELECT outcome FROM intent WHERE digest = '{digest}'")
        assert outcome == {"failed": []}

    def release(self, version: str, train: str) -> str:
        """The state in which the train ended."""
        self.ask("release", "start", version, "--train", train, "--no-follow")
        self.endure(f"train {train}", f"SELECT 1 FROM train WHERE name = '{train}' AND ended IS NOT NULL")
        [(state,)] = self.house.rows(f"SELECT state FROM train WHERE name = '{train}'")
        return str(state)

    # -- looking --------------------------------------------------------------------------------------------------

    def starts(self, log: str) -> dict[str, Counter[str]]:
        """By client: how often each release was started, as the instances themselves wrote it down."""
        found = {}
        for client in CLIENTS:
            path = self.house.home / "files" / client / "production" / log
            found[client] = Counter(re.findall(r"begin (\S+)", path.read_text()) if path.exists() else [])
        return found

    async def all_in_service(self, **releases: str) -> None:
        """Each of these clients has its three instances and no other; both web ones are admitted and up."""
        platform = self.house.platform()
        routes = {route.environment: route for route in await platform.traffic.observe()}
        instances = await platform.workloads.observe()
        for client, release in releases.items():
            there = [one for one in instances if one.environment == f"{client}/production"]
            assert sorted((one.process, one.slot) for one in there) == [("web", 1), ("web", 2), ("worker", 1)]
            assert all(one.state is Running.RUNNING for one in there)
            members = routes[f"{client}/production"].members
            assert {one.instance for one in members} == {one.id for one in there if one.process == "web"}
            assert all(one.admission is Admission.ADMITTED and one.up for one in members), members
            assert self.house.get(client)[1]["x-release"] == release
        leases = self.house.rows("SELECT * FROM drain_lease")
        assert leases == [], leases
        assert self.house.rows("SELECT * FROM change WHERE state = 'open'") == []


def a_season(victim: str) -> Iterator[Season]:
    """For a fixture of a module, whose tests then all run on one house."""
    made = Season(victim)
    try:
        made.house.declare(estate())
        made.house.build("1.0", "2.0", "3.0")
        yield made
    finally:
        if made.traffic is not None:
            made.traffic.stop()
        made.house.end()


class SeasonOfKills:
    """What a season shows, in this order; a module gives it the fixture `season`."""

    async def test_clients_are_provisioned(self, season: Season) -> None:
        season.arm("provision")
        season.apply()
        season.all_struck("provision")
        season.settled()
        await season.all_in_service(alder="1.0", birch="1.0", cedar="1.0")
        assert season.starts("web.log") == {client: Counter({"1.0": 2}) for client in CLIENTS}
        assert season.starts("worker.log") == {client: Counter({"1.0": 1}) for client in CLIENTS}
        databases = await season.house.platform().databases.observe()
        assert {one.environment: [script.release for script in one.scripts] for one in databases} == {
            f"{client}/production": ["1.0"] for client in CLIENTS
        }
        assert season.house.changed() == []

    async def test_a_release_reaches_everyone(self, season: Season) -> None:
        season.traffic = Traffic(season.house.settings().http_port or 0, CLIENTS)
        season.traffic.start()
        season.arm("night")
        assert season.release("2.0", "two") == "done"
        season.all_struck("night")
        season.settled()
        await season.all_in_service(alder="2.0", birch="2.0", cedar="2.0")
        assert season.starts("web.log") == {client: Counter({"1.0": 2, "2.0": 2}) for client in CLIENTS}
        assert season.starts("worker.log") == {client: Counter({"1.0": 1, "2.0": 1}) for client in CLIENTS}
        assert season.house.changed() == []

    async def test_a_release_that_one_client_cannot_bear_is_taken_back(self, season: Season) -> None:
        (season.house.home / "files" / "cedar" / "production" / "poison").touch()
        season.arm("taken-back")
        assert season.release("3.0", "three") == "stopped"
        season.all_struck("taken-back")
        season.settled()
        await season.all_in_service(alder="2.0", birch="2.0", cedar="2.0")
        assert {one["environment"]: one["state"] for one in season.house.train("three")["targets"]} == {
            "alder/production": "back",
            "birch/production": "back",
            "cedar/production": "failed",
        }
        there_and_back = Counter({"1.0": 2, "2.0": 4, "3.0": 2})
        assert season.starts("web.log") == {
            "alder": there_and_back,
            "birch": there_and_back,
            "cedar": Counter({"1.0": 2, "2.0": 2, "3.0": 1}),
        }
        assert season.starts("worker.log")["cedar"] == Counter({"1.0": 1, "2.0": 1})
        assert season.house.changed() == []

    async def test_a_client_is_retired_one_suspended_and_strays_are_removed(self, season: Season) -> None:
        assert season.traffic is not None
        season.traffic.stop("birch", "cedar")
        assert season.traffic.lost("cedar", season.house.home / "files" / "cedar" / "production") == []
        (season.house.home / "files" / "ghost" / "production").mkdir(parents=True)
        season.house.declare(estate(spare=False, birch="suspended", cedar="retired"))
        season.arm("retired")
        season.apply()
        season.all_struck("retired")
        season.settled()
        await season.all_in_service(alder="2.0")
        kept = [path.name for path in (season.house.home / "archive").rglob("*") if path.is_file()]
        assert sorted(kept) == ["database.dump", "files.tar", "retired.json"]
        assert {path.parent.name for path in (season.house.home / "files").glob("*/production")} == {"alder", "birch"}
        assert (season.house.get("birch")[0], season.house.get("cedar")[0]) == (503, 404)
        platform = season.house.platform()
        assert [one.environment for one in await platform.databases.observe()] == [
            "alder/production",
            "birch/production",
        ]
        assert {one.pool for one in await platform.machines.observe()} == {"main"}
        assert season.house.changed() == []

    def test_the_users_noticed_nothing(self, season: Season) -> None:
        assert season.traffic is not None
        season.traffic.stop()
        assert min(season.traffic.asked[client] for client in CLIENTS) > 100
        for client in ("alder", "birch"):
            assert season.traffic.written[client]
            assert season.traffic.lost(client, season.house.home / "files" / client / "production") == []
        if season.victim == "engines":
            # Whoever kills the balancer cuts off what goes through it; nothing else of this reaches the users.
            struck = [
                one.marker(season.house.home).stat().st_mtime
                for part in PARTS
                for one in strikes("engines", part)
                if one.victim == "haproxy"
            ]
            for failure, at in zip(season.traffic.failures, season.traffic.failed_at, strict=True):
                assert any(0 <= at - killed <= BALANCER_BACK_S for killed in struck), failure
        else:
            assert season.traffic.failures == []

    def test_background_workers_never_overlapped(self, season: Season) -> None:
        for client in ("alder", "birch"):
            text = (season.house.home / "files" / client / "production" / "worker.log").read_text()
            events = [line.split()[1] for line in text.splitlines()]
            assert len(events) >= 6
            assert events == ["begin", "end"] * (len(events) // 2) + ["begin"] * (len(events) % 2)

    def test_the_ledger_has_each_step_once_and_is_intact(self, season: Season) -> None:
        assert season.house.data("ledger", "verify")["intact"]
        steps: Counter[tuple[str, str]] = Counter()
        for entry in season.house.ledger():
            steps[(entry["key"], entry["phase"])] += 1
        assert max(steps.values()) == 1
        begun = {key for key, phase in steps if phase == "intent"}
        ended = {key for key, phase in steps if phase == "outcome"}
        # An apply and a train begin with an intent, and end with an outcome of their last step.
        open_ = {key for key in begun - ended if not key.startswith(("apply:", "train:"))}
        assert open_ == set(), open_
