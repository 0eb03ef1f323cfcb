"""Simulated database pools and file stores."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from plantroom.kernel.errors import PlatformError
from plantroom.platforms.contract import (
    Answer,
    Check,
    DatabasePoolSeen,
    DatabasePoolSpec,
    DatabaseSeen,
    DatabaseSpec,
    Limits,
    PoolLoad,
    Question,
    Script,
    ScriptSeen,
)
from plantroom.platforms.sim.faults import Effects

VERSION = 18
"""The major version that a simulated pool says it has."""

Failing = Callable[[DatabaseSpec, Script], str | None]
"""Why a script fails in a database; None when it runs."""


@dataclass(slots=True)
class Pool:
    spec: DatabasePoolSpec
    running: bool = True
    databases: dict[str, list[ScriptSeen]] = field(default_factory=dict)
    """By environment, the scripts in the order in which they were applied."""


class SimDatabases:
    """The contract's Databases. In a database whose environment is in `locked`, a script waits too long for a lock.
    `wrong` says by environment what somebody changed by hand, `loads` by pool who is in it."""

    def __init__(self, effects: Effects, failing: Failing) -> None:
        self._effects = effects
        self.failing = failing
        self.locked: set[str] = set()
        self.wrong: dict[str, tuple[str, ...]] = {}
        self.pools: dict[str, Pool] = {}
        self.loads: dict[str, PoolLoad] = {}

    async def observe_pools(self) -> Sequence[DatabasePoolSeen]:
        return [DatabasePoolSeen(name, pool.spec.region, pool.running) for name, pool in sorted(self.pools.items())]

    async def load(self, pool: str) -> PoolLoad:
        there = self.pools.get(pool)
        if there is None or not there.running:
            raise PlatformError("PR404", f"database pool {pool}", value="does not run")
        return self.loads.get(pool, PoolLoad(0, 0, 100))

    async def create_pool(self, spec: DatabasePoolSpec) -> DatabasePoolSeen:
        def change() -> bool:
            there = self.pools.setdefault(spec.name, Pool(spec, running=False))
            if there.spec.region != spec.region:
                raise PlatformError("PR402", f"database pool {spec.name}", value=f"exists in {there.spec.region}")
            started = not there.running
            there.running = True
            return started

        await self._effects.act("create pool", spec.name, change)
        return DatabasePoolSeen(spec.name, spec.region, running=True)

    async def observe(self) -> Sequence[DatabaseSeen]:
        return [
            DatabaseSeen(name, environment, tuple(scripts), self.wrong.get(environment, ()))
            for name, pool in sorted(self.pools.items())
            if pool.running
            for environment, scripts in sorted(pool.databases.items())
        ]

    async def scripts(self, spec: DatabaseSpec) -> Sequence[ScriptSeen]:
        return tuple(self._database(spec))

    async def create(self, spec: DatabaseSpec) -> None:
        def change() -> bool:
            databases = self._pool(spec).databases
            if spec.environment in databases:
                return bool(self.wrong.pop(spec.environment, ()))
            databases[spec.environment] = []
            return True

        await self._effects.act("create database", spec.environment, change)

    async def apply(self, spec: DatabaseSpec, script: Script, limits: Limits, check: Check | None = None) -> bool:
        def change() -> bool:
            recorded = self._database(spec)
            if spec.environment in self.locked:
                value = f"no lock in {limits.lock_timeout_ms} ms"
                raise PlatformError("PR403", f"script of {script.release}", value=value)
            there = next((seen for seen in recorded if seen.release == script.release), None)
            if there is not None:
                if there.sha256 != script.sha256:
                    raise PlatformError("PR402", f"script of {script.release}", value=f"{there.sha256} was applied")
                return False
            why = "" if check is None else check.before(_answer(recorded))
            reason = self.failing(spec, script)
            if not why and reason is not None:
                raise PlatformError("PR405", f"script of {script.release}", value=reason)
            then = [*recorded, ScriptSeen(script.release, script.sha256)]
            if check is not None and not why:
                why = check.after(_answer(then))
            if why:
                raise PlatformError("PR406", f"script of {script.release}", value=why)
            recorded[:] = then
            return True

        return await self._effects.act(f"apply {script.release}", spec.environment, change)

    async def ask(self, spec: DatabaseSpec, _: Question) -> Answer:
        return _answer(self._database(spec))

    @asynccontextmanager
    async def enter(self, spec: DatabaseSpec) -> AsyncIterator[SimInside]:
        self._database(spec)
        yield SimInside(self, spec)

    async def schema(self, spec: DatabaseSpec) -> str:
        return "".join(f"-- {seen.release}\n" for seen in self._database(spec))

    async def dump(self, spec: DatabaseSpec, destination: Path) -> None:
        def change() -> bool:
            scripts = [[seen.release, seen.sha256] for seen in self._database(spec)]
            destination.parent.mkdir(parents=True, exist_ok=True)
            destination.write_text(json.dumps({"environment": spec.environment, "scripts": scripts}))
            return True

        await self._effects.act("dump", spec.environment, change)

    async def drop(self, spec: DatabaseSpec) -> None:
        def change() -> bool:
            pool = self.pools.get(spec.pool)
            self.wrong.pop(spec.environment, None)
            return pool is not None and pool.databases.pop(spec.environment, None) is not None

        await self._effects.act("drop", spec.environment, change)

    def variables(self, spec: DatabaseSpec) -> Mapping[str, str]:
        return {"DATABASE_URL": f"postgresql:///{spec.environment.replace('/', '_')}?host=/sim/{spec.pool}"}

    def _pool(self, spec: DatabaseSpec) -> Pool:
        pool = self.pools.get(spec.pool)
        if pool is None:
            raise PlatformError("PR401", f"database pool {spec.pool}", value="is not there")
        if not pool.running:
            raise PlatformError("PR404", f"database pool {spec.pool}", value="does not answer")
        return pool

    def _database(self, spec: DatabaseSpec) -> list[ScriptSeen]:
        recorded = self._pool(spec).databases.get(spec.environment)
        if recorded is None:
            raise PlatformError("PR401", f"database of {spec.environment}", value="is not there")
        return recorded


class SimInside:
    """The contract's Inside."""

    def __init__(self, databases: SimDatabases, spec: DatabaseSpec) -> None:
        self._databases = databases
        self._spec = spec

    async def scripts(self) -> Sequence[ScriptSeen]:
        return await self._databases.scripts(self._spec)

    async def apply(self, script: Script, limits: Limits, check: Check | None = None) -> bool:
        return await self._databases.apply(self._spec, script, limits, check)

    async def ask(self, question: Question) -> Answer:
        return await self._databases.ask(self._spec, question)


