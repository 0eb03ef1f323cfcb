"""Starting, following and aborting release trains, and saying why a client runs what it runs."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from plantroom.delivery.trains import policy, steps, store
from plantroom.delivery.trains.model import NEWEST, TargetState, Train, TrainState, TrainTarget
from plantroom.delivery.trains.ports import AppliedEstate, Artefacts, Courier
from plantroom.estate.changes import Status
from plantroom.estate.effective import Place, management_of, places
from plantroom.estate.model import Estate, Management
from plantroom.kernel.digest import digest, short
from plantroom.kernel.errors import ReleaseError
from plantroom.ledger.model import Draft, Phase
from plantroom.ledger.service import Ledger
from plantroom.rollout import archives
from plantroom.rollout import policy as rollout_policy
from plantroom.rollout import store as rollout_store
from plantroom.rollout.model import ArtefactView, Change, ChangeState, Target
from plantroom.runtime.clock import Clock, stamp
from plantroom.runtime.database import Database

INTENT = "train"

_LAST = 100
"""Entries about one environment: more than are written from its archive on."""


class TrainService:
    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        estate: AppliedEstate,
        artefacts: Artefacts,
        courier: Courier,
        clock: Clock,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._estate = estate
        self._artefacts = artefacts
        self._courier = courier
        self._clock = clock

    async def start(
        self, *, version: str, name: str, application: str | None, stage: str, actor: str
    ) -> dict[str, Any]:
        """Write the intent of a release night and send it off. `version` may be an artefact's digest.

        Raises ReleaseError PR701 unknown application, PR702 no such artefact, PR703 nobody to release to, PR704 another
        train under way, PR705 the name is taken, PR706 the artefact does not fit an environment; ArtefactError when it
        is not whole.
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
            misfits = [
                f"{target.environment}: {why}"
                for target in targets
                for why in rollout_policy.misfits(Target.from_data(target.as_data() | {"artefact": artefact}), view)
            ]
            if misfits:
                raise ReleaseError("PR706", f"release {version}", value="; ".join(misfits))
            await self._refuse_others(connection, name, application)
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
        ended."""
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
            if not train.abort_by:
                await store.set_abort(connection, name, actor)
                draft = Draft(actor, "train.abort", f"train/{name}", Phase.NOTE, f"train:{name}:abort", {})
                await self._ledger.append(connection, draft)
        await self._courier.wake(f"train-{name}", steps.ABORT)
        return await self.status(name)

    async def trains(self) -> list[dict[str, Any]]:
        async with self._database.transaction() as connection:
            return [
                _train_data(train, [] if train.state.ended else await store.targets(connection, train.name))
                for train in await store.trains(connection)
            ]

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
        now = {environment: target.release for environment, (target, _) in records.items()}
        return _train_data(train, targets) | {
            "targets": [
                {
                    "environment": one.environment,
                    "ring": one.ring,
                    "state": one.state.value,
                    "from": one.from_release,
                    "now": now.get(one.environment, ""),
                    "why": one.why,
                }
                for one in targets
            ]
        }

    async def why(self, client: str) -> dict[str, Any]:
        """What each environment of a client runs, why, and what comes next. PR708 when nothing is known of it."""
        estate = await self._estate.declared()
        async with self._database.transaction() as connection:
            waiting = {one.environment: one for one in await rollout_store.waiting(connection)}
            targets = {
                environment: target
                for environment, (target, _) in (await rollout_store.targets(connection)).items()
                if target.client == client
            }
            found = _not_yet(estate, client, set(targets), waiting)
            if not targets and not found:
                near = difflib.get_close_matches(client, estate.clients, 1)
                raise ReleaseError(
                    "PR708",
                    f"client {client}",
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
                done = next((change for change in changes if change.state is ChangeState.DONE), None)
                found.append(
                    {
                        "environment": environment,
                        "status": target.status.value,
                        "release": target.release,
                        "artefact": target.artefact,
                        "ring": target.ring,
                        "because": _because(target, done.actor if done else "", done.intent if done else "", trains),
                        "history": [line for train, aboard in trains[:5] for line in _history(train, aboard)],
                        "next": _next(trains, others),
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


def _train_data(train: Train, targets: Sequence[TrainTarget]) -> dict[str, Any]:
    until = policy.soaking(train, targets)
    return {
        "train": train.name,
        "application": train.application,
        "release": train.release,
        "artefact": train.artefact,
        "actor": train.actor,
        "started": train.started,
        "ended": train.ended,
        "state": (train.state if until is None else TrainState.SOAKING).value,
        "soaks_until": None if until is None else stamp(until),
        "ring": train.ring,
        "rings": [ring.name for ring in train.rings],
        "why": train.why,
        "abort_by": train.abort_by,
        "over": train.state.ended,
    }


def _not_yet(estate: Estate, client: str, provisioned: set[str], waiting: Mapping[str, Change]) -> list[dict[str, Any]]:
    """What there is to say of declared environments that were never provisioned."""
    if client not in estate.clients:
        return []
    found: list[dict[str, Any]] = []
    for place in places(estate):
        if place.client_name != client or place.name in provisioned:
            continue
        management = management_of(estate, place)
        change = waiting.get(place.name)
        if management is not Management.MANAGED:
            status, because, after = management.value, f"it is declared as {management.value}", "nothing by Plantroom"
        elif change is not None:
            status, because = "waiting", f"{change.actor} applied it for a day to come"
            after = f"it goes live on {place.environment.go_live}"
        else:
            status, because = "declared", "it was not applied yet"
            after = "`plantroom plan` shows what an apply would do"
        found.append(
            {
                "environment": place.name,
                "status": status,
                "release": "" if change is None else change.target.release,
                "artefact": "" if change is None else change.target.artefact,
                "ring": estate.clients[client].ring,
                "because": because,
                "history": [],
                "next": after,
                "archive": None,
            }
        )
    return found


def _no_train(name: str | None) -> ReleaseError:
    if name is None:
        return ReleaseError(
            "PR707", "train", value="there is none yet", remedy="Start one with `plantroom release start VERSION`"
        )
    return ReleaseError("PR707", f"train {name}", value="there is none", remedy="See `plantroom release list`")


def _because(target: Target, actor: str, intent: str, trains: list[tuple[Train, TrainTarget]]) -> str:
    by = f", asked for by {actor}" if actor else ""
    for train, aboard in trains:
        if aboard.state is TargetState.DONE and (train.release, train.artefact) == (target.release, target.artefact):
            brought = f"train {train.name} brought release {target.release} on {train.started[:16]}Z"
            if intent in ("", train.intent):
                return brought + by
            return f"{brought}, asked for by {train.actor}; apply {short(intent)} has changed it since{by}"
    return f"release {target.release} is what it was provisioned with (apply {short(target.revision or intent)}{by})"


def _history(train: Train, aboard: TrainTarget) -> list[str]:
    if aboard.state is TargetState.WAITING and not train.state.ended:
        return []
    told = {
        TargetState.WAITING: f"train {train.name} ({train.release}) did not reach it",
        TargetState.CHANGING: f"train {train.name} is changing it to {train.release} now",
        TargetState.DONE: f"train {train.name} brought it to {train.release}",
        TargetState.FAILED: (
            f"train {train.name} tried {train.release}; it is back on {aboard.from_release}: {aboard.why}"
        ),
        TargetState.GOING_BACK: f"train {train.name} is taking it back from {train.release} now",
        TargetState.BACK: f"train {train.name} brought {train.release} and took it back to {aboard.from_release}",
        TargetState.LEFT: f"train {train.name} ({train.release}) went on without it: {aboard.why}",
        TargetState.STUCK: f"train {train.name} could not take it back from {train.release}: {aboard.why}",
    }
    lines = [told[aboard.state]]
    if train.state in (TrainState.STOPPED, TrainState.ABORTED, TrainState.GOING_BACK):
        lines.append(f"train {train.name} {train.state.value}: {train.why}")
    return lines


def _next(trains: list[tuple[Train, TrainTarget]], others: Sequence[TrainTarget]) -> str:
    """`others` are all targets of the train that is under way."""
    for train, aboard in trains:
        if train.state.ended:
            continue
        until = policy.soaking(train, others)
        doing = f"in ring {train.ring}, {train.state.value}"
        if until is not None:
            doing = f"in ring {train.ring}, which soaks until {until:%H:%M:%S} UTC, then comes its verdict"
        if aboard.state is TargetState.WAITING and train.state is not TrainState.GOING_BACK:
            return f"train {train.name} brings {train.release} in ring {aboard.ring}; it is {doing}"
        return f"train {train.name} is {doing}"
    return "no train is under way; the next one is started with `plantroom release start`"
