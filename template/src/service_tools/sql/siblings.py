# kit: updated by the template; extend it from app.py
"""Statements beside each other: one that is there twice, and one that forgets what the others of
its slice ask for.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from service.kit.db.query import AnyQuery
from service_tools.sql import conditions, nulls
from service_tools.sql.finding import Finding
from service_tools.sql.nulls import Column, Known
from service_tools.sql.places import strip
from service_tools.sql.tree import Tree, walk


@dataclass(frozen=True)
class Index:
    """An index by the numbers of its columns; an expression has 0."""

    table: int
    is_unique: bool
    columns: tuple[int, ...]


def check(
    statements: Mapping[str, tuple[AnyQuery, Tree | None]], known: Known, indexes: Sequence[Index]
) -> dict[str, list[Finding]]:
    """Return what is found, by the name of the statement."""
    found: dict[str, list[Finding]] = defaultdict(list)
    first: dict[str, str] = {}
    slices: dict[tuple[str, int], dict[str, set[int]]] = defaultdict(dict)
    for name, (query, tree) in statements.items():
        same = first.setdefault(f"{name.partition('.')[0]} {tree or query.sql} {query.row}", name)
        if same != name:
            found[name].append(Finding("twin", f"it is the same as {same}", "Use that one."))
        for table, columns in find_equal(tree, known):
            slices[name.partition(".")[0], table].setdefault(name, set()).update(columns)
    for (_, table), uses in slices.items():
        for name, column in find_unscoped(uses, [it for it in indexes if it.table == table]):
            detail = f"it finds a row of anybody's: the others of its slice ask for {known.columns[table, column]}"
            found[name].append(
                Finding(
                    "scope", detail, "Add this condition, or say why not: excused={'scope': '…'}."
                )
            )
    return found


def find_equal(tree: Tree | None, known: Known) -> Iterator[tuple[int, set[int]]]:
    """Yield each table that a statement reads or changes, with its columns that have to equal an
    argument.
    """
    for query in walk(tree):
        if query["node"] != "QUERY" or query["commandType"] not in (
            nulls.SELECT,
            nulls.UPDATE,
            nulls.DELETE,
        ):
            continue
        columns = [
            column
            for test in conditions.list_conditions(query["jointree"])
            for column in find_columns(test, known)
        ]
        for number, source in enumerate(query["rtable"] or (), 1):
            if source["rtekind"] == nulls.TABLE:
                yield source["relid"], {column for place, column in columns if place == number}


def find_columns(test: Tree, known: Known) -> Iterator[Column]:
    if test["node"] == "BOOLEXPR" and test["boolop"] == "and":
        yield from (column for part in test["args"] for column in find_columns(part, known))
    if test["node"] == "OPEXPR" and test["opno"] in known.equal:
        left, right = (strip(part) for part in test["args"])
        for column, value in ((left, right), (right, left)):
            if column["node"] == "VAR" and value["node"] == "PARAM":
                yield column["varno"], column["varattno"]


def find_unscoped(
    uses: Mapping[str, set[int]], indexes: Sequence[Index]
) -> Iterator[tuple[str, int]]:
    """Yield statements that find a row by its key alone, where most lists, or most that find one,
    ask for more.
    """
    unique = [{*it.columns} for it in indexes if it.is_unique]
    by_key = {name for name, columns in uses.items() if any(key <= columns for key in unique)}
    leading = {next(iter(it.columns)) for it in indexes if len(it.columns) > 1 or not it.is_unique}
    for group in (uses.keys() - by_key, by_key):
        counted = Counter(
            column for name in group for column in uses[name] & leading if {column} not in unique
        )
        usual = [column for column, times in counted.items() if 2 * times > len(group)]
        yield from (
            (name, column) for name in by_key for column in usual if column not in uses[name]
        )
