# kit: updated by the template; extend it from app.py
"""Values that fit their type and still cannot be stored: they are refused by the field's name."""

from datetime import datetime
from decimal import Decimal

from service.kit.edge import invalid
from service.kit.rows import instant

WHOLE_DIGITS = 14
DECIMAL_PLACES = 6
"""A decimal is a numeric(20, 6): 14 digits before the point and 6 after it."""

MOST_LEVELS = 100
"""How deeply JSON may be nested: far more than anybody writes, and far less than any parser's stack."""


def check(**fields: object) -> None:
    """Raise a 422 problem for the first field whose value PostgreSQL could not hold, or would round."""
    for name, value in fields.items():
        if isinstance(value, datetime):
            check_instant(name, value)
        elif fault := find_fault(value):
            raise invalid(name, fault)


def check_instant(name: str, value: datetime) -> None:
    """Raise a 422 problem for a time without offset, and for the two that the driver takes for infinities."""
    if instant(name, value).replace(tzinfo=None) in (datetime.min, datetime.max):
        raise invalid(name, "it must lie within the years 1 to 9999, and not at their very ends")


def find_fault(value: object, level: int = 0) -> str | None:
    """Return what is wrong with a value, or None."""
    match value:
        case str() if "\x00" in value:
            return "it contains the character NUL, which cannot be stored"
        case Decimal():
            return find_decimal_fault(value)
        case dict() | list() if level == MOST_LEVELS:
            return f"it is nested more than {MOST_LEVELS} levels deep"
        case dict():
            parts = [*value.keys(), *value.values()]
        case list():
            parts = value
        case _:
            return None
    return next((fault for part in parts if (fault := find_fault(part, level + 1))), None)


def find_decimal_fault(value: Decimal) -> str | None:
    """Return why a decimal cannot be stored exactly, or None."""
    if not value.is_finite():
        return "it is not a finite number"
    digits = value.as_tuple().digits
    exponent = value.adjusted() - len(digits) + 1  # of the last digit
    if value and value.adjusted() >= WHOLE_DIGITS:
        return f"it may have {WHOLE_DIGITS} digits before the point"
    if exponent < -DECIMAL_PLACES:
        return f"it may have {DECIMAL_PLACES} digits after the point"
    return None
