# kit: updated by the template; extend it from app.py
"""Whether the types of PostgreSQL fit those of Python, and how both are written."""

import inspect
import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import FunctionType, NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAliasType, Union, get_args, get_origin
from uuid import UUID

import msgspec

TYPES: Mapping[str, type] = {
    "bigint": int,
    "boolean": bool,
    "bytea": bytes,
    "date": date,
    "double precision": float,
    "integer": int,
    "interval": timedelta,
    "numeric": Decimal,
    "real": float,
    "smallint": int,
    "text": str,
    "time": time,
    "timestamp": datetime,
    "timestamptz": datetime,
    "uuid": UUID,
    "varchar": str,
}
"""What asyncpg makes of PostgreSQL's types.
https://magicstack.github.io/asyncpg/current/usage.html#type-conversion"""

JSON = ("json", "jsonb")
ANYTHING = {Any, object}


def unwrap(annotation: Any) -> tuple[set[type], bool]:
    """Return the plain types that an annotation allows, and whether it allows None."""
    kinds = {get_origin(part) or part for part in list_parts(annotation)}
    return kinds - {NoneType, None}, bool(kinds & {NoneType, None, *ANYTHING})


def list_parts(annotation: Any) -> list[Any]:
    """Return what an annotation allows, without names, `Annotated` and unions."""
    if isinstance(annotation, TypeAliasType):
        return list_parts(annotation.__value__)
    origin = get_origin(annotation)
    if origin is Annotated:
        return list_parts(get_args(annotation)[0])
    if origin is Literal:
        return [type(value) for value in get_args(annotation)]
    if origin in (Union, UnionType):
        return [kind for part in get_args(annotation) for kind in list_parts(part)]
    return [annotation]


def takes(postgres_type: str, annotation: Any) -> bool:
    """Return whether an argument of a type may be passed. Anything goes for JSON, and for types
    unknown here.
    """
    if not postgres_type.endswith("[]"):
        wanted = TYPES.get(postgres_type)
        return wanted is None or bool(unwrap(annotation)[0] & {wanted, *ANYTHING})
    lists = [
        part for part in list_parts(annotation) if (get_origin(part) or part) in (list, *ANYTHING)
    ]
    return any(
        takes(postgres_type.removesuffix("[]"), item)
        for part in lists
        for item in get_args(part) or (Any,)
    )


def returns(postgres_type: str, annotation: Any) -> bool:
    """Return whether a column may fill a field. JSON comes as it was stored."""
    if postgres_type in JSON:
        return bool(unwrap(annotation)[0] & {str, msgspec.Raw, *ANYTHING})
    return takes(postgres_type, annotation)


def show(annotation: Any) -> str:
    """Return an annotation as one writes it: by its name, and without modules."""
    plain = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    return re.sub(r"\b(?:\w+\.)+(?=\w)", "", inspect.formatannotation(plain))


def list_fields(row: Any) -> list[tuple[str, Any]] | None:
    """Return the names and types that a row consists of, or None for a function, whose parts cannot
    be known.
    """
    if isinstance(row, type) and issubclass(row, msgspec.Struct):
        return [(field.name, field.type) for field in msgspec.structs.fields(row)]
    return None if isinstance(row, FunctionType) else [("", row)]
