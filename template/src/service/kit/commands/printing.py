# kit: updated by the template; extend it from app.py
"""What commands print: tables for people, JSON for programs."""

from collections.abc import Collection, Sequence
from math import inf

import click
import msgspec

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def print_json(value: object) -> None:
    """Print a value as JSON, with rows of the database as objects."""
    encoded = msgspec.json.encode(value, enc_hook=dict)
    click.echo(msgspec.json.format(encoded, indent=2))


MAX_COLUMN_WIDTH = 40
"""Longer texts stick out, rather than widen the column for all."""


def print_table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()
) -> None:
    """Print rows below their headers. The columns of `right` are aligned to the right."""
    is_right = [header in right for header in headers]
    for line in align_columns([headers, *rows], is_right, MAX_COLUMN_WIDTH):
        click.echo(line)


def align_columns(
    table: Sequence[Sequence[str]], is_right: Sequence[bool], max_width: float = inf
) -> list[str]:
    """Return the lines of a table, each column as wide as its longest text up to `max_width`."""
    columns = []
    for texts, right in zip(zip(*table, strict=True), is_right, strict=True):
        width = max(len(text) for text in texts if len(text) <= max_width)
        align = str.rjust if right else str.ljust
        columns.append([align(text, width) for text in texts])
    return ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
