"""Looking at the fleet's schemas, making ways back, and running over the fleet. What is done is what the rows say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from plantroom.delivery.schema import fingerprint, fleet_policy, steps, store
from plantroom.delivery.schema.clones import Clones
from plantroom.delivery.schema.fingerprint import Fact
from plantroom.delivery.schema.fleet import Fleet
from plantroom.delivery.schema.fleet_model import LEFT, Found, Look, Run, RunState, RunTarget, script_data
from plantroom.delivery.schema.model import SchemaError
from plantroom.delivery.schema.ports import Releases
from plantroom.estate.changes import Status
from plantroom.kernel.digest import digest
from plantroom.kernel.errors import TRIED_AGAIN, PlantroomError, PlatformError
from plantroom.ledger.model import Draft, Phase
from plantroom.ledger.service import Ledger
from plantroom.platforms.contract import OUTSIDE, DatabaseSpec, Limits, Platform, PoolLoad
from plantroom.rollout import store as rollout_store
from plantroom.rollout.model import Target
from plantroom.runtime.clock import Clock, stamp
from plantroom.runtime.database import Database
from plantroom.runtime.temporal import beating

PER_POOL = 4
"""Databases of one pool that are looked at at once: more brings nothing, by measure."""
BATCH = 200
"""Databases in one batch of a run: a history of a thousand stays short."""
PATIENCE_S = 120.0
"""How long a database is tried again that is locked, or does not answer, before it counts as failed."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_ASK_EVERY_S = 1.0
"""A pool is asked for its load this often."""
_TELL_EVERY_S = 1.0
"""What has ended is written down this often, all at once."""
_MOST_LINES = 200


