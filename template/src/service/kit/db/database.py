# kit: updated by the template; extend it from app.py
"""How the service reaches PostgreSQL: borrow a connection from the pool, run statements on it."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Literal, Self

from asyncpg.transaction import Transaction

from service.kit.db import errors
from service.kit.db.durations import Duration, name_statement, read_names
from service.kit.db.pool import Cleanup, Pool
from service.kit.db.query import Query
from service.kit.db.replica import ReplicaLag, read_position
from service.kit.db.sessions import DatabaseOptions, Session, connect
from service.kit.work import metrics, tracing
from service.kit.work.limits import DeadlineError, FullError, TimeLimit, charge, time_left
from service.kit.work.problems import Problem, busy

type Isolation = Literal["read_committed", "repeatable_read", "serializable"]

MAX_ATTEMPTS = 3
"""Attempts at a transaction that a deadlock or a conflict undoes."""

RETRY_PAUSE = 0.05
"""Maximum seconds before the second attempt; before the third, twice that. They are random, so that
two transactions do not collide again."""

SMALL_CHUNK = 32 * 1024
READ_PAUSE = 0.001
"""Seconds to wait after a chunk of fewer bytes. PostgreSQL sends rows by the 8 KB, and to read that
alone costs more than what is in it; after the pause, many have come, and are read at once."""

MAX_UNCOUNTED = 100
"""Statements of a borrowed connection that are counted at once. A job may run any number."""


class Connection:
    """A connection of the pool for the length of a block: run statements on it, one at a time.

    Each statement may take `timeout` seconds, or what is left of the request when that is less.
    `raw` is the connection of asyncpg; await its methods through `run`. `before_commit` is SQL
    without arguments, and with `;`, that a transaction sends together with its commit.
    """

    __slots__ = ("before_commit", "durations", "pool", "raw", "timeout", "transaction")
    raw: Session

    def __init__(self, pool: Pool, timeout: float) -> None:
        self.pool = pool
        self.timeout = timeout
        self.transaction: Transaction | None = None
        self.before_commit = ""
        self.durations: list[Duration] = []

    async def __aenter__(self) -> Self:
        started = time.perf_counter()
        try:
            self.raw = await self.pool.acquire()
        except Problem:
            metrics.count_refusal("pool")
            raise
        finally:
            charge("pool", started)
        return self

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        cleanup = self.choose_cleanup(error)
        self.count_durations()
        self.raw.after_begin = ""
        self.raw.before_commit = ""
        self.pool.release(self.raw, cleanup)
        del self.raw  # a handler that kept the connection would disturb the next request

    def count_durations(self) -> None:
        """Count the statements since the last time."""
        if self.durations:
            self.pool.durations.add(self.durations)
            self.durations = []

    def choose_cleanup(self, error: BaseException | None) -> Cleanup | None:
        """Return what cleans up after a block, or None.

        Mostly there is nothing to clean, and nothing is sent. After an error, unless it was an
        answer of PostgreSQL or of ours, a statement may still be running.
        """
        if self.transaction:
            rollback: Cleanup = self.transaction.rollback
            return rollback
        is_idle = error is None or errors.is_answer(error)
        if is_idle and not self.raw.is_in_transaction():
            return None
        reset: Cleanup = self.raw.reset
        return reset

    async def fetch[Row, *Args](self, query: Query[Row, *Args], *args: *Args) -> list[Row]:
        """Return all rows of a statement. Bound it in SQL: the result is held in memory."""
        fetching = self.raw.fetch(query.sql, *args)
        records = await self.run(fetching, query.sql)
        if query.is_scalar:
            return [record[0] for record in records]
        make_row = query.make_row
        return [make_row(*record) for record in records]

    async def find[Row, *Args](self, query: Query[Row, *Args], *args: *Args) -> Row | None:
        """Return the first row of a statement, or None."""
        fetching = self.raw.fetchrow(query.sql, *args)
        record = await self.run(fetching, query.sql)
        if record is None:
            return None
        if query.is_scalar:
            value: Row = record[0]
            return value
        row: Row = query.make_row(*record)
        return row

    async def fetch_one[Row, *Args](self, query: Query[Row, *Args], *args: *Args) -> Row:
        """Return the first row of a statement that always has one, like `insert … returning`."""
        row = await self.find(query, *args)
        if row is None:
            raise LookupError(f"no row came from: {query.sql}")
        return row

    async def copy_to(
        self, sql: str, write: Callable[[bytes], Awaitable[None]], seconds: float, **options: object
    ) -> None:
        """Pass the rows to `write`, by COPY. `seconds` may outlast the request.

        The options are those of asyncpg's `copy_from_query`.
        """

        async def write_chunk(chunk: bytes) -> None:
            await write(chunk)
            if len(chunk) < SMALL_CHUNK:
                await asyncio.sleep(READ_PAUSE)

        limit = TimeLimit(self.pool.deadlines, seconds, "export")
        copying = self.raw.copy_from_query(sql, output=write_chunk, **options)
        await self.run(copying, sql, limit=limit)

    async def run[Result](
        self, work: Awaitable[Result], sql: str = "", *, limit: TimeLimit | None = None
    ) -> Result:
        """Wait for work on `raw` as for a statement, which `sql` names in traces and metrics.

        Late work is cancelled. If no answer comes, the error is a problem.
        """
        if limit is None:
            seconds = time_left(self.timeout)
            limit = TimeLimit(self.pool.deadlines, seconds, "database")
        traces = tracing.active_traces.get()
        span = None
        if traces and sql and traces.is_recording():
            span = traces.begin_statement(sql, name_statement(sql), self.pool.server)
        failure = ""
        code = ""
        try:
            with limit:
                return await work
        except BaseException as error:
            is_late = isinstance(error, DeadlineError)
            failure = "TimeoutError" if is_late else type(error).__name__
            if isinstance(error, errors.ERRORS):
                code = getattr(error, "sqlstate", "") or ""
                errors.examine(error, self.raw)
            raise
        finally:
            duration = time.perf_counter() - limit.started
            self.durations.append((sql, duration))
            if len(self.durations) >= MAX_UNCOUNTED:
                self.count_durations()
            if span is not None:
                traces.end_statement(span, failure, code)


class Database:
    """A pool of connections. Open it before the first request and close it after the last.

    `async with Database(options) as db` does both. `replica` is for reads that may be slightly
    stale: the database of DATABASE_REPLICA_URL, or else this one. With DATABASE_REPLICA_MAX_LAG,
    they go to this one while the replica lags more, or cannot be reached.
    """

    lag: ReplicaLag | None = None
    watching: asyncio.Task[None] | None = None

    def __init__(self, options: DatabaseOptions) -> None:
        self.options = options
        self.pool = Pool(options)
        self.replica = self
        if options.replica_url:
            replica = options.model_copy(update={"url": options.replica_url, "replica_url": None})
            self.replica = Database(replica)
            if options.replica_max_lag:
                self.replica.follow(self, options.replica_max_lag)

    def follow(self, primary: "Database", max_lag: float) -> None:
        """Leave reads to the primary while this replica lags more than so many seconds."""
        self.primary = primary
        self.lag = ReplicaLag(primary.read_position, self.read_position, max_lag)

    async def __aenter__(self) -> Self:
        """Open the pool even while PostgreSQL is away: connections are made when needed."""
        await asyncio.to_thread(read_names)
        self.pool.open("primary")
        if self.replica is not self:
            self.replica.pool.open("replica")
        if self.replica.lag:
            self.watching = asyncio.create_task(self.replica.lag.watch(), context=Context())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.watching:
            self.watching.cancel()
        pools = {self.pool, self.replica.pool}
        await asyncio.gather(*(pool.close() for pool in pools))

    def connection(self) -> Connection:
        """Borrow a connection: `async with db.connection() as connection`.

        Raises a 503 problem when none is free in time.
        """
        if self.lag and self.lag.is_too_long():
            return self.primary.connection()
        return Connection(self.pool, self.options.command_timeout)

    async def read_position(self) -> int:
        """Return how far this server itself is in the write-ahead log."""
        try:
            async with Connection(self.pool, self.options.command_timeout) as connection:
                return await connection.fetch_one(read_position)
        except FullError:  # a busy pool must not hide that
            async with connect(self.options, "service lag") as raw:
                (record,) = await raw.fetch(read_position.sql)
                return int(record[0])

    @asynccontextmanager
    async def transaction(
        self,
        isolation: Isolation | None = None,
        *,
        readonly: bool = False,
        after_begin: str = "",
    ) -> AsyncGenerator[Connection]:
        """Borrow a connection for one transaction.

        It is committed at the end of the block, and rolled back by an exception. `after_begin` is
        SQL without arguments that is sent together with the begin.
        """
        async with self.connection() as connection:
            transaction = connection.raw.transaction(isolation=isolation, readonly=readonly)
            connection.transaction = transaction
            connection.raw.after_begin = after_begin
            await connection.run(transaction.start(), "begin")
            yield connection
            connection.transaction = None
            connection.raw.before_commit = connection.before_commit
            # Not by `commit`, which checks the connection before `run` can explain its error.
            committing = transaction.__aexit__(None, None, None)
            await connection.run(committing, "commit")

    async def in_transaction[Result](
        self,
        work: Callable[[Connection], Awaitable[Result]],
        isolation: Isolation | None = None,
        *,
        after_begin: str = "",
    ) -> Result:
        """Run `work` in a transaction, up to three times while a deadlock or a conflict undoes it.

        `work` must change nothing except through this connection, since it may run again. After
        other errors it does not run again, least of all after a lost connection: the transaction
        may have been committed. `after_begin` is as for `transaction`.
        """
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                async with self.transaction(isolation, after_begin=after_begin) as connection:
                    return await work(connection)
            except errors.CONFLICTS as error:
                pause = random.uniform(0, RETRY_PAUSE * attempt)
                is_last = attempt == MAX_ATTEMPTS or time_left(pause) < pause
                if is_last:
                    raise busy("Other requests kept changing the same data.") from error
                await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    async def fetch[Row, *Args](self, query: Query[Row, *Args], *args: *Args) -> list[Row]:
        async with self.connection() as connection:
            return await connection.fetch(query, *args)

    async def find[Row, *Args](self, query: Query[Row, *Args], *args: *Args) -> Row | None:
        async with self.connection() as connection:
            return await connection.find(query, *args)

    async def fetch_one[Row, *Args](self, query: Query[Row, *Args], *args: *Args) -> Row:
        async with self.connection() as connection:
            return await connection.fetch_one(query, *args)
