# kit: updated by the template; extend it from app.py
"""The conditions that the rows of a `from` have met."""

from collections.abc import Iterator

from service_tools.sql.tree import INNER, LEFT, RIGHT, Node


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


def list_tests(part: Node) -> Iterator[Node]:
    """Yield the conditions that every row of a `from` has met, those of each `and` one by one."""
    for condition in list_conditions(part):
        is_and = condition.tag == "BOOLEXPR" and condition.boolop == "and"
        yield from condition.args if is_and else [condition]
