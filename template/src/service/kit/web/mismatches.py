# kit: updated by the template; extend it from app.py
"""Refuses what a client sent with a problem that names every field that does not fit.

A refusal takes time linear in the body, a few times that of decoding it, and echoes at most
`MAX_ERRORS` names and messages, each shortened.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, get_args, get_origin

import msgspec

from service.kit.work.arguments import is_struct, unwrap_type
from service.kit.work.problems import InvalidField, Problem

MAX_ERRORS = 20
"""Fields that a refusal names."""

MAX_ECHO = 100
"""Characters of a name or a message, whose length the client may have chosen."""

MAX_ITEMS = 100
"""In a longer list, only the first item that does not fit is named."""

MAX_DEPTH = 8
"""Levels of lists and structs below which only the first mismatch is named."""

type Json = bytes | msgspec.Raw
type Mismatches = Iterator[InvalidField]


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
    detail, found, location = str(error).rpartition(" - at `$")
    if not found:
        return InvalidField(path, location)
    return InvalidField(path + location.rstrip("`"), detail)


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
