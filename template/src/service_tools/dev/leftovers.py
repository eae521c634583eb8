# kit: updated by the template; extend it from app.py
"""Name the imports in the team's files of a kit package that an answer has removed."""

import re
from importlib import import_module
from pathlib import Path

from service.kit import PACKAGE


def explain_missing_package(error: ImportError) -> str | None:
    """Return which imports to remove, or None if no package of the kit is missing."""
    source = Path(import_module(PACKAGE).__file__ or "").parents[1]
    package = ".".join((error.name or "").split(".")[:3])
    # Its folder may be left, with compiled files in __pycache__.
    file = source / package.replace(".", "/") / "__init__.py"
    if not package.startswith(f"{PACKAGE}.kit.") or file.is_file():
        return None

    name = re.escape(package.removeprefix(f"{PACKAGE}."))
    imported = re.compile(rf"\s*(?:from|import) (?:{PACKAGE}|tests)\.{name}\b.*")
    advice = (
        "Remove these imports and what `uv run ruff check` then finds, or change the answer back:"
    )
    lines = [f"{package} is not part of this service. {advice}"]
    project = source.parent
    code = (source / PACKAGE).rglob("*.py")
    tests = (project / "tests").rglob("*.py")
    for path in sorted([*code, *tests]):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if imported.match(line):
                place = f"{path.relative_to(project)}:{number}"
                lines.append(f"  {place}: {line.strip()}")
    return "\n".join(lines)
