# kit: updated by the template; extend it from app.py
"""Plan the files of a new slice, and check that they would overwrite nothing."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from service.kit.migrate.files import read_migration_files
from service.kit.work.command_error import CommandError
from service_tools.scaffold import registry
from service_tools.scaffold.fields import Column
from service_tools.scaffold.render import render_file
from service_tools.scaffold.resource import Resource
from service_tools.scaffold.types import TYPES

MAX_NAME_LETTERS = 63
"""Letters that PostgreSQL keeps of a name."""

FILES = {
    "tests/{table}/__init__.py": "test_package.py",
    "src/service/{table}/__init__.py": "__init__.py",
    "src/service/{table}/model.py": "model.py",
    "src/service/{table}/queries.py": "queries.py",
    "src/service/{table}/http.py": "http.py",
    "src/service/{table}/seed.py": "seed.py",
    "tests/{table}/test_{table}.py": "test_slice.py",
    "perf/scenarios/{table}.toml": "scenario.toml",
    "migrations/{number:04}_{table}.sql": "migration.sql",
}
"""The files of a slice, each with its template. `service dev` applies the migration at once, so it
comes last."""

TAKEN = ("src/service/{}", "src/service/{}.py", "tests/{}", "perf/scenarios/{}.toml")
"""Paths that must not be there yet."""

PARENT_ROUTES = re.compile(r'Routes\(\s*"(/[^"{]*)".*?\{(\w+)_id:uuid\}', re.DOTALL)
NEW_NAME = re.compile(r"\b(?:table|constraint|index) (\w+)")
KNOWN_NAME = (
    r"\b(?:table|view|index|constraint|type|sequence|domain)\s+(?:concurrently\s+)?"
    r'(?:if\s+not\s+exists\s+)?(?:\w+\.)?"?{}\b'
)


class Project(NamedTuple):
    """The project that a slice is added to."""

    root: Path
    schema: str
    """The SQL of all migrations."""
    next_number: int


def find_root() -> Path:
    """Return the folder of the project that this code belongs to."""
    return Path(__file__).parents[3]


def read_project() -> Project:
    """Return the project. Raises `CommandError` if this is not one."""
    root = find_root()
    if not (root / "tests").is_dir():
        raise CommandError(
            f"{root / 'tests'} is not a folder; a slice can be added only in the project's own"
            " folder."
        )
    migrations = read_migration_files(root / "migrations")
    schema = "\n".join(migration.sql for migration in migrations)
    return Project(root, schema, migrations[-1].number + 1 if migrations else 1)


def plan_files(project: Project, resource: Resource) -> dict[Path, str]:
    """Return the files of a new slice. Raises `CommandError` if something is there already."""
    table = resource.table
    check_free(project.root, table)
    files = {}
    for pattern, template in FILES.items():
        path = project.root / pattern.format(table=table, number=project.next_number)
        files[path] = render_file(template, path, resource)
    *_, migration = files.values()
    check_names(project, table, migration)
    return files


def check_free(root: Path, table: str) -> None:
    """Raise `CommandError` if a file, a folder or a name in app.py is there already."""
    for pattern in TAKEN:
        path = root / pattern.format(table)
        if is_occupied(path):
            raise CommandError(
                f"{table}: {path} is there already; choose another name, or delete it first."
            )
    if registry.is_used_in_app(root, table):
        raise CommandError(f"{table}: app.py uses this name for something else; choose another.")


def is_occupied(path: Path) -> bool:
    """Return whether there is a file, or a folder with more than what Python left behind."""
    if not path.is_dir():
        return path.exists()
    return any(it.is_file() and "__pycache__" not in it.parts for it in path.rglob("*"))


def check_names(project: Project, table: str, migration: str) -> None:
    """Raise `CommandError` if a name in a new migration is too long, or defined already."""
    for name in NEW_NAME.findall(re.sub("--.*", "", migration)):
        if len(name) > MAX_NAME_LETTERS:
            raise CommandError(
                f"{name}: PostgreSQL keeps {MAX_NAME_LETTERS} letters of a name; shorten the field"
                " or table."
            )
        known = re.search(KNOWN_NAME.format(name), project.schema, re.IGNORECASE)
        if known or name == "schema_migrations":
            raise CommandError(
                f"{table}: the migrations define {name} already; choose another name."
            )


def find_parent(project: Project, table: str) -> tuple[str, Column | None]:
    """Return the path of a slice, and the column by which rows of another are nested in its rows.

    Without a name there is none. Raises `CommandError`.
    """
    if not table:
        return "", None
    path = project.root / f"src/service/{table}/http.py"
    routes = PARENT_ROUTES.search(path.read_text("utf-8")) if path.exists() else None
    if not routes:
        raise CommandError(
            f"--in {table}: {path} has no routes like /v1/orders and /{{order_id:uuid}}. Name a"
            " slice that has, and is not nested itself; or leave out --in, and add a reference."
        )
    return routes[1], Column(f"{routes[2]}_id", TYPES["references"], references=table)


def find_owned_tables(
    project: Project, columns: Sequence[Column], *, shared: bool
) -> dict[str, bool]:
    """Return whether the rows of each table that is referred to belong to accounts.

    Raises `CommandError`.
    """
    owned = {}
    for column in columns:
        table = column.references
        if column.self_reference:
            owned[table] = not shared
        elif table:
            owned[table] = is_owned(project, table)
            if owned[table] and shared:
                raise CommandError(
                    f"{table}: its rows belong to accounts, so rows that refer to them cannot be"
                    " shared."
                )
    return owned


def is_owned(project: Project, table: str) -> bool:
    """Return whether the rows of a table belong to accounts. Raises `CommandError`."""
    created = re.search(rf"create table {table} \((.*?)\n\);", project.schema, re.DOTALL)
    if not created or not re.search(r"^\s+id\s+uuid\b", created[1], re.MULTILINE):
        raise CommandError(
            f"{table}: no migration creates a table of that name with a column `id uuid`."
        )
    if not (project.root / f"src/service/{table}/seed.py").exists():
        raise CommandError(
            f"{table}: it has no sample rows (seed.py) that those of a new slice could refer to."
        )
    return bool(re.search(r"^\s+account\s", created[1], re.MULTILINE))


def write_files(files: Mapping[Path, str]) -> None:
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