class Activities:
    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        platform: Platform,
        releases: Releases,
        fleet: Fleet,
        clones: Clones,
        clock: Clock,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._platform = platform
        self._releases = releases
        self._fleet = fleet
        self._clones = clones
        self._clock = clock

    def all(self) -> list[Callable[..., Any]]:
        return [self.look, self.repair, self.batch, self.end]

    # -- looking ------------------------------------------------------------------------------------------------

    @activity.defn(name=steps.LOOK)
    async def look(self, given: steps.LookInput) -> None:
        """One query for each database, and in words what sets each kind of drift apart."""
        async with beating():
            body = (await self._look()).as_data()
            async with self._database.transaction() as connection:
                await store.keep_look(connection, given.id, stamp(self._clock()), body)

    async def _look(self) -> Look:
        async with self._database.reading() as connection:
            targets = [target for target, _ in (await rollout_store.targets(connection)).values() if _has(target)]
        began = time.monotonic()
        slots = {target.database_pool: asyncio.Semaphore(PER_POOL) for target in targets}
        apart: dict[str, tuple[list[Fact], str]] = {}

        async def one(target: Target) -> Found:
            async with slots[target.database_pool]:
                return await self._see(target, apart)

        found = await asyncio.gather(*(one(target) for target in targets))
        took = time.monotonic() - began
        differences = {key: await self._in_words(*about) for key, about in apart.items()}
        return Look(found, differences, round(took, 3))

    async def _see(self, target: Target, apart: dict[str, tuple[list[Fact], str]]) -> Found:
        pool = target.database_pool or ""
        about = (target.environment, pool, target.application, target.release)
        try:
            answer = await self._platform.databases.ask(DatabaseSpec(pool, target.environment), fingerprint.looked_at)
        except PlatformError as error:
            return Found(*about, "", "", "", error.value or str(error))
        recorded = fingerprint.recorded(answer.rows)
        rows = [row for row in answer.rows if row[0] != fingerprint.RELEASE]
        seen = fingerprint.of_rows(answer.version, rows)
        release, left = await self._releases.left_by(target.application, recorded)
        if left is None or not left.ends:
            why = f"nothing was proven of release {release}" if release else "no release was ever applied to it"
            return Found(*about, release, seen, "", why)
        if seen != left.ends:
            apart.setdefault(f"{seen} {left.ends}", (fingerprint.facts(rows), left.sql))
        return Found(*about, release, seen, left.ends)

    async def _in_words(self, facts: list[Fact], wanted: str) -> list[str]:
        try:
            said = await asyncio.to_thread(self._clones.difference, facts, wanted)
        except PlantroomError as error:
            return [f"it cannot be told: {error}"]
        more = len(said) - _MOST_LINES
        return [*said[:_MOST_LINES], *([f"and {more} more"] if more > 0 else [])]

    # -- ways back ----------------------------------------------------------------------------------------------

    @activity.defn(name=steps.REPAIR)
    async def repair(self, given: steps.RepairInput) -> None:
        """A proven script from one kind of drift back to what the release left; or why there is none."""
        async with beating():
            try:
                body: dict[str, Any] = {"repair": await self._repair(given)}
            except PlantroomError as error:
                body = {"error": error.as_data()}
            async with self._database.transaction() as connection:
                await store.keep_look(connection, given.id, stamp(self._clock()), body)

    async def _repair(self, given: steps.RepairInput) -> dict[str, Any]:
        look = await self._look()
        groups = [one for one in fleet_policy.groups(look, {}) if one.fingerprint == given.fingerprint]
        apart = [one for one in groups if one.expected and one.expected != one.fingerprint]
        if not apart:
            value, remedy = "no database has this schema and should have another", "See `plantroom schema drift`"
            raise SchemaError("PR011", f"fingerprint {given.fingerprint}", value=value, remedy=remedy)
        group = apart[0]
        pools = {one.environment: one.pool for one in look.found}
        databases = [[environment, pools[environment]] for environment in group.environments]
        spec = DatabaseSpec(databases[0][1], databases[0][0])
        _, left = await self._releases.left_by(group.application, await self._platform.databases.scripts(spec))
        if left is None or left.ends != group.expected:
            remedy = "Look again: `plantroom schema drift`"
            raise SchemaError(
                "PR011", f"fingerprint {given.fingerprint}", value="its release is another now", remedy=remedy
            )
        dump = await self._platform.databases.schema(spec)
        now = stamp(self._clock())
        name = f"{OUTSIDE}repair {digest([group.fingerprint, group.expected, now])[7:19]}"
        script, proof = await asyncio.to_thread(self._clones.back, dump, group.fingerprint, name, left.sql, given.allow)
        body = {
            "application": group.application,
            "release": group.release,
            "databases": databases,
            "script": script_data(script),
            "proof": proof,
            "difference": list(group.difference),
        }
        made = digest(body)
        async with self._database.transaction() as connection:
            await store.keep_repair(connection, made, now, body)
        return body | {"digest": made}

    # -- runs ---------------------------------------------------------------------------------------------------

    @activity.defn(name=steps.BATCH)
    async def batch(self, name: str) -> steps.Batch:
        """The next databases of a run; what came of each is written down as it ends."""
        async with beating():
            run, targets = await self._run(name)
            if run.state is not RunState.RUNNING:
                raise ApplicationError(f"the run {name} has ended", non_retryable=True)
            targets = fleet_policy.aboard(targets)
            waiting = [(one.place, one.environment) for one in targets if one.state == "waiting"]
            failed = [one for one in targets if one.state == "failed"]
            stop = _too_many(run, failed)
            if stop or not waiting:
                return steps.Batch(len(waiting), stop)
            now = set(fleet_policy.next_batch(waiting, run.work.canaries, BATCH))
            round_ = _Round(run, [one for one in targets if one.environment in now], len(failed))
            telling = asyncio.create_task(self._tell(round_))
            try:
                await self._all(round_)
            finally:
                telling.cancel()
                await self._flush(round_)
            run, targets = await self._run(name)
            left = sum(one.state == "waiting" for one in targets)
            failed = [one for one in fleet_policy.aboard(targets) if one.state == "failed"]
            return steps.Batch(left, _too_many(run, failed))

    async def _all(self, round_: _Round) -> None:
        per_pool = round_.run.work.per_pool
        slots = {one.pool: _Slots(partial(self._fleet.load, one.pool), per_pool) for one in round_.targets}
        await asyncio.gather(*(self._patiently(round_, target, slots[target.pool]) for target in round_.targets))

    async def _patiently(self, round_: _Round, target: RunTarget, slots: _Slots) -> None:
        """Tried again while it is locked or does not answer; others have the slot meanwhile. Whether it may be changed
        is asked each time: an apply may have said otherwise since."""
        pause, ends = _FIRST_PAUSE_S, 0.0
        while True:
            async with slots.one():
                if round_.failed >= round_.run.work.stop_at:
                    return
                ends = ends or time.monotonic() + PATIENCE_S
                async with self._database.reading() as connection:
                    there = await rollout_store.target(connection, target.environment)
                    management = await rollout_store.management(connection, target.environment)
                if why := fleet_policy.passed_by(there, management):
                    round_.leave(target, f"{why} since the run began")
                    return
                try:
                    ran = await self._bring(round_.run, target, there)
                except PlatformError as error:
                    if error.code not in TRIED_AGAIN or time.monotonic() > ends:
                        round_.fail(target, str(error))
                        return
                else:
                    round_.done(target, ran)
                    return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def _bring(self, run: Run, target: RunTarget, there: Target | None) -> list[dict[str, Any]]:
        if there is None or not _has(there) or there.database_pool != target.pool:
            raise PlatformError("PR405", f"the database of {target.environment}", value="is not where it was")
        spec, limits = DatabaseSpec(target.pool, target.environment), Limits(there.lock_timeout_ms)
        script = run.work.script
        if script is None:
            return await self._fleet.bring(spec, run.work.artefact, limits)
        ran = await self._fleet.run(spec, script, limits)
        return [{"release": script.release, "sha256": script.sha256, "steps": len(script.parts)}] if ran else []

    async def _tell(self, round_: _Round) -> None:
        while True:
            await asyncio.sleep(_TELL_EVERY_S)
            await self._flush(round_)

    async def _flush(self, round_: _Round) -> None:
        """State and ledger in one transaction: an entry each, so that every client can be shown its own."""
        async with round_.telling:
            ended, round_.ended = round_.ended, []
            if not ended:
                return
            run = round_.run
            drafts = [
                Draft(
                    run.actor,
                    steps.BRING,
                    environment,
                    Phase.OUTCOME,
                    f"{run.name}:{environment}",
                    {"run": run.name, "about": run.work.about, **told},
                )
                for environment, _, _, told in ended
            ]
            async with self._database.transaction() as connection:
                await store.set_targets(connection, run.name, [one[:3] for one in ended])
                await self._ledger.append(connection, *drafts)

    @activity.defn(name=steps.END)
    async def end(self, given: steps.RunEnd) -> str:
        run, targets = await self._run(given.run)
        if run.state is not RunState.RUNNING:
            return run.state.value
        failed = sum(one.state == "failed" for one in targets)
        left = sum(one.state == LEFT for one in targets)
        waiting = sum(one.state == "waiting" for one in targets)
        if waiting and not given.stopped:
            raise ApplicationError(f"{waiting} databases of run {run.name} still wait", non_retryable=True)
        state = RunState.STOPPED if given.stopped or failed else RunState.DONE
        why = given.stopped or (f"{failed} failed" if failed else "")
        now = stamp(self._clock())
        async with self._database.transaction() as connection:
            await store.end_run(connection, run.name, state, why, now)
            outcome = {"state": state.value, "why": why, "failed": failed, "left": left, "waiting": waiting}
            await rollout_store.end_intent(connection, run.intent, outcome)
            key = f"{run.name}:{steps.END}"
            await self._ledger.append(
                connection, Draft(run.actor, steps.END, f"schema/{run.name}", Phase.OUTCOME, key, outcome)
            )
        await self._ledger.checkpoint_at_end()
        return state.value

    async def _run(self, name: str) -> tuple[Run, list[RunTarget]]:
        async with self._database.reading() as connection:
            run = await store.run(connection, name)
            if run is None:
                raise ApplicationError(f"no run {name} was ever asked for", non_retryable=True)
            return run, await store.targets(connection, name)


