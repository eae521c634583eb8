# kit: updated by the template; extend it from app.py
"""What the types of a slice let through, against what its tables let in: choices, patterns and
lengths of text.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import asyncpg
from msgspec import Struct, inspect

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
LENGTH = re.compile(
    r"(?:char_|character_)?length\(" + COLUMN + r"\)+ (?P<sign><=|<|>=|>) (?P<length>\d+)"
)
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
    """Yield where a struct and the checks of a slice's tables differ, by columns that are named as
    its fields.
    """
    info = inspect.type_info(struct)
    for field in info.fields if isinstance(info, inspect.StructType) else ():
        for part in (
            field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
        ):
            differences = (it for check in checks for it in compare_type(part, field.name, check))
            yield from (
                f"{struct.__module__}.{struct.__name__}.{field.name} {it}" for it in differences
            )


def compare_type(kind: inspect.Type, name: str, check: Check) -> Iterator[str]:
    if (
        isinstance(kind, inspect.LiteralType)
        and (matched := CHOICES.search(check.text))
        and matched["column"] == name
    ):
        allowed = {
            value.replace("''", "'")
            for value in re.findall(r"'((?:[^']|'')*)'::", matched["values"])
        }
        if more := {*map(str, kind.values)} - allowed:
            yield f"lets {list_values(more)} through, which {check.name} refuses"
        if fewer := allowed - {*map(str, kind.values)}:
            yield f"does not know {list_values(fewer)}, which {check.name} lets in"
    if not isinstance(kind, inspect.StrType):
        return
    for matched in PATTERN.finditer(check.text):
        wanted = ENDS.sub("", matched["pattern"].replace("''", "'"))
        if kind.pattern and matched["column"] == name and ENDS.sub("", kind.pattern) != wanted:
            yield f"has the pattern {kind.pattern}, and {check.name} has {matched['pattern']}"
    for matched in LENGTH.finditer(check.text):
        if matched["column"] != name or kind.max_length is None:
            continue
        limit = int(matched["length"]) + {"<": -1, ">": 1}.get(matched["sign"], 0)
        if "<" in matched["sign"] and kind.max_length > limit:
            yield f"may have {kind.max_length} characters, and {check.name} lets in {limit}"
        if ">" in matched["sign"] and (kind.min_length or 0) < limit:
            yield f"may have {kind.min_length or 0} characters, and {check.name} asks for {limit}"


def list_values(values: set[str]) -> str:
    return ", ".join(sorted(values))
