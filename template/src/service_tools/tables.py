# kit: updated by the template; extend it from app.py
"""Tables of text, with cells formatted and aligned by column."""

from collections.abc import Mapping, Sequence

TEXT = "<"

type Columns = Mapping[str, str]
"""Titles, each with the format of its cells.

`TEXT` is for code and other long text, on the left. All other formats, such as "" or ",.1f",
put cells on the right, except in the first column.
"""


def format_rows(columns: Columns, rows: Sequence[Sequence[object]]) -> list[list[str]]:
    """Return rows of text."""
    formats = columns.values()
    return [list(map(format_cell, row, formats)) for row in rows]


def format_cell(cell: object, spec: str) -> str:
    """Return a cell as text, or a dash for None."""
    return "-" if cell is None else format(cell, spec)


def align_rows(columns: Columns, rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines: the titles, and a line for each row."""
    table = [[*columns], *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    pads = [str.ljust if spec == TEXT else str.rjust for spec in columns.values()]
    pads[0] = str.ljust

    lines = []
    for row in table:
        cells = [pad(cell, width) for pad, cell, width in zip(pads, row, widths, strict=True)]
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return lines
