# kit: updated by the template; extend it from app.py
"""What the types of a slice let through, against what its tables let in: choices, patterns and lengths of text."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAliasType, get_args, get_origin

import asyncpg
from msgspec import Meta, Struct, structs

# A choice that is a type of its own, and the length of a varchar, are read as if they were checks.
READ = r"""
select conrelid::int8, conname::text, pg_get_constraintdef(oid) from pg_constraint where contype = 'c' and conrelid <> 0
 union all
select attrelid::int8, format_type(atttypid, null),
       format('%s = ANY (ARRAY[%s])', attname, (select string_agg(quote_literal(enumlabel) || '::', ',')
                                                  from pg_enum where enumtypid = atttypid))
  from pg_attribute where attnum > 0 and atttypid in (select enumtypid from pg_enum)
 union all
select attrelid::int8, 'its type', format('length(%s) <= %s', attname, atttypmod - 4)
  from pg_attribute where attnum > 0 and atttypid = 'varchar'::regtype and atttypmod > 4
"""

COLUMN = r'\(*"?(?P<column>\w+)"?\)?(?:::[a-z ]+)?'
CHOICES = re.compile(COLUMN + r"\)? = ANY \(+ARRAY\[(?P<values>[^\]]*)\]")
PATTERN = re.compile(COLUMN + r" ~ '(?P<pattern>(?:[^']|'')*)'")
LENGTH = re.compile(r"(?:char_|character_)?length\(" + COLUMN + r"\)+ (?P<sign><=|<|>=|>) (?P<length>\d+)")
ENDS = re.compile(r"^(?:\^|\\A)|(?:\$|\\[Zz])$")


@dataclass(frozen=True)
class Check:
    """A check of a table, as PostgreSQL writes it."""

    table: int
    name: str
    text: str


async def read(connection: asyncpg.Connection) -> list[Check]:
    found = [Check(*row) for row in await connection.fetch(READ)]
    return [it for it in found if " OR " not in it.text]


def compare(struct: type[Struct], checks: Sequence[Check]) -> Iterator[str]:
    """Yield where a struct and the checks of a slice's tables differ, by columns that are named as its fields."""
    for field in structs.fields(struct):
        parts = [*list_parts(field.type)]
        for check in checks:
            for reason in compare_field(parts, field.name, check):
                yield f"{struct.__module__}.{struct.__name__}.{field.name} {reason}"


def compare_field(parts: Sequence[Any], name: str, check: Check) -> Iterator[str]:
    metas = [part for part in parts if isinstance(part, Meta)]
    choices = {value for part in parts if get_origin(part) is Literal for value in get_args(part)}
    if choices and (matched := CHOICES.search(check.text)) and matched["column"] == name:
        allowed = {value.replace("''", "'") for value in re.findall(r"'((?:[^']|'')*)'::", matched["values"])}
        if more := choices - allowed:
            yield f"lets {list_values(more)} through, which {check.name} refuses"
        if fewer := allowed - choices:
            yield f"does not know {list_values(fewer)}, which {check.name} lets in"
    for matched in PATTERN.finditer(check.text):
        for pattern in (meta.pattern for meta in metas if meta.pattern and matched["column"] == name):
            if ENDS.sub("", pattern) != ENDS.sub("", matched["pattern"].replace("''", "'")):
                yield f"has the pattern {pattern}, and {check.name} has {matched['pattern']}"
    for matched in LENGTH.finditer(check.text) if str in parts else ():
        limit = int(matched["length"]) + {"<": -1, ">": 1}.get(matched["sign"], 0)
        for meta in metas if matched["column"] == name else ():
            if "<" in matched["sign"] and meta.max_length is not None and meta.max_length > limit:
                yield f"may have {meta.max_length} characters, and {check.name} lets in {limit}"
            if ">" in matched["sign"] and meta.max_length is not None and (meta.min_length or 0) < limit:
                yield f"may have {meta.min_length or 0} characters, and {check.name} asks for {limit}"


def list_values(values: set[str]) -> str:
    return ", ".join(sorted(values))


def list_parts(annotation: Any) -> Iterator[Any]:
    """Yield an annotation and all that it consists of, but the items of a list."""
    if isinstance(annotation, TypeAliasType):
        yield from list_parts(annotation.__value__)
        return
    yield annotation
    if get_origin(annotation) not in (list, Literal):
        yield from (found for part in get_args(annotation) for found in list_parts(part))
