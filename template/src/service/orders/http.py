"""Requests about orders: parse, call, respond."""

from datetime import datetime
from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from litestar import Request, Response, Router, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, structs

from service.kit.db import Connection, Database
from service.kit.edge import conflict, invalid, not_found
from service.kit.rows import DEFAULT_LIMIT, Export, Exports, FormatName, Page, link
from service.kit.web import NEEDS_TOKEN, Caller, Cursor, Db, Exporting, IdempotencyKey, Limit, Offload, once
from service.orders import queries, report
from service.orders.model import NewOrder, Order, OrderChange, OrderFilter, Report, Status

CONSTRAINTS = {
    "orders_reference_key": partial(conflict, "reference", "another of your orders has it"),
    "orders_status_check": partial(invalid, "status", "no order has such a status"),
    "orders_currency_check": partial(invalid, "currency", "it must be three capital letters"),
    "orders_total_minor_check": partial(invalid, "total_minor", "it must not be negative"),
    "orders_item_count_check": partial(invalid, "item_count", "it must be positive"),
}

# The filters of the list and of the export.
type Sort = Literal["-created_at", "created_at"]
CreatedFrom = Annotated[datetime | None, QueryParameter(description="The earliest creation time.")]
CreatedBefore = Annotated[datetime | None, QueryParameter(description="Orders are older than this.")]


@post("/", summary="Create an order")
async def create_order(
    db: Db, caller: Caller, data: JSONBody[NewOrder], idempotency_key: IdempotencyKey
) -> Response[Order]:
    """Store a new order of the caller, under a `reference` that no other of its orders has.

    With an `Idempotency-Key`, the same request sent again gets the first reply, and nothing is done twice.
    """

    async def work(connection: Connection | Database) -> Response[Order]:
        order = await connection.fetch_one(
            queries.create_order,
            caller.id,
            data.reference,
            data.customer_email,
            data.currency,
            data.total_minor,
            data.item_count,
            data.tags,
            data.gift,
            data.note,
        )
        return Response(order, headers={"Location": f"/v1/orders/{order.id}"})

    # One statement takes effect as a whole by itself; only with its key it needs a transaction.
    return await (once(db, idempotency_key, data, work) if idempotency_key else work(db))


@get("/{order_id:uuid}", summary="Read an order")
async def read_order(db: Db, caller: Caller, order_id: FromPath[UUID]) -> Order:
    """Return one order of the caller. Another's is not found."""
    order = await db.find(queries.read_order, caller.id, order_id)
    if order is None:
        raise not_found(f"The order {order_id}")
    return order


@patch("/{order_id:uuid}", summary="Change an order")
async def change_order(db: Db, caller: Caller, order_id: FromPath[UUID], data: JSONBody[OrderChange]) -> Order:
    """Change the given fields, unless the order was changed since the `version` that the client read."""
    order = await read_order.fn(db, caller, order_id)
    given = {name: value for name, value in structs.asdict(data).items() if value is not UNSET}
    wanted = structs.replace(order, **given)
    changed = await db.find(
        queries.change_order, caller.id, order_id, data.version, wanted.status, wanted.tags, wanted.gift, wanted.note
    )
    if changed is None:
        raise conflict("version", f"the order has been changed since version {data.version}; read it again")
    return changed


@get("/", summary="List orders")
async def list_orders(
    db: Db,
    caller: Caller,
    request: Request,
    sort: FromQuery[Sort] = "-created_at",
    status: FromQuery[Status | None] = None,
    created_from: CreatedFrom = None,
    created_before: CreatedBefore = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Response[Page[Order]]:
    """Return a page of the caller's orders, the newest first unless `sort` says otherwise."""
    where = OrderFilter(sort, created_from, created_before, status)
    page = await queries.orders.page(db, where, cursor, limit, caller.id)
    return Response(page, headers=link(request.query_params.multi_items(), page.next))


@get("/report", summary="Summarize the latest orders")
async def report_orders(db: Db, caller: Caller, offload: Offload) -> Report:
    """Return what is typical of the caller's latest 20,000 orders, by currency. It is computed beside the requests."""
    groups = await db.fetch(queries.latest_amounts, caller.id, report.MOST)
    return Report(await offload.in_process(report.summarize, groups))


@get("/export", summary="Export orders", operation_class=Exporting)
async def export_orders(
    exports: NamedDependency[Exports],
    caller: Caller,
    sort: FromQuery[Sort] = "-created_at",
    status: FromQuery[Status | None] = None,
    created_from: CreatedFrom = None,
    created_before: CreatedBefore = None,
    format: FromQuery[FormatName | None] = None,
) -> Export:
    """Stream all of the caller's orders that the same filters list.

    As CSV or NDJSON: by `format`, or else by the header `Accept`.
    """
    where = OrderFilter(sort, created_from, created_before, status)
    return exports.stream(queries.orders, where, caller.id, name="orders", form=format)


routes = Router(
    "/v1/orders",
    route_handlers=[create_order, read_order, change_order, list_orders, export_orders, report_orders],
    opt=NEEDS_TOKEN,
    tags=["orders"],
)
