"""One step of a change each. Every step that changes something goes through the journal; waiting steps only look.

An activity acts only on a change that it finds open in PostgreSQL: whoever can speak to Temporal can wake these up, and
nothing more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity
from temporalio.exceptions import ApplicationError

from plantroom.estate.changes import Status
from plantroom.kernel.errors import ArtefactError, PlatformError
from plantroom.kernel.verdict import Allowed, Refused, Verdict
from plantroom.ledger.service import Journal, StepOutcome
from plantroom.platforms.contract import DatabaseSpec, Limits, Platform
from plantroom.rollout import archives, policy, steps, store
from plantroom.rollout.model import ArtefactView, ChangeState, Direction, Target
from plantroom.rollout.ports import Artefacts, Schemas
from plantroom.rollout.scenes import NOT_OPEN, Scene, Scenes, may, may_retire
from plantroom.runtime.clock import Clock, stamp
from plantroom.runtime.database import Database
from plantroom.runtime.temporal import beating

_LOOK = 0.05
"""Seconds between two looks while waiting: less than most instances need to start, so that it hardly adds to it."""

_LEASE_MARGIN = timedelta(seconds=60)
"""Time a drain's owner has after the drain itself should have ended, before the instance is admitted again."""


class Activities:
    def __init__(
        self,
        database: Database,
        journal: Journal,
        platform: Platform,
        artefacts: Artefacts,
        schemas: Schemas,
        archive: Path,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._platform = platform
        self._artefacts = artefacts
        self._schemas = schemas
        self._archive = archive
        self._clock = clock
        self._scenes = Scenes(database, artefacts)

    def all(self) -> list[Callable[..., Any]]:
        return [
            self.prepare,
            self.run,
            self.schema,
            self.await_healthy,
            self.await_drained,
            self.archive_data,
            self.remove_data,
            self.finish,
            self.ended,
        ]

    @activity.defn(name=steps.PREPARE)
    async def prepare(self, given: steps.StepInput) -> steps.ChangeView:
        """What is to be done, from what is there now."""
        async with beating():
            return await self._look(given)

    async def _look(self, given: steps.StepInput) -> steps.ChangeView:
        scene = await self._scenes.read(given.change, given.direction)
        if scene.change.state is not ChangeState.OPEN:
            return steps.ChangeView(False, NOT_OPEN.format(given.change))
        forward = given.direction == Direction.FORWARD
        target, artefact = scene.target, scene.artefact
        if target is not None and artefact is None:
            return steps.ChangeView(False, f"the artefact {target.artefact} is not to be had")
        if target is None or artefact is None:
            # New, and it failed: what was started is stopped again. Database and files stay, they may hold data.
            target = scene.change.target
            artefact = await self._artefacts.view(target.artefact)
            target = Target.from_data(target.as_data() | {"assignments": []})
            parts: list[str] = []
        else:
            wrong = policy.misfits(target.assignments, target.database_pool, artefact)
            if wrong:
                return steps.ChangeView(False, "; ".join(wrong))
            if forward and not scene.change.returns:
                # On a way back what lies unpacked may be whole although the artefact is not; a start looks at it.
                try:
                    await self._artefacts.verify(target.artefact)
                except ArtefactError as error:
                    return steps.ChangeView(False, str(error))
            parts = _parts(target, artefact, forward)
        instances = await self._platform.workloads.observe()
        routes = await self._platform.traffic.observe()
        moves = [
            steps.MoveView(
                move.process, move.slot, move.web, move.new, list(move.old), _start_timeout(artefact, move.process)
            )
            for move in policy.moves(target, artefact, instances, routes)
        ]
        last = [steps.ARCHIVE, steps.REMOVE_DATA] if forward and target.status is Status.RETIRED else []
        return steps.ChangeView(True, "", parts, moves, last, target.drain_timeout_s)

    @activity.defn(name=steps.RUN)
    async def run(self, given: steps.RunInput) -> steps.RunResult:
        """Short steps, one after the other, up to the first that is not done or must be waited for. Run again, those
        that are recorded are passed over."""
        verbs = {
            steps.DATABASE: self._make_database,
            steps.FILES: self._make_files,
            steps.ROUTE: self._route,
            steps.START: self._start,
            steps.AWAIT_HEALTHY: self._until_healthy,
            steps.ADMIT: self._admit,
            steps.DRAIN: self._drain,
            steps.AWAIT_DRAINED: self._until_drained,
            steps.STOP: self._stop,
        }
        for number, step in enumerate(given.steps):
            try:
                result = await verbs[step.verb](step.given(given.change, given.direction, glance=True))
            except PlatformError:
                if number == 0:
                    raise
                # What is done is told first, so that this step is tried with a patience of its own.
                return steps.RunResult(number, steps.StepResult(True))
            if result.wait or not result.done:
                return steps.RunResult(number, result)
        return steps.RunResult(len(given.steps), steps.StepResult(True))

    async def _make_database(self, given: steps.StepInput) -> steps.StepResult:
        scene = await self._scenes.of(given.change, given.direction)
        spec = _database(scene.change.target)

        async def act() -> dict[str, Any]:
            await self._platform.databases.create(spec)
            return {"pool": spec.pool}

        return await self._step(scene, given, steps.DATABASE, {"pool": spec.pool}, act)

    async def _make_files(self, given: steps.StepInput) -> steps.StepResult:
        scene = await self._scenes.of(given.change, given.direction)

        async def act() -> dict[str, Any]:
            await self._platform.files.create(scene.change.environment)
            return {}

        return await self._step(scene, given, steps.FILES, {}, act)

    @activity.defn(name=steps.SCHEMA)
    async def schema(self, given: steps.StepInput) -> steps.StepResult:
        """Each script that the release needs and the database does not have."""
        scene = await self._scenes.of(given.change, given.direction)
        target, _ = scene.side()
        spec = _database(target)

        async def act() -> dict[str, Any]:
            return {"ran": await self._schemas.bring(spec, target.artefact, Limits(target.lock_timeout_ms))}

        async with beating():
            return await self._step(scene, given, steps.SCHEMA, {"release": target.release}, act)

    async def _route(self, given: steps.StepInput) -> steps.StepResult:
        scene = await self._scenes.of(given.change, given.direction)
        target, artefact = scene.side()
        spec = policy.route_of(target, artefact)

        async def act() -> dict[str, Any]:
            try:
                await self._platform.traffic.route([spec])
            except PlatformError as error:
                if error.code != "PR402":
                    raise
                left = policy.names_left(scene.change, target, await self._platform.traffic.observe())
                await self._platform.traffic.route([replace(spec, hosts=left)])
                return {"hosts": list(left)}
            return {}

        detail = {"hosts": list(spec.hosts), "suspended": spec.suspended}
        return await self._step(scene, given, steps.ROUTE, detail, act)

    async def _start(self, given: steps.StepInput) -> steps.StepResult:
        scene = await self._scenes.of(given.change, given.direction)
        target, artefact = scene.side()
        spec = policy.instance_spec(target, artefact, given.process, given.slot, self._given(target))

        async def act() -> dict[str, Any]:
            seen = await self._platform.workloads.start(spec)
            return {"server": seen.server, "port": seen.port}

        detail = {"server": spec.server, "release": target.release, "artefact": target.artefact}
        return await self._step(scene, given, steps.START, detail, act)

    @activity.defn(name=steps.AWAIT_HEALTHY)
    async def await_healthy(self, given: steps.StepInput) -> steps.StepResult:
        async with beating():
            return await self._until_healthy(given)

    async def _until_healthy(self, given: steps.StepInput) -> steps.StepResult:
        """Looks until the instance answers its health check, for as long as its artefact allows a start to take."""
        scene = await self._scenes.of(given.change, given.direction)
        _, artefact = scene.side()
        limit = _start_timeout(artefact, given.process)
        until = time.monotonic() + _allowed(given, limit)
        why = "it was not asked"
        while time.monotonic() < until:
            try:
                why = await self._platform.workloads.healthy(given.name) or ""
            except PlatformError as error:
                why = str(error)
            if not why:
                return steps.StepResult(True)
            await asyncio.sleep(_LOOK)
        return steps.StepResult(False, f"{given.name} was not healthy within {limit} s: {why}", wait=given.glance)

    async def _admit(self, given: steps.StepInput) -> steps.StepResult:
        scene = await self._scenes.of(given.change, given.direction)
        environment = scene.change.environment

        async def healthy(connection: AsyncConnection) -> Verdict:
            allowed = await may(given, connection)
            if not isinstance(allowed, Allowed):
                return allowed
            if given.name not in scene.wanted():
                return Refused(f"{given.name} is not what {environment} is to run")
            why = await self._platform.workloads.healthy(given.name)
            return Allowed() if why is None else Refused(f"{given.name} is not healthy: {why}")

        async def act() -> dict[str, Any]:
            instance = await self._platform.workloads.find(given.name)
            if instance is None:
                raise PlatformError("PR401", given.name, value="is not on any server")
            await self._platform.traffic.admit(environment, given.name, instance.address, instance.port)
            return {"server": instance.server}

        async def record(connection: AsyncConnection, outcome: StepOutcome) -> None:
            if outcome.done:
                # One that was drained for a release that is taken back serves again: its drain is over.
                await store.release_lease(connection, given.name)

        return await self._step(scene, given, steps.ADMIT, {}, act, healthy, record)

    async def _drain(self, given: steps.StepInput) -> steps.StepResult:
        scene = await self._scenes.of(given.change, given.direction)
        environment = scene.change.environment
        allowed = timedelta(seconds=(scene.target or scene.change.target).drain_timeout_s) + _LEASE_MARGIN
        expires = stamp(self._clock() + allowed)

        async def act() -> dict[str, Any]:
            await self._platform.traffic.drain(environment, given.name)
            return {"lease": expires}

        async def record(connection: AsyncConnection, outcome: StepOutcome) -> None:
            if outcome.done:
                await store.lease(connection, given.name, environment, given.change, "change of release", expires)

        return await self._step(scene, given, steps.DRAIN, {}, act, partial(self._may_end, scene, given), record)

    @activity.defn(name=steps.AWAIT_DRAINED)
    async def await_drained(self, given: steps.StepInput) -> steps.StepResult:
        async with beating():
            return await self._until_drained(given)

    async def _until_drained(self, given: steps.StepInput) -> steps.StepResult:
        """Looks until nothing is in flight, or the time allowed is over; the instance is stopped either way."""
        scene = await self._scenes.of(given.change, given.direction)
        limit = (scene.target or scene.change.target).drain_timeout_s
        until = time.monotonic() + _allowed(given, limit)
        while True:
            left = await self._platform.traffic.in_flight(scene.change.environment, given.name)
            if left == 0:
                return steps.StepResult(True)
            if time.monotonic() >= until:
                return steps.StepResult(True, f"{left} still in flight after {limit} s", wait=given.glance)
            await asyncio.sleep(_LOOK)

    async def _stop(self, given: steps.StepInput) -> steps.StepResult:
        scene = await self._scenes.of(given.change, given.direction)

        async def act() -> dict[str, Any]:
            await self._platform.traffic.remove(scene.change.environment, given.name)
            await self._platform.workloads.stop(given.name)
            return {}

        async def record(connection: AsyncConnection, outcome: StepOutcome) -> None:
            if outcome.done:
                await store.release_lease(connection, given.name)

        return await self._step(scene, given, steps.STOP, {}, act, partial(self._may_end, scene, given), record)

    @activity.defn(name=steps.ARCHIVE)
    async def archive_data(self, given: steps.StepInput) -> steps.StepResult:
        """The final dump and files of an environment that is retired, kept for the time that the estate states."""
        scene = await self._scenes.of(given.change, given.direction)
        target = scene.change.target
        place = archives.place_of(self._archive, scene.change)

        async def act() -> dict[str, Any]:
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            kept = []
            if target.database_pool is not None:
                await self._platform.databases.dump(_database(target), place / "database.dump")
                kept.append("database.dump")
            if target.file_store:
                await self._platform.files.archive(target.environment, place / "files.tar")
                kept.append("files.tar")
            now = self._clock()
            until = stamp(now + timedelta(seconds=target.keep_retired_s))
            await asyncio.to_thread(archives.write_manifest, place, scene.change, kept, now, until)
            return {"place": str(place), "kept": kept, "until": until}

        async with beating():
            return await self._step(scene, given, steps.ARCHIVE, {}, act, partial(may_retire, scene, given))

    @activity.defn(name=steps.REMOVE_DATA)
    async def remove_data(self, given: steps.StepInput) -> steps.StepResult:
        """Only after the archive of the same change is recorded as done."""
        scene = await self._scenes.of(given.change, given.direction)
        target = scene.change.target

        async def archived(connection: AsyncConnection) -> Verdict:
            outcome = await self._journal.outcome(_key(given, steps.ARCHIVE))
            if outcome is None or not outcome.done:
                return Refused("the final dump and files are not recorded as kept")
            return await may_retire(scene, given, connection)

        async def act() -> dict[str, Any]:
            await self._platform.traffic.unroute([target.environment])
            if target.database_pool is not None:
                await self._platform.databases.drop(_database(target))
            if target.file_store:
                await self._platform.files.remove(target.environment)
            return {}

        async with beating():
            return await self._step(scene, given, steps.REMOVE_DATA, {}, act, archived)

    @activity.defn(name=steps.FINISH)
    async def finish(self, given: steps.StepInput) -> steps.StepResult:
        """Record what the environment is now, together with the end of the change."""
        scene = await self._scenes.read(given.change, given.direction)
        change = scene.change
        if change.state in (ChangeState.WAITING, ChangeState.SUPERSEDED):
            # Not an outcome: when its day comes, it has an end of its own.
            raise ApplicationError(f"the change {given.change} is not under way", non_retryable=True)
        done = given.direction == Direction.FORWARD
        if done and change.state is ChangeState.OPEN:
            await self._refuse_unfinished(change.target)
        routed = await self._journal.outcome(_key(replace(given, name=""), steps.ROUTE))
        left = tuple(routed.data.get("hosts", ())) if routed is not None else ()

        async def act() -> dict[str, Any]:
            return {"result": "done" if done else "failed", "why": given.name, "release": change.target.release}

        async def record(connection: AsyncConnection, outcome: StepOutcome) -> None:
            now = stamp(self._clock())
            if done:
                await store.keep(connection, change.target, change.key, now)
            if left:
                await store.rename(connection, change.environment, left)
            state = ChangeState.DONE if done else ChangeState.FAILED
            await store.set_change(connection, change.key, state, given.name, now)

        key = f"{change.key}:{steps.FINISH}"
        outcome = await self._journal.step(
            key=key,
            actor=change.actor,
            verb=steps.FINISH,
            subject=change.environment,
            detail={},
            act=act,
            record=record,
        )
        return steps.StepResult(outcome.done, outcome.why)

    async def _refuse_unfinished(self, target: Target) -> None:
        """How it is with what runs is for the verdict to say. That it is there at all is seen here, whoever says so."""
        wanted = {target.instance(one.process, one.slot) for one in target.assignments}
        there = {one.id for one in await self._platform.workloads.observe() if one.environment == target.environment}
        if missing := sorted(wanted - there):
            raise ApplicationError(f"{target.environment} has no {', '.join(missing)}", non_retryable=True)

    @activity.defn(name=steps.ENDED)
    async def ended(self, given: steps.StepInput) -> steps.ChangeEnd:
        """Whether the change is over, as its row says."""
        change = (await self._scenes.read(given.change, given.direction)).change
        over = change.state in (ChangeState.DONE, ChangeState.FAILED, ChangeState.SUPERSEDED)
        return steps.ChangeEnd(over, change.state is ChangeState.DONE, change.why)

    # -- what every step does -----------------------------------------------------------------------------------

    async def _may_end(self, scene: Scene, given: steps.StepInput, connection: AsyncConnection) -> Verdict:
        """Only an instance of this environment that it is not to run goes, whatever name was handed over."""
        allowed = await may(given, connection)
        if not isinstance(allowed, Allowed):
            return allowed
        seen = await self._platform.workloads.find(given.name)
        environment = scene.change.environment
        if (seen is not None and seen.environment != environment) or given.name in scene.wanted():
            return Refused(f"{given.name} is not what {environment} is to be rid of")
        return Allowed()

    async def _step(
        self,
        scene: Scene,
        given: steps.StepInput,
        verb: str,
        detail: dict[str, Any],
        act: Callable[[], Awaitable[dict[str, Any]]],
        judge: Callable[[AsyncConnection], Awaitable[Verdict]] | None = None,
        record: Callable[[AsyncConnection, StepOutcome], Awaitable[None]] | None = None,
    ) -> steps.StepResult:
        outcome = await self._journal.step(
            key=_key(given, verb),
            actor=scene.change.actor,
            verb=verb,
            subject=f"{scene.change.environment}/{given.name}" if given.name else scene.change.environment,
            detail=detail | {"change": given.change, "direction": given.direction},
            act=act,
            judge=judge or partial(may, given),
            record=record,
        )
        return steps.StepResult(outcome.done, outcome.why)

    def _given(self, target: Target) -> Mapping[str, str]:
        found: dict[str, str] = {}
        if target.database_pool is not None:
            found.update(self._platform.databases.variables(_database(target)))
        if target.file_store:
            found.update(self._platform.files.variables(target.environment))
        return found


def _key(given: steps.StepInput, verb: str) -> str:
    return f"{given.change}:{given.direction}:{verb}:{given.name}"


def _database(target: Target) -> DatabaseSpec:
    if target.database_pool is None:
        raise PlatformError("PR405", target.environment, value="has no database pool")
    return DatabaseSpec(target.database_pool, target.environment)


def _allowed(given: steps.StepInput, limit_s: float) -> float:
    """Seconds to look for."""
    return min(steps.GLANCE_S, limit_s) if given.glance else limit_s


def _start_timeout(artefact: ArtefactView, process: str) -> int:
    spec = artefact.processes.get(process)
    return 30 if spec is None else spec.start_timeout_s


def _parts(target: Target, artefact: ArtefactView, forward: bool) -> list[str]:
    """What to make before instances move. Going back makes nothing: the schema stays as it is, expanded."""
    if not forward or target.status is Status.RETIRED:
        return [steps.ROUTE]
    found = []
    if target.database_pool is not None:
        found.append(steps.DATABASE)
    if target.file_store:
        found.append(steps.FILES)
    if target.database_pool is not None and artefact.schema and target.status is Status.LIVE:
        found.append(steps.SCHEMA)
    return [*found, steps.ROUTE]
