# kit: updated by the template; extend it from app.py
"""Files of rows as they are sent: taken apart into the text of each row while they arrive, in CSV or NDJSON.

Nothing here holds more than a chunk and one row, so an import of any length takes the memory of a short one.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

import msgspec
from msgspec.inspect import Metadata, NoneType, StrType, Type, UnionType, type_info
from msgspec.structs import fields

from service.kit import bodies
from service.kit.formats import Name
from service.kit.problems import Problem, invalid

MEDIA_TYPES: Mapping[str, Name] = MappingProxyType({"text/csv": "csv", "application/x-ndjson": "ndjson"})
ROW_BYTES = 65_536
"""The longest row: one that never ends, as after a quote that is not closed, must not be held in memory."""


class Line(NamedTuple):
    """The text of a row, and the number of its last line in the file, from 1."""

    number: int
    text: str


def read_form(content_type: str) -> Name:
    """Return what a file is by its media type. Raises a 415 problem."""
    form = MEDIA_TYPES.get(content_type.partition(";")[0].strip().lower())
    if form is None:
        raise Problem(415, "unsupported-media-type", f"Send a file as {' or '.join(MEDIA_TYPES)}.")
    return form


class Splitter:
    """Takes a file apart. Raises a 422 problem that names the line for what is no text, or too long.

    A row of CSV goes on in the next line while a quote is open, which it is after an odd number of them (RFC 4180). Its
    first row names the `columns`, which are fields of `kind`.
    """

    def __init__(self, form: Name, kind: type[msgspec.Struct]) -> None:
        self.is_csv = form == "csv"
        self.kind = kind
        self.columns: list[str] = []
        self.number = 0
        self.rest = b""
        self.open: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[Line]:
        """Yield the rows that are complete with the next bytes. Empty lines are no rows."""
        *ends, self.rest = (self.rest + data).split(b"\n")
        for end in ends:
            yield from self.take(end)
        self.bound(len(self.rest))

    def end(self) -> Iterator[Line]:
        """Yield the last row, if no line break ended it."""
        if self.rest:
            yield from self.take(self.rest)
        if self.open:
            raise self.refuse("a quote is not closed")

    def take(self, line: bytes) -> Iterator[Line]:
        """Yield the row that a line completes."""
        self.number += 1
        self.open.append(line.removesuffix(b"\r"))
        row = b"\n".join(self.open)
        self.bound(len(row))
        if self.is_csv and row.count(b'"') % 2:
            return
        self.open = []
        text = self.decode(row)
        if self.is_csv and not self.columns:
            self.columns = read_columns(text, self.kind)
        elif text.strip():
            yield Line(self.number, text)

    def decode(self, row: bytes) -> str:
        """Return a row as text that PostgreSQL can store."""
        if b"\0" in row:
            raise self.refuse("it contains the character NUL, which cannot be stored")
        try:
            return row.decode("utf-8-sig" if self.number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise self.refuse("it is not UTF-8") from None

    def bound(self, length: int) -> None:
        """Refuse a row that is too long."""
        if length + sum(map(len, self.open[:-1])) > ROW_BYTES:
            raise self.refuse(f"it is longer than {ROW_BYTES:,} bytes")

    def refuse(self, detail: str) -> Problem:
        """Return the problem of a line."""
        return invalid(f"line {self.number}", detail)


def read_columns(header: str, kind: type[msgspec.Struct]) -> list[str]:
    """Return the columns of a CSV by its first row: fields of `kind`, once each. Raises a 422 problem."""
    columns = next(csv.reader([header]))
    known = {field.name: field.required for field in fields(kind)}
    if unknown := [column for column in columns if column not in known]:
        raise invalid("line 1", f"{', '.join(unknown)}: there is no such column; there is {', '.join(known)}")
    if len(set(columns)) < len(columns):
        raise invalid("line 1", "a column is given twice")
    if missing := [name for name, required in known.items() if required and name not in columns]:
        raise invalid("line 1", f"{', '.join(missing)}: the column is missing")
    return columns


def read_row[Row: msgspec.Struct](text: str, columns: Sequence[str], kind: type[Row]) -> Row:
    """Return a row as `kind`, or raise a problem like that of a JSON body. Without `columns`, it is JSON.

    A cell of CSV is text, or JSON where the field is no text, as in an export. An empty cell leaves its field out.
    """
    return bodies.decode(encode_cells(text, columns, kind) if columns else text.encode(), "application/json", kind)


def encode_cells(text: str, columns: Sequence[str], kind: type[msgspec.Struct]) -> bytes:
    """Return a row of CSV as JSON."""
    cells = next(csv.reader([text]))
    if len(cells) != len(columns):
        raise invalid("row", f"it has {len(cells)} cells, and the first row has {len(columns)}")
    texts = find_texts(kind)
    return msgspec.json.encode(
        {
            name: cell if name in texts else msgspec.Raw(check_json(name, cell))
            for name, cell in zip(columns, cells, strict=True)
            if cell
        }
    )


def check_json(name: str, cell: str) -> bytes:
    """Return a cell that is JSON."""
    try:
        msgspec.json.decode(cell)
    except msgspec.DecodeError:
        raise invalid(name, "it is not JSON, like 3, true or a list in brackets") from None
    return cell.encode()


@cache
def find_texts(kind: type[msgspec.Struct]) -> frozenset[str]:
    """Return the fields that hold text."""
    return frozenset(field.name for field in fields(kind) if is_text(type_info(field.type)))


def is_text(info: Type) -> bool:
    """Return whether a type is text, which may be null."""
    if isinstance(info, Metadata):
        return is_text(info.type)
    return all(map(is_text, info.types)) if isinstance(info, UnionType) else isinstance(info, StrType | NoneType)
