# kit: updated by the template; extend it from app.py
"""What the structs of a slice accept, against what its tables accept.

Choices, patterns and lengths of text are compared.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import asyncpg
from msgspec import Struct, inspect

# A choice that is a type of its own, and the length of a varchar, are read as if they were checks.
CONSTRAINTS = r"""
select conrelid::int8, conname::text, pg_get_constraintdef(oid)
  from pg_constraint where contype = 'c' and conrelid <> 0
 union all
select attrelid::int8, format_type(atttypid, null),
       format(
           '%s = ANY (ARRAY[%s])', attname,
           (select string_agg(quote_literal(enumlabel) || '::', ',')
              from pg_enum where enumtypid = atttypid)
       )
  from pg_attribute where attnum > 0 and atttypid in (select enumtypid from pg_enum)
 union all
select attrelid::int8, 'its type', format('length(%s) <= %s', attname, atttypmod - 4)
  from pg_attribute where attnum > 0 and atttypid = 'varchar'::regtype and atttypmod > 4
"""

COLUMN = r'\(*"?(?P<column>\w+)"?\)?(?:::[a-z ]+)?'
CHOICES = re.compile(COLUMN + r"\)? = ANY \(+ARRAY\[(?P<values>[^\]]*)\]")
CHOICE = re.compile(r"'((?:[^']|'')*)'::")
PATTERN = re.compile(COLUMN + r" ~ '(?P<pattern>(?:[^']|'')*)'")
LENGTH = re.compile(
    r"(?:char_|character_)?length\(" + COLUMN + r"\)+ (?P<sign><=|<|>=|>) (?P<length>\d+)"
)
ANCHORS = re.compile(r"^(?:\^|\\A)|(?:\$|\\[Zz])$")


type Found = re.Match[str]


class Constraint(NamedTuple):
    """A check of a table, as PostgreSQL writes it."""

    table: int
    name: str
    text: str


async def read_constraints(connection: asyncpg.Connection) -> list[Constraint]:
    """Return the checks of all tables, but for those that leave a choice between conditions."""
    rows = await connection.fetch(CONSTRAINTS)
    constraints = [Constraint(*row) for row in rows]
    return [constraint for constraint in constraints if " OR " not in constraint.text]


def compare_struct(struct: type[Struct], constraints: Iterable[Constraint]) -> Iterator[str]:
    """Yield where a struct differs from the constraints of columns that are named as its fields."""
    info: Any = inspect.type_info(struct)
    for field in info.fields:
        name = f"{struct.__module__}.{struct.__name__}.{field.name}"
        for constraint in constraints:
            for difference in compare_field(field, constraint):
                yield f"{name} {difference}"


def compare_field(field: inspect.Field, constraint: Constraint) -> Iterator[str]:
    alternatives = getattr(field.type, "types", [field.type])
    for pattern, kind, compare in COMPARISONS:
        for found in pattern.finditer(constraint.text):
            if found["column"] != field.name:
                continue
            for alternative in alternatives:
                if isinstance(alternative, kind):
                    yield from compare(alternative, found, constraint.name)


def compare_choices(kind: Any, found: Found, name: str) -> Iterator[str]:
    known = set(map(str, kind.values))
    choices = CHOICE.findall(found["values"])
    allowed = set(map(unquote, choices))
    more = ", ".join(sorted(known - allowed))
    fewer = ", ".join(sorted(allowed - known))
    if more:
        yield f"lets {more} through, which {name} refuses"
    if fewer:
        yield f"does not know {fewer}, which {name} lets in"


def compare_pattern(kind: Any, found: Found, name: str) -> Iterator[str]:
    pattern = kind.pattern or ""
    wanted = ANCHORS.sub("", unquote(found["pattern"]))
    if pattern and ANCHORS.sub("", pattern) != wanted:
        yield f"has the pattern {pattern}, and {name} has {found['pattern']}"


def compare_length(kind: Any, found: Found, name: str) -> Iterator[str]:
    shortest = kind.min_length or 0
    longest = kind.max_length
    sign = found["sign"]
    limit = int(found["length"])
    if sign == "<":
        limit -= 1
    if sign == ">":
        limit += 1
    if longest is None:
        return
    if "<" in sign and longest > limit:
        yield f"may have {longest} characters, and {name} lets in {limit}"
    if ">" in sign and shortest < limit:
        yield f"may have {shortest} characters, and {name} asks for {limit}"


def unquote(text: str) -> str:
    return text.replace("''", "'")


COMPARISONS = (
    (CHOICES, inspect.LiteralType, compare_choices),
    (PATTERN, inspect.StrType, compare_pattern),
    (LENGTH, inspect.StrType, compare_length),
)
