"""`python -m workorders.check`: does this release work on the database at DATABASE_URL? What users do, once."""

from __future__ import annotations

import asyncio
import os
from datetime import date, timedelta

from workorders.database import make_pool
from workorders.features import discover
from workorders.health import examine
from workorders.orders import TRANSITIONS, Orders
from workorders.settings import from_environment
from workorders.worker import remind


async def main() -> None:
    settings = from_environment(os.environ)
    features = discover()
    async with make_pool(settings.database_url) as pool:
        orders = Orders(pool, [choice for feature in features for choice in feature.choices])
        await orders.add_asset({"code": "P-1", "name": "Pump", "location": "Hall 2"})
        late = (date.today() - timedelta(days=1)).isoformat()
        for number, given in enumerate(({}, *({choice.name: choice.values[-1]} for choice in orders.choices))):
            order, _ = await orders.create(
                {"title": "Leak", "asset": "P-1", "due": late, "reference": f"{number}", **given}
            )
            for state in ("assigned", "in_progress", "done"):
                await orders.move(order, state, "ada")
            assert (await orders.get(order))["state"] == "done"
            assert len(await orders.changes(order)) == len(TRANSITIONS) - 2
        await orders.create({"title": "Leak", "due": late})
        assert len(await orders.find(limit=10)) == len(orders.choices) + 2
        checks = [check for feature in features for check in feature.checks]
        found = await examine(pool, settings.file_store, checks)
    assert set(found.values()) == {"ok"}, found
    assert len(remind(settings)) == 1


if __name__ == "__main__":
    asyncio.run(main())
