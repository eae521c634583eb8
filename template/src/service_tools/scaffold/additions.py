# kit: updated by the template; extend it from app.py
"""A field for a table that is there: its migration, and where else it belongs."""

from collections.abc import Sequence
from pathlib import Path

from service.kit.migrate import MigrationOptions
from service_tools.scaffold import fields, project
from service_tools.scaffold.fields import Column, ScaffoldError

LATER = "an index on a table that has rows is built in a file of its own, which `service migrate new` begins"

REST = """
Then edit three more places in src/service/{table}/, and the tests:

  model.py    the struct of a row, and those of requests:{fields}
  queries.py  the statements that create and change a row: the column, and the type of its argument
  http.py     the arguments of both{constraints}"""


def begin(root: Path, table: str, specs: Sequence[str]) -> str:
    """Write the migration that adds a field, and return what is left to do. Raises `ScaffoldError`."""
    columns = fields.parse_all(specs)
    if not (root / "src/service" / table / "queries.py").exists():
        raise ScaffoldError(f"{table}: there is no such slice; leave --add out to make one.")
    if any(column.unique or column.filtered for column in columns):
        raise ScaffoldError(f"{table}: leave ! and @ out for now, and references too: {LATER}.")
    folder = root / MigrationOptions().folder
    _, number = project.read_migrations(root)
    path = folder / f"{number:04}_add_{table}_{columns[0].name}.sql"
    names = ", ".join(column.name for column in columns)
    added = ",\n".join(f"    add column {column.name} {column.type.sql}{describe(table, column)}" for column in columns)
    sql = f"-- {table.replace('_', ' ').capitalize()} get {names}.\n\nalter table {table}\n{added};\n"
    project.write({path: sql})
    constraints = [f'"{table}_{column.name}_check"' for column in columns if column.check]
    return f"{path.relative_to(root)}\n" + REST.format(
        table=table,
        fields="".join(f"\n                {column.name}: {column.hint}{explain(column)}" for column in columns),
        constraints=f"; CONSTRAINTS, for {', '.join(constraints)}" if constraints else "",
    )


def explain(column: Column) -> str:
    return f", with {column.type.alias} = {column.type.meaning}" if column.type.meaning else ""


def describe(table: str, column: Column) -> str:
    """Return what stands behind the type of a column that rows have to get."""
    if not column.nullable and not column.type.default:
        raise ScaffoldError(f"{column.name}: rows that are there have no value for it; make it nullable with ?.")
    default = "" if column.nullable else f" not null default {column.type.default}"
    return default + (f" constraint {table}_{column.name}_check check ({column.check})" if column.check else "")
