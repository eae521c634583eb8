# kit: updated by the template; extend it from app.py
"""Tables of text, with cells formatted and aligned by column."""

from collections.abc import Mapping, Sequence

from service.kit.commands.printing import align_columns

TEXT = "<"
NOT_MEASURED = "\N{EN DASH}"

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
    return NOT_MEASURED if cell is None else format(cell, spec)


def align_rows(columns: Columns, rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines: the titles, and a line for each row."""
    is_right = [spec != TEXT for spec in columns.values()]
    is_right[0] = False
    return [f"  {line}" for line in align_columns([[*columns], *rows], is_right)]
