# kit: updated by the template; extend it from app.py
"""Statements of one slice, compared: one that is there twice, and one that forgets what the others
ask for.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain

from service_tools.sql.catalog import Catalog, Column
from service_tools.sql.conditions import list_conditions
from service_tools.sql.scope import strip_casts
from service_tools.sql.statement import Finding, Statement
from service_tools.sql.tree import DELETE, SELECT, TABLE, UPDATE, Node, walk_nodes

type Asked = dict[str, set[int]]
"""The columns of a table that have to equal an argument, by the name of the statement."""


def check_siblings(
    statements: Sequence[Statement], catalog: Catalog
) -> Iterator[tuple[str, Finding]]:
    """Yield findings, each with the name of the statement."""
    for name, twin in find_twins(statements):
        yield name, Finding("twin", f"it is the same as {twin}", "Use that one.")
    for (_, table), asked in list_asked(statements, catalog).items():
        for name, column in find_forgetful(asked, table, catalog):
            detail = (
                "it finds a row of anybody's: "
                f"the others of its slice ask for {catalog.columns[table, column]}"
            )
            fix = "Add this condition, or say why not: excused={'scope': '…'}."
            yield name, Finding("scope", detail, fix)


def find_twins(statements: Iterable[Statement]) -> Iterator[tuple[str, str]]:
    """Yield each statement that is in its slice twice, with the first of its kind."""
    first: dict[str, str] = {}
    for statement in statements:
        query = statement.query
        text = f"{statement.slice_name} {statement.tree or query.sql} {query.row}"
        twin = first.setdefault(text, statement.name)
        if twin != statement.name:
            yield statement.name, twin


def list_asked(statements: Iterable[Statement], catalog: Catalog) -> dict[tuple[str, int], Asked]:
    """Return what the statements of a slice ask of a table, by slice and table."""
    found: dict[tuple[str, int], Asked] = defaultdict(lambda: defaultdict(set))
    for statement in statements:
        for node in walk_nodes(statement.tree):
            if node.tag != "QUERY" or node.commandType not in (SELECT, UPDATE, DELETE):
                continue
            for table, columns in find_equal(node, catalog):
                found[statement.slice_name, table][statement.name] |= columns
    return found


def find_equal(query: Node, catalog: Catalog) -> Iterator[tuple[int, set[int]]]:
    """Yield each table of a query, with its columns that have to equal an argument."""
    columns: list[Column] = []
    for test in list_conditions(query.jointree):
        columns += find_equal_columns(test, catalog)
    for number, source in enumerate(query.rtable, 1):
        if source.rtekind == TABLE:
            yield source.relid, {column for table, column in columns if table == number}


def find_equal_columns(test: Node, catalog: Catalog) -> Iterator[Column]:
    if test.tag == "BOOLEXPR" and test.boolop == "and":
        for part in test.args:
            yield from find_equal_columns(part, catalog)
    if test.tag == "OPEXPR" and test.opno in catalog.equal:
        left, right = (strip_casts(part) for part in test.args)
        for column, value in ((left, right), (right, left)):
            if column.tag == "VAR" and value.tag == "PARAM":
                yield column.varno, column.varattno


def find_forgetful(asked: Asked, table: int, catalog: Catalog) -> Iterator[tuple[str, int]]:
    """Yield statements that find a row by its key alone, each with a column that is usual.

    That is what most lists ask for, or most statements that find a row.
    """
    indexes = catalog.list_indexes(table)
    unique = [{*index.columns} for index in indexes if index.is_unique]
    by_key = {name for name, columns in asked.items() if any(key <= columns for key in unique)}
    several = [it for it in indexes if len(it.columns) > 1 or not it.is_unique]
    scoping = {index.columns[0] for index in several} - {*catalog.list_keys(table)}
    for group in (asked.keys() - by_key, by_key):
        for column in list_usual([asked[name] & scoping for name in group]):
            for name in by_key:
                if column not in asked[name]:
                    yield name, column


def list_usual(asked: Collection[set[int]]) -> list[int]:
    """Return the columns that more than half ask for."""
    counts = Counter(chain(*asked))
    return [column for column, times in counts.items() if 2 * times > len(asked)]
