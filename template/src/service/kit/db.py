# kit: updated by the template; extend it from app.py
"""The one pool of PostgreSQL connections, and the one way to run a statement on it."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Self

import asyncpg

from service.kit import failures, postgres
from service.kit.postgres import DatabaseOptions
from service.kit.problems import busy
from service.kit.queries import Query


class Connection:
    """A borrowed connection: run statements on it, one at a time."""

    def __init__(self, raw: asyncpg.Connection) -> None:
        self.raw = raw

    async def fetch[Row](self, query: Query[Row], *args: object) -> list[Row]:
        """Return all rows of a statement. Bound it in SQL: the result is held in memory."""
        return [query.row(*record) for record in await self.raw.fetch(query.sql, *args)]

    async def find[Row](self, query: Query[Row], *args: object) -> Row | None:
        """Return the first row of a statement, or None."""
        record = await self.raw.fetchrow(query.sql, *args)
        return None if record is None else query.row(*record)

    async def fetch_one[Row](self, query: Query[Row], *args: object) -> Row:
        """Return the first row of a statement that always has one, like `insert … returning`."""
        row = await self.find(query, *args)
        if row is None:
            raise LookupError(f"no row came from: {query.sql}")
        return row

    async def copy(self, table: str, columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
        """Add many rows to a table by COPY, many times faster than by insert."""
        await self.raw.copy_records_to_table(table, columns=columns, records=rows)


class Database:
    """The pool. Open it before the first request and close it after the last: `async with Database(options) as db`."""

    def __init__(self, options: DatabaseOptions) -> None:
        self.options = options
        self._pool: asyncpg.Pool | None = None

    async def __aenter__(self) -> Self:
        """Open the pool even while PostgreSQL is away: connections are made when they are first needed."""
        self._pool = await asyncpg.create_pool(
            self.options.url.get_secret_value(),
            min_size=0,
            max_size=self.options.pool_size,
            timeout=self.options.connect_timeout,
            command_timeout=self.options.command_timeout,
            server_settings=postgres.session_settings(self.options),
            reset=keep,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._pool:
            await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """Borrow a connection: `async with db.connection() as connection`. Raises a 503 problem when it cannot."""
        if self._pool is None:
            raise RuntimeError("the database is not open; list it among the resources in app.py")
        try:
            raw = await self._pool.acquire(timeout=self.options.acquire_timeout)
        except TimeoutError:
            raise busy("Every database connection is in use.") from None
        except failures.UNREACHABLE as error:
            raise busy("The database cannot be reached.") from error
        try:
            yield Connection(raw)
        finally:
            await self._pool.release(raw)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        """Borrow a connection for one transaction: committed at the end, rolled back by an exception."""
        async with self.connection() as connection, connection.raw.transaction():
            yield connection

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


async def keep(_: asyncpg.Connection) -> None:
    """Leave a returned connection as it is: asyncpg has rolled back what was open.

    Its own reset is a second round trip after every request, and holds the connection twice as long. No session state
    piles up without it: the statements of slices set none.
    """
