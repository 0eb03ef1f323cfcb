"""The fleet's schemas as the API has them: what there is, what was accepted, ways back, and runs outside of trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from plantroom.delivery.schema import fleet_policy, steps, store
from plantroom.delivery.schema.fleet_model import Group, Look, Run, RunState, Standing, Work, script_from
from plantroom.delivery.schema.gate import MigrationGate, hazards_of, migrations_of
from plantroom.delivery.schema.model import Migration, SchemaError
from plantroom.delivery.schema.ports import Courier, Gate, Releases
from plantroom.estate.changes import Status
from plantroom.estate.effective import Place, management_of
from plantroom.estate.model import Estate, Loaded, Management
from plantroom.kernel.digest import digest
from plantroom.kernel.verdict import Allowed, all_of
from plantroom.ledger.model import Draft, Phase
from plantroom.ledger.service import Ledger
from plantroom.rollout import store as rollout_store
from plantroom.runtime.clock import Clock, stamp
from plantroom.runtime.database import Database

INTENT = "schema run"


class AppliedEstate(Protocol):
    async def applied(self) -> Loaded:
        """Raises PlanError when nothing was applied yet, or when the files differ from what was."""


class SchemaService:
    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        estate: AppliedEstate,
        releases: Releases,
        courier: Courier,
        gate: MigrationGate,
        others: Sequence[Gate],
        clock: Clock,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._estate = estate
        self._releases = releases
        self._courier = courier
        self._gate = gate
        self._others = others
        self._clock = clock

    async def status(self) -> dict[str, Any]:
        """Every database of the fleet, looked at now, those alike in one group."""
        look, groups = await self._groups()
        return {
            "databases": len(look.found),
            "seconds": look.seconds,
            "drifted": sum(len(one.environments) for one in groups if one.standing is Standing.DRIFTED),
            "unknown": sum(len(one.environments) for one in groups if one.standing is Standing.UNKNOWN),
            "groups": [one.as_data() for one in groups],
        }

    async def accept(self, fingerprint: str, why: str, actor: str) -> dict[str, Any]:
        """What these databases have, they may have. Raises SchemaError PR011 when nothing has drifted so, PR012 when
        the fingerprint is that of several."""
        _, groups = await self._groups()
        found = [one for one in fleet_policy.named(groups, fingerprint) if one.standing is Standing.DRIFTED]
        group = _only(found, fingerprint, groups)
        now = stamp(self._clock())
        async with self._database.transaction() as connection:
            for environment in group.environments:
                await store.accept(connection, environment, group.fingerprint, group.expected, actor, why, now)
                payload = {"fingerprint": group.fingerprint, "instead": group.expected, "why": why}
                key = f"schema.accept:{environment}:{group.fingerprint}:{group.expected}"
                draft = Draft(actor, "schema.accept", environment, Phase.NOTE, f"{key}:{now}", payload)
                await self._ledger.append(connection, draft)
        return group.as_data() | {"standing": Standing.ACCEPTED.value}

    async def repair(self, fingerprint: str, allow: Sequence[str]) -> dict[str, Any]:
        """A way back for databases that have drifted: the script, what was proven of it, and the digest to apply it by.
        Changes nothing. Raises SchemaError PR007 to PR012."""
        _, groups = await self._groups()
        apart = [one for one in groups if one.standing in (Standing.DRIFTED, Standing.ACCEPTED)]
        group = _only(fleet_policy.named(apart, fingerprint), fingerprint, groups)
        name = self._name("repair")
        await self._courier.call(steps.REPAIR_WORKFLOW, steps.RepairInput(name, group.fingerprint, list(allow)), name)
        async with self._database.transaction() as connection:
            body = await store.look(connection, name)
        if "error" in body:
            error = body["error"]
            raise SchemaError(
                error["code"],
                error["subject"],
                value=error.get("value", ""),
                limit=error.get("limit", ""),
                remedy=error.get("remedy", ""),
                mistakes=error.get("mistakes", ()),
            )
        made: dict[str, Any] = body["repair"]
        return made

    async def apply(
        self,
        what: str,
        *,
        actor: str,
        application: str | None = None,
        stage: str = "production",
        canaries: int = 1,
        per_pool: int = 4,
        stop_at: int = 1,
    ) -> dict[str, Any]:
        """Bring every database to the schema of a release, or those of a repair back. `what`: a version, or the digest
        of a repair.

        Raises SchemaError PR011 when there is no such repair, PR013 when there is no such release or nobody has its
        application, PR014 while another run is under way, PR016 when the stage or a ring does not let it in.
        """
        estate = (await self._estate.applied()).estate
        if what.startswith("sha256:"):
            work, databases = await self._repairing(estate, what)
        else:
            work, databases = await self._releasing(estate, what, application, stage)
        await self._refuse_shut(estate, work, await self._migrations(what, work.artefact), databases, actor)
        work = Work(work.about, work.artefact, work.script, canaries, per_pool, stop_at)
        now = stamp(self._clock())
        body = {"work": work.as_data(), "databases": databases, "at": now}
        intent = digest(body)
        run = Run(f"run-{intent[7:19]}", intent, actor, now, None, RunState.RUNNING, "", work)
        async with self._database.transaction() as connection:
            await store.one_at_a_time(connection)
            others = await store.running(connection)
            if others:
                raise SchemaError(
                    "PR014",
                    f"run {others[0].name}",
                    value=f"{others[0].actor} has it under way: {others[0].work.about}",
                    limit="one at a time",
                    remedy=f"Wait for it: `plantroom schema run {others[0].name} --follow`",
                )
            await rollout_store.add_intent(connection, intent, INTENT, actor, now, body)
            await store.add_run(connection, run, databases)
            payload = {"run": run.name, "about": work.about, "databases": [name for name, _ in databases]}
            key = f"schema:{run.name}"
            await self._ledger.append(
                connection, Draft(actor, "schema.run", f"schema/{run.name}", Phase.INTENT, key, payload)
            )
        await self._send_off(run.name)
        return await self.run(run.name)

    async def approve(self, what: str, application: str | None, why: str, actor: str) -> dict[str, Any]:
        """Say yes to the scripts of a release, or to that of a repair, as the second person. By their hashes: a script
        that is another one by tomorrow has nobody's yes.

        Raises SchemaError PR011 when there is no such repair, PR013 when there is no such release, or nothing in it to
        say yes to.
        """
        artefact, about = "", what
        if not what.startswith("sha256:"):
            estate = (await self._estate.applied()).estate
            name, artefact = await self._artefact(estate, what, application)
            about = f"{name} {what}"
        migrations = await self._migrations(what, artefact)
        if not migrations:
            raise SchemaError(
                "PR013",
                f"release {about}",
                value="no script leads to it, so there is nothing to say yes to",
                remedy="See `plantroom artefact show`",
            )
        now = stamp(self._clock())
        async with self._database.transaction() as connection:
            for one in migrations:
                await store.approve(connection, one.sha256, actor, about, why, now)
                payload = {"sha256": one.sha256, "release": one.release, "why": why}
                key = f"schema.approve:{one.sha256}:{actor}:{now}"
                draft = Draft(actor, "schema.approve", f"schema/{about}", Phase.NOTE, key, payload)
                await self._ledger.append(connection, draft)
        return {
            "about": about,
            "actor": actor,
            "scripts": [
                {
                    "release": one.release,
                    "sha256": one.sha256,
                    "hazards": [hazard.as_data() for hazard in one.hazards or ()],
                }
                for one in migrations
            ],
        }

    async def run(self, name: str | None) -> dict[str, Any]:
        """A run with each of its databases; the newest when no name is given. PR015 when there is none."""
        async with self._database.transaction() as connection:
            if name is None:
                newest = await store.runs(connection, 1)
                run = newest[0] if newest else None
            else:
                run = await store.run(connection, name)
            if run is None:
                remedy = "Start one with `plantroom schema apply`"
                raise SchemaError("PR015", f"run {name or ''}".strip(), value="there is none", remedy=remedy)
            targets = await store.targets(connection, run.name)
        return {
            "run": run.name,
            "about": run.work.about,
            "actor": run.actor,
            "started": run.started,
            "ended": run.ended,
            "state": run.state.value,
            "why": run.why,
            "over": run.state is not RunState.RUNNING,
            "databases": [
                {"environment": one.environment, "pool": one.pool, "state": one.state, "why": one.why}
                for one in targets
            ],
        }

    async def resume(self) -> None:
        """Start again the workflow of a run that has not ended and has lost it."""
        async with self._database.transaction() as connection:
            under_way = await store.running(connection)
        for run in under_way:
            await self._send_off(run.name)

    async def _send_off(self, name: str) -> None:
        await self._courier.start(steps.RUN_WORKFLOW, name, f"schema-{name}")

    async def _groups(self) -> tuple[Look, list[Group]]:
        name = self._name("look")
        await self._courier.call(steps.LOOK_WORKFLOW, steps.LookInput(name), name)
        async with self._database.transaction() as connection:
            look = Look.from_data(await store.look(connection, name))
            accepted = await store.accepted(connection)
        return look, fleet_policy.groups(look, accepted)

    def _name(self, what: str) -> str:
        return f"schema-{what}-{digest({'at': stamp(self._clock())})[7:23]}"

    async def _refuse_shut(
        self,
        estate: Estate,
        work: Work,
        migrations: Sequence[Migration],
        databases: Sequence[tuple[str, str]],
        actor: str,
    ) -> None:
        by: dict[str, set[str]] = {}
        for environment, _ in databases:
            client, _, stage = environment.partition("/")
            by.setdefault(stage, set()).add(estate.clients[client].ring)
        verdicts = []
        for stage, rings in sorted(by.items()):
            verdicts.append(await self._gate.may_run(migrations, estate, stage, sorted(rings), actor))
            # A repair is no release: it leads back to what one has left.
            for other in self._others if work.artefact else ():
                verdicts.append(await other.judge(estate, work.artefact, stage, sorted(rings), actor))
        verdict = all_of(verdicts)
        if not isinstance(verdict, Allowed):
            raise SchemaError(
                "PR016",
                work.about,
                value=verdict.reason,
                remedy="Bring it to the stage before; have somebody else read it and say yes; or change the estate",
            )

    async def _migrations(self, what: str, artefact: str) -> list[Migration]:
        """Of a release's artefact or, without one, of the repair."""
        if artefact:
            return migrations_of(await self._releases.migrations(artefact))
        body = await self._repair(what)
        script = script_from(body["script"])
        return [Migration(f"{body['application']} {body['release']}", script.sha256, hazards_of(body["proof"]))]

    async def _repair(self, asked: str) -> Any:
        async with self._database.transaction() as connection:
            body = await store.repair(connection, asked)
        if body is None:
            remedy = "Have one made with `plantroom schema repair`"
            raise SchemaError("PR011", f"repair {asked}", value="was never made", remedy=remedy)
        return body

    async def _repairing(self, estate: Estate, asked: str) -> tuple[Work, list[tuple[str, str]]]:
        body = await self._repair(asked)
        about = f"repair {body['application']} {body['release']}"
        databases = [(name, pool) for name, pool in body["databases"] if _managed(estate, name)]
        if not databases:
            raise _nobody(about, "none of its databases is of a managed environment")
        return Work(about, "", script_from(body["script"]), 1, 4, 1), databases

    async def _artefact(self, estate: Estate, version: str, application: str | None) -> tuple[str, str]:
        """The application, and the digest of its release's artefact."""
        names = [application] if application is not None else sorted(estate.applications)
        if len(names) != 1 or names[0] not in estate.applications:
            raise SchemaError(
                "PR013",
                f"application {application or ''}".strip(),
                value="is not declared" if application else "which one is meant?",
                limit=f"the estate has {', '.join(sorted(estate.applications))}",
                remedy="Name it with --application",
            )
        artefact = await self._releases.find(names[0], version)
        if artefact is None or await self._releases.application_of(artefact) is None:
            raise SchemaError(
                "PR013",
                f"release {version} of {names[0]}",
                value="there is no artefact of this version" if artefact is None else "it has no schema",
                remedy="See `plantroom artefact list`",
            )
        return names[0], artefact

    async def _releasing(
        self, estate: Estate, version: str, application: str | None, stage: str
    ) -> tuple[Work, list[tuple[str, str]]]:
        name, artefact = await self._artefact(estate, version, application)
        order = {ring.name: place for place, ring in enumerate(estate.rings)}
        async with self._database.transaction() as connection:
            targets = [target for target, _ in (await rollout_store.targets(connection)).values()]
        mine = [
            target
            for target in targets
            if target.application == name
            and target.stage == stage
            and target.database_pool is not None
            and target.status is Status.LIVE
            and _managed(estate, target.environment)
        ]
        if not mine:
            raise _nobody(f"{name} at stage {stage}", "no live, managed environment has a database of it")
        mine.sort(key=lambda target: (order.get(target.ring, len(order)), target.environment))
        work = Work(f"{name} {version}", artefact, None, 1, 4, 1)
        return work, [(target.environment, target.database_pool or "") for target in mine]


