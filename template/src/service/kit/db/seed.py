# kit: updated by the template; extend it from app.py
"""Sample rows of a table, for development and measurements: a slice says what one looks like, the tools copy them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from service.kit.db.query import Query

DEVELOPER = "development"
"""The account that sample rows belong to. `service token` makes a token for it."""


@dataclass(frozen=True)
class Seed:
    """Sample rows of one table, the same every time.

    `make_row` returns the columns of one row, for its number from 1 on and the time it was created. Rows go back in
    time, one for every five minutes before 2026, and the oldest `created_at` tells how many there are. For each query
    of `references`, `make_row` also takes the list that it returns, of rows to refer to.
    """

    table: str
    make_row: Callable[..., Mapping[str, object]]
    references: Sequence[Query] = ()
