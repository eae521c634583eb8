# kit: updated by the template; extend it from app.py
"""The one way to PostgreSQL: borrow a connection of the pool, and run a statement or a transaction on it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Literal, Self

from service.kit.db import capacity, connections, errors, rerun
from service.kit.db.lease import Connection, Lease
from service.kit.db.pool import Pool
from service.kit.db.postgres import DatabaseOptions
from service.kit.db.query import Query
from service.kit.edge import metrics

type Isolation = Literal["read_committed", "repeatable_read", "serializable"]


class Database:
    """A pool of connections. Open it before the first request and close it after: `async with Database(options) as db`.

    `replica` is for reads that may be some moments old: the database of DATABASE_REPLICA_URL, or else this one.
    """

    def __init__(self, options: DatabaseOptions) -> None:
        self.options = options
        size = options.pool_size or capacity.choose_pool_size(workers=1)
        self.pool = Pool(partial(connections.connect, options), options, size)
        self.replica = self
        if options.replica_url:
            self.replica = Database(options.model_copy(update={"url": options.replica_url, "replica_url": None}))

    async def __aenter__(self) -> Self:
        """Open the pool even while PostgreSQL is away: connections are made when they are first needed."""
        self.pool.is_open = self.replica.pool.is_open = True
        for pool, name in {self.replica.pool: "replica", self.pool: "primary"}.items():
            metrics.watch_pool(name, pool.most, lambda pool=pool: pool.in_use, lambda pool=pool: pool.waiting)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(pool.close() for pool in {self.pool, self.replica.pool}))

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """Borrow a connection: `async with db.connection() as connection`. Raises a 503 problem when it cannot."""
        return Lease(self.pool, self.options.command_timeout)

    @asynccontextmanager
    async def transaction(self, isolation: Isolation | None = None) -> AsyncGenerator[Connection]:
        """Borrow a connection for one transaction: committed at the end, rolled back by an exception."""
        async with self.connection() as connection:
            transaction = connection.transaction = connection.raw.transaction(isolation=isolation)
            await connection.within(transaction.start())
            yield connection
            connection.transaction = None
            try:
                await connection.within(transaction.commit())
            except (TimeoutError, *errors.UNREACHABLE) as error:
                raise errors.leave_open("The database was lost while it committed.") from error

    async def in_transaction[Result](
        self, work: Callable[[Connection], Awaitable[Result]], isolation: Isolation | None = None
    ) -> Result:
        """Run `work` in a transaction, up to three times while it is undone by a deadlock or a serialization failure.

        `work` must have no effect but on this connection, since it may run again.
        """

        async def run() -> Result:
            async with self.transaction(isolation) as connection:
                return await work(connection)

        return await rerun.rerun(run)

    async def fetch[Row](self, query: Query[Row], *args: object) -> list[Row]:
        """Run one statement on its own connection and return its rows."""
        async with self.connection() as connection:
            return await connection.fetch(query, *args)

    async def find[Row](self, query: Query[Row], *args: object) -> Row | None:
        """Run one statement on its own connection and return its first row, or None."""
        async with self.connection() as connection:
            return await connection.find(query, *args)

    async def fetch_one[Row](self, query: Query[Row], *args: object) -> Row:
        """Run one statement that always has a row on its own connection, and return it."""
        async with self.connection() as connection:
            return await connection.fetch_one(query, *args)
