# kit: updated by the template; extend it from app.py
"""The queries of a statement, each where it stands in PostgreSQL's tree, with its conditions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from service_tools.sql import conditions
from service_tools.sql.nulls import GROUP, SELECT, Known
from service_tools.sql.tree import Tree

INNER, LEFT, RIGHT = 0, 1, 3
UUID, TEXT, VARCHAR = 2950, 25, 1043

SAME = ("RELABELTYPE", "COLLATEEXPR", "COERCETODOMAIN")
"""Nodes that have the value of their argument."""

CUTS = ("limitCount", "limitOffset", "hasDistinctOn", "hasWindowFuncs", "groupingSets", "rowMarks")
"""What makes rows depend on others, so that a condition outside is not as good as one inside."""


QUERIES = ("subselect", "subquery", "ctequery")
"""The fields of a node that hold a query of its own."""


@dataclass(frozen=True)
class Place:
    """A query, and the one that it stands in: in its `from` under a `number`, or elsewhere."""

    query: Tree
    known: Known
    outer: "Place | None" = None
    number: int = 0

    def up(self, levels: int) -> "Place":
        return self.outer.up(levels - 1) if levels and self.outer else self

    def enter(self, query: Tree, number: int = 0) -> "Place":
        return Place(query, self.known, self, number)

    def spot(self, number: int, column: int) -> tuple[int, int, int]:
        return id(self.query), number, column


def strip(it: Tree) -> Tree:
    """Return an expression without what changes its type alone."""
    while it["node"] in SAME or is_spelling(it):
        it = it["arg"]
    return it


def is_spelling(it: Tree) -> bool:
    """Return whether an expression is a UUID as text, or text as a UUID."""
    return bool(it["node"] == "COERCEVIAIO" and it["resulttype"] in (UUID, TEXT, VARCHAR))


def is_column(it: Tree, number: int, column: int) -> bool:
    it = strip(it)
    if it["node"] != "VAR" or it["varlevelsup"]:
        return False
    return (it["varno"], it["varattno"]) == (number, column)


def is_transparent(query: Tree) -> bool:
    """Return whether a condition on what a query returns is as good as one within it."""
    return query["commandType"] == SELECT and not any(query[cut] for cut in CUTS)


def resolve_group(query: Tree, it: Tree) -> Tree:
    """Return the expression that a column of `group by` stands for."""
    if it["node"] == "VAR" and not it["varlevelsup"]:
        source = query["rtable"][it["varno"] - 1]
        if source["rtekind"] == GROUP:
            return strip(source["groupexprs"][it["varattno"] - 1])
    return it


def list_targets(query: Tree) -> Sequence[Tree]:
    """Return what a query returns."""
    targets = query["targetList" if query["commandType"] == SELECT else "returningList"]
    return [it for it in targets or () if not it["resjunk"]]


def find_with(home: Place, name: str) -> Tree:
    return next(it["ctequery"] for it in home.query["cteList"] if it["ctename"] == name)


def has_table(part: Tree, number: int) -> bool:
    """Return whether a part of a `from` contains the table of a number."""
    if part["node"] == "RANGETBLREF":
        return bool(part["rtindex"] == number)
    if part["node"] == "JOINEXPR":
        return has_table(part["larg"], number) or has_table(part["rarg"], number)
    return any(has_table(item, number) for item in part["fromlist"] or ())


def list_met(part: Tree, number: int) -> Iterator[Tree]:
    """Yield the conditions that each row has met in which a table has a part."""
    if part["node"] == "FROMEXPR":
        yield from list_sides(part["fromlist"] or (), number)
        if part["quals"]:
            yield part["quals"]
    elif part["node"] == "JOINEXPR":
        left, right = part["larg"], part["rarg"]
        optional = {LEFT: right, RIGHT: left}.get(part["jointype"])
        if part["jointype"] == INNER or (optional and has_table(optional, number)):
            yield from list_sides((left, right), number)
            if part["quals"]:
                yield part["quals"]
        else:
            yield from list_met(left if has_table(left, number) else right, number)


def list_sides(parts: Sequence[Tree], number: int) -> Iterator[Tree]:
    for part in parts:
        if has_table(part, number):
            yield from list_met(part, number)
        else:
            yield from conditions.list_conditions(part)


def walk_level(value: Any) -> Iterator[Tree]:
    """Yield the nodes of an expression, or of a query, but not those of queries within it."""
    if isinstance(value, dict):
        yield value
        parts = [it for key, it in value.items() if key not in QUERIES]
    else:
        parts = value if isinstance(value, list) else []
    for part in parts:
        yield from walk_level(part)
