# kit: updated by the template; extend it from app.py
"""The project that a slice is added to: where its files go, and what is there already."""

import re
from dataclasses import dataclass
from pathlib import Path

from service.kit.migrate import MigrationOptions, begin_linting, read_files
from service_tools.scaffold import http, migration, model, package, queries, scenario, seed, suite
from service_tools.scaffold.refusal import Refusal
from service_tools.scaffold.resource import Resource

PACKAGE = Path(__file__).parents[2]
KIT_TABLE = "schema_migrations"
MOST_LETTERS = 63
"""What PostgreSQL keeps of a name."""

DEFINED = (
    r"\b(?:table|view|index|constraint|type|sequence|domain)\s+(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?"
    r'(?:\w+\.)?"?{}\b'
)


@dataclass(frozen=True)
class Project:
    """The folders of a project."""

    package: Path
    tests: Path
    migrations: Path
    perf: Path


def find() -> Project:
    """Return the project that this code belongs to, with the migrations of the working directory."""
    root = PACKAGE.parents[1]
    return Project(PACKAGE, root / "tests", MigrationOptions().folder, root / "perf")


def plan(project: Project, resource: Resource) -> dict[Path, str]:
    """Return the content of every new file by its path, or refuse."""
    if not project.tests.is_dir():
        raise Refusal(f"{project.tests} is no folder; a slice can be added only in the project's own folder.")
    number = max((known.number for known in read_files(project.migrations)), default=0) + 1
    check_free(project, resource)
    folder, tests = project.package / resource.plural, project.tests / resource.plural
    files = {
        folder / "__init__.py": package.write(resource),
        folder / "model.py": model.write(resource),
        folder / "queries.py": queries.write(resource),
        folder / "http.py": http.write(resource),
        folder / "seed.py": seed.write(resource),
        tests / "__init__.py": package.write_tests(resource),
        tests / f"test_{resource.plural}.py": suite.write(resource),
        locate_scenario(project, resource): scenario.write(resource),
        **begin_linting(project.migrations, number),
    }
    return files | {project.migrations / f"{number:04}_{resource.plural}.sql": migration.write(resource)}


def locate_scenario(project: Project, resource: Resource) -> Path:
    """Return where the scenario of a resource is."""
    return project.perf / "scenarios" / f"{resource.plural}.toml"


def check_free(project: Project, resource: Resource) -> None:
    """Refuse a resource whose folders, table, constraints or indexes are there already, or have names too long."""
    places = [project.package / resource.plural, project.package / f"{resource.plural}.py"]
    for path in (*places, project.tests / resource.plural, locate_scenario(project, resource)):
        if path.exists():
            raise Refusal(f"{resource.plural}: {path} is there already; choose another name, or delete it first.")
    schema = "\n".join(known.sql for known in read_files(project.migrations))
    constraints = [name for name, _ in migration.list_constraints(resource)]
    for name in (resource.plural, *constraints, *migration.list_indexes(resource)):
        if len(name) > MOST_LETTERS:
            raise Refusal(f"{name}: PostgreSQL keeps {MOST_LETTERS} letters of a name; shorten the field or resource.")
        if name == KIT_TABLE or re.search(DEFINED.format(name), schema, re.IGNORECASE):
            raise Refusal(f"{resource.plural}: the migrations define {name} already; choose another name.")


def write(files: dict[Path, str]) -> None:
    """Write new files, the migration last: a running `service dev` takes it up at once."""
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
