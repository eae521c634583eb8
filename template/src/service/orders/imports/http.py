"""Requests about imports: a file is taken in, and its job's progress is told."""

from collections.abc import AsyncIterator
from functools import partial
from uuid import UUID

from litestar import Request, Response, Router, get, post
from litestar.params import FromPath

from service.kit import imports, jobs
from service.kit.db import Connection, Database
from service.kit.http import NEEDS_TOKEN, Caller, Db, Importing
from service.kit.imports import Line, Splitter
from service.kit.problems import conflict, invalid, not_found
from service.orders.imports import queries
from service.orders.imports.job import IMPORT
from service.orders.imports.model import Import, Waiting
from service.orders.model import NewOrder

PATH = "/v1/orders/import"
CONSTRAINTS = {
    "order_imports_account_key": partial(conflict, "account", "another import of yours is not done yet"),
    "order_imports_state_check": partial(invalid, "state", "no import has such a state"),
}
COLUMNS = ("import_id", "line", "text")
CHUNK = 2000
"""Rows copied at once. No connection is held while the client sends the next ones."""


@post("/import", summary="Import orders", status_code=202, operation_class=Importing)
async def import_orders(db: Db, caller: Caller, request: Request) -> Response[Import]:
    """Take in a file of new orders, as NDJSON or CSV with a first row of names. A job makes orders of its rows.

    The answer's `Location` tells how far it is. Nothing of a file is used that does not arrive whole. Each account has
    one import at a time.
    """
    form = imports.read_form(request.headers.get("content-type", ""))
    async with db.transaction() as connection:
        await connection.fetch(queries.give_up_import, caller.id)
        begun = await connection.fetch_one(queries.create_import, caller.id)
    try:
        taken = await receive(db, begun.id, Splitter(form, NewOrder), request.stream())
    except Exception:
        await db.fetch(queries.drop_import, begun.id)
        raise
    return Response(taken, headers={"Location": f"/v1/orders/imports/{begun.id}"})


async def receive(db: Database, import_id: UUID, splitter: Splitter, chunks: AsyncIterator[bytes]) -> Import:
    """Store the rows of a file as they arrive; with the last of them, its job is enqueued."""
    lines: list[Line] = []
    count = 0
    async for chunk in chunks:
        lines += splitter.feed(chunk)
        if len(lines) >= CHUNK:
            async with db.connection() as connection:
                await copy(connection, import_id, lines)
            count += len(lines)
            lines = []
    lines += splitter.end()
    if not count + len(lines):
        raise invalid("body", "the file has no rows")
    async with db.transaction() as connection:
        await copy(connection, import_id, lines)
        taken = await connection.fetch_one(queries.receive_import, import_id, splitter.columns, count + len(lines))
        await jobs.enqueue(connection, IMPORT, Waiting(import_id))
    return taken


async def copy(connection: Connection, import_id: UUID, lines: list[Line]) -> None:
    """Add rows to those that wait."""
    await connection.copy("order_import_rows", COLUMNS, ((import_id, *line) for line in lines))


@get("/imports/{import_id:uuid}", summary="Read an import")
async def read_import(db: Db, caller: Caller, import_id: FromPath[UUID]) -> Import:
    """Return how far an import of the caller is."""
    found = await db.find(queries.read_import, caller.id, import_id)
    if found is None:
        raise not_found(f"The import {import_id}")
    return found


routes = Router("/v1/orders", route_handlers=[import_orders, read_import], opt=NEEDS_TOKEN, tags=["orders"])
