# kit: updated by the template; extend it from app.py
"""Statements of one slice, compared with each other.

One may be there twice, or forget what the others ask for.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from service_tools.sql.catalog import Catalog
from service_tools.sql.ownership import list_uses
from service_tools.sql.scope import Scope
from service_tools.sql.statement import Finding, Statement
from service_tools.sql.tree import DELETE, SELECT, UPDATE

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


def list_asked(
    statements: Iterable[Statement], catalog: Catalog
) -> Mapping[tuple[str, int], Asked]:
    """Return what the statements of a slice ask of a table, by slice and table."""
    found: dict[tuple[str, int], Asked] = defaultdict(lambda: defaultdict(set))
    for statement in statements:
        uses = list_uses(Scope(statement.tree, catalog)) if statement.tree else ()
        for use in uses:
            if use.scope.query.commandType in (SELECT, UPDATE, DELETE):
                asked = found[statement.slice_name, use.table]
                asked[statement.name] |= use.list_asked()
    return found


def find_forgetful(asked: Asked, table: int, catalog: Catalog) -> Iterator[tuple[str, int]]:
    """Yield statements that find a row by its key alone, each with a column that is usual.

    That is what most lists ask for, or most statements that find a row.
    """
    indexes = catalog.list_indexes(table)
    unique = [{*index.columns} for index in indexes if index.is_unique]
    by_key = {name for name, columns in asked.items() if any(key <= columns for key in unique)}
    leading = {
        index.columns[0] for index in indexes if index.columns[0] not in catalog.list_keys(table)
    }
    for group in (by_key, asked.keys() - by_key):
        counts = Counter(chain(*(asked[name] & leading for name in group)))
        usual = [column for column, times in counts.items() if 2 * times > len(group)]
        for name in by_key:
            for column in usual:
                if column not in asked[name]:
                    yield name, column
