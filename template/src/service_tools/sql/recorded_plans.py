# kit: updated by the template; extend it from app.py
"""Plans kept as text in perf/plans/, a file for each slice: a changed plan shows in review."""

import re
from difflib import unified_diff
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from textwrap import indent

from service_tools.sql.statement import Statement, Statements

PLANS_FOLDER = Path("perf/plans")
COSTS = re.compile(r"  \(cost=.*\)$", re.MULTILINE)


def record_plans(statements: Statements, folder: Path = PLANS_FOLDER) -> list[Path]:
    """Write the plans of all slices, and return the files that changed.

    A slice that is gone takes its file along.
    """
    for path in set(folder.glob("*.txt")) - render_plans(statements, folder).keys():
        path.unlink()
    return add_plans(statements, folder)


def add_plans(statements: Statements, folder: Path = PLANS_FOLDER) -> list[Path]:
    """Write the plans of some slices, and return the files that changed."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = []
    for path, text in render_plans(statements, folder).items():
        if read_recorded(path) != text:
            path.write_text(text, "utf-8")
            changed.append(path)
    return changed


def compare_plans(statements: Statements, folder: Path = PLANS_FOLDER) -> list[str]:
    """Return the lines of a diff from the recorded plans to those of today, or nothing."""
    texts = render_plans(statements, folder)
    lines: list[str] = []
    for path in sorted(texts.keys() | set(folder.glob("*.txt"))):
        old = read_recorded(path).splitlines()
        new = texts.get(path, "").splitlines()
        lines += unified_diff(old, new, f"{path}, recorded", f"{path}, now", n=2, lineterm="")
    return lines


def read_recorded(path: Path) -> str:
    return path.read_text("utf-8") if path.is_file() else ""


def render_plans(statements: Statements, folder: Path) -> dict[Path, str]:
    """Return the text of each slice's file."""
    ordered = sorted(statements, key=attrgetter("slice_name", "name"))
    texts = {}
    for slice_name, members in groupby(ordered, attrgetter("slice_name")):
        plans = [render_plan(statement) for statement in members]
        texts[folder / f"{slice_name}.txt"] = "\n\n".join(plans) + "\n"
    return texts


def render_plan(statement: Statement) -> str:
    """Return a plan without its costs: they change with every release of PostgreSQL."""
    text = COSTS.sub("", statement.plan_text) or "has no plan"
    return f"{statement.name}\n{indent(text, '  ')}"
