# kit: updated by the template; extend it from app.py
"""Large results by COPY as CSV or NDJSON: in flat memory, bounded in number and time, ended when
nobody reads them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from asyncpg.prepared_stmt import PreparedStatement
from asyncpg.types import Attribute
from pydantic import BaseModel, Field

from service.kit.db.database import Connection, Database
from service.kit.db.query import AnyQuery
from service.kit.rows.listing import Listing
from service.kit.work import asgi, headers, responses
from service.kit.work.limits import Limiter
from service.kit.work.options import Seconds
from service.kit.work.problems import Problem
from service.kit.work.responses import Stream

type FormatName = Literal["csv", "ndjson"]


class Format(NamedTuple):
    """One format.

    `select` is what COPY reads, `options` are those of COPY, and `spellings` has how values of a
    type are written where PostgreSQL's own way would surprise a reader of the API's JSON.
    """

    name: FormatName
    media_type: str
    select: str
    options: Mapping[str, object]
    spellings: Mapping[str, str]


# As in the API's JSON: true instead of t, ["a"] instead of {a}, 2026-01-31T09:30:00Z instead of
# 2026-01-31 09:30:00+00. The last costs PostgreSQL 0.4 µs a value; infinity has no other form, and
# keeps its own.
CSV = Format(
    "csv",
    "text/csv; charset=utf-8; header=present",
    "select {columns} from {rows}",
    MappingProxyType({"format": "csv", "header": True}),
    {
        "array": "to_json({})",
        "composite": "to_json({})",
        "record": "to_json({})",
        "bool": "{}::text",
        "timestamptz": """coalesce(to_char({}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), {}::text)""",
    },
)

# One JSON object a line. COPY's text format would double its backslashes, so it is "CSV" whose
# special characters occur in no JSON text: within strings they are escaped, and elsewhere they are
# not allowed. Nothing is ever quoted then. `json` keeps the line breaks it was written with, so it
# becomes jsonb, which has none. A numeric is a string, as in the API's JSON: most readers would
# make an inexact number of it.
NDJSON = Format(
    "ndjson",
    "application/x-ndjson",
    "select row_to_json(exported.*) from (select {columns} from {rows}) as exported",
    MappingProxyType({"format": "csv", "quote": "\x01", "delimiter": "\x02"}),
    {"json": "{}::jsonb", "numeric": "{}::text"},
)

TEXTS = ("text", "varchar", "bpchar", "name", "citext")

SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"
"""A spreadsheet runs a cell that begins with one of these, some of them also as wide or small
letters."""

BREAKS = "\t\n\r"
"""What some run as well, or take for the end of the cell, whatever follows."""

UNSEEN = (
    *range(0x01, 0x21),  # control characters, and the space
    *range(0x7F, 0xA1),
    *(0xAD, 0x61C, 0x1680, 0x180E),
    *range(0x2000, 0x2010),  # spaces of every width, none included, and marks of direction
    *range(0x2028, 0x2030),
    *range(0x205F, 0x2070),
    *(0x3000, 0xFEFF),
)
"""Characters that a spreadsheet may drop before it looks for a sign."""


def write_formula() -> str:
    """Return SQL that puts an apostrophe before a text that would be run, which keeps it a text.

    Nearly all texts begin with another character, and cost a look into a table of numbers.
    """
    signs = [ord(character) for character in SIGNS]
    breaks = [ord(character) for character in BREAKS]
    first = ", ".join(map(str, (*signs, *UNSEEN)))
    runs = f"{{}} ~ E'^(?:[{escape(breaks)}]|[{escape(UNSEEN)}]*[{escape(signs)}])'"
    return f"case when ascii({{}}) in ({first}) and {runs} then '''' || {{}} else {{}} end"


def escape(codes: Iterable[int]) -> str:
    """Return characters as an escape string of SQL has them."""
    return "".join(f"\\\\u{code:04x}" for code in codes)


ESCAPED_CSV = CSV._replace(spellings={**CSV.spellings, **dict.fromkeys(TEXTS, write_formula())})

FORMATS = {form.name: form for form in (CSV, NDJSON)}
MEDIA_TYPES = {form.media_type.partition(";")[0]: form.name for form in FORMATS.values()}

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

PARAMETER = re.compile(r"\$(\d+)\b")


class ExportOptions(BaseModel, frozen=True):
    """EXPORT_*: how many large results a worker streams at once, and for how long."""

    concurrency: Annotated[
        int,
        Field(
            ge=1,
            le=100,
            description="maximum exports per worker, then 503; fewer than its connections",
        ),
    ] = 2
    timeout: Annotated[Seconds, Field(description="seconds an export may take")] = 300
    escape_formulas: Annotated[
        bool,
        Field(description="put ' before text in CSV that a spreadsheet would run as a formula"),
    ] = True


class Exports:
    """The exports of one worker. Each holds one of the `places`, and a connection."""

    def __init__(self, db: Database, options: ExportOptions | None = None) -> None:
        self.db = db
        self.options = options or ExportOptions()
        most = max(1, min(self.options.concurrency, db.pool.slots.limit - 1))
        self.places = Limiter(
            most,
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
        """Return the response that is a file `name` of rows, in a format or in what `Accept`
        prefers.

        They are those of a statement with its arguments, or of a listing with its filter and scope.
        """
        if isinstance(source, Listing):
            source, bounds, _ = source.choose(args[0], args[1:])
            args = (*bounds, None)
        return Export(self, source, args, name, form)


@dataclass(frozen=True)
class Export:
    """One export, as an ASGI response.

    An error before the first rows is a problem, like that of any request. After them it is too late
    for another answer: it is raised, the server cuts the connection, and the client sees that rows
    are missing.
    """

    media_types: ClassVar = tuple(MEDIA_TYPES)

    exports: Exports
    query: AnyQuery
    args: tuple[object, ...]
    name: str
    form: FormatName | None = None

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        form = choose_format(self.form, scope, escape_formulas=self.exports.options.escape_formulas)
        if not self.exports.places.try_enter():
            raise self.exports.places.refuse()
        rows = self.copy(form, Stream(send, describe_file(form, self.name)))
        try:
            async with responses.run_until_first(rows, responses.wait_for_disconnect(receive)):
                pass
        finally:
            self.exports.places.leave()

    async def copy(self, form: Format, response: Stream) -> None:
        """Send the rows and the end, in a transaction of its own."""
        seconds = self.exports.options.timeout
        async with self.exports.db.transaction(readonly=True) as connection:
            await connection.run(
                connection.raw.execute(SETTINGS.format(milliseconds=int(seconds * 1000)))
            )
            prepared = await connection.run(connection.raw.prepare(self.query.sql))
            sql = write_select(
                form, await self.bind(connection, prepared), prepared.get_attributes()
            )
            await connection.copy_to(sql, response.write, seconds, **form.options)
        await response.finish()

    async def bind(self, connection: Connection, prepared: PreparedStatement) -> str:
        """Return the statement without parameters, as COPY needs it: it reads them from settings of
        the transaction.

        No value becomes part of its text, so none can be SQL, and none gets into PostgreSQL's log
        or statistics.
        """
        kinds = [
            f'"{kind.schema}"."{f"_{kind.name[:-2]}" if kind.name.endswith("[]") else kind.name}"'
            for kind in prepared.get_parameters()
        ]
        values = [
            f"set_config('export.p{n}', ${n}::{kind}::text, true)"
            for n, kind in enumerate(kinds, 1)
        ]
        if values:
            await connection.run(connection.raw.execute(f"select {', '.join(values)}", *self.args))

        def read(found: re.Match[str]) -> str:
            number = int(found[1])
            value = (
                "null" if self.args[number - 1] is None else f"current_setting('export.p{number}')"
            )
            return f"{value}::{kinds[number - 1]}"

        return PARAMETER.sub(read, self.query.sql)


def choose_format(
    name: FormatName | None, scope: asgi.Scope, *, escape_formulas: bool = False
) -> Format:
    """Return the named format, or the one that the request's `Accept` prefers. Raises a 406
    problem.
    """
    form = FORMATS[name] if name is not None else negotiate(scope)
    return ESCAPED_CSV if form is CSV and escape_formulas else form


def negotiate(scope: asgi.Scope) -> Format:
    accepted = [value.decode("latin-1") for key, value in scope["headers"] if key == b"accept"]
    weights = headers.parse_qvalues(",".join(accepted) or "*/*")
    best = max(FORMATS.values(), key=lambda form: weigh(form, weights))
    if not weigh(best, weights):
        raise Problem(
            406,
            "not-acceptable",
            "Accept text/csv or application/x-ndjson, or add format=csv to the query.",
        )
    return best


def weigh(form: Format, weights: Mapping[str, float]) -> float:
    """Return how much a client wants a format; the most specific range decides."""
    kind = form.media_type.partition(";")[0]
    ranges = (kind, f"{kind.partition('/')[0]}/*", "*/*")
    return next((weights[item] for item in ranges if item in weights), 0.0)


def write_select(form: Format, sql: str, columns: Iterable[Attribute]) -> str:
    """Return what COPY reads, so that a statement with these columns comes out in a format."""
    selected = ", ".join(spell(form, column) for column in columns)
    return form.select.format(columns=selected, rows=f"({sql}\n) as result")


def spell(form: Format, column: Attribute) -> str:
    """Return a column as an item of a select list, under its own name."""
    name = '"' + column.name.replace('"', '""') + '"'
    spelling = form.spellings.get(column.type.kind) or form.spellings.get(column.type.name, "{}")
    return f"{spelling.replace('{}', name)} as {name}"


def describe_file(form: Format, name: str) -> asgi.Headers:
    """Return the headers of a file `name` in a format."""
    return [
        (b"content-type", form.media_type.encode()),
        (b"content-disposition", f'attachment; filename="{name}.{form.name}"'.encode()),
        (b"vary", b"accept"),
    ]
