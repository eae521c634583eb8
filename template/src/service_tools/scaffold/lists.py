# kit: updated by the template; extend it from app.py
"""How the list of a new slice chooses its statement: by sort and by filter."""

from service_tools.scaffold import source
from service_tools.scaffold.fields import Column
from service_tools.scaffold.resource import Resource

FETCH = """    keyset = Keyset(tuple[datetime, UUID], "${table}", sort)
    after = STARTS[sort] if cursor is None else keyset.open(cursor)
    rows = await db.fetch(LISTS[sort], *after, limit + 1)"""

FETCH_FILTERED = """    keyset = Keyset(tuple[datetime, UUID], "${table}", sort, *picked)
    after = STARTS[sort] if cursor is None else keyset.open(cursor)
    rows = await db.fetch(LISTS[sort][picked.name], *after, limit + 1, *picked.args)"""


def list_statements(resource: Resource) -> list[str]:
    """Return the entries of LISTS: by sort, and by filter if there is one."""
    entries = []
    for sort, order in (("-created_at", "newest"), ("created_at", "oldest")):
        statement = f"queries.{order}_{resource.plural}"
        filtered = [f'"{column.name}": {statement}_by_{column.name}' for column in resource.filters]
        inner = source.lines([f"None: {statement}", *filtered], " " * 8)
        entries.append(f'"{sort}": {{\n{inner}\n    }}' if filtered else f'"{sort}": {statement}')
    return entries


def ask(column: Column) -> str:
    """Return the type of a filter's parameter."""
    if column.kind.asked:
        return f"Annotated[{column.kind.param} | None, QueryParameter({column.kind.asked})]"
    return f"FromQuery[{column.wire if column.choices else column.kind.param} | None]"


def write_fetch(resource: Resource) -> str:
    """Return how the list gets its rows."""
    if not resource.filters:
        return FETCH.replace("${table}", resource.plural)
    names = [f"{column.name}={column.name}" for column in resource.filters]
    pick = source.wrap("picked = filters.pick(", names, ")", indent="    ")
    return f"{pick}\n{FETCH_FILTERED.replace('${table}', resource.plural)}"
