# kit: updated by the template; extend it from app.py
"""JSON in a column: the driver takes and returns it as text, and an answer contains that text as it is."""

import msgspec


def dump(document: object) -> str | None:
    """Return the JSON text of what a client sent, or of a row's column, to store it; None stays None."""
    return None if document is None else msgspec.json.encode(document).decode()


def embed(row: msgspec.Struct, *columns: str) -> None:
    """Turn the text of JSON columns into JSON, without decoding it. Call it in `__post_init__` of the row type."""
    for column in columns:
        text = getattr(row, column)
        if isinstance(text, str):
            msgspec.structs.force_setattr(row, column, msgspec.Raw(text))
