# kit: updated by the template; extend it from app.py
"""The JSON body of a request, decoded straight into a slice's type.

A refusal names every field that does not fit. It takes time linear in the body, some times that of
decoding it, and echoes at most `MAX_ERRORS` names and messages, each shortened. A function that
reads its body itself is given a request of `request.py`.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from types import NoneType, UnionType
from typing import Annotated, Any, TypeAliasType, Union, get_args, get_origin

import msgspec

from service.kit.web.values import MAX_ERRORS, find_storage_error, find_unstorable
from service.kit.work import asgi
from service.kit.work.problems import InvalidField, Problem

JSON_TYPE = re.compile(r"application/(?:[\w.-]+\+)?json", re.IGNORECASE)

MAX_ECHO = 100
"""Characters of a name or a message, whose length the client may have chosen."""

MAX_ITEMS = 100
"""In a longer list, only the first item that does not fit is named."""

MAX_DEPTH = 8
"""Levels of lists and structs below which only the first mismatch is named."""

type Json = bytes | msgspec.Raw
type Mismatches = Iterator[InvalidField]


class Body[Kind]:
    """The JSON body of a route.

    Raises a problem: 415 for another media type, 400 for what is not JSON, 422 for a mismatch.
    """

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
        # In fields that a type does not have msgspec takes what is not UTF-8, and it takes fields
        # given twice.
        PYTHON_JSON.decode(body.decode())
        return decoded


def unwrap_type(hint: Any) -> Any:
    """Return a type without its alias, its constraints, and None."""
    if isinstance(hint, TypeAliasType):
        return unwrap_type(hint.__value__)
    origin = get_origin(hint)
    parts = [part for part in get_args(hint) if part is not NoneType]
    is_optional = origin in (Union, UnionType) and len(parts) == 1
    if is_optional or origin is Annotated:
        return unwrap_type(parts[0])
    return hint


def is_struct(kind: Any) -> bool:
    kind = get_origin(kind) or kind
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def find_mismatches(piece: Json, kind: Any, path: str = "", depth: int = 0) -> Mismatches:
    """Yield every field of a piece of JSON that does not fit its type."""
    try:
        msgspec.json.decode(piece, type=kind)
    except msgspec.ValidationError as error:
        inner: list[InvalidField] = []
        if depth < MAX_DEPTH:
            mismatches = find_inner_mismatches(piece, unwrap_type(kind), path, depth + 1)
            inner = list(islice(mismatches, MAX_ERRORS))
        yield from inner or [read_mismatch(error, path)]


def read_mismatch(error: msgspec.ValidationError, path: str) -> InvalidField:
    """Return what msgspec says, like "Expected `int`, got `str` - at `$.amount`"."""
    detail, found, place = str(error).rpartition(" - at `$")
    if not found:
        return InvalidField(path, place)
    return InvalidField(path + place.rstrip("`"), detail)


def find_inner_mismatches(piece: Json, kind: Any, path: str, depth: int) -> Mismatches:
    """Yield the mismatches in the fields of a struct, or in the items of a list."""
    start = bytes(piece).lstrip()[:1]
    if is_struct(kind) and start == b"{":
        yield from find_field_mismatches(piece, kind, path, depth)
    if get_origin(kind) is list and start == b"[":
        yield from find_item_mismatches(piece, kind, path, depth)


def find_field_mismatches(piece: Json, kind: Any, path: str, depth: int) -> Mismatches:
    given = msgspec.json.decode(piece, type=dict[str, msgspec.Raw])
    config = (get_origin(kind) or kind).__struct_config__
    known = {config.tag_field}
    for field in msgspec.structs.fields(kind):
        name = field.encode_name
        inner = f"{path}.{name}"
        known.add(name)
        if name in given:
            yield from find_mismatches(given[name], field.type, inner, depth)
        elif field.required:
            yield InvalidField(inner, "it is required")
    if config.forbid_unknown_fields:
        for name in given:
            if name not in known:
                yield InvalidField(f"{path}.{name}", "there is no such field")


def find_item_mismatches(piece: Json, kind: Any, path: str, depth: int) -> Mismatches:
    items = msgspec.json.decode(piece, type=list[msgspec.Raw])
    if len(items) > MAX_ITEMS:
        return
    (item_kind,) = get_args(kind)
    for number, item in enumerate(items):
        inner = f"{path}[{number}]"
        yield from find_mismatches(item, item_kind, inner, depth)


CHECKED_TYPES = frozenset((str, float))
"""Of these, Python's own parser takes more than JSON has."""


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
    """400: the body is not JSON. Or 422 with the field, where Python's parser can tell it."""
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


def shorten_echo(text: str) -> str:
    """Return as much of a text as may be echoed."""
    if len(text) > MAX_ECHO:
        return f"{text[:MAX_ECHO]}…"
    return text


def invalid_fields(errors: Iterable[InvalidField]) -> Problem:
    """422: some fields of the request are not acceptable."""
    named = []
    lines = []
    for error in islice(errors, MAX_ERRORS):
        name = shorten_echo(error.field.lstrip(".")) or "body"
        detail = shorten_echo(error.detail)
        named.append(InvalidField(name, detail))
        lines.append(f"{name}: {detail}")
    return Problem(422, "invalid", "; ".join(lines), *named)
