# kit: updated by the template; extend it from app.py
"""The formats of an export, CSV and NDJSON: which one a client asks for, and the COPY that writes it."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from asyncpg.types import Attribute

from service.kit.edge import Problem, asgi

type FormatName = Literal["csv", "ndjson"]


class Format(NamedTuple):
    """One format.

    `select` is what COPY reads, `options` are those of COPY, and `spellings` has how values of a type are written where
    PostgreSQL's own way would surprise a reader of the API's JSON.
    """

    name: FormatName
    media_type: str
    select: str
    options: Mapping[str, object]
    spellings: Mapping[str, str]


# As in the API's JSON: true instead of t, ["a"] instead of {a}, 2026-01-31T09:30:00Z instead of 2026-01-31 09:30:00+00.
# The last costs PostgreSQL 0.4 µs a value; infinity has no other form, and keeps its own.
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

# One JSON object a line. COPY's text format would double its backslashes, so it is "CSV" whose special characters occur
# in no JSON text: within strings they are escaped, and elsewhere they are not allowed. Nothing is ever quoted then.
# `json` keeps the line breaks it was written with, so it becomes jsonb, which has none. A numeric is a string, as in
# the API's JSON: most readers would make an inexact number of it.
NDJSON = Format(
    "ndjson",
    "application/x-ndjson",
    "select row_to_json(exported.*) from (select {columns} from {rows}) as exported",
    MappingProxyType({"format": "csv", "quote": "\x01", "delimiter": "\x02"}),
    {"json": "{}::jsonb", "numeric": "{}::text"},
)

TEXTS = ("text", "varchar", "bpchar", "name", "citext")
FORMULA = "case when ascii({}) in (9, 10, 13, 43, 45, 61, 64) then '''' || {} else {} end"
"""A spreadsheet runs a cell that begins with = + - @, a tab or a line break; behind an apostrophe it is text."""

ESCAPED_CSV = CSV._replace(spellings={**CSV.spellings, **dict.fromkeys(TEXTS, FORMULA)})

FORMATS = {form.name: form for form in (CSV, NDJSON)}
MEDIA_TYPES = {form.media_type.partition(";")[0]: form.name for form in FORMATS.values()}


def choose(name: FormatName | None, scope: asgi.Scope, *, escape_formulas: bool = False) -> Format:
    """Return the named format, or the one that the request's `Accept` prefers. Raises a 406 problem."""
    form = FORMATS[name] if name is not None else negotiate(scope)
    return ESCAPED_CSV if form is CSV and escape_formulas else form


def negotiate(scope: asgi.Scope) -> Format:
    accepted = [value.decode("latin-1") for key, value in scope["headers"] if key == b"accept"]
    weights = asgi.weigh(",".join(accepted) or "*/*")
    best = max(FORMATS.values(), key=lambda form: weigh(form, weights))
    if not weigh(best, weights):
        raise Problem(406, "not-acceptable", "Accept text/csv or application/x-ndjson, or add format=csv to the query.")
    return best


def weigh(form: Format, weights: Mapping[str, float]) -> float:
    """Return how much a client wants a format; the most specific range decides."""
    kind = form.media_type.partition(";")[0]
    ranges = (kind, f"{kind.partition('/')[0]}/*", "*/*")
    return next((weights[item] for item in ranges if item in weights), 0.0)


def write(form: Format, sql: str, columns: Iterable[Attribute]) -> str:
    """Return what COPY reads, so that a statement with these columns comes out in a format."""
    selected = ", ".join(spell(form, column) for column in columns)
    return form.select.format(columns=selected, rows=f"({sql}\n) as result")


def spell(form: Format, column: Attribute) -> str:
    """Return a column as an item of a select list, under its own name."""
    name = '"' + column.name.replace('"', '""') + '"'
    spelling = form.spellings.get(column.type.kind) or form.spellings.get(column.type.name, "{}")
    return f"{spelling.replace('{}', name)} as {name}"


def describe(form: Format, name: str) -> asgi.Headers:
    """Return the headers of a file `name` in a format."""
    return [
        (b"content-type", form.media_type.encode()),
        (b"content-disposition", f'attachment; filename="{name}.{form.name}"'.encode()),
        (b"vary", b"accept"),
    ]
