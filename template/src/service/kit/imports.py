# kit: updated by the template; extend it from app.py
"""Files of rows as they are sent: taken apart into the text of each row while they arrive, in CSV or NDJSON.

Nothing here holds more than a chunk and one row, so an import of any length takes the memory of a short one.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from service.kit import cells, formats
from service.kit.problems import Problem, invalid

ROW_BYTES = 65_536
"""The longest row: one that never ends, as after a quote that is not closed, must not be held in memory."""


class Line(NamedTuple):
    """The text of a row, and the number of its last line in the file, from 1."""

    number: int
    text: str


def read_form(content_type: str) -> formats.Name:
    """Return what a file is by its media type. Raises a 415 problem."""
    form = formats.MEDIA_TYPES.get(content_type.partition(";")[0].strip().lower())
    if form is None:
        raise Problem(415, "unsupported-media-type", f"Send a file as {' or '.join(formats.MEDIA_TYPES)}.")
    return form


class Splitter:
    """Takes a file apart. Raises a 422 problem that names the line for what is no text, or too long.

    A row of CSV goes on in the next line while a quote is open, which it is after an odd number of them (RFC 4180). Its
    first row names the `columns`, which are fields of `kind`.
    """

    def __init__(self, form: formats.Name, kind: type[msgspec.Struct]) -> None:
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
            self.columns = cells.read_columns(text, self.kind)
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
