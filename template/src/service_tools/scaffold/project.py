# kit: updated by the template; extend it from app.py
"""The project that a slice is added to, or taken from: where its files go, and what is there
already.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from service.kit.migrate.files import MigrationOptions, read_migration_files
from service.kit.work.command_error import CommandError
from service_tools.scaffold import registry
from service_tools.scaffold.fields import Column
from service_tools.scaffold.render import render
from service_tools.scaffold.resource import Resource

MOST_LETTERS = 63
"""What PostgreSQL keeps of a name."""

NAMED = re.compile(r"\b(?:table|constraint|index) (\w+)")
DEFINED = (
    r"\b(?:table|view|index|constraint|type|sequence|domain)\s+(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?"
    r'(?:\w+\.)?"?{}\b'
)


def find() -> Path:
    """Return the folder of the project that this code belongs to."""
    return Path(__file__).parents[3]


def read_migrations(root: Path) -> tuple[dict[str, str], int]:
    """Return the SQL of each migration by the name of its file, and the number of the next one."""
    files = read_migration_files(root / MigrationOptions().folder)
    return {known.name: known.sql for known in files}, max(
        (known.number for known in files), default=0
    ) + 1


def plan(root: Path, resource: Resource, number: int) -> dict[Path, str]:
    """Return the content of every file of a slice by its path, the migration last: `service dev`
    applies it at once.
    """
    table = resource.table
    package, tests = root / "src/service" / table, root / "tests" / table
    templates = {
        package / f"{part}.py": f"{part}.py"
        for part in ("__init__", "model", "queries", "http", "seed")
    } | {
        tests / f"test_{table}.py": "test_slice.py",
        root / f"perf/scenarios/{table}.toml": "scenario.toml",
        root / MigrationOptions().folder / f"{number:04}_{table}.sql": "migration.sql",
    }
    about = f'"""Tests of {table.replace("_", " ")}, through the whole application and on a real PostgreSQL."""\n'
    return {tests / "__init__.py": about} | {
        path: render(name, path, resource) for path, name in templates.items()
    }


def plan_new(root: Path, resource: Resource) -> dict[Path, str]:
    """Return the files of a new slice, or raise `CommandError` if some of what it needs is there
    already.
    """
    table = resource.table
    if not (root / "tests").is_dir():
        raise CommandError(
            f"{root / 'tests'} is no folder; a slice can be added only in the project's own folder."
        )
    for place in (
        f"src/service/{table}",
        f"src/service/{table}.py",
        f"tests/{table}",
        f"perf/scenarios/{table}.toml",
    ):
        if is_there(root / place):
            raise CommandError(
                f"{table}: {root / place} is there already; choose another name, or delete it first."
            )
    if registry.uses(root, table):
        raise CommandError(f"{table}: app.py uses this name for something else; choose another.")
    migrations, number = read_migrations(root)
    files = plan(root, resource, number)
    schema, (*_, sql) = "\n".join(migrations.values()), files.values()
    for name in NAMED.findall(re.sub("--.*", "", sql)):
        if len(name) > MOST_LETTERS:
            raise CommandError(
                f"{name}: PostgreSQL keeps {MOST_LETTERS} letters of a name; shorten the field or table."
            )
        if name == "schema_migrations" or re.search(DEFINED.format(name), schema, re.IGNORECASE):
            raise CommandError(
                f"{table}: the migrations define {name} already; choose another name."
            )
    return files


def is_there(path: Path) -> bool:
    """Return whether there is a file, or a folder that holds more than what Python left behind."""
    if not path.is_dir():
        return path.exists()
    return any(it.is_file() and "__pycache__" not in it.parts for it in path.rglob("*"))


def find_owners(root: Path, columns: Sequence[Column], *, shared: bool) -> dict[str, bool]:
    """Return whether the rows of each table that is referred to belong to accounts. Raises
    `CommandError`.
    """
    schema = "\n".join(read_migrations(root)[0].values())
    owned = {}
    for column in columns:
        table = column.references
        if column.own:
            owned[table] = not shared
        if column.own or not table:
            continue
        found = re.search(rf"create table {table} \((.*?)\n\);", schema, re.DOTALL)
        if not found or not re.search(r"^\s+id\s+uuid\b", found[1], re.MULTILINE):
            raise CommandError(
                f"{table}: no migration creates a table of that name with a column `id uuid`."
            )
        if not (root / f"src/service/{table}/seed.py").exists():
            raise CommandError(
                f"{table}: it has no sample rows (seed.py) that those of a new slice could refer to."
            )
        owned[table] = bool(re.search(r"^\s+account\s", found[1], re.MULTILINE))
        if owned[table] and shared:
            raise CommandError(
                f"{table}: its rows belong to accounts, so what refers to them cannot be shared."
            )
    return owned


def find_command(root: Path, table: str) -> tuple[int, str]:
    """Return the number of a slice's migration, and the command that made it. Raises
    `CommandError`.
    """
    for name, sql in read_migrations(root)[0].items():
        command = re.search(r"^-- Made by (service new .*)$", sql, re.MULTILINE)
        if command and name[5:] == f"{table}.sql":
            return int(name[:4]), command[1]
    raise CommandError(
        f"{table}: no migration says that `service new` made this slice; delete it by hand."
    )


def write(files: Mapping[Path, str]) -> None:
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)


def remove(root: Path, files: Mapping[Path, str]) -> None:
    """Delete the files of a slice, unless some are not as they would be made today. Raises
    `CommandError`.
    """
    folders = {path.parent for path in files if path.name == "__init__.py"}
    present = {
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    changed = {
        path
        for path, text in files.items()
        if not path.is_file() or path.read_text("utf-8") != text
    }
    if differing := changed | (present - files.keys()):
        listed = "\n".join(f"  {path.relative_to(root)}" for path in sorted(differing))
        raise CommandError(
            f"Nothing is deleted, because these differ from what `service new` makes:\n{listed}"
        )
    for folder in folders:
        shutil.rmtree(folder)
    for path in files:
        path.unlink(missing_ok=True)
