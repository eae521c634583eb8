# kit: updated by the template; extend it from app.py
"""Streams large results by COPY: in flat memory, limited in number and time."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from asyncpg.types import Type
from pydantic import BaseModel, Field

from service.kit.db.database import Connection, Database
from service.kit.db.query import AnyQuery
from service.kit.rows.formats import (
    MEDIA_TYPES,
    Format,
    FormatName,
    choose_format,
    make_file_headers,
    write_select,
)
from service.kit.rows.listing import Listing
from service.kit.work import asgi, responses
from service.kit.work.limits import Limiter
from service.kit.work.options import Seconds
from service.kit.work.responses import Stream

# For one transaction. Its time limits are the export's own, also while it waits for a slow client
# to take the last rows. Rows come in the order of an index, as the contract has planned it, rather
# than sorted: the first is there at once, and no temporary file is written. An export takes one
# core of the database and no more.
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

PLACEHOLDER = re.compile(r"\$(\d+)\b")


class ExportOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """EXPORT_*: how many large results a worker streams at once, and for how long."""

    concurrency: Annotated[int, Field(ge=1, le=100)] = 2
    """maximum exports per worker, then 503; fewer than its connections"""
    timeout: Seconds = 300
    """seconds an export may take"""
    escape_formulas: bool = True
    """put ' before text in CSV that a spreadsheet would run as a formula"""


class Exports:
    """The exports of one worker. Each takes one of the `slots`, and a connection."""

    def __init__(self, db: Database, options: ExportOptions | None = None) -> None:
        self.db = db
        self.options = options or ExportOptions()
        free = db.pool.slots.limit - 1
        max_exports = max(1, min(self.options.concurrency, free))
        self.slots = Limiter(
            max_exports,
            full="Too many exports are running. Try again when one has ended.",
            reason="export",
        )

    def stream(
        self,
        source: Listing[Any, Any] | AnyQuery,
        *args: object,
        name: str,
        form: FormatName | None = None,
    ) -> "Export":
        """Return a response that sends rows as a file called `name`.

        They are those of a statement with its arguments, or of a listing with its filter and scope.
        `form` is the format of the file, by default the one that the header `Accept` prefers.
        """
        if isinstance(source, Listing):
            where, *given = args
            source, args = source.bind_all(where, given)
        return Export(self, source, args, name, form)


@dataclass(frozen=True)
class Export:
    """One export, as an ASGI response.

    An error before the first rows is a problem, like that of any request. After them it is too late
    for another answer: it is raised, the server cuts the connection, and the client sees that rows
    are missing.
    """

    media_types: ClassVar = MEDIA_TYPES

    exports: Exports
    query: AnyQuery
    args: tuple[object, ...]
    name: str
    form: FormatName | None = None

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        escape_formulas = self.exports.options.escape_formulas
        form = choose_format(self.form, scope, escape_formulas=escape_formulas)
        slots = self.exports.slots
        if not slots.try_enter():
            raise slots.refuse()
        file = Stream(send, make_file_headers(form, self.name))
        leaving = responses.wait_for_disconnect(receive)
        try:
            async with responses.run_until_first(self.copy(form, file), leaving):
                pass
        finally:
            slots.leave()

    async def copy(self, form: Format, response: Stream) -> None:
        """Send the rows, in a transaction of its own."""
        seconds = self.exports.options.timeout
        settings = SETTINGS.format(milliseconds=int(seconds * 1000))
        async with self.exports.db.transaction(readonly=True) as connection:
            raw = connection.raw
            await connection.run(raw.execute(settings))
            prepared = await connection.run(raw.prepare(self.query.sql))
            bound = await self.bind_arguments(connection, prepared.get_parameters())
            sql = write_select(form, bound, prepared.get_attributes())
            await connection.copy_to(sql, response.write, seconds, **form.options)
        await response.finish()

    async def bind_arguments(self, connection: Connection, types: Iterable[Type]) -> str:
        """Return the statement without placeholders, which COPY does not take.

        It reads its arguments from settings of the transaction. No value becomes part of its text,
        so none can be SQL, and none gets into PostgreSQL's log or statistics.
        """
        names = [write_type(kind) for kind in types]
        values = [
            f"set_config('export.p{number}', ${number}::{name}::text, true)"
            for number, name in enumerate(names, 1)
        ]
        if values:
            store = f"select {', '.join(values)}"
            storing = connection.raw.execute(store, *self.args)
            await connection.run(storing)

        def read_setting(placeholder: re.Match[str]) -> str:
            number = int(placeholder[1])
            is_null = self.args[number - 1] is None
            value = "null" if is_null else f"current_setting('export.p{number}')"
            return f"{value}::{names[number - 1]}"

        return PLACEHOLDER.sub(read_setting, self.query.sql)


def write_type(kind: Type) -> str:
    """Return the name of a type in SQL. That of an array begins with an underscore."""
    name = kind.name
    if name.endswith("[]"):
        name = f"_{name.removesuffix('[]')}"
    return f'"{kind.schema}"."{name}"'
