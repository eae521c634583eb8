# kit: updated by the template; extend it from app.py
"""What a client sent is refused by the names of the fields: also values that fit their type and cannot be stored."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from math import isfinite
from typing import Any

import msgspec

from service.kit.edge import InvalidField, Problem

MOST_FAULTS = 20
MOST_ECHOED = 100
"""Characters of a name or a message, whose length the client may have chosen."""
MOST_LEVELS = 100
"""How deeply JSON may be nested: far more than anybody writes, and far less than any parser's stack."""
WHOLE_DIGITS, DECIMAL_PLACES = 14, 6
"""A decimal is a numeric(20, 6)."""
SURROGATE = re.compile("[\ud800-\udfff]")


def cut(text: str) -> str:
    """Return what may be echoed of a text."""
    return text if len(text) <= MOST_ECHOED else f"{text[:MOST_ECHOED]}…"


def refuse(faults: Iterable[InvalidField]) -> Problem:
    """422, for all of these fields."""
    named = [
        InvalidField(cut(fault.field.lstrip(".")) or "body", cut(fault.detail)) for fault in islice(faults, MOST_FAULTS)
    ]
    return Problem(422, "invalid", "; ".join(f"{fault.field}: {fault.detail}" for fault in named), *named)


def find_unstorable(value: Any, path: str = "", level: int = -1) -> Iterator[InvalidField]:
    """Yield every field whose value fits its type, and which PostgreSQL could not hold or would round."""
    match value:
        case dict() | list() | tuple() | set() | frozenset() | msgspec.Struct() if level == MOST_LEVELS:
            yield InvalidField(path, f"it is nested more than {MOST_LEVELS} levels deep")
        case dict():
            for name, part in value.items():
                yield from find_unstorable(name, path, level)
                yield from find_unstorable(part, f"{path}.{name}", level + 1)
        case msgspec.Struct():
            for name in value.__struct_fields__:
                yield from find_unstorable(getattr(value, name), f"{path}.{name}", level + 1)
        case list() | tuple() | set() | frozenset():
            for part in value:
                yield from find_unstorable(part, path, level + 1)
        case _ if detail := find_fault(value):
            yield InvalidField(path, detail)


def find_fault(value: object) -> str | None:
    """Return why PostgreSQL could not hold a single value as it is, or None."""
    match value:
        case str() if "\x00" in value:
            return "it contains the character NUL, which cannot be stored"
        case str() if SURROGATE.search(value):
            return "it contains half of a surrogate pair, which is no character"
        case float() if not isfinite(value):
            return "it is not a finite number"
        case Decimal() if not value.is_finite():
            return "it is not a finite number"
        case Decimal() if value and value.adjusted() >= WHOLE_DIGITS:
            return f"it may have {WHOLE_DIGITS} digits before the point"
        case Decimal() if int(value.as_tuple().exponent) < -DECIMAL_PLACES:
            return f"it may have {DECIMAL_PLACES} digits after the point"
        case datetime(tzinfo=None):
            return "it needs its offset from UTC, like 2026-01-31T09:30:00Z"
        case datetime():
            try:
                is_infinite = value.astimezone(UTC).replace(tzinfo=None) in (datetime.min, datetime.max)
            except OverflowError:
                is_infinite = True  # to the driver, the first and the last moment are
            return "it must lie within the years 1 to 9999 in UTC, and not at their very ends" if is_infinite else None
    return None
