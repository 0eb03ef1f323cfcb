"""Assets and work orders, and the ways in which a work order may change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from psycopg import sql

from workorders.database import Pool, Row
from workorders.errors import Refusal
from workorders.features import Choice

TRANSITIONS: Mapping[str, tuple[str, ...]] = {
    "open": ("assigned", "cancelled"),
    "assigned": ("in_progress", "open", "cancelled"),
    "in_progress": ("done", "assigned", "cancelled"),
    "done": (),
    "cancelled": ("open",),
}
MAX_LIST = 500

_BASE = ("id", "reference", "title", "description", "state", "assignee", "due", "created_at", "changed_at")
_KEYS = frozenset({"title", "description", "asset", "assignee", "due", "reference"})


class Orders:
    """Work orders and assets of one client. `choices` are the columns that this release has beyond the first one's.

    Every method raises Refusal when the request cannot be met, and psycopg's errors when the database cannot.
    """

    def __init__(self, pool: Pool, choices: Sequence[Choice] = ()) -> None:
        self.pool = pool
        self.choices = tuple(choices)
        columns = [*_BASE, *(choice.name for choice in self.choices)]
        self._select = sql.SQL(
            "SELECT {}, assets.code AS asset, "
            "(o.due < current_date AND o.state NOT IN ('done', 'cancelled')) IS TRUE AS overdue "
            "FROM work_orders o LEFT JOIN assets ON assets.id = o.asset_id"
        ).format(sql.SQL(", ").join(sql.Identifier("o", column) for column in columns))

    async def create(self, given: Mapping[str, Any]) -> tuple[int, bool]:
        """The id of the new order, and True; or, when `reference` was used before, that order's id, and False."""
        values = self._checked(given)
        asset = values.pop("asset")
        names = list(values)
        statement = sql.SQL(
            "INSERT INTO work_orders (asset_id, {}) VALUES (%s, {}) ON CONFLICT (reference) DO NOTHING RETURNING id"
        ).format(sql.SQL(", ").join(map(sql.Identifier, names)), sql.SQL(", ").join(sql.Placeholder() for _ in names))
        async with self.pool.connection() as connection, connection.transaction():
            asset_id = None
            if asset is not None:
                found = await (await connection.execute("SELECT id FROM assets WHERE code = %s", (asset,))).fetchone()
                if found is None:
                    raise Refusal(422, f"there is no asset {asset!r}")
                asset_id = found["id"]
            row = await (await connection.execute(statement, (asset_id, *values.values()))).fetchone()
            if row is not None:
                return int(row["id"]), True
            query = "SELECT id FROM work_orders WHERE reference = %s"
            row = await (await connection.execute(query, (values["reference"],))).fetchone()
            if row is None:
                raise Refusal(409, "the order with this reference was removed just now")
            return int(row["id"]), False

    async def get(self, order: int) -> Row:
        async with self.pool.connection() as connection:
            query = sql.SQL("{} WHERE o.id = %s").format(self._select)
            row = await (await connection.execute(query, (order,))).fetchone()
        if row is None:
            raise Refusal(404, f"there is no work order {order}")
        return row

    async def find(
        self, *, limit: int = 50, order_by: str = "newest", before: int | None = None, **wanted: str
    ) -> list[Row]:
        """Orders whose columns have the wanted values, newest first; `before` an id gives the next page. `order_by`
        "due" gives those first that are due first."""
        known = {"state", "reference", "assignee", *(choice.name for choice in self.choices)}
        unknown = sorted(wanted.keys() - known)
        if unknown:
            raise Refusal(400, f"cannot select by {', '.join(unknown)}; known are {', '.join(sorted(known))}")
        if not 1 <= limit <= MAX_LIST:
            raise Refusal(400, f"limit is between 1 and {MAX_LIST}")
        conditions: list[sql.Composable] = [sql.SQL("{} = %s").format(sql.Identifier("o", name)) for name in wanted]
        values: list[Any] = list(wanted.values())
        if before is not None:
            conditions.append(sql.SQL("o.id < %s"))
            values.append(before)
        where = sql.SQL("WHERE {}").format(sql.SQL(" AND ").join(conditions)) if conditions else sql.SQL("")
        order = sql.SQL("o.due NULLS LAST, o.id" if order_by == "due" else "o.id DESC")
        query = sql.SQL("{} {} ORDER BY {} LIMIT %s").format(self._select, where, order)
        async with self.pool.connection() as connection:
            return await (await connection.execute(query, (*values, limit))).fetchall()

    async def move(self, order: int, to: str, assignee: str | None) -> None:
        """Change the state. Refused when the order's state does not lead there, or nobody would be assigned."""
        if to not in TRANSITIONS:
            raise Refusal(422, f"{to!r} is no state; states are {', '.join(TRANSITIONS)}")
        async with self.pool.connection() as connection, connection.transaction():
            query = "SELECT state, assignee FROM work_orders WHERE id = %s FOR UPDATE"
            row = await (await connection.execute(query, (order,))).fetchone()
            if row is None:
                raise Refusal(404, f"there is no work order {order}")
            if to not in TRANSITIONS[row["state"]]:
                possible = ", ".join(TRANSITIONS[row["state"]]) or "nothing"
                raise Refusal(409, f"an order that is {row['state']} can become {possible}, not {to}")
            who = None if to == "open" else assignee or row["assignee"]
            if to == "assigned" and not who:
                raise Refusal(422, "say to whom it is assigned")
            await connection.execute(
                "UPDATE work_orders SET state = %s, assignee = %s, changed_at = now() WHERE id = %s", (to, who, order)
            )
            await connection.execute(
                "INSERT INTO order_changes (order_id, from_state, to_state, assignee) VALUES (%s, %s, %s, %s)",
                (order, row["state"], to, who),
            )

    async def changes(self, order: int) -> list[Row]:
        """What was done to an order, and which reminders were sent for it; oldest first."""
        async with self.pool.connection() as connection:
            query = (
                "SELECT at, from_state, to_state, assignee FROM order_changes WHERE order_id = %s "
                "UNION ALL SELECT sent_at, 'reminder', due::text, assignee FROM reminders WHERE order_id = %s "
                "ORDER BY 1"
            )
            return await (await connection.execute(query, (order, order))).fetchall()

    async def assets(self) -> list[Row]:
        async with self.pool.connection() as connection:
            return await (await connection.execute("SELECT code, name, location FROM assets ORDER BY code")).fetchall()

    async def add_asset(self, given: Mapping[str, Any]) -> bool:
        """True when it is new; False when there is one with this code, which stays as it is."""
        code, name, location = (str(given.get(key) or "").strip() for key in ("code", "name", "location"))
        if not 1 <= len(code) <= 40 or not 1 <= len(name) <= 200:
            raise Refusal(422, "an asset has a code of 1 to 40 characters and a name of 1 to 200")
        async with self.pool.connection() as connection:
            done = await connection.execute(
                "INSERT INTO assets (code, name, location) VALUES (%s, %s, %s) ON CONFLICT (code) DO NOTHING",
                (code, name, location),
            )
            return done.rowcount == 1

    def _checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        unknown = sorted(given.keys() - _KEYS - {choice.name for choice in self.choices})
        if unknown:
            raise Refusal(422, f"unknown: {', '.join(unknown)}")
        values: dict[str, Any] = {key: str(given[key]).strip() if given.get(key) else None for key in sorted(_KEYS)}
        values["description"] = values["description"] or ""
        if not values["title"] or len(values["title"]) > 200:
            raise Refusal(422, "a work order has a title of 1 to 200 characters")
        if values["due"] is not None:
            try:
                values["due"] = date.fromisoformat(values["due"])
            except ValueError as error:
                raise Refusal(422, f"{values['due']!r} is no date, as in 2031-05-17") from error
        for choice in self.choices:
            value = given.get(choice.name) or choice.default
            if value not in choice.values:
                raise Refusal(422, f"{choice.name} is one of {', '.join(choice.values)}")
            values[choice.name] = value
        return values
