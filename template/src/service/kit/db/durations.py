# kit: updated by the template; extend it from app.py
"""How long each named statement takes, for `/metrics`: noted one by one, and counted many at once."""

from collections import defaultdict
from functools import cache
from importlib import import_module

from service.kit import PACKAGE
from service.kit.db.query import find
from service.kit.edge import Batch, metrics

PAUSE = 1.0
MOST_WAITING = 1000
OTHER = "other"
"""What stands for the kit's own statements, and for any that no `queries.py` names."""


def note(sql: str, seconds: float) -> None:
    durations().add((sql, seconds))


@cache
def durations() -> Batch[tuple[str, float]]:
    """Return the durations of this process that are still to be counted."""
    return Batch(count, PAUSE, MOST_WAITING)


@cache
def read_names() -> dict[str, str]:
    """Return the name of each statement by its text. The first call looks for files."""
    return {query.sql: name for name, query in find(import_module(PACKAGE))}


def count(noted: list[tuple[str, float]]) -> None:
    times, names = defaultdict[str, list[float]](list), read_names()
    for sql, seconds in noted:
        times[names.get(sql, OTHER)].append(seconds)
    for name, seconds in times.items():
        metrics.meters().statements.labels(name).observe_all(seconds)
