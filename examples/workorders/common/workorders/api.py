"""The JSON interface."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from workorders.attachments import MAX_BYTES, Attachments
from workorders.errors import Refusal
from workorders.orders import Orders

_MAX_JSON = 1 << 20
_FORM_OVERHEAD = 64 * 1024


def answer(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON; dates and times in ISO 8601."""
    return Response(json.dumps(data, default=_plain), status, headers, "application/json")


async def list_orders(request: Request) -> Response:
    wanted = dict(request.query_params)
    limit, before = (_number(wanted.pop(name, None), name) for name in ("limit", "before"))
    orders: Orders = request.app.state.orders
    return answer({"work_orders": await orders.find(limit=50 if limit is None else limit, before=before, **wanted)})


async def create_order(request: Request) -> Response:
    identity, new = await request.app.state.orders.create(await _body(request))
    return answer({"id": identity, "new": new}, 201 if new else 200, {"Location": f"/api/work-orders/{identity}"})


async def get_order(request: Request) -> Response:
    order = request.path_params["order"]
    row = await request.app.state.orders.get(order)
    changes = await request.app.state.orders.changes(order)
    return answer({**row, "changes": changes, "attachments": await request.app.state.attachments.of(order)})


async def move_order(request: Request) -> Response:
    given = await _body(request)
    to, assignee = given.get("to"), given.get("assignee")
    if not isinstance(to, str) or not isinstance(assignee, str | None):
        raise Refusal(422, 'expected is {"to": STATE, "assignee": NAME}')
    await request.app.state.orders.move(request.path_params["order"], to, assignee)
    return answer(await request.app.state.orders.get(request.path_params["order"]))


async def list_assets(request: Request) -> Response:
    return answer({"assets": await request.app.state.orders.assets()})


async def create_asset(request: Request) -> Response:
    given = await _body(request)
    new = await request.app.state.orders.add_asset(given)
    return answer({"code": given["code"], "new": new}, 201 if new else 200)


async def create_attachment(request: Request) -> Response:
    return answer({"id": await receive_attachment(request)}, 201)


async def get_attachment(request: Request) -> Response:
    attachments: Attachments = request.app.state.attachments
    name, path = await attachments.find(request.path_params["order"], request.path_params["attachment"])
    # Always a download: what a user has uploaded is never shown as a page of this site.
    headers = {"X-Content-Type-Options": "nosniff"}
    return FileResponse(path, filename=name, media_type="application/octet-stream", headers=headers)


async def receive_attachment(request: Request) -> int:
    """Read the part `file` of a form and keep it. Returns its id."""
    length = _number(request.headers.get("content-length"), "content-length")
    if length is None:
        raise Refusal(411, "say how long the request is")
    if length > MAX_BYTES + _FORM_OVERHEAD:
        raise Refusal(413, f"an attachment has at most {MAX_BYTES} bytes")
    async with request.form(max_files=1, max_fields=5) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise Refusal(422, "the form has no file in the part `file`")
        return int(await request.app.state.attachments.add(request.path_params["order"], file.filename, file.file))


async def _body(request: Request) -> dict[str, Any]:
    length = _number(request.headers.get("content-length"), "content-length")
    if length is not None and length > _MAX_JSON:
        raise Refusal(413, f"a request has at most {_MAX_JSON} bytes")
    try:
        data = json.loads(await request.body())
    except ValueError as error:
        raise Refusal(400, f"the request is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise Refusal(400, "expected is a JSON object")
    return data


def _number(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Refusal(400, f"{name} is not a whole number")
    return int(text)


def _plain(value: Any) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


routes = (
    Route("/api/work-orders", list_orders, methods=["GET"]),
    Route("/api/work-orders", create_order, methods=["POST"]),
    Route("/api/work-orders/{order:int}", get_order, methods=["GET"]),
    Route("/api/work-orders/{order:int}/transitions", move_order, methods=["POST"]),
    Route("/api/work-orders/{order:int}/attachments", create_attachment, methods=["POST"]),
    Route("/api/work-orders/{order:int}/attachments/{attachment:int}", get_attachment, methods=["GET"]),
    Route("/api/assets", list_assets, methods=["GET"]),
    Route("/api/assets", create_asset, methods=["POST"]),
)
