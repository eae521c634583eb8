# kit: updated by the template; extend it from app.py
"""Sample rows of a table, for development and measurements: a slice says what one looks like, the tools copy them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from service.kit.db.query import Query

DEVELOPER = "development"
"""The account that sample rows belong to. `service token` makes a token for it."""

NEWEST = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(minutes=5)


@dataclass(frozen=True)
class Seed:
    """Sample rows of one table, the same every time.

    `make_row` returns the columns of row `number`, counted from 1, by their names. `created_at` is what `sample_time`
    returns, or up to five minutes later: it tells which rows are there already. `references` are statements that return
    keys of other tables; their rows are passed on to `make_row`.
    """

    table: str
    make_row: Callable[..., dict[str, object]]
    references: Sequence[Query[Any]] = ()


def sample_time(number: int) -> datetime:
    """Return when a sample row was created: one every five minutes, back from 2026."""
    return NEWEST - number * EVERY
