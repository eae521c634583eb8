# kit: updated by the template; extend it from app.py
"""Large results by COPY: in flat memory, bounded in number and in time, and ended when nobody reads them."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from asyncpg.prepared_stmt import PreparedStatement
from pydantic import BaseModel, Field

from service.kit.db import AnyQuery, Connection, Database
from service.kit.edge import Limiter, Seconds, Stream, asgi, busy, metrics
from service.kit.rows import formats
from service.kit.rows.formats import FormatName
from service.kit.rows.listing import Listing

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
        int, Field(ge=1, le=100, description="maximum exports per worker, then 503; fewer than its connections")
    ] = 2
    timeout: Annotated[Seconds, Field(description="seconds an export may take")] = 300
    escape_formulas: Annotated[
        bool, Field(description="put ' before text in CSV that a spreadsheet would run as a formula")
    ] = True


class Exports:
    """The exports of one worker. Each holds one of the `places`, and a connection."""

    def __init__(self, db: Database, options: ExportOptions | None = None) -> None:
        self.db = db
        self.options = options or ExportOptions()
        self.places = Limiter(max(1, min(self.options.concurrency, db.pool.places.limit - 1)))

    def stream(
        self, source: Listing[Any, Any] | AnyQuery, *args: object, name: str, form: FormatName | None = None
    ) -> "Export":
        """Return the response that is a file `name` of rows, in a format or in what `Accept` prefers.

        They are those of a statement with its arguments, or of a listing with its filter and scope.
        """
        if isinstance(source, Listing):
            source, bounds, _ = source.choose(args[0], args[1:])
            args = (*bounds, None)
        return Export(self, source, args, name, form)


@dataclass(frozen=True)
class Export:
    """One export, as an ASGI response.

    An error before the first rows is a problem, like that of any request. After them it is too late for another answer:
    it is raised, the server cuts the connection, and the client sees that rows are missing.
    """

    media_types: ClassVar = tuple(formats.MEDIA_TYPES)

    exports: Exports
    query: AnyQuery
    args: tuple[object, ...]
    name: str
    form: FormatName | None = None

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        form = formats.choose(self.form, scope, escape_formulas=self.exports.options.escape_formulas)
        if not self.exports.places.try_enter():
            metrics.count_refusal("export")
            raise busy("Too many exports are running. Try again when one has ended.")
        rows = self.copy(form, Stream(send, formats.describe(form, self.name)))
        try:
            async with asgi.race(rows, asgi.wait_for_disconnect(receive)):
                pass
        finally:
            self.exports.places.leave()

    async def copy(self, form: formats.Format, response: Stream) -> None:
        """Send the rows and the end, in a transaction of its own."""
        seconds = self.exports.options.timeout
        async with self.exports.db.transaction(readonly=True) as connection:
            await connection.run(connection.raw.execute(SETTINGS.format(milliseconds=int(seconds * 1000))))
            prepared = await connection.run(connection.raw.prepare(self.query.sql))
            sql = formats.write(form, await self.bind(connection, prepared), prepared.get_attributes())
            await connection.copy_to(sql, response.write, seconds, **form.options)
        await response.finish()

    async def bind(self, connection: Connection, prepared: PreparedStatement) -> str:
        """Return the statement without parameters, as COPY needs it: it reads them from settings of the transaction.

        No value becomes part of its text, so none can be SQL, and none gets into PostgreSQL's log or statistics.
        """
        kinds = [
            f'"{kind.schema}"."{f"_{kind.name[:-2]}" if kind.name.endswith("[]") else kind.name}"'
            for kind in prepared.get_parameters()
        ]
        values = [f"set_config('export.p{n}', ${n}::{kind}::text, true)" for n, kind in enumerate(kinds, 1)]
        if values:
            await connection.run(connection.raw.execute(f"select {', '.join(values)}", *self.args))

        def read(found: re.Match[str]) -> str:
            number = int(found[1])
            value = "null" if self.args[number - 1] is None else f"current_setting('export.p{number}')"
            return f"{value}::{kinds[number - 1]}"

        return PARAMETER.sub(read, self.query.sql)
