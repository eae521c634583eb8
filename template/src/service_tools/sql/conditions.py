# kit: updated by the template; extend it from app.py
"""What the conditions of a statement tell about nulls: in a row that `note like $1` kept, `note` is
not null.
"""

from collections.abc import Iterator

from service_tools.sql.functions import Functions
from service_tools.sql.tree import Tree

SAME = {
    "RELABELTYPE",
    "COLLATEEXPR",
    "COERCEVIAIO",
    "COERCETODOMAIN",
    "ARRAYCOERCEEXPR",
    "JSONISPREDICATE",
    "NAMEDARGEXPR",
}
"""Nodes that are null if their argument is."""


def read_argument(it: Tree) -> Tree:
    """Return the argument of one of these nodes."""
    argument: Tree = it["expr" if it["node"] == "JSONISPREDICATE" else "arg"]
    return argument


def list_conditions(part: Tree | None) -> Iterator[Tree]:
    """Yield the conditions that every row of a `from` has met."""
    kind = part["node"] if part else ""
    if part and kind == "FROMEXPR":
        yield from (
            condition for item in part["fromlist"] or () for condition in list_conditions(item)
        )
    if part and kind == "JOINEXPR":
        sides = {0: ("larg", "rarg"), 1: ("larg",), 3: ("rarg",)}.get(part["jointype"], ())
        yield from (condition for side in sides for condition in list_conditions(part[side]))
    if part and part.get("quals") and (kind == "FROMEXPR" or part["jointype"] == 0):
        yield part["quals"]


def find_met(test: Tree, functions: Functions, outcome: bool = True) -> list[Tree]:
    """Return the columns that cannot be null where a condition is true, or false."""
    if test["node"] == "BOOLEXPR" and test["boolop"] == "not":
        return find_met(test["args"][0], functions, not outcome)
    if test["node"] == "BOOLEXPR":
        parts = [find_met(part, functions, outcome) for part in test["args"]]
        if (test["boolop"] == "and") == outcome:
            return [column for part in parts for column in part]
        return [column for column in parts[0] if all(column in part for part in parts)]
    if test["node"] == "NULLTEST":
        return find_strict(test["arg"], functions) if (test["nulltesttype"] == 1) == outcome else []
    return find_strict(test, functions)


def find_strict(expression: Tree, functions: Functions) -> list[Tree]:
    """Return the columns that make an expression null by being null."""
    kind = expression["node"]
    if kind == "VAR":
        return [] if expression["varlevelsup"] else [expression]
    if kind in SAME:
        return find_strict(read_argument(expression), functions)
    if kind == "SCALARARRAYOPEXPR":
        return find_strict(expression["args"][0], functions)
    if kind in ("OPEXPR", "FUNCEXPR") and functions.is_strict(expression):
        return [
            column for part in expression["args"] or () for column in find_strict(part, functions)
        ]
    return []


def find_missed(test: Tree, functions: Functions) -> list[Tree]:
    """Return the columns that cannot be null where a condition is not true. One that is null may be
    no false one.
    """
    if test["node"] == "BOOLEXPR" and test["boolop"] == "or":
        return [column for part in test["args"] for column in find_missed(part, functions)]
    return find_met(test, functions, False) if test["node"] == "NULLTEST" else []
