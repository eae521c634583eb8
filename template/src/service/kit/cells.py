# kit: updated by the template; extend it from app.py
"""Rows of CSV and NDJSON as structs: what is no row of the kind is refused as a JSON body would be."""

import csv
from collections.abc import Sequence
from functools import cache

import msgspec
from msgspec.inspect import Metadata, NoneType, StrType, Type, UnionType, type_info
from msgspec.structs import fields

from service.kit import bodies
from service.kit.problems import invalid


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
