"""The orders of an account as its personal data: all of them to hand out, and to delete."""

from collections.abc import AsyncGenerator

from service.kit.db import Database
from service.orders import queries
from service.orders.model import Order, OrderFilter

BATCH = 1000
"""Orders that one statement reads or deletes: some 10 ms of locks, and half a megabyte of memory."""


async def read_all(db: Database, account: str) -> AsyncGenerator[Order]:
    """Yield the orders of an account, the newest first. No connection is held while the client reads them."""
    cursor = None
    while True:
        page = await queries.orders.page(db, OrderFilter(), cursor, BATCH, account)
        for order in page.data:
            yield order
        if page.next is None:
            return
        cursor = page.next


async def delete_some(db: Database, account: str) -> int:
    """Delete some orders of an account, and return how many."""
    deleted = await db.fetch(queries.delete_some, account, BATCH)
    return len(deleted)
