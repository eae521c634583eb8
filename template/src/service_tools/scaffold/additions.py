# kit: updated by the template; extend it from app.py
"""A field for a table that is there: its migration, and where else it belongs."""

from collections.abc import Sequence
from pathlib import Path

from service.kit.migrate import MigrationOptions, begin_linting
from service_tools.scaffold import fields, project
from service_tools.scaffold.fields import Column, ScaffoldError

LATER = "an index on a table that has rows is built in a file of its own, which `service migrate new` begins"

REST = """
Add it in three more places of src/service/{table}/, and to its tests:

  model.py    {name}: {alias} in the struct of a row, and in those of requests
  queries.py  {name} in the statements that create and change a row, and its type among their arguments
  http.py     {name} among what is passed to both{constraint}"""


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
    project.write({path: sql} | begin_linting(folder, number))
    constraints = [f'"{table}_{column.name}_check"' for column in columns if column.check]
    constraint = f"; {', '.join(constraints)} in CONSTRAINTS" if constraints else ""
    hints = ", ".join(column.hint for column in columns)
    return f"{path.relative_to(root)}\n{REST.format(table=table, name=names, alias=hints, constraint=constraint)}"


def describe(table: str, column: Column) -> str:
    """Return what stands behind the type of a column that rows have to get."""
    if not column.nullable and not column.type.default:
        raise ScaffoldError(f"{column.name}: rows that are there have no value for it; make it nullable with ?.")
    default = "" if column.nullable else f" not null default {column.type.default}"
    return default + (f" constraint {table}_{column.name}_check check ({column.check})" if column.check else "")
