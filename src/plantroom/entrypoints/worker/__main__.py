"""`python -m plantroom.entrypoints.worker --home DIR --estate DIR --parent PID --pulse FD`, by `plantroom up`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
from pathlib import Path

from plantroom import bootstrap
from plantroom.runtime import logs
from plantroom.runtime.beating import beat
from plantroom.runtime.processes import bind_to_parent
from plantroom.runtime.settings import Settings, from_environment
from plantroom.runtime.temporal import connect, worker

_ROUND = 5
"""Seconds between two looks for what was forgotten: workflows that vanished, drains that lapsed, archives whose time
is over, a checkpoint due."""

log = logging.getLogger("plantroom.worker")


async def run(settings: Settings, estate: Path, pulse: int) -> None:
    beating = asyncio.create_task(beat(pulse))
    core = bootstrap.core(settings, estate)
    hands = bootstrap.hands(core, bootstrap.platform(settings))
    assert settings.temporal_address is not None
    client = await connect(
        settings.temporal_address, settings.temporal_namespace, settings.temporal_key, patience_s=120
    )
    activities = [*hands.rollout.all(), *hands.tenancy.all(), *hands.trains.all(), *hands.schemas.all()]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with worker(client, bootstrap.WORKFLOWS, activities):
        log.info("worker ready")
        keeper = asyncio.create_task(_keep(core, hands))
        await stop.wait()
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper
    await core.database.close()
    beating.cancel()


async def _keep(core: bootstrap.Core, hands: bootstrap.Hands) -> None:
    """What is wanted is in PostgreSQL: whatever lost its workflow gets it back."""
    rounds = (
        *(core.tenancy.resume, core.trains.resume, core.schemas.resume, hands.reconciler.readmit),
        *(hands.archives.remove_due, core.ledger.checkpoint_if_due),
    )
    while True:
        for what in rounds:
            try:
                await what()
            except Exception:
                # The next round tries again; nothing else here depends on it.
                log.exception("keeping: %s", what.__qualname__)
        await asyncio.sleep(_ROUND)


def main() -> None:
    parser = argparse.ArgumentParser(prog="plantroom-worker")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--estate", type=Path, required=True)
    parser.add_argument("--parent", type=int, required=True, help="the process that this one ends with")
    parser.add_argument("--pulse", type=int, required=True, help="the descriptor by which it gives signs of life")
    given = parser.parse_args()
    bind_to_parent(given.parent)
    logs.to_standard_error()
    asyncio.run(run(from_environment(given.home), given.estate, given.pulse))


if __name__ == "__main__":
    main()
