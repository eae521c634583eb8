"""Conduit, an application that others specified, on a render: `uv run python -m tests.conduit ../conduit`.

`examples/conduit/` has the application's own files. They are laid over a fresh render without an example, in the place
of its slice, so that what stands there shows what a team writes.
"""

import re
import shutil
from pathlib import Path

from tests.harness import service, shell, snapshot

EXAMPLE = snapshot.ROOT / "examples/conduit"

ANSWERS: service.Answers = {
    "project_name": "conduit",
    "description": "A place to share articles, as RealWorld specifies it",
    "jobs": False,
    "example": "none",
}

REPLACED = ("src/service/status", "tests/status", "perf/scenarios/status.toml")
"""The slice of a render that begins without an example."""

KINDS = {
    "types": ("src/**/model.py",),
    "SQL": ("src/**/queries.py", "migrations/*.sql"),
    "handlers": ("src/**/http.py", "src/service/articles/slug.py", "src/**/__init__.py"),
    "what is wired": ("src/service/app.py", "src/service/settings.py", "src/service/viewer.py"),
    "sizes and load": ("perf/**/*.toml",),
    "tests": ("tests/**/*.py",),
}
"""What the application's files are for."""

AGAINST = re.compile(r"# against the grain: (.*)")


def count_lines() -> dict[str, int]:
    """Return the lines of the application by what they are for."""
    counts = {}
    for kind, patterns in KINDS.items():
        files = [path for pattern in patterns for path in EXAMPLE.glob(pattern)]
        counts[kind] = sum(path.read_text().count("\n") for path in files)
    return counts


def find_against() -> list[tuple[str, str]]:
    """Return where the application works against the template, and why: the file, and what its comment says."""
    found = []
    for path in sorted(EXAMPLE.glob("src/**/*.py")):
        name = str(path.relative_to(EXAMPLE / "src/service"))
        found += [(name, reason) for reason in AGAINST.findall(path.read_text())]
    return found


def make(template: Path, folder: Path, version: str = snapshot.CURRENT) -> Path:
    """Render the application into a folder, commit it there as a team does, and return the folder."""
    service.render(template, folder, ANSWERS, version)
    for name in REPLACED:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    shell.run("git", "init", "--quiet", cwd=folder)
    service.save(folder)
    return folder
