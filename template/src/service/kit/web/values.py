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
    detail = None
    match value:
        case str():
            detail = find_text_fault(value)
        case Decimal():
            detail = find_decimal_fault(value)
        case datetime():
            detail = find_instant_fault(value)
        case float() if not isfinite(value):
            detail = "it is not a finite number"
        case dict() | list() | tuple() | set() | frozenset() | msgspec.Struct() if level == MOST_LEVELS:
            detail = f"it is nested more than {MOST_LEVELS} levels deep"
        case list() | tuple() | set() | frozenset():
            for part in value:
                yield from find_unstorable(part, path, level + 1)
        case dict():
            for name, part in value.items():
                yield from find_unstorable(name, path, level)
                yield from find_unstorable(part, f"{path}.{name}", level + 1)
        case msgspec.Struct():
            for name in value.__struct_fields__:
                yield from find_unstorable(getattr(value, name), f"{path}.{name}", level + 1)
    if detail:
        yield InvalidField(path, detail)


def find_text_fault(value: str) -> str | None:
    if "\x00" in value:
        return "it contains the character NUL, which cannot be stored"
    return "it contains half of a surrogate pair, which is no character" if SURROGATE.search(value) else None


def find_decimal_fault(value: Decimal) -> str | None:
    if not value.is_finite():
        return "it is not a finite number"
    if value and value.adjusted() >= WHOLE_DIGITS:
        return f"it may have {WHOLE_DIGITS} digits before the point"
    exponent = value.as_tuple().exponent
    return f"it may have {DECIMAL_PLACES} digits after the point" if int(exponent) < -DECIMAL_PLACES else None


def find_instant_fault(value: datetime) -> str | None:
    """Return why a time cannot be stored: without offset, or one of the two that the driver takes for infinities."""
    if value.tzinfo is None:
        return "it needs its offset from UTC, like 2026-01-31T09:30:00Z"
    try:
        if value.astimezone(UTC).replace(tzinfo=None) not in (datetime.min, datetime.max):
            return None
    except OverflowError:
        pass
    return "it must lie within the years 1 to 9999 in UTC, and not at their very ends"