def _answer(recorded: Sequence[ScriptSeen]) -> Answer:
    """Whatever is asked: the schema of a simulated database is the scripts that it has."""
    return Answer(VERSION, [("script", seen.release, seen.sha256) for seen in recorded])


class SimFiles:
    """The contract's Files. `stores` holds each environment's files by name."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects
        self.stores: dict[str, dict[str, bytes]] = {}

    async def observe(self) -> Sequence[str]:
        return sorted(self.stores)

    async def create(self, environment: str) -> None:
        def change() -> bool:
            if environment in self.stores:
                return False
            self.stores[environment] = {}
            return True

        await self._effects.act("create files", environment, change)

    async def archive(self, environment: str, destination: Path) -> None:
        def change() -> bool:
            store = self.stores.get(environment)
            if store is None:
                raise PlatformError("PR401", f"file store of {environment}", value="is not there")
            destination.parent.mkdir(parents=True, exist_ok=True)
            with tarfile.open(destination, "w") as archive:
                for name, content in sorted(store.items()):
                    entry = tarfile.TarInfo(name)
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))
            return True

        await self._effects.act("archive files", environment, change)

    async def remove(self, environment: str) -> None:
        await self._effects.act("remove files", environment, lambda: self.stores.pop(environment, None) is not None)

    def variables(self, environment: str) -> Mapping[str, str]:
        return {"FILE_STORE": f"/sim/files/{environment}"}
