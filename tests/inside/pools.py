"""Databases with a small pool, and how to use all of it."""

import asyncio
from collections.abc import Callable

from service.kit.db.database import Database
from service.kit.db.query import Query
from service.kit.db.sessions import DatabaseOptions

PID = Query("select pg_backend_pid()", int)
SLEEP = Query("select 1 from pg_sleep($1)", int, tuple[float])
SIZE = 2
QUICK = {"pool_size": SIZE, "acquire_timeout": 0.5, "lock_timeout": 0.6, "statement_timeout": 5, "command_timeout": 6}

type Make = Callable[..., Database]


def make(options: DatabaseOptions, **changes: object) -> Database:
    """Return a database with a small pool, and what a test needs otherwise."""
    return Database(options.model_copy(update=QUICK | changes))


async def borrow_all(db: Database) -> set[int]:
    """Use every connection at once, so that one which never comes back would be missed. Return their processes."""
    async with db.connection() as one, db.connection() as other:
        return {await one.fetch_one(PID), await other.fetch_one(PID)}


async def settle(db: Database) -> None:
    """Wait until nothing is borrowed, cleaned, opened or closed any more."""
    async with asyncio.timeout(3):
        while db.pool.slots.running or db.pool.tasks:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
