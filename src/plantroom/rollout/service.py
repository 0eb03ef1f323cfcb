"""What other rooms call: begin a change, and put back into service what a lapsed drain left out."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from plantroom.kernel.digest import short
from plantroom.ledger.model import Draft, Phase
from plantroom.ledger.service import Ledger
from plantroom.platforms.contract import Platform
from plantroom.rollout import store
from plantroom.rollout.model import Change, ChangeState, Target
from plantroom.runtime.clock import Clock, stamp
from plantroom.runtime.database import Database


def change_key(intent: str, environment: str, suffix: str = "") -> str:
    """The key of a change, which is also its workflow's id: the same intent never changes an environment twice. No name
    of a client or a stage has a dot, so no two environments share one."""
    return f"{short(intent, 16)}-{environment.replace('/', '.')}{suffix}"


async def begin(
    connection: AsyncConnection,
    *,
    intent: str,
    actor: str,
    target: Target,
    now: datetime,
    suffix: str = "",
    state: ChangeState = ChangeState.OPEN,
    previous: Target | None = None,
    returns: bool = False,
) -> str:
    """Write the change's row in the caller's transaction, and return its key. Called again it changes nothing.

    `previous` is what to go back to; None means what is recorded now. Raises PR403 while another change is open.
    """
    key = change_key(intent, target.environment, suffix)
    if previous is None:
        previous = await store.target(connection, target.environment)
    row = Change(key, intent, target.environment, actor, state, target, previous, returns=returns)
    await store.open_change(connection, row, stamp(now))
    return key


class Reconciler:
    """Every healthy instance whose drain has lapsed goes back into service, whoever forgot it."""

    def __init__(self, database: Database, ledger: Ledger, platform: Platform, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._platform = platform
        self._clock = clock

    async def readmit(self) -> list[str]:
        """The instances that were admitted again."""
        now = self._clock()
        async with self._database.transaction() as connection:
            lapsed = await store.lapsed_leases(connection, stamp(now))
        if not lapsed:
            return []
        seen = {one.id: one for one in await self._platform.workloads.observe()}
        admitted = []
        for environment, instance in lapsed:
            there = seen.get(instance)
            if there is not None and await self._platform.workloads.healthy(instance) is None:
                await self._platform.traffic.admit(environment, instance, there.address, there.port)
                admitted.append(instance)
            async with self._database.transaction() as connection:
                await store.release_lease(connection, instance)
                note = Draft(
                    "plantroom",
                    "rollout.readmit",
                    f"{environment}/{instance}",
                    Phase.NOTE,
                    f"readmit:{instance}:{stamp(now)}",
                    {"admitted": instance in admitted, "why": "its drain had lapsed"},
                )
                await self._ledger.append(connection, note)
        return admitted
