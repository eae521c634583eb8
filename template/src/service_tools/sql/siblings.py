# kit: updated by the template; extend it from app.py
"""Compare the statements of one slice with each other.

One may be there twice, or forget what the others ask for.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from service_tools.sql.catalog import Catalog
from service_tools.sql.ownership import list_uses
from service_tools.sql.scope import Scope
from service_tools.sql.statement import Finding, Statements
from service_tools.sql.tree import DELETE, SELECT, UPDATE

type Asked = dict[str, set[int]]
"""The columns of a table that have to equal an argument, by the name of the statement."""


def check_siblings(statements: Statements, catalog: Catalog) -> Iterator[tuple[str, Finding]]:
    """Yield findings about the statements of a slice, each with the name of the statement."""
    for name, twin in find_twins(statements):
        yield name, Finding("twin", f"it is the same as {twin}", "Use that one.")
    for table, asked in list_asked(statements, catalog).items():
        for name, column in find_forgetful(asked, table, catalog):
            others = f"the others of its slice ask for {catalog.columns[table, column]}"
            detail = f"it finds a row of anybody's: {others}"
            fix = "Add this condition, or say why not: excused={'scope': '…'}."
            yield name, Finding("scope", detail, fix)


def find_twins(statements: Statements) -> Iterator[tuple[str, str]]:
    """Yield each statement that is there twice, with the first of its kind."""
    first: dict[str, str] = {}
    for statement in statements:
        query = statement.query
        meaning = statement.tree or query.sql
        name = statement.name
        twin = first.setdefault(f"{meaning} {query.row}", name)
        if twin != name:
            yield name, twin


def list_asked(statements: Statements, catalog: Catalog) -> Mapping[int, Asked]:
    """Return what the statements of a slice ask of each table."""
    found: dict[int, Asked] = defaultdict(lambda: defaultdict(set))
    for statement in statements:
        if statement.tree is None:
            continue
        for use in list_uses(Scope(statement.tree, catalog)):
            if use.scope.query.commandType in (SELECT, UPDATE, DELETE):
                columns = catalog.list_indexed(use.table)
                asked = found[use.table][statement.name]
                asked.update(filter(use.asks_for, columns))
    return found


def find_forgetful(asked: Asked, table: int, catalog: Catalog) -> Iterator[tuple[str, int]]:
    """Yield statements that find a row by its key alone, each with a column that it forgets.

    Most lists ask for that column, or most statements that find a row.
    """
    indexes = catalog.list_indexes(table)
    leading = {index.columns[0] for index in indexes}
    leading.difference_update(catalog.list_keys(table))
    by_key = set()
    for index in indexes:
        for name, columns in asked.items():
            if index.is_unique and columns.issuperset(index.columns):
                by_key.add(name)
    for group in (by_key, asked.keys() - by_key):
        for column in leading:
            times = sum(column in asked[name] for name in group)
            if 2 * times <= len(group):
                continue
            for name in by_key:
                if column not in asked[name]:
                    yield name, column
