"""Starting, following and aborting release trains, and saying why a client runs what it runs."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from plantroom.delivery.trains import policy, steps, store
from plantroom.delivery.trains.model import NEWEST, Asked, TargetState, Train, TrainState, TrainTarget
from plantroom.delivery.trains.ports import AppliedEstate, Artefacts, Courier, Gate
from plantroom.estate.changes import Status
from plantroom.estate.effective import Place, management_of
from plantroom.estate.model import Estate, Management
from plantroom.kernel.digest import digest
from plantroom.kernel.errors import ReleaseError
from plantroom.kernel.verdict import Allowed, Verdict
from plantroom.ledger.model import Draft, Phase
from plantroom.ledger.service import Ledger
from plantroom.rollout import archives
from plantroom.rollout import hours as rollout_hours
from plantroom.rollout import policy as rollout_policy
from plantroom.rollout import store as rollout_store
from plantroom.rollout.model import ArtefactView, ChangeState, Target
from plantroom.runtime.clock import Clock, stamp
from plantroom.runtime.database import Database

INTENT = "train"

_LAST = 100
"""Entries about one environment: more than are written from its archive on."""


class WaitingTrains:
    """It implements the port of tenancy (`delivery.tenancy.ports.Waiting`)."""

    def __init__(self, database: Database, courier: Courier) -> None:
        self._database = database
        self._courier = courier

    async def look_again(self) -> None:
        async with self._database.reading() as connection:
            under_way = [one.name for one in await store.trains(connection) if not one.state.ended]
        for name in under_way:
            await self._courier.wake(f"train-{name}", steps.ABORT)


class TrainService:
    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        estate: AppliedEstate,
        artefacts: Artefacts,
        courier: Courier,
        gates: Sequence[Gate],
        clock: Clock,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._estate = estate
        self._artefacts = artefacts
        self._courier = courier
        self._gates = gates
        self._clock = clock

    async def start(
        self, *, version: str, name: str, application: str | None, stage: str, actor: str
    ) -> dict[str, Any]:
        """Write the intent of a release night and send it off. `version` may be an artefact's digest.

        Raises ReleaseError PR701 unknown application, PR702 no such artefact, PR703 nobody to release to, PR704 another
        train under way, PR705 the name is taken, PR706 the artefact does not fit an environment, PR710 a gate is not
        open; ArtefactError when it is not whole.
        """
        if name == NEWEST:
            raise ReleaseError(
                "PR705",
                f"train {name}",
                value="the name is taken: the newest train of all is asked for by it",
                limit=f"any name but {NEWEST}",
                remedy="Choose another with --train",
            )
        estate = (await self._estate.applied()).estate
        application = _application(estate, application)
        view = await self._artefact(application, version)
        artefact, version = view.digest, view.version
        now = stamp(self._clock())
        async with self._database.transaction() as connection:
            targets = await self._targets(
                estate,
                application,
                stage,
                {environment: target for environment, (target, _) in (await rollout_store.targets(connection)).items()},
            )
            misfits = await self._misfits(connection, targets, view)
            if misfits:
                raise ReleaseError("PR706", f"release {version}", value="; ".join(misfits))
            await self._refuse_others(connection, name, application)
            gates = await self._judged(estate, artefact, stage, targets, actor)
            if shut := [f"{gate}: {verdict.reason}" for gate, verdict in gates if not isinstance(verdict, Allowed)]:
                raise ReleaseError(
                    "PR710",
                    f"release {version}",
                    value="; ".join(shut),
                    limit="every gate is open in the same moment",
                    remedy=f"See `plantroom release gates {version} --stage {stage}`",
                )
            rings = tuple(
                policy.ring_policy(ring, sum(target.ring == ring.name for target in targets))
                for ring in estate.rings
                if any(target.ring == ring.name for target in targets)
            )
            body = {
                "train": name,
                "application": application,
                "release": version,
                "artefact": artefact,
                "rings": [ring.as_data() for ring in rings],
                "targets": [[target.environment, target.release, target.config] for target in targets],
            }
            intent = digest(body)
            await rollout_store.add_intent(connection, intent, INTENT, actor, now, body)
            train = Train(
                name, intent, application, version, artefact, actor, now, None, TrainState.ROLLING, "", "", "", rings
            )
            await store.add(connection, train, [(one.environment, one.ring, one.release) for one in targets])
            draft = Draft(actor, "train.start", f"train/{name}", Phase.INTENT, f"train:{name}", body)
            await self._ledger.append(connection, draft)
        await self.send_off(name)
        return await self.status(name)

    async def gates(self, *, version: str, application: str | None, stage: str, actor: str) -> dict[str, Any]:
        """What each gate says of a release night that this actor would start now. Raises as `start` does, except for
        the gates, and for other trains."""
        estate = (await self._estate.applied()).estate
        application = _application(estate, application)
        view = await self._artefact(application, version)
        async with self._database.transaction() as connection:
            recorded = {name: target for name, (target, _) in (await rollout_store.targets(connection)).items()}
        targets = await self._targets(estate, application, stage, recorded)
        gates = await self._judged(estate, view.digest, stage, targets, actor)
        return {
            "application": application,
            "release": view.version,
            "artefact": view.digest,
            "stage": stage,
            "open": all(isinstance(verdict, Allowed) for _, verdict in gates),
            "gates": [
                {"gate": gate, "verdict": type(verdict).__name__.lower(), "reason": verdict.reason}
                for gate, verdict in gates
            ],
        }

    async def _judged(
        self, estate: Estate, artefact: str, stage: str, targets: Sequence[Target], actor: str
    ) -> list[tuple[str, Verdict]]:
        rings = sorted({target.ring for target in targets})
        return [(gate.name, await gate.judge(estate, artefact, stage, rings, actor)) for gate in self._gates]

    async def send_off(self, name: str) -> None:
        await self._courier.start(steps.WORKFLOW, steps.TrainInput(name), f"train-{name}")

    async def resume(self) -> None:
        """Start again the workflow of every train that has not ended and has lost it."""
        async with self._database.transaction() as connection:
            under_way = [train for train in await store.trains(connection) if not train.state.ended]
        for train in under_way:
            await self.send_off(train.name)
            if train.abort_by:
                # What woke it then may have been lost.
                await self._courier.wake(f"train-{train.name}", steps.ABORT)

    async def abort(self, name: str, actor: str) -> dict[str, Any]:
        """Board nobody else; changes under way end first. Raises PR707 when there is no such train, PR709 when it has
        ended, or is going back."""
        async with self._database.transaction() as connection:
            train = await store.train(connection, name)
            if train is None:
                raise _no_train(name)
            if train.state.ended:
                raise ReleaseError(
                    "PR709",
                    f"train {name}",
                    value=f"has ended ({train.state})",
                    remedy="Each environment stays on the release that it is on",
                )
            if train.state is TrainState.GOING_BACK:
                raise ReleaseError(
                    "PR709",
                    f"train {name}",
                    value=f"is going back already: {train.why}",
                    limit="what had its release is taken back from it, to the last one",
                    remedy="Wait for its end; see `plantroom release status --follow`",
                )
            if not train.abort_by:
                await store.set_abort(connection, name, actor)
                draft = Draft(actor, "train.abort", f"train/{name}", Phase.NOTE, f"train:{name}:abort", {})
                await self._ledger.append(connection, draft)
        await self._courier.wake(f"train-{name}", steps.ABORT)
        return await self.status(name)

    async def trains(self) -> list[dict[str, Any]]:
        async with self._database.transaction() as connection:
            found = []
            for train in await store.trains(connection):
                if train.state.ended:
                    found.append(_train_data(train, []))
                    continue
                targets = await store.targets(connection, train.name)
                records = await rollout_store.targets(connection)
                found.append(_train_data(train, targets, await self._closed(connection, train, targets, records)))
            return found

    async def status(self, name: str | None) -> dict[str, Any]:
        """A train with every target; the newest train when no name is given. PR707 when there is none."""
        async with self._database.transaction() as connection:
            if name is None:
                newest = await store.trains(connection, 1)
                train = newest[0] if newest else None
            else:
                train = await store.train(connection, name)
            if train is None:
                raise _no_train(name)
            targets = await store.targets(connection, train.name)
            records = await rollout_store.targets(connection)
            closed = {} if train.state.ended else await self._closed(connection, train, targets, records)
            override = await rollout_store.override(connection, policy.subject(train.name))
        now = {environment: target.release for environment, (target, _) in records.items()}
        return _train_data(train, targets, closed) | {
            "override": None if override is None else dataclasses.asdict(override),
            "targets": [
                {
                    "environment": one.environment,
                    "ring": one.ring,
                    "state": one.state.value,
                    "from": one.from_release,
                    "now": now.get(one.environment, ""),
                    "why": one.why or closed.get(one.environment, ""),
                }
                for one in targets
            ],
        }

    async def _closed(
        self,
        connection: Any,
        train: Train,
        targets: Sequence[TrainTarget],
        records: Mapping[str, tuple[Target, Any]],
    ) -> dict[str, str]:
        """Of those that wait, which may not start now: why, and when they may."""
        waiting = [
            records[one.environment][0]
            for one in targets
            if one.state is TargetState.WAITING and one.environment in records and not train.abort_by
        ]
        calendars = await rollout_hours.applied(connection)
        subject = policy.subject(train.name)
        found = await rollout_hours.openings(connection, subject, policy.WORK, waiting, self._clock())
        return {
            name: rollout_hours.told(one, calendars.zone_of(name.split("/")[0]))
            for name, one in found.items()
            if not one.now
        }

    async def why(self, client: str) -> dict[str, Any]:
        """What each environment of a client runs, why, and what comes next. PR708 when nothing is known of it."""
        estate = await self._estate.declared()
        async with self._database.transaction() as connection:
            targets = {
                environment: target
                for environment, (target, _) in (await rollout_store.targets(connection)).items()
                if target.client == client
            }
            managements = await rollout_store.managements(connection)
            apply = await rollout_store.newest_intent(connection, "apply")
            found = []
            for new in policy.not_yet(estate, client, set(targets)):
                last = await rollout_store.changes_of(connection, new.name, 1)
                found.append(policy.of_new(estate, new, last, _asked(apply, new.name)))
            if not targets and not found:
                near = difflib.get_close_matches(client, estate.clients, 1)
                raise ReleaseError(
                    "PR708",
                    f"client {client or '(none named)'}",
                    value="is not declared, and has no environment that was ever provisioned",
                    remedy=f"Did you mean {near[0]}?" if near else "See `plantroom environments`",
                )
            for environment, target in targets.items():
                changes = await rollout_store.changes_of(connection, environment, 5)
                trains = []
                for train in await store.trains(connection, 20):
                    aboard = await store.target(connection, train.name, environment)
                    if aboard is not None:
                        trains.append((train, aboard))
                under_way = next((train for train, _ in trains if not train.state.ended), None)
                others = [] if under_way is None else await store.targets(connection, under_way.name)
                work = "" if under_way is None else policy.subject(under_way.name)
                openings = await rollout_hours.openings(connection, work, policy.WORK, [target], self._clock())
                zone = (await rollout_hours.applied(connection)).zone_of(client)
                closed = [rollout_hours.told(one, zone) for one in openings.values() if not one.now]
                done = next((change for change in changes if change.state is ChangeState.DONE), None)
                found.append(
                    {
                        "environment": environment,
                        "status": target.status.value,
                        "release": target.release,
                        "artefact": target.artefact,
                        "ring": target.ring,
                        "because": policy.because(target, done, trains),
                        "history": [line for train, aboard in trains[:5] for line in policy.history(train, aboard)],
                        "next": policy.coming(target, managements.get(environment), trains, others, "".join(closed)),
                        "archive": await self._archive(target),
                    }
                )
        title = estate.clients[client].title if client in estate.clients else ""
        return {"client": client, "title": title, "environments": found}

    async def _archive(self, target: Target) -> dict[str, Any] | None:
        """What is kept of a retired environment, as the ledger says. Nothing of it is written after that but its
        removal, so that it is among the last entries."""
        if target.status is not Status.RETIRED:
            return None
        return archives.told([item.entry for item in await self._ledger.latest(_LAST, target.environment)])

    async def _artefact(self, application: str, asked: str) -> ArtefactView:
        """By version or by digest, whole and unaltered. Raises ArtefactError otherwise."""
        found = asked if asked.startswith("sha256:") else await self._artefacts.find(application, asked)
        if found is None:
            raise ReleaseError(
                "PR702",
                f"release {asked} of {application}",
                value="there is no artefact of this version",
                remedy="Build it with `plantroom artefact build`, or see `plantroom artefact list`",
            )
        view = await self._artefacts.view(found)
        if view.application != application:
            raise ReleaseError(
                "PR702",
                f"release {asked}",
                value=f"is an artefact of {view.application}",
                limit=f"asked for is one of {application}",
                remedy="Name the other application with --application",
            )
        await self._artefacts.verify(found)
        return view

    async def _targets(self, estate: Estate, application: str, stage: str, recorded: dict[str, Target]) -> list[Target]:
        """Who gets the release, ring by ring, in the order of names."""
        order = {ring.name: place for place, ring in enumerate(estate.rings)}
        found = []
        for target in recorded.values():
            declared = (
                estate.clients[target.client].environments.get(target.stage)
                if target.client in estate.clients
                else None
            )
            if declared is None or target.application != application or target.stage != stage:
                continue
            client = estate.clients[target.client]
            one = Place(target.environment, target.client, target.stage, client, declared)
            if target.status is Status.LIVE and management_of(estate, one) is Management.MANAGED:
                found.append(Target.from_data(target.as_data() | {"ring": client.ring}))
        if not found:
            raise ReleaseError(
                "PR703",
                f"{application} at stage {stage}",
                value="no live, managed environment runs it",
                remedy="Provision one with `plantroom plan` and `plantroom apply`, or name another --stage",
            )
        return sorted(found, key=lambda target: (order[target.ring], target.environment))

    async def override(self, name: str, why: str, hours: int, actor: str) -> dict[str, Any]:
        """Ask that a train may start changes for so many hours from now, whatever calendars say. Raises ReleaseError
        PR707 when there is no such train, PR711 when it has ended, or is aborted or going back."""
        now = self._clock()
        async with self._database.transaction() as connection:
            await self._rolls(connection, name)
            until = now + timedelta(hours=hours)
            await rollout_hours.ask(connection, policy.subject(name), why, until, actor, now)
            payload = {"why": why, "until": stamp(until)}
            key = f"train:{name}:override:{stamp(now)}"
            draft = Draft(actor, "train.override", policy.subject(name), Phase.NOTE, key, payload)
            await self._ledger.append(connection, draft)
        return {"train": name, "asked_by": actor, "why": why, "until": stamp(until), "confirmed_by": None}

    async def confirm(self, name: str, actor: str) -> dict[str, Any]:
        """Confirm an override that somebody else has asked for. Raises as `override` does, and AccessError PR604 when
        there is nothing to confirm, PR605 when this person cannot be the second one."""
        estate = await self._estate.declared()
        now = self._clock()
        async with self._database.transaction() as connection:
            await self._rolls(connection, name)
            found = await rollout_hours.confirm(connection, policy.subject(name), actor, estate, now)
            payload = {"why": found.why, "until": found.until, "asked_by": found.asked_by}
            key = f"train:{name}:override-confirm:{stamp(now)}"
            draft = Draft(actor, "train.override-confirm", policy.subject(name), Phase.NOTE, key, payload)
            await self._ledger.append(connection, draft)
        await self._courier.wake(f"train-{name}", steps.ABORT)
        told = {"train": name, "asked_by": found.asked_by, "why": found.why, "until": found.until}
        return told | {"confirmed_by": actor}

    async def _rolls(self, connection: Any, name: str) -> None:
        train = await store.train(connection, name)
        if train is None:
            raise _no_train(name)
        if train.state.ended or train.abort_by or train.state is TrainState.GOING_BACK:
            value = "is aborted" if train.abort_by else f"has ended ({train.state})"
            value = "is going back" if train.state is TrainState.GOING_BACK else value
            raise ReleaseError("PR711", f"train {name}", value=f"{value}, so nothing of it waits to start")

    async def _misfits(self, connection: Any, targets: Sequence[Target], view: ArtefactView) -> list[str]:
        """Which environments the artefact cannot come to, and why."""
        been = await rollout_store.artefacts_wanted(connection, [target.environment for target in targets])
        told: dict[tuple[str, frozenset[str]], str] = {}
        found = []
        for target in targets:
            way = (target.artefact, frozenset({target.artefact, *been.get(target.environment, ())}))
            if way not in told:
                told[way] = await self._artefacts.cannot_follow(view.digest, *way)
            wrong = rollout_policy.misfits(target.assignments, target.database_pool, view)
            found += [f"{target.environment}: {why}" for why in (*wrong, told[way]) if why]
        openings = await rollout_hours.openings(connection, "", policy.WORK, targets, self._clock())
        never = {name: one for name, one in openings.items() if one.span is None}
        return found + [f"{name}: {one.why}; it never opens" for name, one in never.items()]

    async def _refuse_others(self, connection: Any, name: str, application: str) -> None:
        for train in await store.trains(connection):
            if train.name == name:
                raise ReleaseError("PR705", f"train {name}", value="there is one of this name", remedy="Choose another")
            if train.application == application and not train.state.ended:
                raise ReleaseError(
                    "PR704",
                    f"train {train.name}",
                    value=f"takes {application} to {train.release} now",
                    limit="one train an application at a time",
                    remedy="Wait for it, or `plantroom release abort`",
                )


def _asked(apply: rollout_store.Intent | None, environment: str) -> Asked | None:
    """The apply, if it was to make the environment."""
    if apply is None or environment not in apply.body["work"]["environments"]:
        return None
    return Asked(apply.digest, apply.actor, apply.open, tuple((apply.outcome or {}).get("failed", ())))


def _application(estate: Estate, asked: str | None) -> str:
    if asked is not None and asked in estate.applications:
        return asked
    if asked is None and len(estate.applications) == 1:
        return next(iter(estate.applications))
    known = ", ".join(sorted(estate.applications))
    raise ReleaseError(
        "PR701",
        f"application {asked or ''}".strip(),
        value="is not declared" if asked else "which one is meant?",
        limit=f"the estate has {known}",
        remedy="Name it with --application",
    )


def _train_data(
    train: Train, targets: Sequence[TrainTarget], closed: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    until = policy.soaking(train, targets)
    state = train.state if until is None else TrainState.SOAKING
    if state is TrainState.ROLLING and policy.waits(train, targets, closed):
        state = TrainState.WAITING
    return {
        "train": train.name,
        "application": train.application,
        "release": train.release,
        "artefact": train.artefact,
        "actor": train.actor,
        "started": train.started,
        "ended": train.ended,
        "state": state.value,
        "soaks_until": None if until is None else stamp(until),
        "ring": train.ring,
        "rings": [ring.name for ring in train.rings],
        "why": train.why,
        "abort_by": train.abort_by,
        "over": train.state.ended,
    }


def _no_train(name: str | None) -> ReleaseError:
    if name is None:
        return ReleaseError(
            "PR707", "train", value="there is none yet", remedy="Start one with `plantroom release start VERSION`"
        )
    return ReleaseError("PR707", f"train {name}", value="there is none", remedy="See `plantroom release list`")
