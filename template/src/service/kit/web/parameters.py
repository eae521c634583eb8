# kit: updated by the template; extend it from app.py
"""Query parameters: each is known, given once, and written as the description of the API says.

The framework converts leniently, and drops what it does not know: a filter that is misspelt would filter nothing.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from service.kit.edge import invalid


def check(given: Iterable[tuple[str, str]], known: Mapping[str, Any]) -> None:
    """Raise a 422 problem for a parameter that is not `known` by its type, or given twice, or in a lenient form."""
    seen: set[str] = set()
    for name, value in given:
        if name not in known:
            raise invalid(name, f"there is no such parameter; known are {', '.join(sorted(known)) or 'none'}")
        if name in seen:
            raise invalid(name, "it is given twice")
        seen.add(name)
        if fault := find_leniency(value, known[name]):
            raise invalid(name, fault)


def find_leniency(value: str, annotation: Any) -> str | None:
    """Return what is wrong with a value that the framework would take for another one, or None."""
    try:
        taken_for = msgspec.convert(value, annotation, strict=False)
    except msgspec.ValidationError:
        return None  # which the framework reports
    match taken_for:
        case None:
            return "leave the parameter out instead"
        case bool() if value not in ("true", "false"):
            return "it must be true or false"
        case datetime() if "T" not in value.upper() and " " not in value:
            return "it must be a time like 2026-01-31T09:30:00Z"
        case _:
            return None
