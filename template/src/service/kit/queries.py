# kit: updated by the template; extend it from app.py
"""SQL statements as objects: a slice's `queries.py` defines them, `kit.db` executes them."""

from collections.abc import Callable
from inspect import cleandoc


class Query[Row]:
    """One statement, with `$1, $2 …` for its arguments, and what each row of its result becomes.

    `row` is called with the columns, by position. `{columns}` in the SQL stands for the fields of a struct `row`, so
    that a select list and its type cannot drift apart.
    """

    __slots__ = ("row", "sql")

    def __init__(self, sql: str, row: Callable[..., Row]) -> None:
        fields: tuple[str, ...] = getattr(row, "__struct_fields__", ())
        self.sql = cleandoc(sql).replace("{columns}", ", ".join(fields))
        self.row = row
