# kit: updated by the template; extend it from app.py
"""Compare types of PostgreSQL with those of Python."""

import inspect
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import FunctionType, NoneType
from typing import Annotated, Any, get_args, get_origin
from uuid import UUID

import msgspec

from service.kit.db.nested import Column, is_json, list_alternatives
from service.kit.db.query import AnyQuery

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

MODULE = re.compile(r"\b(?:\w+\.)+(?=\w)")


def allows_any_of(annotation: Any, wanted: set[Any]) -> bool:
    """Return whether an annotation allows one of some classes: for `list[str]`, `list`."""
    alternatives = list_alternatives(annotation)
    return any((get_origin(part) or part) in wanted for part in alternatives)


def allows_none(annotation: Any) -> bool:
    return allows_any_of(annotation, {NoneType, *ANYTHING})


def fits_argument(postgres_type: str, annotation: Any) -> bool:
    """Return whether an argument may be passed. Anything goes for types unknown here, like JSON."""
    if postgres_type.endswith("[]"):
        return fits_array(postgres_type.removesuffix("[]"), annotation)
    wanted = TYPES.get(postgres_type)
    if wanted is None:
        return True
    return allows_any_of(annotation, {wanted, *ANYTHING})


def fits_array(item_type: str, annotation: Any) -> bool:
    for part in list_alternatives(annotation):
        if part in ANYTHING:
            return True
        if part is list:
            return True
        if get_origin(part) is list and fits_argument(item_type, get_args(part)[0]):
            return True
    return False


def fits_column(postgres_type: str, annotation: Any) -> bool:
    """Return whether a column may fill a field. JSON comes as it was stored, or is decoded."""
    if is_json(annotation):
        return postgres_type in JSON
    if postgres_type in JSON:
        return allows_any_of(annotation, {str, msgspec.Raw, *ANYTHING})
    return fits_argument(postgres_type, annotation)


def format_annotation(annotation: Any) -> str:
    """Return an annotation as source, without the names of modules."""
    is_annotated = get_origin(annotation) is Annotated
    plain = get_args(annotation)[0] if is_annotated else annotation
    return MODULE.sub("", inspect.formatannotation(plain))


def list_fields(query: AnyQuery) -> Sequence[Column]:
    """Return what the columns of a statement fill: nothing is known of a function."""
    return () if isinstance(query.row, FunctionType) else query.result