class _Slots:
    """How many databases of a pool are worked on at once, with what goes on in the pool in view."""

    def __init__(self, ask: Callable[[], Awaitable[PoolLoad]], per_pool: int) -> None:
        self._ask = ask
        self._per_pool = per_pool
        self._taken = 0
        self._open = 0
        self._asked = -_ASK_EVERY_S
        self._shut: float | None = None
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        async with self._turn:
            while self._taken >= await self._now_open():
                # What else goes on in the pool tells nobody when it is over.
                self._freed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_ASK_EVERY_S):
                        await self._freed.wait()
            self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
            self._freed.set()

    async def _now_open(self) -> int:
        if time.monotonic() - self._asked >= _ASK_EVERY_S:
            try:
                load = await self._ask()
            except PlatformError:
                # Whoever begins there will be told.
                self._open = fleet_policy.slots(self._per_pool, None)
            else:
                # What the run itself has in it stands in nobody's way.
                own = fleet_policy.CONNECTIONS * self._taken
                load = replace(load, connections=max(0, load.connections - own))
                self._open = fleet_policy.slots(self._per_pool, load)
            self._asked = time.monotonic()
            self._shut = None if self._open else self._shut or self._asked
        if self._shut is not None and time.monotonic() - self._shut > PATIENCE_S:
            # Whoever begins now fails by what is the matter, and does not wait for ever.
            return 1
        return self._open


@dataclass(slots=True)
class _Round:
    """A batch under way. `ended` is what is not told yet: environment, state, why, and how the ledger has it."""

    run: Run
    targets: Sequence[RunTarget]
    failed: int
    ended: list[tuple[str, str, str, dict[str, Any]]] = field(default_factory=list)
    telling: asyncio.Lock = field(default_factory=asyncio.Lock)

    def done(self, target: RunTarget, ran: list[dict[str, Any]]) -> None:
        self.ended.append((target.environment, "done", "", {"done": True, "why": "", "data": {"ran": ran}}))

    def fail(self, target: RunTarget, why: str) -> None:
        self.failed += 1
        self.ended.append((target.environment, "failed", why, {"done": False, "why": why, "data": {"ran": []}}))

    def leave(self, target: RunTarget, why: str) -> None:
        self.ended.append((target.environment, LEFT, why, {"done": True, "why": "", "data": {"left": why}}))


def _has(target: Target) -> bool:
    """Whether it has a database that is to be as its release left it."""
    return target.database_pool is not None and target.status in (Status.LIVE, Status.SUSPENDED)


def _too_many(run: Run, failed: Sequence[RunTarget]) -> str:
    """Why nothing begins any more; a canary's failure is always enough."""
    canaries = [one for one in failed if one.place < run.work.canaries]
    if not canaries and len(failed) < run.work.stop_at:
        return ""
    limit = "a canary" if canaries else f"stops at {run.work.stop_at}"
    return f"{len(failed)} failed ({limit}): {'; '.join(f'{one.environment}: {one.why}' for one in failed[:3])}"
