"""The steps of a train. Each reads the rows that the API wrote for a named person, and acts on nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity
from temporalio.exceptions import ApplicationError

from plantroom.delivery.trains import policy, steps, store
from plantroom.delivery.trains.model import Health, RingPolicy, TargetState, Train, TrainState, TrainTarget
from plantroom.kernel.errors import PlatformError
from plantroom.kernel.verdict import Allowed, Refused, Verdict
from plantroom.ledger.model import Draft, Phase
from plantroom.ledger.service import Journal, Ledger, StepOutcome
from plantroom.platforms.contract import Platform
from plantroom.rollout import hours
from plantroom.rollout import service as rollout
from plantroom.rollout import store as rollout_store
from plantroom.rollout.model import ChangeState, Target
from plantroom.runtime.clock import Clock, stamp
from plantroom.runtime.database import Database
from plantroom.runtime.temporal import beating

WEB = "web"

_AT_ONCE = 8
"""Environments whose health is asked for at the same time when a ring is judged."""

_ON_IT = (TargetState.CHANGING, TargetState.DONE, TargetState.GOING_BACK)
"""The states in which an environment has the release, or may have it."""


class Activities:
    def __init__(self, database: Database, ledger: Ledger, journal: Journal, platform: Platform, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._journal = journal
        self._platform = platform
        self._clock = clock

    def all(self) -> list[Callable[..., Any]]:
        return [
            self.ring,
            self.hours,
            self.board,
            self.alight,
            self.judge,
            self.aborted,
            self.turn,
            self.board_back,
            self.alight_back,
            self.end,
        ]

    @activity.defn(name=steps.RING)
    async def ring(self, given: steps.TrainInput) -> steps.RingView:
        """The ring that comes now, which is not for the message to say: the one before it has passed its verdict."""
        train = await self._train(given.train)
        if train.state is TrainState.GOING_BACK:
            # Its history was lost on the way; a verdict is not taken twice.
            return steps.RingView(False, False, back=train.why or "it was turned back")
        if train.abort_by or train.state.ended:
            async with self._database.reading() as connection:
                targets = await store.targets(connection, train.name)
            # Boarded, and not through: with the history that knew of it, its end may have been lost.
            begun = [one.environment for one in targets if one.state is TargetState.CHANGING]
            return steps.RingView(False, bool(train.abort_by), waiting=begun, concurrency=max(1, len(begun)))
        ahead = [one.name for one in train.rings[: given.ring] if one.name not in train.passed]
        if ahead:
            raise ApplicationError(f"ring {ahead[0]} has not passed yet", non_retryable=True)
        if given.ring >= len(train.rings):
            return steps.RingView(False, False)
        ring = train.rings[given.ring]
        async with self._database.reading() as connection:
            targets = [one for one in await store.targets(connection, train.name) if one.ring == ring.name]

        async def record(connection: AsyncConnection, outcome: StepOutcome) -> None:
            await store.set_state(connection, train.name, TrainState.ROLLING, ring=ring.name)

        await self._step(train, steps.RING, ring.name, {"environments": len(targets)}, record)
        waiting = [one.environment for one in targets if one.state in (TargetState.WAITING, TargetState.CHANGING)]
        return steps.RingView(
            True,
            False,
            ring.name,
            waiting,
            sum(one.state in (TargetState.FAILED, TargetState.STUCK) for one in targets),
            ring.concurrency,
            ring.soak_s,
            ring.max_unhealthy,
            ring.unknown_deadline_s,
            ring.name in train.passed,
            # One whose change has begun goes on.
            hours=await self._hours(train, [one.environment for one in targets if one.state is TargetState.WAITING]),
        )

    @activity.defn(name=steps.HOURS)
    async def hours(self, given: steps.TrainStep) -> steps.HoursView:
        """When those of a ring that wait may start, as the calendars say by now."""
        train = await self._train(given.train)
        async with self._database.reading() as connection:
            targets = await store.targets(connection, train.name)
        waiting = [one.environment for one in targets if one.ring == given.name and one.state is TargetState.WAITING]
        goes_on = not train.abort_by and train.state in (TrainState.ROLLING, TrainState.SOAKING)
        return steps.HoursView(await self._hours(train, waiting), goes_on)

    async def _hours(self, train: Train, waiting: Sequence[str]) -> list[steps.Hours]:
        now = self._clock()
        async with self._database.reading() as connection:
            if (await hours.applied(connection)).silent():
                return []
            there = await rollout_store.targets(connection)
            targets = [there[name][0] for name in waiting if name in there]
            found = await hours.openings(connection, policy.subject(train.name), policy.WORK, targets, now)
        spans: dict[tuple[float | None, float], list[str]] = {}
        for name, one in found.items():
            opens = None if one.span is None else max(0.0, (one.span.start - now).total_seconds())
            closes = 0.0 if one.span is None else (one.span.end - now).total_seconds()
            spans.setdefault((opens, closes), []).append(name)
        return [steps.Hours(names, *span) for span, names in spans.items()]

    @activity.defn(name=steps.BOARD)
    async def board(self, given: steps.TrainStep) -> steps.Boarded:
        """Open the change that brings one environment to the release."""
        train = await self._train(given.train)
        target = await self._target(train, given.name)
        if target.change or target.state is TargetState.LEFT:
            return steps.Boarded(target.change, target.why)
        if train.abort_by or train.state is TrainState.GOING_BACK:
            return steps.Boarded("", "the train does not go on")
        async with self._database.reading() as connection:
            now = await rollout_store.target(connection, given.name)
            why = policy.passed_by(now, await rollout_store.management(connection, given.name))
            wanted = [] if now is None else [now]
            openings = await hours.openings(connection, policy.subject(train.name), policy.WORK, wanted, self._clock())
        if now is None or why:
            return await self._leave(train, steps.BOARD, why, given.name)
        if any(not one.now for one in openings.values()):
            return steps.Boarded("", openings[given.name].why, closed=True)
        opened = ""

        async def record(connection: AsyncConnection, outcome: StepOutcome) -> None:
            nonlocal opened
            there = await rollout_store.locked_target(connection, given.name)
            if there is None or policy.passed_by(there, await rollout_store.management(connection, given.name)):
                raise _changed(given.name)
            wanted = policy.on(there, train)
            opened = await rollout.begin(
                connection, intent=train.intent, actor=train.actor, target=wanted, now=self._clock()
            )
            await store.set_target(connection, train.name, given.name, TargetState.CHANGING, change=opened)

        await self._step(train, steps.BOARD, given.name, {"release": train.release, "from": now.release}, record)
        return steps.Boarded(opened or (await self._target(train, given.name)).change)

    @activity.defn(name=steps.ALIGHT)
    async def alight(self, given: steps.TrainStep) -> bool:
        """The change has ended. From here on the ring's soak counts its answers."""
        train = await self._train(given.train)
        baseline = await self._counts(given.name) if given.done else None

        async def record(connection: AsyncConnection, outcome: StepOutcome) -> None:
            state = TargetState.DONE if given.done else TargetState.FAILED
            ended = stamp(self._clock())
            await store.set_target(
                connection, train.name, given.name, state, why=given.why, baseline=baseline, ended=ended
            )

        await self._step(train, steps.ALIGHT, given.name, {"done": given.done, "why": given.why}, record)
        return True

    @activity.defn(name=steps.JUDGE)
    async def judge(self, given: steps.TrainStep) -> steps.Judged:
        """The ring's verdict after its soak; every one is written down, and a good one lets the next ring begin."""
        async with beating():
            return await self._judged(given)

    async def _judged(self, given: steps.TrainStep) -> steps.Judged:
        train = await self._train(given.train)
        if train.abort_by:
            return steps.Judged("aborted", "")
        if train.state not in (TrainState.ROLLING, TrainState.SOAKING):
            raise ApplicationError(f"train {train.name} is not rolling any more", non_retryable=True)
        ring = next(one for one in train.rings if one.name == given.name)
        async with self._database.transaction() as connection:
            await store.set_state(connection, train.name, TrainState.SOAKING)
            targets = [one for one in await store.targets(connection, train.name) if one.ring == ring.name]
            declared = {name: target for name, (target, _) in (await rollout_store.targets(connection)).items()}
            managements = await rollout_store.managements(connection)
        targets = [
            one
            for one in targets
            if one.state is not TargetState.LEFT
            and policy.judged(declared.get(one.environment), managements.get(one.environment))
        ]
        verdict = policy.soaked(ring, targets, self._clock())
        if isinstance(verdict, Allowed):
            slots = asyncio.Semaphore(_AT_ONCE)

            async def look(one: TrainTarget) -> Health:
                async with slots:
                    return await self._health(one, declared[one.environment])

            seen = await asyncio.gather(*(look(one) for one in targets))
            verdict = policy.judge(ring, seen)
        name = type(verdict).__name__.lower()
        now = stamp(self._clock())
        async with self._database.transaction() as connection:
            subject = f"train/{train.name}/{ring.name}"
            payload = {"verdict": name, "why": verdict.reason}
            key = f"train:{train.name}:{steps.JUDGE}:{ring.name}:{now}"
            await self._ledger.append(connection, Draft(train.actor, steps.JUDGE, subject, Phase.NOTE, key, payload))
            if isinstance(verdict, Allowed):
                await store.set_passed(connection, train.name, ring.name)
        return steps.Judged(name, verdict.reason)

    @activity.defn(name=steps.ABORTED)
    async def aborted(self, given: steps.TrainStep) -> bool:
        """Whether a person has aborted the train."""
        return bool((await self._train(given.train)).abort_by)

    @activity.defn(name=steps.TURN)
    async def turn(self, given: steps.TrainStep) -> steps.Turned:
        """Turn back: from now on nothing boards, and what has the release is to be taken back."""
        train = await self._train(given.train)
        if not given.why or train.state.ended:
            raise ApplicationError(f"train {train.name} has no reason to go back", non_retryable=True)

        async def record(connection: AsyncConnection, outcome: StepOutcome) -> None:
            await store.set_state(connection, train.name, TrainState.GOING_BACK, why=given.why)

        await self._step(train, steps.TURN, "", {"why": given.why}, record)
        async with self._database.reading() as connection:
            targets = await store.targets(connection, train.name)
        on_it = [one for one in targets if one.state in _ON_IT]
        on_it.sort(key=lambda one: (-(one.finished or 0), -one.place))
        rings: dict[str, RingPolicy] = {ring.name: ring for ring in train.rings}
        concurrency = max((rings[one.ring].concurrency for one in on_it), default=1)
        return steps.Turned([one.environment for one in on_it], concurrency)

    @activity.defn(name=steps.BOARD_BACK)
    async def board_back(self, given: steps.TrainStep) -> steps.Boarded:
        train = await self._train(given.train)
        target = await self._target(train, given.name)
        if target.back:
            return steps.Boarded(target.back)
        async with self._database.reading() as connection:
            forward = await rollout_store.change(connection, target.change)
            now = await rollout_store.target(connection, given.name)
            why = policy.left_on_it(now, await rollout_store.management(connection, given.name))
        if forward is None or forward.previous is None:
            return steps.Boarded("", "there is nothing to go back to")
        if forward.state is ChangeState.OPEN:
            raise PlatformError("PR403", given.name, value="its change has not ended")
        if now is None or why:
            return await self._leave(train, steps.BOARD_BACK, why, given.name)
        before = forward.previous
        opened = ""

        async def record(connection: AsyncConnection, outcome: StepOutcome) -> None:
            nonlocal opened
            there = await rollout_store.locked_target(connection, given.name)
            if there is None or policy.left_on_it(there, await rollout_store.management(connection, given.name)):
                raise _changed(given.name)
            wanted = policy.back_on(there, before, f"{train.intent}-back")
            opened = await rollout.begin(
                connection,
                intent=train.intent,
                actor=train.actor,
                target=wanted,
                now=self._clock(),
                suffix="-back",
                returns=True,
            )
            await store.set_target(connection, train.name, given.name, TargetState.GOING_BACK, back=opened)

        await self._step(train, steps.BOARD_BACK, given.name, {"release": before.release}, record)
        return steps.Boarded(opened or ((await self._target(train, given.name)).back or ""))

    @activity.defn(name=steps.ALIGHT_BACK)
    async def alight_back(self, given: steps.TrainStep) -> bool:
        train = await self._train(given.train)

        async def record(connection: AsyncConnection, outcome: StepOutcome) -> None:
            state = TargetState.BACK if given.done else TargetState.STUCK
            await store.set_target(connection, train.name, given.name, state, why=given.why)

        await self._step(train, steps.ALIGHT_BACK, given.name, {"done": given.done, "why": given.why}, record)
        return True

    @activity.defn(name=steps.END)
    async def end(self, given: steps.TrainStep) -> bool:
        """The train's last word, and a checkpoint of the ledger that vouches for its whole story."""
        train = await self._train(given.train)
        async with self._database.reading() as connection:
            targets = await store.targets(connection, train.name)
        if begun := [one.environment for one in targets if one.state in (TargetState.CHANGING, TargetState.GOING_BACK)]:
            raise PlatformError("PR403", f"train {train.name}", value=f"is still changing {', '.join(begun)}")
        state = TrainState(given.name)
        why = given.why or (f"aborted by {train.abort_by}" if state is TrainState.ABORTED else "")

        async def record(connection: AsyncConnection, outcome: StepOutcome) -> None:
            await store.set_state(connection, train.name, state, why=why, ended=stamp(self._clock()))
            await rollout_store.end_intent(connection, train.intent, {"state": state.value, "why": why})

        await self._step(train, steps.END, "", {"state": state.value, "why": why}, record)
        await self._ledger.checkpoint_at_end()
        return True

    # -- shared -------------------------------------------------------------------------------------------------

    async def _train(self, name: str) -> Train:
        async with self._database.reading() as connection:
            train = await store.train(connection, name)
        if train is None:
            raise ApplicationError(f"no train {name} was ever asked for", non_retryable=True)
        return train

    async def _target(self, train: Train, environment: str) -> TrainTarget:
        async with self._database.reading() as connection:
            target = await store.target(connection, train.name, environment)
        if target is None:
            raise ApplicationError(f"{environment} is not on train {train.name}", non_retryable=True)
        return target

    async def _leave(self, train: Train, verb: str, why: str, environment: str) -> steps.Boarded:
        """An apply has taken the environment out of service, or out of Plantroom's hands: the train goes on without
        it."""
        why = f"{why} since the train began"

        async def record(connection: AsyncConnection, outcome: StepOutcome) -> None:
            await store.set_target(connection, train.name, environment, TargetState.LEFT, why=why)

        await self._step(train, verb, environment, {"left": why}, record)
        return steps.Boarded("", why)

    async def _step(
        self,
        train: Train,
        verb: str,
        name: str,
        detail: dict[str, Any],
        record: Callable[[AsyncConnection, StepOutcome], Awaitable[None]],
    ) -> StepOutcome:
        async def act() -> dict[str, Any]:
            return detail

        async def not_ended(_: AsyncConnection) -> Verdict:
            return Refused(f"the train {train.name} has ended") if train.state.ended else Allowed()

        async def record_done(connection: AsyncConnection, outcome: StepOutcome) -> None:
            if outcome.done:
                await record(connection, outcome)

        return await self._journal.step(
            key=f"train:{train.name}:{verb}:{name}",
            actor=train.actor,
            verb=verb,
            subject=f"train/{train.name}/{name}" if name else f"train/{train.name}",
            detail=detail,
            act=act,
            judge=not_ended,
            record=record_done,
        )

    async def _counts(self, environment: str) -> dict[str, int] | None:
        try:
            counted = await self._platform.traffic.count(environment)
        except PlatformError:
            return None
        return {"requests": counted.requests, "errors_5xx": counted.errors_5xx}

    async def _health(self, target: TrainTarget, declared: Target) -> Health:
        environment = target.environment
        wanted = {declared.instance(one.process, one.slot) for one in declared.assignments if one.process == WEB}
        others = {declared.instance(one.process, one.slot) for one in declared.assignments} - wanted
        failed = target.why or "its change failed"
        if target.state in (TargetState.FAILED, TargetState.STUCK):
            return Health(environment, failed, 0, len(wanted) + len(others), 0, 0)
        now = await self._counts(environment)
        healthy: int | None = 0
        for instance in sorted(wanted):
            try:
                healthy = (healthy or 0) + (await self._platform.workloads.healthy(instance) is None)
            except PlatformError as error:
                if error.code != "PR401":
                    healthy = None
                    break
        for instance in sorted(others) if healthy is not None else ():
            try:
                healthy = (healthy or 0) + policy.goes_on(await self._platform.workloads.find(instance))
            except PlatformError:
                healthy = None
                break
        before = target.baseline or {"requests": 0, "errors_5xx": 0}
        if now is None or now["requests"] < before["requests"]:
            # The balancer does not answer, or began to count anew: what happened since is not known.
            return Health(
                environment,
                "",
                healthy,
                len(wanted) + len(others),
                None if now is None else now["requests"],
                None if now is None else now["errors_5xx"],
            )
        return Health(
            environment,
            "",
            healthy,
            len(wanted) + len(others),
            now["requests"] - before["requests"],
            now["errors_5xx"] - before["errors_5xx"],
        )


def _changed(environment: str) -> PlatformError:
    """Raised in the transaction that would have opened a change; tried again, the step sees what the apply has said."""
    return PlatformError("PR403", environment, value="an apply has taken it off the train just now")
