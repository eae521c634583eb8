# kit: updated by the template; extend it from app.py
"""A borrowed connection: its statements, each within its time, and how it is returned."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Self

import asyncpg
from asyncpg.transaction import Transaction

from service.kit.db import durations, errors
from service.kit.db.pool import Pool
from service.kit.db.query import Query
from service.kit.edge import Problem, Span, metrics, time_left

ANSWERS = (Problem, asyncpg.PostgresError)


class Statement(Span):
    """Waiting for PostgreSQL: timed, in the trace of the request, and with errors that clients understand."""

    __slots__ = ("raw", "sql")

    def __init__(self, raw: asyncpg.Connection, sql: str, name: str = "database") -> None:
        super().__init__(name, sql)
        self.raw = raw
        self.sql = sql

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        super().__exit__(kind, error, trace)
        durations.note(self.sql, time.perf_counter() - self.started)
        if isinstance(error, errors.ERRORS):
            errors.examine(error, self.raw)


class Connection:
    """A connection of the pool for the length of a block: run statements on it, one at a time.

    Each statement may take `timeout` seconds, or what is left of the request when that is less. `raw` is the connection
    of asyncpg; what is awaited on it goes through `run`.
    """

    __slots__ = ("pool", "raw", "timeout", "transaction")
    raw: asyncpg.Connection

    def __init__(self, pool: Pool, timeout: float) -> None:
        self.pool = pool
        self.timeout = timeout
        self.transaction: Transaction | None = None

    async def __aenter__(self) -> Self:
        try:
            with Span("pool"):
                self.raw = await self.pool.acquire()
        except Problem:
            metrics.count_refusal("pool")
            raise
        return self

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        self.pool.release(self.raw, self.find_remedy(error))
        del self.raw  # whoever kept it would disturb the next request

    def find_remedy(self, error: BaseException | None) -> Callable[[], Awaitable[None]] | None:
        """Return what undoes that which a block left on the connection: mostly nothing, and then nothing is sent.

        A block that ended by an error, unless it was an answer of PostgreSQL or of ours, may have left a statement.
        """
        if self.transaction:
            return self.transaction.rollback
        answered = error is None or (isinstance(error, ANSWERS) and not isinstance(error, errors.NoAnswer))
        return None if answered and not self.raw.is_in_transaction() else self.raw.reset

    async def fetch[Row, *Args](self, query: Query[Row, *Args], *args: *Args) -> list[Row]:
        """Return all rows of a statement. Bound it in SQL: the result is held in memory."""
        with Statement(self.raw, query.sql):
            records = await self.raw.fetch(query.sql, *args, timeout=time_left(self.timeout))
        if query.is_scalar:
            return [record[0] for record in records]
        return [query.row(*record) for record in records]

    async def find[Row, *Args](self, query: Query[Row, *Args], *args: *Args) -> Row | None:
        """Return the first row of a statement, or None."""
        with Statement(self.raw, query.sql):
            record = await self.raw.fetchrow(query.sql, *args, timeout=time_left(self.timeout))
        if record is None:
            return None
        return record[0] if query.is_scalar else query.row(*record)

    async def fetch_one[Row, *Args](self, query: Query[Row, *Args], *args: *Args) -> Row:
        """Return the first row of a statement that always has one, like `insert … returning`."""
        row = await self.find(query, *args)
        if row is None:
            raise LookupError(f"no row came from: {query.sql}")
        return row

    async def copy(self, table: str, columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
        """Add many rows to a table by COPY, many times faster than by insert."""
        await self.run(self.raw.copy_records_to_table(table, columns=columns, records=rows), f"copy {table}")

    async def copy_to(
        self, sql: str, write: Callable[[bytes], Awaitable[None]], seconds: float, **options: object
    ) -> None:
        """Hand the rows of a statement to `write` by COPY, within so many seconds. Its options are asyncpg's."""
        with Statement(self.raw, sql, "export"):
            await self.raw.copy_from_query(sql, output=write, timeout=seconds, **options)

    async def run[Result](self, work: Awaitable[Result], sql: str = "") -> Result:
        """Wait for work on `raw` as for a statement, which `sql` names in traces."""
        with Statement(self.raw, sql):
            async with asyncio.timeout(time_left(self.timeout)):
                return await work
