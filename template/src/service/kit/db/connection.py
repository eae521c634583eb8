# kit: updated by the template; extend it from app.py
"""A borrowed connection: its statements, each within its time, and how it is returned."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import cache
from importlib import import_module
from typing import Self

import asyncpg
from asyncpg.transaction import Transaction

from service.kit import PACKAGE
from service.kit.db import errors
from service.kit.db.pool import Pool
from service.kit.db.query import Query, find_queries
from service.kit.work import metrics, tracing
from service.kit.work.batch import Batch
from service.kit.work.context import charge, time_left
from service.kit.work.deadlines import Limited
from service.kit.work.problems import Problem

ANSWERS = (Problem, asyncpg.PostgresError)

OTHER = "other"
"""The name, in `/metrics`, of the kit's own statements, and of any that no `queries.py` names."""


class Statement(Limited):
    """Waiting for PostgreSQL: timed, in the trace, cancelled when late, and with errors that
    clients understand.
    """

    def __init__(
        self, connection: "Connection", sql: str, layer: str = "database", seconds: float = 0.0
    ) -> None:
        self.raw = connection.raw
        self.sql = sql
        self.layer = layer
        self.traces = tracing.active_traces.get()
        self.span = self.traces.begin_statement(sql) if self.traces and sql else None
        self.deadlines = connection.pool.deadlines
        self.expires_at = time.monotonic() + (seconds or time_left(connection.timeout))
        self.is_late = False
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self.task, self.cancels = task, task.cancelling()
        self.deadlines.add(self)

    def __enter__(self) -> None:
        self.started = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        self.deadlines.under_way.discard(self)
        if self.is_late and self.was_cut_off() and kind is asyncio.CancelledError:
            kind, error = TimeoutError, TimeoutError()
        if self.span is not None:
            self.traces.end(self.span, kind.__name__ if kind else "")
        charge(self.layer, self.started)
        durations().add((self.sql, time.perf_counter() - self.started))
        if error is not None and isinstance(error, errors.ERRORS):
            errors.examine(error, self.raw)


@cache
def durations() -> Batch[tuple[str, float]]:
    """Return how long statements of this process took, noted one by one and counted many at
    once.
    """
    return Batch(count_durations, delay=1.0, max_items=1000)


@cache
def read_names() -> dict[str, str]:
    """Return the name of each statement by its text. The first call looks for files."""
    return {query.sql: name for name, query in find_queries(import_module(PACKAGE))}


def count_durations(noted: list[tuple[str, float]]) -> None:
    times, names = defaultdict[str, list[float]](list), read_names()
    for sql, seconds in noted:
        times[names.get(sql, OTHER)].append(seconds)
    for name, spent in times.items():
        metrics.get_metrics().statement_seconds.labels(name).observe_all(spent)


class Connection:
    """A connection of the pool for the length of a block: run statements on it, one at a time.

    Each statement may take `timeout` seconds, or what is left of the request when that is less.
    `raw` is the connection of asyncpg; what is awaited on it goes through `run`.
    """

    __slots__ = ("pool", "raw", "timeout", "transaction")
    raw: asyncpg.Connection

    def __init__(self, pool: Pool, timeout: float) -> None:
        self.pool = pool
        self.timeout = timeout
        self.transaction: Transaction | None = None

    async def __aenter__(self) -> Self:
        began = time.perf_counter()
        try:
            self.raw = await self.pool.acquire()
        except Problem:
            metrics.count_refusal("pool")
            raise
        finally:
            charge("pool", began)
        return self

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        self.pool.release(self.raw, self.find_remedy(error))
        del self.raw  # whoever kept it would disturb the next request

    def find_remedy(self, error: BaseException | None) -> Callable[[], Awaitable[None]] | None:
        """Return what undoes that which a block left on the connection: mostly nothing, and then
        nothing is sent.

        A block that ended by an error, unless it was an answer of PostgreSQL or of ours, may have
        left a statement.
        """
        if self.transaction:
            undo: Callable[[], Awaitable[None]] = self.transaction.rollback
            return undo
        answered = error is None or (
            isinstance(error, ANSWERS) and not isinstance(error, errors.NoAnswer)
        )
        reset: Callable[[], Awaitable[None]] = self.raw.reset
        return None if answered and not self.raw.is_in_transaction() else reset

    async def fetch[Row, *Args](self, query: Query[Row, *Args], *args: *Args) -> list[Row]:
        """Return all rows of a statement. Bound it in SQL: the result is held in memory."""
        with Statement(self, query.sql):
            records = await self.raw.fetch(query.sql, *args)
        if query.is_scalar:
            return [record[0] for record in records]
        return [query.row(*record) for record in records]

    async def find[Row, *Args](self, query: Query[Row, *Args], *args: *Args) -> Row | None:
        """Return the first row of a statement, or None."""
        with Statement(self, query.sql):
            record = await self.raw.fetchrow(query.sql, *args)
        if record is None:
            return None
        row: Row = record[0] if query.is_scalar else query.row(*record)
        return row

    async def fetch_one[Row, *Args](self, query: Query[Row, *Args], *args: *Args) -> Row:
        """Return the first row of a statement that always has one, like `insert … returning`."""
        row = await self.find(query, *args)
        if row is None:
            raise LookupError(f"no row came from: {query.sql}")
        return row

    async def copy(
        self, table: str, columns: Sequence[str], rows: Iterable[tuple[object, ...]]
    ) -> None:
        """Add many rows to a table by COPY, many times faster than by insert."""
        await self.run(
            self.raw.copy_records_to_table(table, columns=columns, records=rows), f"copy {table}"
        )

    async def copy_to(
        self, sql: str, write: Callable[[bytes], Awaitable[None]], seconds: float, **options: object
    ) -> None:
        """Hand the rows to `write` by COPY, in so many seconds, even beyond the request's. Options
        are asyncpg's.
        """
        with Statement(self, sql, "export", seconds):
            await self.raw.copy_from_query(sql, output=write, **options)

    async def run[Result](self, work: Awaitable[Result], sql: str = "") -> Result:
        """Wait for work on `raw` as for a statement, which `sql` names in traces."""
        with Statement(self, sql):
            return await work
