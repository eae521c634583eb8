# kit: updated by the template; extend it from app.py
"""The formats of exports: NDJSON, and CSV in which formulas are escaped."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Literal, NamedTuple

from asyncpg.types import Attribute

from service.kit.work import asgi, headers
from service.kit.work.problems import Problem

type FormatName = Literal["csv", "ndjson"]


class Format(NamedTuple):
    """One format.

    `select` is what COPY reads, `options` are those of COPY, and `spellings` has SQL for
    types whose values PostgreSQL writes in a way that would surprise a reader of the API's JSON.
    """

    name: FormatName
    media_type: str
    parameters: str
    select: str
    options: Mapping[str, object]
    spellings: Mapping[str, str]


# As in the API's JSON, 2026-01-31T09:30:00.000000Z. It costs PostgreSQL 0.4 µs a value; infinity
# has no other form, and keeps its own.
TIME = """coalesce(to_char({}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), {}::text)"""
TIMES = f"array(select {TIME.format('item', 'item')} from unnest({{}}) as item)"  # noqa: S608
TIME_SPELLINGS = {
    "timestamptz": TIME,
    "timestamptz[]": f"case when {{}} is not null then to_json({TIMES}) end",
}

# As in the API's JSON: true instead of t, and ["a"] instead of {a}.
CSV = Format(
    "csv",
    "text/csv",
    "; charset=utf-8; header=present",
    "select {columns} from {rows}",
    {"format": "csv", "header": True},
    {
        "array": "to_json({})",
        "composite": "to_json({})",
        "record": "to_json({})",
        "bool": "{}::text",
        **TIME_SPELLINGS,
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
    "",
    "select row_to_json(exported.*) from (select {columns} from {rows}) as exported",
    {"format": "csv", "quote": "\x01", "delimiter": "\x02"},
    {"json": "{}::jsonb", "numeric": "{}::text", **TIME_SPELLINGS},
)

FORMATS = {form.name: form for form in (CSV, NDJSON)}
MEDIA_TYPES = tuple(form.media_type for form in FORMATS.values())

TEXT_TYPES = ("text", "varchar", "bpchar", "name", "citext")

FORMULA_SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"
"""A spreadsheet runs a cell that begins with one of these signs, which include full-width and small
forms."""

BREAKS = "\t\n\r"
"""Some spreadsheets run a cell that begins with one of these, or take it for the end of a cell."""

INVISIBLE = (
    *range(0x01, 0x21),  # control characters, and the space
    *range(0x7F, 0xA1),
    *(0xAD, 0x61C, 0x1680, 0x180E),
    *range(0x2000, 0x2010),  # spaces of every width, even zero, and direction marks
    *range(0x2028, 0x2030),
    *range(0x205F, 0x2070),
    *(0x3000, 0xFEFF),
)
"""Characters that a spreadsheet may drop before it looks for a sign."""


def write_formula_escape() -> str:
    """Return SQL that puts an apostrophe before a formula, so that a spreadsheet shows it as text.

    Nearly all texts begin with another character, and cost one lookup in a list of numbers.
    """
    codes = [*map(ord, FORMULA_SIGNS), *INVISIBLE]
    first = ", ".join(map(str, codes))
    signs = escape_characters(FORMULA_SIGNS)
    breaks = escape_characters(BREAKS)
    before_sign = escape_characters(map(chr, INVISIBLE))
    is_formula = f"{{}} ~ E'^(?:[{breaks}]|[{before_sign}]*[{signs}])'"
    return f"case when ascii({{}}) in ({first}) and {is_formula} then '''' || {{}} else {{}} end"


def escape_characters(characters: Iterable[str]) -> str:
    """Return characters as an escape string of SQL has them."""
    return "".join(f"\\\\u{ord(character):04x}" for character in characters)


escaped_texts = dict.fromkeys(TEXT_TYPES, write_formula_escape())
ESCAPED_CSV = CSV._replace(spellings={**CSV.spellings, **escaped_texts})


def choose_format(
    name: FormatName | None, scope: asgi.Scope, *, escape_formulas: bool = False
) -> Format:
    """Return the named format, or the one that the header `Accept` prefers.

    Raises a 406 problem.
    """
    form = FORMATS[name] if name is not None else negotiate_format(scope)
    return ESCAPED_CSV if form is CSV and escape_formulas else form


def negotiate_format(scope: asgi.Scope) -> Format:
    fields = headers.merge_headers(scope["headers"])
    accepted = fields.get(b"accept") or b"*/*"
    qvalues = headers.parse_qvalues(accepted.decode("latin-1"))
    wanted = partial(get_qvalue, qvalues)
    best = max(FORMATS.values(), key=wanted)
    if not wanted(best):
        advice = "Accept text/csv or application/x-ndjson, or add format=csv to the query."
        raise Problem(406, "not-acceptable", advice)
    return best


def get_qvalue(qvalues: Mapping[str, float], form: Format) -> float:
    """Return how much a client wants a format; the most specific range decides."""
    kind, _, _ = form.media_type.partition("/")
    ranges = (form.media_type, f"{kind}/*", "*/*")
    for media_range in ranges:
        if media_range in qvalues:
            return qvalues[media_range]
    return 0.0


def write_select(form: Format, sql: str, columns: Iterable[Attribute]) -> str:
    """Return what COPY reads, so that a statement with these columns comes out in a format."""
    selected = ", ".join(write_column(form, column) for column in columns)
    rows = f"(\n{sql}\n) as result"
    return form.select.format(columns=selected, rows=rows)


def write_column(form: Format, column: Attribute) -> str:
    """Return a column as an item of a select list, under its own name."""
    escaped = column.name.replace('"', '""')
    name = f'"{escaped}"'
    of_kind = form.spellings.get(column.type.kind, "{}")
    spelling = form.spellings.get(column.type.name, of_kind)
    value = spelling.replace("{}", name)
    return f"{value} as {name}"


def make_file_headers(form: Format, name: str) -> asgi.Headers:
    """Return the headers of a file `name` in a format."""
    content_type = f"{form.media_type}{form.parameters}"
    disposition = f'attachment; filename="{name}.{form.name}"'
    return [
        (b"content-type", content_type.encode()),
        (b"content-disposition", disposition.encode()),
        (b"vary", b"accept"),
    ]
