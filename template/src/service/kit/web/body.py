# kit: updated by the template; extend it from app.py
"""What a client sent, decoded straight into a slice's type; a refusal names every field that does not fit.

Also refused are values that fit their type and cannot be stored. A refusal takes time linear in the body, and echoes at
most `MOST_FAULTS` names and messages, each cut.
"""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from math import isfinite
from types import NoneType, UnionType
from typing import Annotated, Any, TypeAliasType, Union, get_args, get_origin

import msgspec

from service.kit.edge import InvalidField, Problem, asgi

JSON_TYPE = re.compile(r"application/(?:[\w.-]+\+)?json", re.IGNORECASE)

MOST_FAULTS = 20
MOST_ECHOED = 100
"""Characters of a name or a message, whose length the client may have chosen."""
MOST_LEVELS = 100
"""How deeply JSON may be nested: far more than anybody writes, and far less than any parser's stack."""
WHOLE_DIGITS, DECIMAL_PLACES = 14, 6
"""A decimal is a numeric(20, 6)."""
SURROGATE = re.compile("[\ud800-\udfff]")

MOST_ITEMS = 100
"""In a longer list, only the first item that does not fit is named."""
MOST_STEPS = 8
"""Levels of lists and structs below which only the first fault is named."""


class Body[Kind]:
    """The JSON body of a route. Raises a problem: 415 for another media type, 400 for no JSON, 422 for a misfit."""

    def __init__(self, kind: type[Kind]) -> None:
        self.kind = kind
        self.decoder = msgspec.json.Decoder(kind)

    async def read(self, scope: asgi.Scope, receive: asgi.Receive) -> Kind:
        body = (await receive()).get("body", b"")  # all of it: the edge has read it
        media_type = asgi.merge(scope["headers"]).get(b"content-type", b"")
        return self.decode(body, media_type.decode("latin-1"))

    def decode(self, body: bytes, media_type: str) -> Kind:
        if not JSON_TYPE.fullmatch(media_type.partition(";")[0].strip()):
            raise Problem(415, "unsupported-media-type", "Send JSON, with the header content-type: application/json.")
        try:
            decoded = self.decoder.decode(body)
            if faults := [*find_unstorable(decoded)]:
                raise refuse(faults)
            json.loads(body, object_pairs_hook=check_pairs)
        except msgspec.ValidationError:
            raise refuse(find_misfits(body, self.kind)) from None
        except RecursionError:
            raise Problem(400, "malformed", "The body is nested too deeply.") from None
        except ValueError as error:
            raise malformed(body, error) from None
        return decoded


def unwrap(hint: Any) -> Any:
    """Return what a type is without its name, its constraints, and None."""
    if isinstance(hint, TypeAliasType):
        return unwrap(hint.__value__)
    parts = [part for part in get_args(hint) if part is not NoneType]
    if get_origin(hint) is Annotated or (get_origin(hint) in (Union, UnionType) and len(parts) == 1):
        return unwrap(parts[0])
    return hint


def is_struct(kind: Any) -> bool:
    kind = get_origin(kind) or kind
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def find_misfits(raw: bytes | msgspec.Raw, kind: Any, path: str = "", steps: int = 0) -> Iterator[InvalidField]:
    """Yield every field of a piece of JSON that does not fit its type."""
    try:
        msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        inner = find_inner_misfits(raw, unwrap(kind), path, steps + 1) if steps < MOST_STEPS else ()
        detail, found, place = str(error).rpartition(" - at `$")
        own = InvalidField(path + place.rstrip("`"), detail) if found else InvalidField(path, place)
        yield from list(islice(inner, MOST_FAULTS)) or [own]


def find_inner_misfits(raw: bytes | msgspec.Raw, kind: Any, path: str, steps: int) -> Iterator[InvalidField]:
    """Yield what does not fit of the fields of a struct, or of the items of a list."""
    start = bytes(raw).lstrip()[:1]
    if is_struct(kind) and start == b"{":
        given = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for name, field in fields.items():
            if name in given:
                yield from find_misfits(given[name], field.type, f"{path}.{name}", steps)
            elif field.required:
                yield InvalidField(f"{path}.{name}", "it is required")
        config = (get_origin(kind) or kind).__struct_config__
        for name in given if config.forbid_unknown_fields else ():
            if name not in fields and name != config.tag_field:
                yield InvalidField(f"{path}.{cut(name)}", "there is no such field")
    elif get_origin(kind) is list and start == b"[":
        items = msgspec.json.decode(raw, type=list[msgspec.Raw])
        for number, item in enumerate(items if len(items) <= MOST_ITEMS else ()):
            yield from find_misfits(item, get_args(kind)[0], f"{path}[{number}]", steps)


def check_pairs(pairs: list[tuple[str, object]]) -> None:
    """Refuse a JSON object with a field given twice, or with what a lenient parser alone takes for a value."""
    names: set[str] = set()
    for name, value in pairs:
        if name in names:
            raise refuse([InvalidField(name, "it is given twice")])
        names.add(name)
        if isinstance(value, str | float):
            for fault in find_unstorable(value, name):
                raise refuse([fault])


def malformed(body: bytes, error: ValueError) -> Problem:
    """Return the problem of a body that is not JSON, naming the field where a lenient parser can tell it."""
    try:
        json.loads(body, object_pairs_hook=check_pairs)
    except Problem as problem:
        return problem
    except (ValueError, RecursionError):
        pass
    return Problem(400, "malformed", f"The body is not valid JSON: {cut(str(error))}.")


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
