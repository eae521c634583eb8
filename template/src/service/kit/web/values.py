# kit: updated by the template; extend it from app.py
"""Values that fit their type, and which PostgreSQL could not hold or would round."""

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

MOST_FAULTS = 20
"""Fields that a refusal names."""
MOST_LEVELS = 100
"""How deeply JSON may be nested: far more than anybody writes, and far less than any parser's
stack."""
WHOLE_DIGITS, DECIMAL_PLACES = 14, 6
"""A decimal is a numeric(20, 6)."""

SURROGATE = re.compile("[\ud800-\udfff]")
STORABLE = frozenset((NoneType, bool, int, UUID))
CONTAINERS = (dict, list, tuple, set, frozenset, msgspec.Struct)
INFINITE = "it must lie within the years 1 to 9999 in UTC, and not at their very ends"

type Place = tuple[Place, Any, int] | None
"""Where a value stands: the place of the container it is in, that container, and its number
there."""


def find_unstorable(value: object) -> list[InvalidField]:
    """Return the fields of a decoded body that cannot be stored, at most `MOST_FAULTS`."""
    faults: list[InvalidField] = []
    collect_unstorable([value], None, -2, faults)  # it may be no container, but null
    return faults


def collect_unstorable(value: Any, place: Place, level: int, faults: list[InvalidField]) -> None:
    """Add the faults in a container, whose parts may be half a million, of two bytes each."""
    if level == MOST_LEVELS:
        too_deep = f"it is nested more than {MOST_LEVELS} levels deep"
        faults.append(InvalidField(spell(place), too_deep))
        return
    parts: Iterable[Any] = value
    if isinstance(value, dict):
        parts = (*value, *value.values())
    elif isinstance(value, msgspec.Struct):
        parts = msgspec.structs.astuple(value)
    for number, part in enumerate(parts):
        kind = type(part)
        if kind in STORABLE or (kind is str and part.isprintable()):  # as most texts are
            continue
        if len(faults) >= MOST_FAULTS:
            return
        if kind is not str and isinstance(part, CONTAINERS):
            collect_unstorable(part, (place, value, number), level + 1, faults)
        elif detail := find_fault(part):
            faults.append(InvalidField(spell((place, value, number)), detail))


def spell(place: Place) -> str:
    """Return a place as clients know it, like `.lines.sku`. Items of a list go by its name."""
    path = ""
    while place is not None:
        outer, value, number = place
        if isinstance(value, msgspec.Struct):
            path = f".{value.__struct_encode_fields__[number]}{path}"
        elif isinstance(value, dict) and number >= len(value):  # before that it is a name
            path = f".{[*value][number - len(value)]}{path}"
        place = outer
    return path


def find_fault(value: object) -> str | None:
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
            return find_fault_of_decimal(value)
        case datetime():
            return find_fault_of_time(value)
    return None


def find_fault_of_decimal(value: Decimal) -> str | None:
    if not value.is_finite():
        return "it is not a finite number"
    if value and value.adjusted() >= WHOLE_DIGITS:
        return f"it may have {WHOLE_DIGITS} digits before the point"
    if int(value.as_tuple().exponent) < -DECIMAL_PLACES:
        return f"it may have {DECIMAL_PLACES} digits after the point"
    return None


def find_fault_of_time(value: datetime) -> str | None:
    if value.tzinfo is None:
        return "it needs its offset from UTC, like 2026-01-31T09:30:00Z"
    if datetime.min.year < value.year < datetime.max.year:
        return None
    try:
        is_infinite = value.astimezone(UTC).replace(tzinfo=None) in (datetime.min, datetime.max)
    except OverflowError:
        is_infinite = True  # to the driver, the first and the last moment are
    return INFINITE if is_infinite else None
