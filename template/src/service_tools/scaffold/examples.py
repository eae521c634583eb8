# kit: updated by the template; extend it from app.py
"""What a client may send in a field, and what it may not, as the Python source of a test."""

from dataclasses import dataclass

from service_tools.scaffold.fields import Column


@dataclass(frozen=True)
class Example:
    """Two values that are stored and shown as they are sent, values that are refused, and query strings that are."""

    first: str
    second: str
    bad: tuple[str, ...]
    misspelt: tuple[str, ...] = ()


EXAMPLES = {
    "Text": Example('"first"', '"second"', ('""', '"x" * 201', r'"a\x00b"'), ("", "a%00b")),
    "Integer": Example("3", "-4", ("2**53", "-(2**53)", "1.5"), ("x", "9007199254740992")),
    "bool": Example("True", "False", ('"yes"',), ("maybe",)),
    "Numeric": Example('"12.500000"', '"-0.000001"', ('"NaN"', '"1e14"', '"0.0000001"'), ("NaN", "1e14")),
    "Date": Example('"2026-01-31"', '"9999-12-31"', ('"2026-02-30"', '"10000-01-01"'), ("2026-02-30",)),
    "Moment": Example(
        '"2026-01-31T09:30:00Z"',
        '"0001-01-01T00:00:01Z"',
        (
            '"2026-01-31T09:30:00"',
            '"0001-01-01T00:00:00Z"',
            '"0001-01-01T00:00:00+05:00"',
            '"9999-12-31T23:59:59-05:00"',
        ),
        ("2026-01-31T09:30:00", "0001-01-01T00:00:00%2B05:00"),
    ),
    "UUID": Example(
        '"0198f2a1-5c0e-7b5a-9d2e-3f4a5b6c7d8e"', '"0198f2a1-5c0e-7b5a-9d2e-3f4a5b6c7d8f"', ('"x"',), ("x",)
    ),
    "Texts": Example('["first", "größe"]', '["second"]', ('["x"] * 21', r'["a\x00b"]', '"first"')),
    "StoredJson": Example('{"größe": [{"a": None}, 1.5]}', "{}", (r'{"a": [["\x00"]]}', "[]", '"text"')),
    "Minor": Example("1999", "0", ("-1", "2**53", "19.99")),
    "Currency": Example('"EUR"', '"USD"', ('"euro"',)),
}


def find(column: Column) -> Example:
    """Return the example of a column."""
    if column.choices:
        return Example(f'"{column.choices[0]}"', f'"{column.choices[-1]}"', ('"no such"',), ("no%20such",))
    return EXAMPLES[column.wire]
