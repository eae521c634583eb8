# kit: updated by the template; extend it from app.py
"""The JSON body of a request, decoded straight into a slice's type, and checked.

A value may fit its type, and still be one that PostgreSQL could not hold or would round. A function
that reads its body itself gets a request of `request.py`.
"""

import json
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from types import NoneType
from typing import Any
from uuid import UUID

import msgspec

from service.kit.web.mismatches import MAX_ERRORS, find_mismatches, invalid_fields, shorten_echo
from service.kit.work import asgi
from service.kit.work.problems import InvalidField, Problem

JSON_TYPE = re.compile(r"application/(?:[\w.-]+\+)?json", re.IGNORECASE)

MAX_LEVELS = 100
"""How deeply JSON may be nested: far more than anybody writes, and far less than any parser's
stack."""

DECIMAL_DIGITS = 14
DECIMAL_PLACES = 6
"""The digits of a numeric(20, 6)."""

SURROGATE = re.compile("[\ud800-\udfff]")
STORABLE = frozenset((NoneType, bool, int, UUID))
CONTAINERS = (dict, list, tuple, set, frozenset, msgspec.Struct)

type Location = tuple[Location, Any, int] | None
"""Where a value is: the location of its container, the container, and its number in it."""


class Body[Kind]:
    """The JSON body of a route.

    Raises a problem: 415 for another media type, 400 for what is not JSON, 422 for a mismatch.
    """

    takes_upload = False
    media_types = ("application/json",)

    def __init__(self, kind: type[Kind]) -> None:
        self.kind = kind
        self.decoder = msgspec.json.Decoder(kind)

    async def read(self, scope: asgi.Scope, receive: asgi.Receive) -> Kind:
        message = await receive()  # it has all of the body, which the edge has read
        sent = [value for name, value in scope["headers"] if name == b"content-type"]
        media_type = b", ".join(sent).decode("latin-1")
        return self.decode(message.get("body", b""), media_type)

    def decode(self, body: bytes, media_type: str) -> Kind:
        essence, _, _ = media_type.partition(";")
        if not JSON_TYPE.fullmatch(essence.strip()):
            advice = "Send JSON, with the header content-type: application/json."
            raise Problem(415, "unsupported-media-type", advice)
        try:
            return self.parse(body)
        except (ValueError, RecursionError) as error:
            raise malformed_json(body, error) from None

    def parse(self, body: bytes) -> Kind:
        """Return what a body holds.

        Raises a 422 problem, or another ValueError for what is not JSON.
        """
        try:
            decoded = self.decoder.decode(body)
        except msgspec.ValidationError:
            raise invalid_fields(find_mismatches(body, self.kind)) from None
        errors = find_unstorable(decoded)
        if errors:
            raise invalid_fields(errors)
        # msgspec accepts fields that are given twice, and invalid UTF-8 in unknown fields.
        PYTHON_JSON.decode(body.decode())
        return decoded


CHECKED_TYPES = frozenset((str, float))
"""Types of which Python's own parser accepts more than JSON has."""


def check_object(pairs: list[tuple[str, object]]) -> None:
    """Refuse a JSON object with a field given twice, or with a value that only Python reads."""
    names: set[str] = set()
    for name, value in pairs:
        if name in names:
            raise invalid_fields([InvalidField(name, "it is given twice")])
        names.add(name)
        for part in (name, value):
            detail = find_storage_error(part) if type(part) in CHECKED_TYPES else None
            if detail:
                raise invalid_fields([InvalidField(name, detail)])


PYTHON_JSON = json.JSONDecoder(object_pairs_hook=check_object)


def malformed_json(body: bytes, error: Exception) -> Problem:
    """400: the body is not JSON. Or 422 with the field, if Python's parser finds it."""
    if isinstance(error, RecursionError):
        return Problem(400, "malformed", "The body is nested too deeply.")
    try:
        PYTHON_JSON.decode(body.decode())
    except Problem as problem:
        return problem
    except (ValueError, RecursionError):
        pass
    reason = shorten_echo(str(error))
    return Problem(400, "malformed", f"The body is not valid JSON: {reason}.")


def find_unstorable(value: object) -> list[InvalidField]:
    """Return the fields of a decoded body that cannot be stored, at most `MAX_ERRORS`."""
    errors: list[InvalidField] = []
    collect_unstorable([value], None, 0, errors)  # in a list, since it may be null
    return errors


def collect_unstorable(
    container: Any, location: Location, level: int, errors: list[InvalidField]
) -> None:
    """Add what is wrong in a container, which may have half a million parts of two bytes each."""
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
    """Return a location as clients know it, like `.lines.sku`. Items have their list's name."""
    path = ""
    while location is not None:
        outer, container, number = location
        if isinstance(container, msgspec.Struct):
            path = f".{container.__struct_encode_fields__[number]}{path}"
        elif isinstance(container, dict) and number >= len(container):  # before that, it is a name
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
                return "it contains half of a surrogate pair, which is not a character"
        case float():
            return None if isfinite(value) else "it is not a finite number"
        case Decimal():
            return find_decimal_error(value)
        case datetime():
            return find_time_error(value)
        case date() if value in (date.min, date.max):  # which asyncpg takes for infinity
            return "it must be after 0001-01-01 and before 9999-12-31"
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
    if utc in (datetime.min, datetime.max):  # which asyncpg takes for infinity
        return "it must be within the years 1 to 9999 in UTC, excluding their very ends"
    return None
