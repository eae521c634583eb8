# kit: updated by the template; extend it from app.py
"""The migration of a new table."""

from collections.abc import Iterator

from service_tools.scaffold.fields import Column
from service_tools.scaffold.resource import Resource

KEPT_DEFAULTS = {"text[]": "'{}'"}


def write(resource: Resource) -> str:
    """Return the SQL of a resource's table, with a name for every constraint and index."""
    table = resource.plural
    rows = [
        ("id", "uuid", "not null default uuidv7()"),
        *((column.name, column.kind.sql, describe(column)) for column in resource.columns),
        ("version", "integer", "not null default 1"),
        ("created_at", "timestamptz", "not null default now()"),
        ("updated_at", "timestamptz", "not null default now()"),
    ]
    widths = [max(len(row[part]) for row in rows) for part in (0, 1)]
    columns = [f"    {name:{widths[0]}} {kind:{widths[1]}} {rest}".rstrip() + "," for name, kind, rest in rows]
    constraints = [f"    constraint {name} {rule}" for name, rule in list_constraints(resource)]
    constraints = ",\n".join([f"    constraint {table}_pkey primary key (id)", *constraints])
    indexes = [f"create index {name} on {table} ({keys});" for name, keys in list_indexes(resource).items()]
    body = "\n".join(columns)
    return (
        f"-- {resource.many.capitalize()}: one row each.\n\ncreate table {table} (\n{body}\n\n{constraints}\n);\n\n"
        f"-- One index for each way to page. All are read in either direction.\n{'\n'.join(indexes)}\n"
    )


def describe(column: Column) -> str:
    """Return what stands behind a column's type."""
    if column.nullable:
        return ""
    default = KEPT_DEFAULTS.get(column.kind.sql)
    return f"not null default {default}" if default else "not null"


def list_constraints(resource: Resource) -> Iterator[tuple[str, str]]:
    """Yield the name and the rule of each constraint, apart from the primary key's."""
    for column in resource.columns:
        if column.unique:
            yield f"{resource.plural}_{column.name}_key", f"unique ({column.name})"
        if rule := find_rule(column):
            yield f"{resource.plural}_{column.name}_check", f"check ({rule})"
    for field in resource.fields:
        if len(field.columns) > 1 and field.nullable:
            minor, currency = field.columns
            rule = f"({minor.name} is null) = ({currency.name} is null)"
            yield f"{resource.plural}_{field.name}_check", f"check ({rule})"


def find_rule(column: Column) -> str | None:
    """Return the condition that the values of a column keep."""
    if column.choices:
        return f"{column.name} in ({', '.join(f"'{choice}'" for choice in column.choices)})"
    return {"Minor": f"{column.name} >= 0", "Currency": f"{column.name} ~ '^[A-Z]{{3}}$'"}.get(column.wire)


def list_indexes(resource: Resource) -> dict[str, str]:
    """Return the columns of each index, by its name: one for the whole list, and one for each filter."""
    table = resource.plural
    filters = {f"{table}_{column.name}_created_at_idx": f"{column.name}, created_at, id" for column in resource.filters}
    return {f"{table}_created_at_idx": "created_at, id"} | filters
