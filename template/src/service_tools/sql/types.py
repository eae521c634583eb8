# kit: updated by the template; extend it from app.py
"""Whether the types and nulls of PostgreSQL fit those of Python."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAliasType, Union, get_args, get_origin
from uuid import UUID

import msgspec

from service_tools.sql import plans
from service_tools.sql.plans import Node
from service_tools.sql.schema import Schema

TYPES: Mapping[str, type] = {
    "bool": bool,
    "bytea": bytes,
    "date": date,
    "float4": float,
    "float8": float,
    "int2": int,
    "int4": int,
    "int8": int,
    "interval": timedelta,
    "numeric": Decimal,
    "text": str,
    "time": time,
    "timestamp": datetime,
    "timestamptz": datetime,
    "uuid": UUID,
    "varchar": str,
}
"""What asyncpg makes of PostgreSQL's types. https://magicstack.github.io/asyncpg/current/usage.html#type-conversion"""

JSON = ("json", "jsonb")

COLUMN = re.compile(r'(?:"?(?P<alias>\w+)"?\.)?"?(?P<column>\w+)"?')
NEVER_NULL = re.compile(
    r"\(?(count|coalesce|now|uuidv7|row_number|exists)\(|'.*'::\w+$|-?\d+$|true$|false$", re.IGNORECASE
)
OPTIONAL_SIDES = {"Left": ("Inner",), "Right": ("Outer",), "Full": ("Inner", "Outer")}


def unwrap(annotation: Any) -> tuple[set[type], bool]:
    """Return the plain types that an annotation allows, and whether it allows None."""
    if isinstance(annotation, TypeAliasType):
        return unwrap(annotation.__value__)
    origin = get_origin(annotation)
    if origin is Annotated:
        return unwrap(get_args(annotation)[0])
    if origin is Literal:
        return {type(value) for value in get_args(annotation)}, False
    if origin in (Union, UnionType):
        parts = [unwrap(part) for part in get_args(annotation)]
        return set().union(*(kinds for kinds, _ in parts)) - {NoneType}, any(nullable for _, nullable in parts)
    if annotation in (None, NoneType):
        return set(), True
    return {origin or annotation}, annotation in (Any, object)


def takes(postgres_type: str, annotation: Any) -> bool:
    """Return whether an argument of a type may be passed. Anything goes for JSON, and for types unknown here."""
    wanted = list if postgres_type.endswith("[]") else TYPES.get(postgres_type)
    return wanted is None or bool(unwrap(annotation)[0] & {wanted, Any, object})


def returns(postgres_type: str, annotation: Any) -> bool:
    """Return whether a column may fill a field. JSON comes as it was stored."""
    is_json = postgres_type in JSON
    return (
        bool(unwrap(annotation)[0] & {str, msgspec.Raw, Any, object}) if is_json else takes(postgres_type, annotation)
    )


def list_fields(row: object) -> list[tuple[str, Any]] | None:
    """Return the names and types that a row consists of, or None for a function, whose parts cannot be known."""
    if isinstance(row, type) and issubclass(row, msgspec.Struct):
        return [(field.name, field.type) for field in msgspec.structs.fields(row)]
    return [("", row)] if isinstance(row, type) else None


def find_nullable(plan: Node, schema: Schema) -> Iterator[bool]:
    """Yield, for each column of a result, whether it can be null: by its table, by outer joins, or computed."""
    if "Output" not in plan:  # of a union, a column can be null if it can be in any part
        parts = [find_nullable(part, schema) for part in plan.get("Plans", ())]
        yield from map(any, zip(*parts, strict=False))
    scans = {node.get("Alias"): node for node, _ in plans.walk(plan) if node.get("Relation Name")}
    optional: set[str | None] = set(find_optional(plan))
    for output in plan.get("Output", ()):
        matched = COLUMN.fullmatch(output)
        alias = matched and (matched["alias"] or next(iter(scans), None))
        if matched and (scan := scans.get(alias)):
            column = f"{scan.get('Schema')}.{scan.get('Relation Name')}.{matched['column']}"
            yield alias in optional or column not in schema.not_null
        else:
            yield not NEVER_NULL.match(output)


def find_optional(plan: Node) -> Iterator[str]:
    """Yield the aliases of tables that an outer join fills with nulls."""
    for node, _ in plans.walk(plan):
        sides = OPTIONAL_SIDES.get(node.get("Join Type"), ())
        for part in node.get("Plans", ()):
            if part.get("Parent Relationship") in sides:
                yield from (inner["Alias"] for inner, _ in plans.walk(part) if "Alias" in inner)
