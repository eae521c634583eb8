# kit: updated by the template; extend it from app.py
"""Compare the statements of one slice with each other.

One may be there twice, or forget what the others ask for.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from service_tools.sql.catalog import Catalog
from service_tools.sql.ownership import list_uses
from service_tools.sql.proofs import is_given
from service_tools.sql.scope import Scope
from service_tools.sql.statement import Finding, Statement, Statements
from service_tools.sql.tree import DELETE, SELECT, UPDATE


def list_asked(scope: Scope) -> Mapping[int, set[int]]:
    """Return the columns of each table that have to equal an argument, or what a subquery finds."""
    asked: dict[int, set[int]] = defaultdict(set)
    for use in list_uses(scope):
        if use.scope.query.commandType in (SELECT, UPDATE, DELETE):
            for index in scope.catalog.list_indexes(use.table):
                columns = [use.get_column(number) for number in index.columns]
                given = [column for column in columns if is_given(column, by_subquery=True)]
                asked[use.table].update(it.column for it in given)
    return asked


def check_siblings(statements: Statements, catalog: Catalog) -> Iterator[tuple[Statement, Finding]]:
    """Yield findings about the statements of a slice, each with its statement."""
    first: dict[str, Statement] = {}
    tables: dict[int, list[Statement]] = defaultdict(list)
    for statement in statements:
        query = statement.query
        meaning = statement.tree or query.sql
        twin = first.setdefault(f"{meaning} {query.row}", statement)
        if twin.query is not query:  # the same statement may have two names
            yield statement, Finding("twin", f"it is the same as {twin.name}", "Use that one.")
        for table in statement.asked:
            tables[table].append(statement)
    for table, using in tables.items():
        for statement, column in find_forgetful(using, table, catalog):
            others = f"the others of its slice ask for {catalog.columns[table, column]}"
            detail = f"it finds a row of anybody's: {others}"
            fix = "Add this condition, or say why not: excused={'scope': '…'}."
            yield statement, Finding("scope", detail, fix)


def find_forgetful(
    statements: Statements, table: int, catalog: Catalog
) -> Iterator[tuple[Statement, int]]:
    """Yield statements that find a row by its key alone, each with a column that it forgets.

    Most lists ask for that column, or most statements that find a row.
    """
    indexes = catalog.list_indexes(table)
    leading = {index.columns[0] for index in indexes} - catalog.list_keys(table)
    keys = [index.columns for index in indexes if index.is_unique]
    by_key = [it for it in statements if any(map(it.asked[table].issuperset, keys))]
    lists = [it for it in statements if it not in by_key]
    for group in (by_key, lists):
        for column in leading:
            times = sum(column in it.asked[table] for it in group)
            if 2 * times > len(group):
                forgetful = [it for it in by_key if column not in it.asked[table]]
                yield from ((statement, column) for statement in forgetful)
