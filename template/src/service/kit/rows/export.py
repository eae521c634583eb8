# kit: updated by the template; extend it from app.py
"""Large results by COPY: in flat memory, bounded in number and in time, and ended when nobody reads them."""

import asyncio
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Annotated

import asyncpg
from pydantic import BaseModel, Field

from service.kit.db import Database, Query
from service.kit.edge import Seconds, Stream, asgi, busy, metrics
from service.kit.rows import formats
from service.kit.rows.formats import Format

# For one transaction. Its time limits are the export's own, also while it waits for a slow client to take the last
# rows. Rows come in the order of an index, as the contract has planned it, rather than sorted: the first is there at
# once, and no temporary file is written. An export takes one core of the database and no more.
SETTINGS = """
set local statement_timeout = '{milliseconds}ms';
set local idle_in_transaction_session_timeout = '{milliseconds}ms';
set local enable_sort = off;
set local enable_incremental_sort = off;
set local max_parallel_workers_per_gather = 0;
set local jit = off;
set local timezone = 'UTC';
set local datestyle = 'ISO';
set local intervalstyle = 'iso_8601';
"""

PARAMETER = re.compile(r"\$(\d+)\b")


class ExportOptions(BaseModel, frozen=True):
    """EXPORT_*: how many large results a worker streams at once, and for how long."""

    concurrency: Annotated[
        int, Field(ge=1, le=100, description="most exports of one worker, then 503; fewer than its connections")
    ] = 2
    timeout: Annotated[Seconds, Field(description="seconds that an export may take")] = 300


class Exports:
    """The exports of one worker. `running` is how many there are: each holds a connection."""

    def __init__(self, db: Database, options: ExportOptions | None = None) -> None:
        self.db = db
        self.options = options or ExportOptions()
        self.most = max(1, min(self.options.concurrency, db.pool.most - 1))
        self.running = 0

    def stream(self, query: Query, *args: object, name: str, form: formats.Name | None = None) -> "Export":
        """Return the response that is a file `name` of a statement's rows, in a format or in what `Accept` prefers."""
        return Export(self, query, args, name, form)

    @contextmanager
    def admit(self) -> Generator[None]:
        """Count one more export while the block runs, or raise a 503 problem."""
        if self.running >= self.most:
            metrics.count_refusal("export")
            raise busy("As many exports are running as may. Try again when one of them has ended.")
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1


class Export:
    """One export, as an ASGI response.

    An error before the first rows is a problem, like that of any request. After them it is too late for another answer:
    it is raised, the server cuts the connection, and the client sees that rows are missing.
    """

    def __init__(
        self, exports: Exports, query: Query, args: tuple[object, ...], name: str, form: formats.Name | None
    ) -> None:
        self.exports = exports
        self.query = query
        self.args = args
        self.name = name
        self.form = form

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        form = formats.choose(self.form, scope)
        response = Stream(send, formats.describe(form, self.name))
        with self.exports.admit():
            tasks = [
                asyncio.create_task(self.run(form, response)),
                asyncio.create_task(asgi.wait_for_disconnect(receive)),
            ]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    await task
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def run(self, form: Format, response: Stream) -> None:
        """Send the rows and the end, within the time that an export may take."""
        async with asyncio.timeout(self.exports.options.timeout):
            await self.copy(form, response)
            await response.finish()

    async def copy(self, form: Format, response: Stream) -> None:
        """Send the rows, in a transaction of its own."""
        seconds = self.exports.options.timeout
        async with self.exports.db.connection() as connection, connection.raw.transaction(readonly=True):
            raw = connection.raw
            await raw.execute(SETTINGS.format(milliseconds=int(seconds * 1000)))
            prepared = await raw.prepare(self.query.sql)
            sql = await bind(raw, self.query.sql, prepared.get_parameters(), self.args)
            sql = formats.write(form, sql, prepared.get_attributes())
            await raw.copy_from_query(sql, output=response.write, timeout=seconds, **form.options)


async def bind(raw: asyncpg.Connection, sql: str, kinds: Sequence[asyncpg.Type], args: Sequence[object]) -> str:
    """Return a statement without parameters, as COPY needs it: it reads them from settings of the transaction.

    No value becomes part of its text, so none can be SQL, and none gets into PostgreSQL's log or statistics with it.
    """
    names = [f'"{kind.schema}"."{f"_{kind.name[:-2]}" if kind.name.endswith("[]") else kind.name}"' for kind in kinds]
    values = [f"set_config('export.p{n}', ${n}::{name}::text, true)" for n, name in enumerate(names, 1)]
    if values:
        await raw.execute(f"select {', '.join(values)}", *args)

    def read(found: re.Match[str]) -> str:
        number = int(found[1])
        value = "null" if args[number - 1] is None else f"current_setting('export.p{number}')"
        return f"{value}::{names[number - 1]}"

    return PARAMETER.sub(read, sql)
