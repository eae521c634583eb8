# kit: updated by the template; extend it from app.py
"""Plans kept as text in perf/plans/, one file for each slice, so that a change of plan shows in
review.
"""

import re
from collections.abc import Sequence
from difflib import unified_diff
from itertools import groupby
from pathlib import Path
from textwrap import indent

from service_tools.sql.contract import Statement

FOLDER = Path("perf/plans")
COSTS = re.compile(r"  \(cost=.*\)$", re.MULTILINE)


def write(statements: Sequence[Statement], folder: Path = FOLDER) -> list[Path]:
    """Write the plans of all slices, and return the files that changed. A slice that is gone takes
    its file along.
    """
    for path in set(folder.glob("*.txt")) - render(statements, folder).keys():
        path.unlink()
    return add(statements, folder)


def add(statements: Sequence[Statement], folder: Path = FOLDER) -> list[Path]:
    """Write the plans of some slices, and return the files that changed."""
    texts = render(statements, folder)
    folder.mkdir(parents=True, exist_ok=True)
    changed = [
        path
        for path, text in texts.items()
        if not path.is_file() or path.read_text("utf-8") != text
    ]
    for path in changed:
        path.write_text(texts[path], "utf-8")
    return changed


def compare(statements: Sequence[Statement], folder: Path = FOLDER) -> list[str]:
    """Return the lines of a diff from the recorded plans to those of today; nothing when they are
    the same.
    """
    texts = render(statements, folder)
    lines: list[str] = []
    for path in sorted(texts.keys() | set(folder.glob("*.txt"))):
        old = path.read_text("utf-8").splitlines() if path.is_file() else []
        lines += unified_diff(
            old,
            texts.get(path, "").splitlines(),
            f"{path}, recorded",
            f"{path}, now",
            n=2,
            lineterm="",
        )
    return lines


def render(statements: Sequence[Statement], folder: Path) -> dict[Path, str]:
    """Return the text of each slice's file. Costs are left out: they change with every release of
    PostgreSQL.
    """
    ordered = sorted(statements, key=lambda statement: (statement.part, statement.name))
    parts = groupby(ordered, lambda statement: statement.part)
    return {
        folder / f"{part}.txt": "\n\n".join(map(describe, members)) + "\n"
        for part, members in parts
    }


def describe(statement: Statement) -> str:
    shown = COSTS.sub("", statement.shown) or "has no plan"
    return f"{statement.name}\n{indent(shown, '  ')}"
