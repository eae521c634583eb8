# kit: updated by the template; extend it from app.py
"""Whether what PostgreSQL returns and takes fits the Python types of a statement."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAliasType, Union, get_args, get_origin
from uuid import UUID

import asyncpg
import msgspec

from service_tools.sql.plans import Node

TYPES: dict[str, type] = {
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

COLUMN = re.compile(r'(?:"?(?P<alias>\w+)"?\.)?"?(?P<column>\w+)"?')
NEVER_NULL = re.compile(
    r"\(?(count|coalesce|now|uuidv7|row_number|exists)\(|'.*'::\w+$|-?\d+$|true$|false$", re.IGNORECASE
)

NOT_NULL = """
select c.relname || '.' || a.attname
  from pg_attribute a join pg_class c on c.oid = a.attrelid
 where c.relnamespace = 'public'::regnamespace and a.attnotnull and a.attnum > 0
"""


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


def fits(postgres_type: str, annotation: Any) -> bool:
    """Return whether a value of a PostgreSQL type is one of an annotation. Types unknown here fit everything."""
    kinds, _ = unwrap(annotation)
    wanted = list if postgres_type.endswith("[]") else TYPES.get(postgres_type)
    return wanted is None or bool(kinds & {wanted, Any, object})


def list_fields(row: object) -> list[tuple[str, Any]] | None:
    """Return the names and types that a row consists of, or None for a function, whose parts cannot be known."""
    if isinstance(row, type) and issubclass(row, msgspec.Struct):
        return [(field.name, field.type) for field in msgspec.structs.fields(row)]
    return [("", row)] if isinstance(row, type) else None


async def find_nullable(connection: asyncpg.Connection, plan: Node, count: int) -> list[bool]:
    """Return, for each column of a result, whether it can be null: by its table, by outer joins, or computed."""
    required = {name for (name,) in await connection.fetch(NOT_NULL)}
    scans = {node.get("Alias"): node.get("Relation Name") for node, _ in plan.walk() if node.get("Relation Name")}
    optional = set(find_optional(plan))
    outputs: Sequence[str] = (plan.get("Output") or [])[:count]
    nullable = []
    for output in outputs:
        matched = COLUMN.fullmatch(output)
        alias = matched and (matched["alias"] or next(iter(scans), None))
        if matched and alias in scans:
            nullable.append(alias in optional or f"{scans[alias]}.{matched['column']}" not in required)
        else:
            nullable.append(not NEVER_NULL.match(output))
    return nullable


def find_optional(plan: Node) -> Iterator[str]:
    """Yield the aliases of tables that an outer join fills with nulls."""
    for node, _ in plan.walk():
        sides = {"Left": ["Inner"], "Right": ["Outer"], "Full": ["Inner", "Outer"]}.get(node.get("Join Type") or "", [])
        for child in node.inputs:
            if child.get("Parent Relationship") in sides:
                yield from (inner.get("Alias") for inner, _ in child.walk() if inner.get("Alias"))
