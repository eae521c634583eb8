# kit: updated by the template; extend it from app.py
"""A connection while it is borrowed: its statements, each within its time, and how it is returned."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

import asyncpg
from asyncpg.transaction import Transaction

from service.kit.db.connections import PooledConnection
from service.kit.db.errors import LostError, SlowError
from service.kit.db.pool import Pool
from service.kit.db.query import Query
from service.kit.edge import Problem, Span, metrics, time_left

ANSWERS = (Problem, asyncpg.PostgresError)


class Statement(Span):
    """The time of a statement. An OSError within it is one of the database, and gets a type that says so."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("database")

    def __exit__(self, *raised: object) -> None:
        super().__exit__(*raised)
        error = raised[1]
        if isinstance(error, OSError):
            raise (SlowError if isinstance(error, TimeoutError) else LostError)(str(error)) from error


class Connection:
    """A borrowed connection: run statements on it, one at a time.

    Each statement may take `timeout` seconds, or what is left of the request when that is less.
    """

    __slots__ = ("raw", "timeout", "transaction")

    def __init__(self, raw: PooledConnection, timeout: float) -> None:
        self.raw = raw
        self.timeout = timeout
        self.transaction: Transaction | None = None

    async def fetch[Row](self, query: Query[Row], *args: object) -> list[Row]:
        """Return all rows of a statement. Bound it in SQL: the result is held in memory."""
        with Statement():
            records = await self.raw.fetch(query.sql, *args, timeout=time_left(self.timeout))
        return [query.row(*record) for record in records]

    async def find[Row](self, query: Query[Row], *args: object) -> Row | None:
        """Return the first row of a statement, or None."""
        with Statement():
            record = await self.raw.fetchrow(query.sql, *args, timeout=time_left(self.timeout))
        return None if record is None else query.row(*record)

    async def fetch_one[Row](self, query: Query[Row], *args: object) -> Row:
        """Return the first row of a statement that always has one, like `insert … returning`."""
        row = await self.find(query, *args)
        if row is None:
            raise LookupError(f"no row came from: {query.sql}")
        return row

    async def copy(self, table: str, columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
        """Add many rows to a table by COPY, many times faster than by insert."""
        timeout = time_left(self.timeout)
        with Statement():
            await self.raw.copy_records_to_table(table, columns=columns, records=rows, timeout=timeout)

    async def within[Result](self, work: Awaitable[Result]) -> Result:
        """Wait for something that has no limit of its own as long as for a statement."""
        with Statement():
            async with asyncio.timeout(time_left(self.timeout)):
                return await work


class Lease:
    """A connection of the pool for the length of a block. A generator in its place would cost 2 µs more."""

    __slots__ = ("connection", "pool", "timeout")

    def __init__(self, pool: Pool, timeout: float) -> None:
        self.pool = pool
        self.timeout = timeout

    async def __aenter__(self) -> Connection:
        try:
            with Span("pool"):
                raw = await self.pool.acquire()
        except Problem:
            metrics.count_refusal("pool")
            raise
        self.connection = Connection(raw, self.timeout)
        return self.connection

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        connection = self.connection
        self.pool.release(connection.raw, find_remedy(connection, error))
        del connection.raw  # whoever kept it would disturb the next request


def find_remedy(connection: Connection, error: BaseException | None) -> Callable[[], Awaitable[None]] | None:
    """Return what undoes that which a block left on a connection: mostly nothing, and then nothing is sent.

    A block that ended by an error, unless it was an answer of PostgreSQL or of ours, may have left a statement running.
    """
    raw = connection.raw
    if raw.is_closed():
        return None
    if connection.transaction:
        return connection.transaction.rollback
    if raw.is_in_transaction() or not (error is None or isinstance(error, ANSWERS)):
        return raw.reset
    return None
