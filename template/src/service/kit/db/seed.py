# kit: updated by the template; extend it from app.py
"""Sample rows of a table, for development and measurements: a slice says what one looks like, the tools copy them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.kit.db.query import Query

DEVELOPER = "development"
"""The account that sample rows belong to. `service token` makes a token for it."""


@dataclass(frozen=True)
class Seed:
    """Sample rows of one table, the same every time.

    `make_row` returns the values of `columns` for a number from 1 on. `count`, run with `args`, returns the number of
    the last row that is there already, or 0.
    """

    table: str
    columns: Sequence[str]
    make_row: Callable[[int], tuple[object, ...]]
    count: Query
    args: tuple[object, ...] = ()
