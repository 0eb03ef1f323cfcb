"""Work orders have a priority, and there is a page that shows them by it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from workorders.features import Choice, Feature
from workorders.orders import TRANSITIONS
from workorders.pages import page

PRIORITY = Choice("priority", "Priority", ("low", "normal", "high", "urgent"), "normal")
_ACTIVE = tuple(state for state in TRANSITIONS if state not in ("done", "cancelled"))


async def by_priority(request: Request) -> Response:
    """What is still to be done, most urgent first, and in each priority what is due first."""
    groups = []
    for value in reversed(PRIORITY.values):
        found = await request.app.state.orders.find(limit=100, order_by="due", priority=value)
        groups.append((value, [order for order in found if order["state"] in _ACTIVE]))
    return page(request, "priorities.html", groups=groups)


feature = Feature(
    choices=(PRIORITY,),
    routes=(Route("/priorities", by_priority, methods=["GET"]),),
    links=(("By priority", "/priorities"),),
)