def _managed(estate: Estate, environment: str) -> bool:
    """What is observed is watched, and never changed."""
    name, _, stage = environment.partition("/")
    client = estate.clients.get(name)
    declared = None if client is None else client.environments.get(stage)
    if client is None or declared is None:
        return False
    return management_of(estate, Place(environment, name, stage, client, declared)) is Management.MANAGED


def _nobody(subject: str, value: str) -> SchemaError:
    remedy = "See `plantroom environments`, and `management` in the estate"
    return SchemaError("PR013", subject, value=value, limit="a run changes managed environments only", remedy=remedy)


def _only(found: Sequence[Group], asked: str, groups: Sequence[Group]) -> Group:
    kinds = {(one.fingerprint, one.expected) for one in found}
    if len(kinds) == 1:
        first = found[0]
        environments = [name for one in found for name in one.environments]
        return Group(
            first.application,
            first.release,
            first.fingerprint,
            first.expected,
            first.standing,
            environments,
            first.difference,
        )
    if kinds:
        raise SchemaError("PR012", f"fingerprint {asked}", value=f"{len(kinds)} begin so", remedy="Give more of it")
    apart = sorted({one.fingerprint.rpartition(":")[2][:12] for one in groups if one.standing is Standing.DRIFTED})
    raise SchemaError(
        "PR011",
        f"fingerprint {asked}",
        value="no database has drifted so",
        limit=f"drifted are: {', '.join(apart)}" if apart else "nothing has drifted",
        remedy="See `plantroom schema drift`",
    )
