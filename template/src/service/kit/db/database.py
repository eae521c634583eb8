# kit: updated by the template; extend it from app.py
"""The one way to PostgreSQL: borrow a connection of the pool, and run a statement or a transaction on it."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal, Self

from asyncpg.transaction import Transaction

from service.kit.db import errors
from service.kit.db.connection import Connection
from service.kit.db.options import DatabaseOptions
from service.kit.db.pool import Pool
from service.kit.db.query import Query
from service.kit.edge import busy, metrics, time_left

type Isolation = Literal["read_committed", "repeatable_read", "serializable"]

TRIES = 3
PAUSE = 0.05
"""Seconds before the second try, at most; before the third, twice that. Chance keeps two from colliding again."""


class Database:
    """A pool of connections. Open it before the first request and close it after: `async with Database(options) as db`.

    `replica` is for reads that may be slightly stale: the database of DATABASE_REPLICA_URL, or else this one.
    """

    def __init__(self, options: DatabaseOptions) -> None:
        self.options = options
        self.pool = Pool(options)
        self.replica = self
        if options.replica_url:
            self.replica = Database(options.model_copy(update={"url": options.replica_url, "replica_url": None}))

    async def __aenter__(self) -> Self:
        """Open the pool even while PostgreSQL is away: connections are made when they are first needed."""
        for pool, name in {self.replica.pool: "replica", self.pool: "primary"}.items():
            pool.is_open = True
            places = pool.places
            metrics.watch_pool(name, places.limit, lambda p=places: p.running, lambda p=places: p.waiting)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(pool.close() for pool in {self.pool, self.replica.pool}))

    def connection(self) -> Connection:
        """Borrow a connection: `async with db.connection() as connection`. Raises a 503 problem when it cannot."""
        return Connection(self.pool, self.options.command_timeout)

    @asynccontextmanager
    async def transaction(
        self, isolation: Isolation | None = None, *, readonly: bool = False
    ) -> AsyncGenerator[Connection]:
        """Borrow a connection for one transaction: committed at the end, rolled back by an exception."""
        async with self.connection() as connection:
            transaction = connection.raw.transaction(isolation=isolation, readonly=readonly)
            connection.transaction = transaction
            await connection.run(transaction.start())
            yield connection
            connection.transaction = None
            await connection.run(commit(transaction))

    async def in_transaction[Result](
        self, work: Callable[[Connection], Awaitable[Result]], isolation: Isolation | None = None
    ) -> Result:
        """Run `work` in a transaction, up to three times while it is undone by a deadlock or a serialization failure.

        `work` must have no effect but on this connection, since it may run again. After any other error it does not:
        least of all when the connection was lost, because the transaction may have been committed.
        """
        for attempt in range(1, TRIES + 1):
            try:
                async with self.transaction(isolation) as connection:
                    return await work(connection)
            except errors.CONFLICTS as error:
                pause = random.uniform(0, PAUSE * attempt)
                if attempt == TRIES or time_left(pause) < pause:
                    raise busy("Other requests kept changing the same at the same time.") from error
                await asyncio.sleep(pause)
        raise AssertionError("the last try returns or raises")

    async def fetch[Row, *Args](self, query: Query[Row, *Args], *args: *Args) -> list[Row]:
        async with self.connection() as connection:
            return await connection.fetch(query, *args)

    async def find[Row, *Args](self, query: Query[Row, *Args], *args: *Args) -> Row | None:
        async with self.connection() as connection:
            return await connection.find(query, *args)

    async def fetch_one[Row, *Args](self, query: Query[Row, *Args], *args: *Args) -> Row:
        async with self.connection() as connection:
            return await connection.fetch_one(query, *args)


async def commit(transaction: Transaction) -> None:
    """Commit where `run` explains an error: asyncpg checks the connection as soon as its own method is called."""
    await transaction.commit()
