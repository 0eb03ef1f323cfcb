"""The steps of observing and applying. An apply acts on the intent in PostgreSQL, and on nothing that Temporal says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity
from temporalio.exceptions import ApplicationError

from plantroom.delivery.tenancy import steps, store
from plantroom.delivery.tenancy.model import Seen, Work
from plantroom.estate.changes import ObjectKind, Status
from plantroom.kernel.errors import PlatformError
from plantroom.kernel.verdict import Allowed, Refused, Verdict
from plantroom.ledger.service import Journal, Ledger, StepOutcome
from plantroom.platforms.contract import Capability, DatabasePoolSpec, DatabaseSpec, Platform, ServerSpec
from plantroom.rollout import policy as rollout_policy
from plantroom.rollout import service as rollout
from plantroom.rollout import store as rollout_store
from plantroom.rollout.model import ChangeState, Target
from plantroom.rollout.ports import Artefacts
from plantroom.rollout.store import Intent
from plantroom.runtime.clock import Clock, stamp
from plantroom.runtime.database import Database
from plantroom.runtime.temporal import beating


class Activities:
    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        journal: Journal,
        platform: Platform,
        artefacts: Artefacts,
        clock: Clock,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._journal = journal
        self._platform = platform
        self._artefacts = artefacts
        self._clock = clock

    def all(self) -> list[Callable[..., Any]]:
        return [
            self.observe,
            self.view,
            self.server,
            self.pool,
            self.routes,
            self.board,
            self.clear,
            self.remove_server,
            self.end,
            self.wake,
        ]

    @activity.defn(name=steps.OBSERVE)
    async def observe(self, observation: str) -> None:
        """Look at the whole platform and keep what is seen, for the plan that asked."""
        async with beating():
            seen = await self._seen()
            async with self._database.transaction() as connection:
                await store.keep_observation(connection, observation, stamp(self._clock()), seen.as_data())

    async def _seen(self) -> Seen:
        platform, has = self._platform, self._platform.capabilities
        databases = Capability.DATABASES in has
        return Seen(
            tuple(await platform.machines.observe() if Capability.SERVERS in has else ()),
            tuple(await platform.databases.observe_pools() if databases else ()),
            tuple(await platform.databases.observe() if databases else ()),
            tuple(await platform.files.observe() if Capability.FILES in has else ()),
            tuple(await platform.workloads.observe() if Capability.INSTANCES in has else ()),
            tuple(await platform.traffic.observe() if Capability.TRAFFIC in has else ()),
            platform.name,
            has,
        )

    @activity.defn(name=steps.VIEW)
    async def view(self, given: steps.ApplyStep) -> steps.ApplyView:
        intent, work = await self._intent(given.digest)
        now = self._clock()

        async def record(connection: AsyncConnection, outcome: StepOutcome) -> None:
            await rollout_store.supersede_waiting(connection, stamp(now))
            for data, _ in work.waiting.values():
                await rollout.begin(
                    connection,
                    intent=intent.digest,
                    actor=intent.actor,
                    target=Target.from_data(data),
                    now=now,
                    state=ChangeState.WAITING,
                )

        await self._step(intent, steps.VIEW, "", dict(work.summary), _nothing, record)
        return steps.ApplyView(
            sorted(work.servers),
            sorted(work.pools),
            sorted(work.environments),
            [(rollout.change_key(intent.digest, name), at) for name, (_, at) in sorted(work.waiting.items())],
            sorted(work.clear),
            sorted(work.remove_servers),
            work.concurrency,
            dict(work.turns),
        )

    @activity.defn(name=steps.SERVER)
    async def server(self, given: steps.ApplyStep) -> steps.ApplyResult:
        intent, work = await self._intent(given.digest)
        spec = ServerSpec(**work.servers[given.name])

        async def act() -> dict[str, Any]:
            await self._platform.machines.create(spec)
            return {"pool": spec.pool, "region": spec.region}

        return await self._step(intent, steps.SERVER, f"server/{given.name}", {}, act)

    @activity.defn(name=steps.POOL)
    async def pool(self, given: steps.ApplyStep) -> steps.ApplyResult:
        intent, work = await self._intent(given.digest)
        spec = DatabasePoolSpec(given.name, work.pools[given.name])

        async def act() -> dict[str, Any]:
            await self._platform.databases.create_pool(spec)
            return {"region": spec.region}

        return await self._step(intent, steps.POOL, f"database-pool/{given.name}", {}, act)

    @activity.defn(name=steps.ROUTES)
    async def routes(self, given: steps.ApplyStep) -> steps.ApplyResult:
        """All new routes and all host names that move, in one step: the balancer reloads once and not once an
        environment, and no name is asked for before the one who has it has let it go. What waits for its turn is not
        among them."""
        intent, work = await self._intent(given.digest)
        there = {route.environment: route for route in await self._platform.traffic.observe()}
        specs = []
        for name, data in sorted(work.environments.items()):
            target = Target.from_data(data)
            route = there.get(name)
            if name in work.turns:
                continue
            if target.status is Status.RETIRED or (route is not None and set(route.hosts) == set(target.hosts)):
                continue
            spec = rollout_policy.route_of(target, await self._artefacts.view(target.artefact))
            specs.append(spec if route is None else replace(spec, suspended=route.suspended))

        async def act() -> dict[str, Any]:
            if specs:
                await self._platform.traffic.route(specs)
            return {"routes": [spec.environment for spec in specs]}

        return await self._step(intent, steps.ROUTES, "", {}, act)

    @activity.defn(name=steps.BOARD)
    async def board(self, given: steps.ApplyStep) -> str:
        """Open one environment's change. A train may have taken it to another release since the plan was made."""
        intent, work = await self._intent(given.digest)
        target = Target.from_data(work.environments[given.name])

        async def record(connection: AsyncConnection, outcome: StepOutcome) -> None:
            there = await rollout_store.locked_target(connection, given.name)
            wanted = rollout_policy.rebased(target, there, intent.digest)
            await rollout.begin(connection, intent=intent.digest, actor=intent.actor, target=wanted, now=self._clock())

        await self._step(intent, steps.BOARD, given.name, {"planned": target.release}, _nothing, record)
        return rollout.change_key(intent.digest, given.name)

    @activity.defn(name=steps.CLEAR)
    async def clear(self, given: steps.ApplyStep) -> steps.ApplyResult:
        """Remove what nobody declares; the plan has checked that it may go. Data of an environment that has this data
        by its record stays, whatever the plan was."""
        intent, _ = await self._intent(given.digest)
        kind, name = given.name.split(":", 1)
        environment, _, pool = name.partition("@")

        async def nobody_s(connection: AsyncConnection) -> Verdict:
            there = await rollout_store.target(connection, environment)
            if there is None or there.status is Status.RETIRED:
                return Allowed()
            has = {
                ObjectKind.DATABASE: there.database_pool is not None and pool in ("", there.database_pool),
                ObjectKind.FILE_STORE: there.file_store,
            }
            return Refused(f"{environment} has it") if has.get(ObjectKind(kind), False) else Allowed()

        async def act() -> dict[str, Any]:
            if kind == ObjectKind.INSTANCE:
                await self._remove_instance(name.rsplit("@", 1)[-1])
            elif kind == ObjectKind.ROUTE:
                await self._platform.traffic.unroute([name])
            elif kind == ObjectKind.DATABASE:
                for one in await self._platform.databases.observe():
                    if one.environment == environment and pool in ("", one.pool):
                        await self._platform.databases.drop(DatabaseSpec(one.pool, environment))
            elif kind == ObjectKind.FILE_STORE:
                await self._platform.files.remove(name)
            return {}

        return await self._step(intent, steps.CLEAR, given.name, {}, act, judge=nobody_s)

    @activity.defn(name=steps.REMOVE_SERVER)
    async def remove_server(self, given: steps.ApplyStep) -> steps.ApplyResult:
        intent, _ = await self._intent(given.digest)

        async def empty(_: AsyncConnection) -> Verdict:
            left = [one.id for one in await self._platform.workloads.observe() if one.server == given.name]
            return Refused(f"{len(left)} instances still run there: {', '.join(left[:3])}") if left else Allowed()

        async def act() -> dict[str, Any]:
            await self._platform.machines.destroy(given.name)
            return {}

        return await self._step(intent, steps.REMOVE_SERVER, f"server/{given.name}", {}, act, judge=empty)

    @activity.defn(name=steps.END)
    async def end(self, given: steps.ApplyStep) -> steps.ApplyResult:
        """The generation counts up whatever came of it, so that what is left to do is a new plan."""
        intent, work = await self._intent(given.digest)
        why = "; ".join(given.failed)

        async def record(connection: AsyncConnection, outcome: StepOutcome) -> None:
            now = stamp(self._clock())
            await store.end_generation(connection, intent.digest, work.commit, work.content, intent.actor, now)
            await rollout_store.end_intent(connection, intent.digest, {"failed": given.failed})

        async def act() -> dict[str, Any]:
            return {"result": "failed" if given.failed else "done", "why": why}

        await self._step(intent, steps.END, "", {"failed": given.failed}, act, record)
        await self._ledger.checkpoint_at_end()
        return steps.ApplyResult(not given.failed, why)

    @activity.defn(name=steps.WAKE)
    async def wake(self, given: steps.GoLiveInput) -> bool:
        """Open the change that waited for this day, if it still waits. Not while a later apply is about to take its
        place: what that one says of the environment is not to be overtaken."""
        async with self._database.transaction() as connection:
            change = await rollout_store.change(connection, given.change)
            if change is None:
                raise ApplicationError(f"no change {given.change} was ever asked for", non_retryable=True)
            if change.state is not ChangeState.WAITING:
                return change.state is ChangeState.OPEN
            intent = await rollout_store.intent(connection, change.intent)
            # The day is what the apply says, not what a message says.
            waiting = Work.from_data(intent.body["work"]).waiting if intent is not None else {}
            if change.environment not in waiting or waiting[change.environment][1] > stamp(self._clock()):
                return False
            woken = await rollout_store.wake_change(connection, given.change)
            later = [
                one for one in await rollout_store.open_intents(connection, "apply") if one.digest != change.intent
            ]
            if later:
                raise PlatformError("PR403", change.environment, value="a later apply is about to take its place")
            return woken

    # -- shared -------------------------------------------------------------------------------------------------

    async def _intent(self, digest: str) -> tuple[Intent, Work]:
        async with self._database.reading() as connection:
            intent = await rollout_store.intent(connection, digest)
        if intent is None or intent.kind != "apply":
            raise ApplicationError(f"no apply of {digest} was ever asked for", non_retryable=True)
        return intent, Work.from_data(intent.body["work"])

    async def _remove_instance(self, name: str) -> None:
        seen = {one.id: one for one in await self._platform.workloads.observe()}
        instance = seen.get(name)
        if instance is not None:
            await self._platform.traffic.remove(instance.environment, name)
            await self._platform.workloads.stop(name)

    async def _step(
        self,
        intent: Intent,
        verb: str,
        subject: str,
        detail: dict[str, Any],
        act: Callable[[], Awaitable[dict[str, Any]]],
        record: Callable[[AsyncConnection, StepOutcome], Awaitable[None]] | None = None,
        judge: Callable[[AsyncConnection], Awaitable[Verdict]] | None = None,
    ) -> steps.ApplyResult:
        async def still_open(connection: AsyncConnection) -> Verdict:
            if not intent.open:
                return Refused("the apply has ended")
            return Allowed() if judge is None else await judge(connection)

        outcome = await self._journal.step(
            key=f"{intent.digest}:{verb}:{subject}",
            actor=intent.actor,
            verb=verb,
            subject=subject or "estate",
            detail=detail | {"plan": intent.digest},
            act=act,
            judge=still_open,
            record=record,
        )
        return steps.ApplyResult(outcome.done, outcome.why)


async def _nothing() -> dict[str, Any]:
    """A step whose whole effect is its record."""
    return {}
