# kit: updated by the template; extend it from app.py
"""Compare types of PostgreSQL with those of Python."""

import inspect
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from types import FunctionType, NoneType
from typing import Annotated, Any, get_args, get_origin
from uuid import UUID

import asyncpg
from msgspec import Raw

from service.kit.db.nested import Column, is_json, list_alternatives
from service.kit.db.query import AnyQuery
from service_tools.sql.budgets import BUDGETS_FILE

TYPES: Mapping[str, Any] = {
    "bigint": int,
    "bit": asyncpg.BitString,
    "bit varying": asyncpg.BitString,
    "boolean": bool,
    "box": asyncpg.Box,
    "bytea": bytes,
    "cidr": IPv4Network | IPv6Network,
    "circle": asyncpg.Circle,
    "date": date,
    "double precision": float,
    "inet": IPv4Address | IPv6Address | IPv4Interface | IPv6Interface,
    "integer": int,
    "interval": timedelta,
    "json": Raw,
    "jsonb": Raw,
    "line": asyncpg.Line,
    "lseg": asyncpg.LineSegment,
    "macaddr": str,
    "money": str,
    "multirange": list,
    "name": str,
    "numeric": Decimal,
    "oid": int,
    "path": asyncpg.Path,
    "point": asyncpg.Point,
    "polygon": asyncpg.Polygon,
    "range": asyncpg.Range,
    "real": float,
    "record": asyncpg.Record,
    "smallint": int,
    "text": str,
    "time": time,
    "timestamp": datetime,
    "timestamptz": datetime,
    "timetz": time,
    "tsvector": str,
    "uuid": UUID,
    "varchar": str,
    "void": NoneType,
}
"""What asyncpg makes of PostgreSQL's types, and the pool of JSON.
https://magicstack.github.io/asyncpg/current/usage.html#type-conversion"""

ANYTHING = {Any, object}

MODULE = re.compile(r"\b(?:(?!asyncpg\b)\w+\.)+(?=\w)")


def allows_any_of(annotation: Any, wanted: set[Any]) -> bool:
    """Return whether an annotation allows one of some classes: for `list[str]`, `list`."""
    alternatives = list_alternatives(annotation)
    return any((get_origin(part) or part) in wanted for part in alternatives)


def allows_none(annotation: Any) -> bool:
    return allows_any_of(annotation, {NoneType, *ANYTHING})


def allows_value(annotation: Any, value: object) -> bool:
    """Return whether an annotation allows a value. JSON is a text until it is decoded."""
    classes = {Any, Raw, *type(value).__mro__}
    return is_json(annotation) or allows_any_of(annotation, classes)


def list_items(annotation: Any) -> list[Any]:
    """Return what an annotation allows as items of a list."""
    items: list[Any] = []
    for part in list_alternatives(annotation):
        if part in {list, *ANYTHING}:
            items.append(Any)
        elif get_origin(part) is list:
            items += get_args(part)
    return items


def allows_null_items(annotation: Any) -> bool:
    return any(map(allows_none, list_items(annotation)))


def fits_argument(postgres_type: str, annotation: Any) -> bool:
    """Return whether an argument may be passed. JSON takes anything."""
    name = postgres_type.removesuffix("[]")
    if TYPES.get(name) is Raw:
        return name == postgres_type or bool(list_items(annotation))
    return fits_column(postgres_type, annotation)


def fits_column(postgres_type: str, annotation: Any) -> bool:
    """Return whether a column may fill a field. JSON comes as it was stored, or is decoded."""
    if is_json(annotation):
        return TYPES.get(postgres_type) is Raw
    if postgres_type.endswith("[]"):
        name = postgres_type.removesuffix("[]")
        return any(fits_column(name, item) for item in list_items(annotation))
    wanted = TYPES.get(postgres_type)
    classes = {*list_alternatives(wanted), *ANYTHING}
    return wanted is not None and allows_any_of(annotation, classes)


def describe_fix(postgres_type: str) -> str:
    """Return what to do about a type that does not fit."""
    name = postgres_type.removesuffix("[]")
    wanted = TYPES.get(name)
    if wanted is None:
        line = f'[types] "{name}" = "text"'
        return f"Cast it in SQL, or let it count as another in {BUDGETS_FILE}: {line}"
    written = format_annotation(wanted)
    fitting = written if name == postgres_type else f"list[{written}]"
    return f"Declare it as {fitting}, or cast it in SQL."


def format_annotation(annotation: Any) -> str:
    """Return an annotation as source, without the names of modules, but for asyncpg."""
    is_annotated = get_origin(annotation) is Annotated
    plain = get_args(annotation)[0] if is_annotated else annotation
    return MODULE.sub("", inspect.formatannotation(plain))


def list_fields(query: AnyQuery) -> Sequence[Column]:
    """Return what the columns of a statement fill: nothing is known of a function."""
    return () if isinstance(query.row, FunctionType) else query.result
