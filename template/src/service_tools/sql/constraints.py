# kit: updated by the template; extend it from app.py
"""Compare what the structs of a slice accept with what its tables accept.

Choices, patterns and lengths of text are compared.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import asyncpg
from msgspec import Struct, inspect

# Checks that leave a choice between conditions are left out. A choice that is a type of its own and
# the length of a varchar are constraints as well.
CONSTRAINTS = r"""
with checks as (
    select conrelid::int8 as relation, conname::text as name, pg_get_constraintdef(oid) as text
      from pg_constraint
     where contype = 'c' and conrelid <> 0 and pg_get_constraintdef(oid) !~ ' OR '
)
select relation, found[1], name,
       array(
           select replace(choice[1], $$''$$, $$'$$)
             from regexp_matches(found[2], $$'((?:[^']|'')*)'::$$, 'g') as choice
       ),
       null::text, null::int, null::int
  from checks,
       regexp_matches(
           text, $$(\w+)"?\)?(?:::[a-z ]+)?\)? = ANY \(+ARRAY\[([^]]*)\]$$, 'g'
       ) as found
 union all
select relation, found[1], name, null, replace(found[2], $$''$$, $$'$$), null, null
  from checks,
       regexp_matches(text, $$(\w+)"?\)?(?:::[a-z ]+)? ~ '((?:[^']|'')*)'$$, 'g') as found
 union all
select relation, found[1], name, null, null,
       case found[2] when '>' then found[3]::int + 1 when '>=' then found[3]::int end,
       case found[2] when '<' then found[3]::int - 1 when '<=' then found[3]::int end
  from checks,
       regexp_matches(
           text, $$length\(\(*"?(\w+)"?\)?(?:::[a-z ]+)?\)+ (<=|<|>=|>) (\d+)$$, 'g'
       ) as found
 union all
select attrelid::int8, attname::text, format_type(atttypid, null),
       array(select enumlabel::text from pg_enum where enumtypid = atttypid), null, null, null
  from pg_attribute where attnum > 0 and atttypid in (select enumtypid from pg_enum)
 union all
select attrelid::int8, attname::text, 'its type', null, null, null, atttypmod - 4
  from pg_attribute where attnum > 0 and atttypid = 'varchar'::regtype and atttypmod > 4
"""

ANCHORS = re.compile(r"^(?:\^|\\A)|(?:\$|\\[Zz])$")


class Constraint(NamedTuple):
    """What a table, or the type of a column, asks of a column."""

    table: int
    column: str
    name: str
    choices: list[str] | None
    pattern: str | None
    min_length: int | None
    max_length: int | None


async def read_constraints(connection: asyncpg.Connection) -> list[Constraint]:
    """Return the constraints of all tables."""
    return [Constraint(*row) for row in await connection.fetch(CONSTRAINTS)]


def compare_struct(struct: type[Struct], constraints: Iterable[Constraint]) -> Iterator[str]:
    """Yield where a struct differs from the constraints of columns that are named as its fields."""
    info: Any = inspect.type_info(struct)
    fields = {field.name: field.type for field in info.fields}
    for constraint in constraints:
        column = constraint.column
        kind = fields.get(column)
        for alternative in getattr(kind, "types", [kind]):
            for difference in compare_type(alternative, constraint):
                yield f"{struct.__module__}.{struct.__name__}.{column} {difference}"


def compare_type(kind: Any, constraint: Constraint) -> Iterator[str]:
    """Yield what differs: choices, or patterns and lengths of a text."""
    if isinstance(kind, inspect.LiteralType) and constraint.choices is not None:
        yield from compare_choices(kind, constraint.choices, constraint.name)
    if not isinstance(kind, inspect.StrType):
        return
    _, _, name, _, pattern, shortest, longest = constraint
    if kind.pattern and pattern and ANCHORS.sub("", kind.pattern) != ANCHORS.sub("", pattern):
        yield f"has the pattern {kind.pattern}, and {name} has {pattern}"
    if kind.max_length is None:
        return
    if longest is not None and kind.max_length > longest:
        yield f"may have {kind.max_length} characters, and {name} lets in {longest}"
    length = kind.min_length or 0
    if length < (shortest or 0):
        yield f"may have {length} characters, and {name} asks for {shortest}"


def compare_choices(kind: inspect.LiteralType, choices: Iterable[str], name: str) -> Iterator[str]:
    known = set(map(str, kind.values))
    allowed = set(choices)
    more = ", ".join(sorted(known - allowed))
    fewer = ", ".join(sorted(allowed - known))
    if more:
        yield f"lets {more} through, which {name} refuses"
    if fewer:
        yield f"does not know {fewer}, which {name} lets in"
