# kit: updated by the template; extend it from app.py
"""The one way to PostgreSQL: borrow a connection of the pool, and run a statement or a transaction
on it.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Literal, Self

import asyncpg
from asyncpg.transaction import Transaction

from service.kit.db import errors
from service.kit.db.connection import Connection, durations, read_names
from service.kit.db.pool import Pool, choose_pool_size
from service.kit.db.query import Query
from service.kit.db.sessions import (
    DatabaseOptions,
    connect,
    describe_database,
    get_session_limits,
    session_settings,
)
from service.kit.work import metrics
from service.kit.work.context import time_left
from service.kit.work.problems import busy

type Isolation = Literal["read_committed", "repeatable_read", "serializable"]

TRIES = 3
PAUSE = 0.05
"""Seconds before the second try, at most; before the third, twice that. Chance keeps two from
colliding again."""

# PostgreSQL 16 brought reserved_connections.
SLOTS = """
select current_setting('max_connections')::int as most,
       current_setting('superuser_reserved_connections')::int
       + coalesce(current_setting('reserved_connections', true), '0')::int as reserved
"""

UNLIMITED = """
select array_agg(name order by name) as missing, quote_ident(current_database()) as database
  from pg_settings
 where name = any($1) and setting = '0'
"""


class Database:
    """A pool of connections. Open it before the first request and close it after: `async with
    Database(options) as db`.

    `replica` is for reads that may be slightly stale: the database of DATABASE_REPLICA_URL, or else
    this one.
    """

    def __init__(self, options: DatabaseOptions) -> None:
        self.options = options
        self.pool = Pool(options)
        self.replica = self
        if options.replica_url:
            self.replica = Database(
                options.model_copy(update={"url": options.replica_url, "replica_url": None})
            )

    async def __aenter__(self) -> Self:
        """Open the pool even while PostgreSQL is away: connections are made when they are first
        needed.
        """
        await asyncio.to_thread(read_names)
        for pool, name in {self.replica.pool: "replica", self.pool: "primary"}.items():
            pool.is_open, meters = True, metrics.get_metrics()
            meters.pool_size.labels(name).set(pool.places.limit)
            metrics.watch_gauge(
                meters.pool_in_use.labels(name), partial(getattr, pool.places, "running")
            )
            metrics.watch_gauge(
                meters.pool_waiting.labels(name), partial(getattr, pool.places, "waiting")
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        durations().flush()
        await asyncio.gather(*(pool.close() for pool in {self.pool, self.replica.pool}))

    def connection(self) -> Connection:
        """Borrow a connection: `async with db.connection() as connection`. Raises a 503 problem
        when it cannot.
        """
        return Connection(self.pool, self.options.command_timeout)

    @asynccontextmanager
    async def transaction(
        self, isolation: Isolation | None = None, *, readonly: bool = False
    ) -> AsyncGenerator[Connection]:
        """Borrow a connection for one transaction: committed at the end, rolled back by an
        exception.
        """
        async with self.connection() as connection:
            transaction = connection.raw.transaction(isolation=isolation, readonly=readonly)
            connection.transaction = transaction
            await connection.run(transaction.start(), "begin")
            yield connection
            connection.transaction = None
            await connection.run(commit(transaction), "commit")

    async def in_transaction[Result](
        self, work: Callable[[Connection], Awaitable[Result]], isolation: Isolation | None = None
    ) -> Result:
        """Run `work` in a transaction, up to three times while it is undone by a deadlock or a
        serialization failure.

        `work` must have no effect but on this connection, since it may run again. After any other
        error it does not: least of all when the connection was lost, because the transaction may
        have been committed.
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
    """Commit where `run` explains an error: asyncpg checks the connection as soon as its own method
    is called.
    """
    await transaction.commit()


async def check_capacity(options: DatabaseOptions, workers: int, beside: int = 0) -> None:
    """Raise `DatabaseError` unless each database can be used and admits all connections of this
    instance.

    `beside` is how many connections processes other than the web workers open, such as the job
    worker.
    """
    for url in filter(None, (options.url, options.replica_url)):
        database = options.model_copy(update={"url": url})
        async with connect(database, "service check", session_settings(database)) as connection:
            if options.direct_url:
                await check_limits(connection, database)
            else:
                await check_slots(connection, database, workers, beside)


async def check_slots(
    connection: asyncpg.Connection, options: DatabaseOptions, workers: int, beside: int
) -> None:
    size = options.pool_size or choose_pool_size(workers)
    wanted = workers * size + beside + options.reserve
    [(most, reserved)] = await connection.fetch(SLOTS)
    if wanted > most - reserved:
        raise errors.DatabaseError(
            f"{workers} workers (SERVER_WORKERS) with {size} connections each (DATABASE_POOL_SIZE)"
            f"{f', {beside} of other processes of the service' if beside else ''}, and {options.reserve} for others "
            f"(DATABASE_RESERVE), make {wanted}. PostgreSQL at {describe_database(options)} admits {most - reserved}: {most} "
            f"(max_connections) less {reserved} (reserved for superusers and roles). Lower one of the former, raise "
            "max_connections, or put a PgBouncer in between and set DATABASE_DIRECT_URL."
        )


async def check_limits(connection: asyncpg.Connection, options: DatabaseOptions) -> None:
    """Refuse a pooler before a server that limits nothing: a pooler does not take the limits from
    us.
    """
    limits = get_session_limits(options)
    [(missing, database)] = await connection.fetch(UNLIMITED, list(limits))
    if missing:
        role = f"alter role current_user in database {database} set"
        raise errors.DatabaseError(
            f"Behind a pooler, time limits must be set on the role, which lacks {', '.join(missing)}. Run as "
            f"that role, and restart the pooler: {' '.join(f"{role} {name} = '{limits[name]}';" for name in missing)}"
        )
