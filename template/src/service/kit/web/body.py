# kit: updated by the template; extend it from app.py
"""The JSON body of a request, decoded into a slice's type, and checked.

A value may fit its type, and still be one that PostgreSQL could not hold or would round.
"""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from types import NoneType
from typing import Any
from uuid import UUID

import msgspec

from service.kit.web.mismatches import MOST_FAULTS, cut, find_misfits, refuse
from service.kit.work import asgi
from service.kit.work.problems import InvalidField, Problem

JSON_TYPE = re.compile(r"application/(?:[\w.-]+\+)?json", re.IGNORECASE)

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


class Body[Kind]:
    """The JSON body of a route. Raises a problem: 415 for another media type, 400 for no JSON, 422
    for a misfit.
    """

    def __init__(self, kind: type[Kind]) -> None:
        self.kind = kind
        self.decoder = msgspec.json.Decoder(kind)

    async def read(self, scope: asgi.Scope, receive: asgi.Receive) -> Kind:
        body = (await receive()).get("body", b"")  # all of it: the edge has read it
        sent = [value for name, value in scope["headers"] if name == b"content-type"]
        return self.decode(body, b", ".join(sent).decode("latin-1"))

    def decode(self, body: bytes, media_type: str) -> Kind:
        if not JSON_TYPE.fullmatch(media_type.partition(";")[0].strip()):
            raise Problem(
                415,
                "unsupported-media-type",
                "Send JSON, with the header content-type: application/json.",
            )
        try:
            return self.parse(body)
        except (ValueError, RecursionError) as error:
            raise malformed(body, error) from None

    def parse(self, body: bytes) -> Kind:
        """Return what a body holds. Raises a 422 problem; what is no JSON is another ValueError."""
        try:
            decoded = self.decoder.decode(body)
        except msgspec.ValidationError:
            raise refuse(find_misfits(body, self.kind)) from None
        if faults := find_unstorable(decoded):
            raise refuse(faults)
        # In fields that a type does not have msgspec takes what is not UTF-8, and it takes fields
        # given twice.
        LENIENT.decode(body.decode())
        return decoded


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


CHECKED = frozenset((str, float))
"""What Python's own parser may take for a value although it is none."""


def check_pairs(pairs: list[tuple[str, object]]) -> None:
    """Refuse a JSON object with a field given twice, or with what a lenient parser alone takes for
    a value.
    """
    names: set[str] = set()
    for name, value in pairs:
        if name in names:
            raise refuse([InvalidField(name, "it is given twice")])
        names.add(name)
        for part in (name, value):
            if type(part) in CHECKED and (detail := find_fault(part)):
                raise refuse([InvalidField(name, detail)])


LENIENT = json.JSONDecoder(object_pairs_hook=check_pairs)


def malformed(body: bytes, error: Exception) -> Problem:
    """Return the problem of a body that is not JSON, naming the field where a lenient parser can
    tell it.
    """
    if isinstance(error, RecursionError):
        return Problem(400, "malformed", "The body is nested too deeply.")
    try:
        LENIENT.decode(body.decode())
    except Problem as problem:
        return problem
    except (ValueError, RecursionError):
        pass
    return Problem(400, "malformed", f"The body is not valid JSON: {cut(str(error))}.")
