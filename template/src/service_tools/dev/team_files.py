# kit: updated by the template; extend it from app.py
"""What is wrong in files of the team, which no update touches. `CHECKS` has a function for each."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from service_tools.dev import exposures, packages
from service_tools.dev.report import Findings

PACKAGE = Path("src/service")


def find_old_name() -> Iterator[tuple[str, str]]:
    """Find a name of the service that is not its distribution's."""
    try:
        name = packages.read_project()["project"]["name"]
        source = (PACKAGE / "__init__.py").read_text("utf-8")
    except (packages.ProjectError, KeyError, OSError):
        return
    named = re.search(r"^NAME = [\"'](.*)[\"']$", source, re.MULTILINE)
    if named and named[1] != name:
        yield (
            f"{PACKAGE}/__init__.py calls the service {named[1]}, and pyproject.toml {name}.",
            "Take NAME out of both files: in app.py, write `docs=settings.server.docs` and"
            " `configure_traces(settings.traces)`, without it.",
        )


CHECKS: tuple[Callable[[], Findings], ...] = (find_old_name, exposures.find)
