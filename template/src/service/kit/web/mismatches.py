# kit: updated by the template; extend it from app.py
"""Refusals of what a client sent: each names every field that does not fit.

A refusal takes time linear in the body, some times that of decoding it, and echoes at most
`MOST_FAULTS` names and messages, each cut.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from types import NoneType, UnionType
from typing import Annotated, Any, TypeAliasType, Union, get_args, get_origin

import msgspec

from service.kit.work.problems import InvalidField, Problem

MOST_FAULTS = 20
"""Fields that a refusal names."""
MOST_ECHOED = 100
"""Characters of a name or a message, whose length the client may have chosen."""
MOST_ITEMS = 100
"""In a longer list, only the first item that does not fit is named."""
MOST_STEPS = 8
"""Levels of lists and structs below which only the first fault is named."""


def unwrap(hint: Any) -> Any:
    """Return what a type is without its name, its constraints, and None."""
    if isinstance(hint, TypeAliasType):
        return unwrap(hint.__value__)
    parts = [part for part in get_args(hint) if part is not NoneType]
    if get_origin(hint) is Annotated or (
        get_origin(hint) in (Union, UnionType) and len(parts) == 1
    ):
        return unwrap(parts[0])
    return hint


def is_struct(kind: Any) -> bool:
    kind = get_origin(kind) or kind
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def find_misfits(
    raw: bytes | msgspec.Raw, kind: Any, path: str = "", steps: int = 0
) -> Iterator[InvalidField]:
    """Yield every field of a piece of JSON that does not fit its type."""
    try:
        msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        inner = find_inner_misfits(raw, unwrap(kind), path, steps + 1) if steps < MOST_STEPS else ()
        detail, found, place = str(error).rpartition(" - at `$")
        own = InvalidField(path + place.rstrip("`"), detail) if found else InvalidField(path, place)
        yield from list(islice(inner, MOST_FAULTS)) or [own]


def find_inner_misfits(
    raw: bytes | msgspec.Raw, kind: Any, path: str, steps: int
) -> Iterator[InvalidField]:
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


def cut(text: str) -> str:
    """Return what may be echoed of a text."""
    return text if len(text) <= MOST_ECHOED else f"{text[:MOST_ECHOED]}…"


def refuse(faults: Iterable[InvalidField]) -> Problem:
    """422, for all of these fields."""
    named = [
        InvalidField(cut(fault.field.lstrip(".")) or "body", cut(fault.detail))
        for fault in islice(faults, MOST_FAULTS)
    ]
    return Problem(
        422, "invalid", "; ".join(f"{fault.field}: {fault.detail}" for fault in named), *named
    )
