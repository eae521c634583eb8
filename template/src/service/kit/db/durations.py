# kit: updated by the template; extend it from app.py
"""Counts how long statements took, by their names, for `/metrics`."""

import re
from collections import defaultdict
from functools import cache
from importlib import import_module

from service.kit import PACKAGE
from service.kit.db.query import find_queries
from service.kit.work import metrics

type Duration = tuple[str, float]
"""The text of a statement, and the seconds that it took."""

OTHER = "other"
"""The name, in `/metrics`, of the kit's own statements, and of any that no `queries.py` names."""


CHANGE = re.compile(r"\b(insert|update|delete)(?: into| from)? (kit\.\w+)")
"""What a statement of the kit changes."""


@cache
def read_names() -> dict[str, str]:
    """Return the name of each statement by its text. The first call reads files."""
    package = import_module(PACKAGE)
    return {query.sql: name for name, query in find_queries(package)}


def name_statement(sql: str) -> str:
    """Return the name of a statement, or of one without, what it does: "INSERT kit.guesses"."""
    name = read_names().get(sql)
    if name:
        return name
    change = CHANGE.search(sql)
    if change:
        return f"{change[1].upper()} {change[2]}"
    return sql.split(None, 1)[0].upper()


def count_durations(borrowed: list[list[Duration]]) -> None:
    """Count the statements of borrowed connections, those of one name together."""
    names = read_names()
    seconds_by_name = defaultdict[str, list[float]](list)
    for durations in borrowed:
        for sql, seconds in durations:
            name = names.get(sql, OTHER)
            seconds_by_name[name].append(seconds)
    for name, spent in seconds_by_name.items():
        histogram = metrics.get_metrics().statement_seconds.labels(name)
        histogram.observe_all(spent)
