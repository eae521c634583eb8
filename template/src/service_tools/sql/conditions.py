# kit: updated by the template; extend it from app.py
"""The conditions that rows have met, and which columns they prove not to be null.

In a row that `note like $1` kept, `note` is not null.
"""

from collections.abc import Iterator
from itertools import chain

from service_tools.sql.tree import INNER, LEFT, RIGHT, Node

NULL_KEEPING = (
    "RELABELTYPE",
    "COLLATEEXPR",
    "COERCEVIAIO",
    "COERCETODOMAIN",
    "ARRAYCOERCEEXPR",
    "JSONISPREDICATE",
    "NAMEDARGEXPR",
)
"""Nodes that are null if their argument is, and only then."""

IS_NOT_NULL = 1


def get_argument(node: Node) -> Node:
    """Return the argument of one of these nodes."""
    argument: Node = node.expr if node.tag == "JSONISPREDICATE" else node.arg
    return argument


def has_table(part: Node, number: int) -> bool:
    """Return whether a part of a `from` contains the table of a number."""
    if part.tag == "RANGETBLREF":
        return bool(part.rtindex == number)
    if part.tag == "JOINEXPR":
        return has_table(part.larg, number) or has_table(part.rarg, number)
    return any(has_table(item, number) for item in part.fromlist)


def list_conditions(part: Node, number: int = 0) -> Iterator[Node]:
    """Yield the conditions that every row of a `from` has met.

    With the `number` of a table, also those that only the rows with a part of it have met.
    """
    if part.tag == "RANGETBLREF":
        return
    is_join = part.tag == "JOINEXPR"
    sides = list_present_sides(part, number) if is_join else part.fromlist
    for side in sides:
        yield from list_conditions(side, number)
    if part.quals and not (is_join and len(sides) < 2):
        yield part.quals


def list_present_sides(join: Node, number: int) -> list[Node]:
    """Return the sides of a join that are there in every row that has a part of a table."""
    sides = []
    kind = join.jointype
    if kind in (INNER, LEFT) or has_table(join.larg, number):
        sides.append(join.larg)
    if kind in (INNER, RIGHT) or has_table(join.rarg, number):
        sides.append(join.rarg)
    return sides


def find_not_null(test: Node, outcome: bool = True) -> list[Node]:
    """Return the columns that cannot be null where a condition is true, or false."""
    if test.tag == "BOOLEXPR" and test.boolop == "not":
        return find_not_null(test.args[0], not outcome)
    if test.tag == "BOOLEXPR":
        return combine(test, outcome)
    if test.tag == "NULLTEST":
        says_not_null = test.nulltesttype == IS_NOT_NULL
        return find_strict(test.arg) if says_not_null == outcome else []
    return find_strict(test)


def combine(test: Node, outcome: bool) -> list[Node]:
    """Return the columns that cannot be null where an `and` or an `or` has an outcome."""
    first, *others = [find_not_null(part, outcome) for part in test.args]
    has_all = (test.boolop == "and") == outcome
    for other in others:
        if has_all:
            first += other
        else:
            first = [column for column in first if column in other]
    return first


def find_strict(expression: Node) -> list[Node]:
    """Return the columns that make an expression null by being null."""
    if expression.tag == "VAR":
        return [] if expression.varlevelsup else [expression]
    if expression.tag in NULL_KEEPING:
        return find_strict(get_argument(expression))
    if expression.tag == "SCALARARRAYOPEXPR":
        return find_strict(expression.args[0])
    is_call = expression.tag in ("OPEXPR", "FUNCEXPR")
    if is_call and expression.function.is_strict:
        return list(chain(*map(find_strict, expression.args)))
    return []


def find_not_null_otherwise(test: Node) -> list[Node]:
    """Return the columns that cannot be null where a condition is false or null."""
    if test.tag == "BOOLEXPR" and test.boolop == "or":
        return list(chain(*map(find_not_null_otherwise, test.args)))
    if test.tag == "NULLTEST":
        return find_not_null(test, outcome=False)
    return []
