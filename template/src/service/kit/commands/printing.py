# kit: updated by the template; extend it from app.py
"""What commands print: tables for people, JSON for programs."""

from collections.abc import Collection, Sequence

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
    lines = [headers, *rows]
    columns = []
    for texts in zip(*lines, strict=True):
        width = max(len(text) for text in texts if len(text) <= MAX_COLUMN_WIDTH)
        align = str.rjust if texts[0] in right else str.ljust
        columns.append([align(text, width) for text in texts])
    for cells in zip(*columns, strict=True):
        click.echo("  ".join(cells).rstrip())
