# kit: updated by the template; extend it from app.py
"""Filters of a list: one at a time, because every combination would need a statement and an index of its own."""

from typing import NamedTuple

from service.kit.edge import invalid


class Filter(NamedTuple):
    """The filter that a request asks for: its name, and its value as the argument of a statement; or neither."""

    name: str | None
    args: tuple[object, ...]


def pick(**filters: object) -> Filter:
    """Return the one filter that is given, with None for each that is not. A second one is refused with 422."""
    given = {name: value for name, value in filters.items() if value is not None}
    if len(given) > 1:
        first, second, *_ = given
        raise invalid(second, f"a list takes one filter at a time, and {first} is given as well")
    return Filter(next(iter(given), None), tuple(given.values()))
