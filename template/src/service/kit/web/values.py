# kit: updated by the template; extend it from app.py
"""Finds values that fit their type, and which PostgreSQL could not hold or would round."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from types import NoneType
from typing import Any
from uuid import UUID

import msgspec

from service.kit.work.problems import InvalidField

MAX_ERRORS = 20
"""Fields that a refusal names."""

MAX_LEVELS = 100
"""How deeply JSON may be nested: far more than anybody writes, and far less than any parser's
stack."""

DECIMAL_DIGITS = 14
DECIMAL_PLACES = 6
"""A decimal is a numeric(20, 6)."""

SURROGATE = re.compile("[\ud800-\udfff]")
STORABLE = frozenset((NoneType, bool, int, UUID))
CONTAINERS = (dict, list, tuple, set, frozenset, msgspec.Struct)

type Location = tuple[Location, Any, int] | None
"""Where a value is: the location of its container, that container, and its number in there."""


def find_unstorable(value: object) -> list[InvalidField]:
    """Return the fields of a decoded body that cannot be stored, at most `MAX_ERRORS`."""
    errors: list[InvalidField] = []
    collect_unstorable([value], None, 0, errors)  # it may be no container, but null
    return errors


def collect_unstorable(
    container: Any, location: Location, level: int, errors: list[InvalidField]
) -> None:
    """Add what is wrong in a container, whose parts may be half a million, of two bytes each."""
    if level == MAX_LEVELS + 2:  # the body, and the list around it, do not count
        too_deep = f"it is nested more than {MAX_LEVELS} levels deep"
        errors.append(InvalidField(format_location(location), too_deep))
        return
    parts: Iterable[Any] = container
    if isinstance(container, dict):
        parts = (*container, *container.values())
    elif isinstance(container, msgspec.Struct):
        parts = msgspec.structs.astuple(container)
    for number, part in enumerate(parts):
        kind = type(part)
        if kind in STORABLE or (kind is str and part.isprintable()):  # as most texts are
            continue
        if len(errors) >= MAX_ERRORS:
            return
        inner = (location, container, number)
        if kind is not str and isinstance(part, CONTAINERS):
            collect_unstorable(part, inner, level + 1, errors)
            continue
        detail = find_storage_error(part)
        if detail:
            errors.append(InvalidField(format_location(inner), detail))


def format_location(location: Location) -> str:
    """Return a location as clients know it, like `.lines.sku`. Items of a list go by its name."""
    path = ""
    while location is not None:
        outer, container, number = location
        if isinstance(container, msgspec.Struct):
            path = f".{container.__struct_encode_fields__[number]}{path}"
        elif isinstance(container, dict) and number >= len(container):  # before that it is a name
            name = [*container][number - len(container)]
            path = f".{name}{path}"
        location = outer
    return path


def find_storage_error(value: object) -> str | None:
    """Return why PostgreSQL could not hold a single value as it is, or None."""
    match value:
        case str():
            if "\x00" in value:
                return "it contains the character NUL, which cannot be stored"
            if not value.isascii() and SURROGATE.search(value):
                return "it contains half of a surrogate pair, which is no character"
        case float():
            return None if isfinite(value) else "it is not a finite number"
        case Decimal():
            return find_decimal_error(value)
        case datetime():
            return find_time_error(value)
    return None


def find_decimal_error(value: Decimal) -> str | None:
    if not value.is_finite():
        return "it is not a finite number"
    if value and value.adjusted() >= DECIMAL_DIGITS:
        return f"it may have {DECIMAL_DIGITS} digits before the point"
    if int(value.as_tuple().exponent) < -DECIMAL_PLACES:
        return f"it may have {DECIMAL_PLACES} digits after the point"
    return None


def find_time_error(value: datetime) -> str | None:
    if value.tzinfo is None:
        return "it needs its offset from UTC, like 2026-01-31T09:30:00Z"
    if datetime.min.year < value.year < datetime.max.year:
        return None
    try:
        utc = value.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        utc = datetime.max
    if utc in (datetime.min, datetime.max):  # which to the driver are infinite
        return "it must lie within the years 1 to 9999 in UTC, and not at their very ends"
    return None
