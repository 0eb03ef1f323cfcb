"""Plan, apply and drift: the estate's files held against what is recorded and what is really there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from plantroom.delivery.tenancy import policy, steps, store
from plantroom.delivery.tenancy.model import Seen
from plantroom.delivery.tenancy.ports import Artefacts, Courier, Waiting
from plantroom.estate.changes import Assignment, Observed, Plan, Record, Status
from plantroom.estate.errors import EstateError
from plantroom.estate.loader import load
from plantroom.estate.model import Estate, Loaded
from plantroom.estate.plan import make
from plantroom.kernel.digest import digest
from plantroom.kernel.errors import ArtefactError, PlanError
from plantroom.kernel.verdict import Refused
from plantroom.ledger.model import Draft, Phase
from plantroom.ledger.service import Ledger
from plantroom.rollout import store as rollout_store
from plantroom.rollout.calendar import Calendars
from plantroom.rollout.model import ArtefactView, Change, Target
from plantroom.rollout.placement import place
from plantroom.runtime.clock import Clock, stamp
from plantroom.runtime.database import Database

INTENT = "apply"


class StalePlanError(PlanError):
    """The plan that was approved is not the plan that would run now; the new one comes with it."""

    def __init__(self, asked: str, plan: Plan) -> None:
        self.plan = plan
        super().__init__(
            "PR201",
            f"plan {asked}",
            value="no longer fits: the estate or what is there has changed since",
            limit=f"the plan is now {plan.digest}",
            remedy="Read the new plan, and apply its digest if it is what you want",
        )


@dataclass(frozen=True, slots=True)
class Planned:
    plan: Plan
    loaded: Loaded
    recorded: dict[str, Target]
    placements: dict[str, tuple[Assignment, ...] | Refused]
    artefacts: dict[tuple[str, str], str]


class TenancyService:
    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        directory: Path,
        artefacts: Artefacts,
        courier: Courier,
        waiting: Sequence[Waiting],
        clock: Clock,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._directory = directory
        self._artefacts = artefacts
        self._courier = courier
        self._waiting = waiting
        self._clock = clock

    async def plan(self) -> Planned:
        """Read the files, have the worker look, and compare. Changes nothing. Raises EstateError with all mistakes,
        PlanError PR208 when the estate is for another platform than the one that runs."""
        loaded = await asyncio.to_thread(load, self._directory)
        # Looking takes a while. A change that was open at any moment of it may be seen half-way, and have ended by the
        # time that its target is read. Which were open at first is asked as well, lest two clocks disagree.
        since = stamp(self._clock())
        async with self._database.snapshot() as connection:
            before = await rollout_store.under_way(connection, since)
        seen = await self._look()
        wanted = loaded.estate.estate.platform
        if seen.platform != wanted:
            raise PlanError(
                "PR208",
                "estate.platform",
                value=f"is {wanted}",
                limit=f"what runs here is {seen.platform}",
                remedy="Correct the estate, or start Plantroom with that platform",
            )
        async with self._database.snapshot() as connection:
            kept = await rollout_store.targets(connection)
            waiting = await rollout_store.waiting(connection)
            days = {one.environment: await self._day(connection, one) for one in waiting}
            under_way = before | await rollout_store.under_way(connection, since)
            generation, applied = await store.generation(connection)
        recorded = {name: target for name, (target, _) in kept.items()}
        records: list[Record] = [target.record(change) for target, change in kept.values()]
        for change in waiting:
            if change.environment not in recorded:
                data = change.target.as_data() | {"status": Status.PROVISIONING.value}
                record = Target.from_data(data).record(change.key)
                records.append(replace(record, go_live=days[change.environment]))
        current = {record.environment: record.assignments for record in records}
        estate = loaded.estate
        placements = dict(await asyncio.to_thread(place, estate, current, seen.servers))
        observed = Observed(
            *(seen.servers, seen.pools, seen.databases, seen.file_stores, seen.instances, seen.routes),
            records=records,
            platform=seen.platform,
            capabilities=seen.capabilities,
        )
        today = self._clock().date()
        plan = await asyncio.to_thread(make, loaded, observed, placements, generation, today)
        hosts = {name: set(target.hosts) for name, target in recorded.items()}
        for route in seen.routes:
            hosts.setdefault(route.environment, set()).update(route.hosts)
        plan = policy.without_under_way(plan, under_way, hosts)
        plan = policy.without_names(plan, hosts)
        artefacts = await self._first_artefacts(loaded, recorded)
        missing = policy.missing_artefacts(plan, estate, recorded, artefacts)
        views = await self._views(recorded, artefacts)
        misfits = policy.misfits(plan, estate, recorded, placements, artefacts, views)
        plan = policy.with_settings(policy.without_artefacts(plan, missing, misfits), loaded, applied)
        return Planned(plan, loaded, recorded, placements, artefacts)

    async def apply(self, asked: str, actor: str) -> dict[str, Any]:
        """Write the intent of exactly this plan, once, and send it off.

        Raises StalePlanError PR201 when it no longer fits, PlanError PR202 when it may not be applied, PR203 while
        another apply is under way.
        """
        async with self._database.transaction() as connection:
            known = await rollout_store.intent(connection, asked)
            others = [one for one in await rollout_store.open_intents(connection, INTENT) if one.digest != asked]
        if known is not None and known.open:
            return await self.status(asked)
        if others:
            raise PlanError(
                "PR203",
                "apply",
                value=f"{others[0].actor} is applying {others[0].digest} now",
                limit="one at a time",
                remedy="Wait for it to end, then plan again",
            )
        planned = await self.plan()
        plan = planned.plan
        if plan.digest != asked:
            # One that was applied is among these: the generation has counted up since.
            raise StalePlanError(asked, plan)
        if plan.refusals:
            raise PlanError("PR202", f"plan {asked}", value="; ".join(plan.refusals))
        for artefact in sorted(set(planned.artefacts.values())):
            await self._artefacts.verify(artefact)
        now = self._clock()
        work = policy.work_of(plan, planned.loaded, planned.recorded, planned.placements, planned.artefacts, now.date())
        if plan.effective:
            async with self._database.transaction() as connection:
                body = {"work": work.as_data()}
                added = await rollout_store.add_intent(connection, asked, INTENT, actor, stamp(now), body)
                if added:
                    # With the intent: from here on nothing begins to change what was taken out of Plantroom's hands.
                    await rollout_store.set_managements(connection, policy.managements(planned.loaded.estate))
                    await rollout_store.set_terms(connection, policy.terms(planned.loaded.estate))
                    await rollout_store.set_calendars(connection, Calendars.of(planned.loaded.estate).as_data())
                    summary = {"plan": asked, "commit": plan.commit, "work": digest(body), **work.summary}
                    draft = Draft(actor, "apply.start", "estate", Phase.INTENT, f"apply:{asked}", summary)
                    await self._ledger.append(connection, draft)
            for one in self._waiting:
                await one.look_again()
            await self.send_off(asked)
            return await self.status(asked)
        refused = len(plan.refused)
        return {"digest": asked, "state": "ended", "actor": actor, "changes": [], "failed": [], "refused": refused}

    async def send_off(self, asked: str) -> None:
        await self._courier.start(steps.APPLY_WORKFLOW, asked, f"apply-{asked.removeprefix('sha256:')[:32]}")

    async def resume(self) -> None:
        """Start again the workflow of every apply that is open, and of every go-live that waits."""
        async with self._database.transaction() as connection:
            open_applies = await rollout_store.open_intents(connection, INTENT)
            waiting = await rollout_store.waiting(connection)
        for intent in open_applies:
            await self.send_off(intent.digest)
        for change in waiting:
            async with self._database.transaction() as connection:
                found = await rollout_store.intent(connection, change.intent)
            if found is not None:
                at = found.body["work"]["waiting"][change.environment][1]
                given = steps.GoLiveInput(change.key, at)
                await self._courier.start(steps.GO_LIVE_WORKFLOW, given, f"go-live-{change.key}")

    async def status(self, asked: str) -> dict[str, Any]:
        """How far an apply is. Raises PlanError PR206 when there is none of this digest."""
        async with self._database.transaction() as connection:
            intent = await rollout_store.intent(connection, asked)
            if intent is None:
                raise PlanError("PR206", f"apply {asked}", value="was never asked for")
            changes = await rollout_store.changes_for(connection, asked)
        return {
            "digest": asked,
            "state": "open" if intent.open else "ended",
            "actor": intent.actor,
            "changes": [{"environment": one.environment, "state": one.state.value, "why": one.why} for one in changes],
            "environments": len(intent.body["work"]["environments"]),
            "failed": (intent.outcome or {}).get("failed", []),
            "refused": intent.body["work"]["summary"].get("refused", 0),
        }

    async def environments(self) -> list[dict[str, Any]]:
        async with self._database.transaction() as connection:
            kept = {name: target for name, (target, _) in (await rollout_store.targets(connection)).items()}
            for change in await rollout_store.waiting(connection):
                kept.setdefault(change.environment, replace(change.target, status=Status.PROVISIONING))
        titles = await self._titles()
        return [
            {
                "environment": name,
                "title": titles.get(target.client, ""),
                "status": target.status.value,
                "application": target.application,
                "release": target.release,
                "ring": target.ring,
                "hosts": list(target.hosts),
                "database_pool": target.database_pool,
                "servers": sorted({one.server for one in target.assignments}),
            }
            for name, target in sorted(kept.items())
        ]

    async def _titles(self) -> dict[str, str]:
        """By client, as the files have them; none while the files have mistakes."""
        try:
            return policy.titles(await self.declared())
        except EstateError:
            return {}

    async def declared(self) -> Estate:
        """As the files have it now, applied or not. Raises EstateError with all mistakes."""
        return (await asyncio.to_thread(load, self._directory)).estate

    async def applied(self) -> Loaded:
        """The estate as applied. Raises PlanError PR207 when the files differ from it, or nothing was applied yet."""
        loaded = await asyncio.to_thread(load, self._directory)
        async with self._database.transaction() as connection:
            generation, content = await store.generation(connection)
        if content != loaded.content:
            raise PlanError(
                "PR207",
                f"the estate in {self._directory}",
                value="differs from what was applied" if generation else "was never applied",
                limit="a release leaves from an applied estate",
                remedy="Run `plantroom plan`, then `plantroom apply DIGEST`",
            )
        return loaded

    async def _day(self, connection: AsyncConnection, change: Change) -> date | None:
        """The day that a waiting change waits for, as its apply says."""
        intent = await rollout_store.intent(connection, change.intent)
        waiting = {} if intent is None else intent.body["work"]["waiting"]
        found = waiting.get(change.environment)
        return None if found is None else date.fromisoformat(found[1][:10])

    async def _look(self) -> Seen:
        """Have the worker observe; the API itself never touches a platform."""
        name = f"observe-{digest({'at': stamp(self._clock())})[7:23]}"
        await self._courier.call(steps.OBSERVE_WORKFLOW, name, name)
        async with self._database.transaction() as connection:
            return Seen.from_data(await store.observation(connection, name))

    async def _views(self, recorded: dict[str, Target], first: dict[tuple[str, str], str]) -> dict[str, ArtefactView]:
        """By digest, those that can be read: what is wrong with another one is told by the change that needs it."""
        found = {}
        for artefact in sorted({*first.values(), *(target.artefact for target in recorded.values())}):
            with contextlib.suppress(ArtefactError):
                found[artefact] = await self._artefacts.view(artefact)
        return found

    async def _first_artefacts(self, loaded: Loaded, recorded: dict[str, Target]) -> dict[tuple[str, str], str]:
        wanted = {
            policy.first_release(loaded.estate, name)
            for name in policy.declared_environments(loaded.estate)
            if name not in recorded
        }
        found = {}
        for application, version in sorted(wanted):
            artefact = await self._artefacts.find(application, version)
            if artefact is not None:
                found[(application, version)] = artefact
        return found
