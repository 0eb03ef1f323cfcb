"""The pages. They work without scripts, with a keyboard, and load nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from workorders.api import receive_attachment
from workorders.orders import TRANSITIONS

_HERE = Path(__file__).parent
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
_templates = jinja2.Environment(loader=jinja2.FileSystemLoader(_HERE / "templates"), autoescape=True)
_style = (_HERE / "static" / "style.css").read_bytes()


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """One page, from a template with the navigation of this release around it."""
    state = request.app.state
    links = (("Work orders", "/"), ("Assets", "/assets"), *(link for f in state.features for link in f.links))
    text = _templates.get_template(template).render(
        settings=state.settings, links=links, path=request.url.path, choices=state.orders.choices, **values
    )
    return Response(text, status, _HEADERS, "text/html; charset=utf-8")


async def orders(request: Request) -> Response:
    state = request.query_params.get("state", "")
    wanted = {"state": state} if state in TRANSITIONS else {}
    found = await request.app.state.orders.find(limit=100, **wanted)
    return page(request, "orders.html", orders=found, states=tuple(TRANSITIONS), chosen=state)


async def new_order(request: Request) -> Response:
    return page(request, "new_order.html", assets=await request.app.state.orders.assets())


async def create_order(request: Request) -> Response:
    async with request.form(max_files=0, max_fields=20) as form:
        identity, _ = await request.app.state.orders.create({key: str(value) for key, value in form.items()})
    return RedirectResponse(f"/work-orders/{identity}", 303)


async def order(request: Request) -> Response:
    identity = request.path_params["order"]
    row = await request.app.state.orders.get(identity)
    return page(
        request,
        "order.html",
        order=row,
        next_states=TRANSITIONS[row["state"]],
        changes=await request.app.state.orders.changes(identity),
        attachments=await request.app.state.attachments.of(identity),
    )


async def move_order(request: Request) -> Response:
    async with request.form(max_files=0, max_fields=5) as form:
        to, assignee = str(form.get("to", "")), str(form.get("assignee", "")).strip()
    await request.app.state.orders.move(request.path_params["order"], to, assignee or None)
    return RedirectResponse(f"/work-orders/{request.path_params['order']}", 303)


async def attach(request: Request) -> Response:
    await receive_attachment(request)
    return RedirectResponse(f"/work-orders/{request.path_params['order']}", 303)


async def assets(request: Request) -> Response:
    return page(request, "assets.html", assets=await request.app.state.orders.assets())


async def create_asset(request: Request) -> Response:
    async with request.form(max_files=0, max_fields=5) as form:
        await request.app.state.orders.add_asset(form)
    return RedirectResponse("/assets", 303)


async def style(_: Request) -> Response:
    return Response(_style, headers={"Cache-Control": "max-age=3600"}, media_type="text/css")


routes = (
    Route("/", orders, methods=["GET"]),
    Route("/work-orders", create_order, methods=["POST"]),
    Route("/work-orders/new", new_order, methods=["GET"]),
    Route("/work-orders/{order:int}", order, methods=["GET"]),
    Route("/work-orders/{order:int}/transitions", move_order, methods=["POST"]),
    Route("/work-orders/{order:int}/attachments", attach, methods=["POST"]),
    Route("/assets", assets, methods=["GET"]),
    Route("/assets", create_asset, methods=["POST"]),
    Route("/static/style.css", style, methods=["GET"]),
)
