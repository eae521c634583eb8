"""Requests about orders: parse, call, respond."""

from functools import partial
from uuid import UUID

from msgspec import UNSET, structs

from service.kit.db import Connection, Database
from service.kit.edge import conflict, invalid, not_found
from service.kit.offload import Offload
from service.kit.rows import DEFAULT_LIMIT, Cursor, Export, Exports, FormatName, Limit, Page
from service.kit.web import NEEDS_TOKEN, Caller, IdempotencyKey, Reply, Routes, created, once
from service.orders import queries, report
from service.orders.model import NewOrder, Order, OrderChange, OrderFilter, Report

CONSTRAINTS = {
    "orders_reference_key": partial(conflict, "reference", "another of your orders has it"),
    "orders_status_check": partial(invalid, "status", "no order has such a status"),
    "orders_currency_check": partial(invalid, "currency", "it must be three capital letters"),
    "orders_total_minor_check": partial(invalid, "total_minor", "it must not be negative"),
    "orders_item_count_check": partial(invalid, "item_count", "it must be positive"),
}

routes = Routes("/v1/orders", access=NEEDS_TOKEN, tags=["orders"])


@routes.post("", summary="Create an order")
async def create_order(db: Database, caller: Caller, data: NewOrder, key: IdempotencyKey) -> Reply[Order]:
    """Store a new order of the caller, under a `reference` that no other of its orders has.

    With an `Idempotency-Key`, the same request sent again gets the first reply, and nothing is done twice.
    """

    async def create(connection: Connection) -> Reply[Order]:
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
        return created(order, f"/v1/orders/{order.id}")

    return await once(db, key, data, create)


@routes.get("/{order_id:uuid}", summary="Read an order")
async def read_order(db: Database, caller: Caller, order_id: UUID) -> Order:
    """Return one order of the caller. Another's is not found."""
    order = await db.find(queries.read_order, caller.id, order_id)
    if order is None:
        raise not_found(f"The order {order_id}")
    return order


@routes.patch("/{order_id:uuid}", summary="Change an order")
async def change_order(db: Database, caller: Caller, order_id: UUID, data: OrderChange) -> Order:
    """Change the given fields, unless the order was changed since the `version` that the client read."""
    order = await read_order(db, caller, order_id)
    given = {name: value for name, value in structs.asdict(data).items() if value is not UNSET}
    wanted = structs.replace(order, **given)
    changed = await db.find(
        queries.change_order, caller.id, order_id, data.version, wanted.status, wanted.tags, wanted.gift, wanted.note
    )
    if changed is None:
        raise conflict("version", f"the order has been changed since version {data.version}; read it again")
    return changed


@routes.get("", summary="List orders")
async def list_orders(
    db: Database, caller: Caller, where: OrderFilter, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> Page[Order]:
    """Return a page of the caller's orders, the newest first unless `sort` says otherwise."""
    return await queries.orders.page(db, where, cursor, limit, caller.id)


@routes.get("/report", summary="Summarize the latest orders")
async def report_orders(db: Database, caller: Caller, offload: Offload) -> Report:
    """Return what is typical of the caller's latest 20,000 orders, by currency. It is computed beside the requests."""
    groups = await db.fetch(queries.latest_amounts, caller.id, report.MOST)
    return Report(await offload.in_process(report.summarize, groups))


@routes.get("/export", summary="Export orders")
async def export_orders(
    exports: Exports, caller: Caller, where: OrderFilter, format: FormatName | None = None
) -> Export:
    """Stream all of the caller's orders that the same filters list.

    As CSV or NDJSON: by `format`, or else by the header `Accept`.
    """
    return exports.stream(queries.orders, where, caller.id, name="orders", form=format)
