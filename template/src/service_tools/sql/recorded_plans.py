# kit: updated by the template; extend it from app.py
"""Plans kept as text in perf/plans/, a file for each slice: a changed plan shows in review."""

import re
from collections import defaultdict
from difflib import unified_diff
from operator import attrgetter
from pathlib import Path
from textwrap import indent

from service_tools.sql.statement import Statement, Statements

PLANS_FOLDER = Path("perf/plans")
COSTS = re.compile(r"  \(cost=.*\)$", re.MULTILINE)


def record_plans(statements: Statements, folder: Path = PLANS_FOLDER) -> list[Path]:
    """Write the plans of all slices, and return the files.

    The file of a slice that is gone is deleted.
    """
    for path in folder.glob("*.txt"):
        path.unlink()
    return add_plans(statements, folder)


def add_plans(statements: Statements, folder: Path = PLANS_FOLDER) -> list[Path]:
    """Write the plans of some slices, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = render_plans(statements, folder)
    for path, text in texts.items():
        path.write_text(text, "utf-8")
    return [*texts]


def compare_plans(statements: Statements, folder: Path = PLANS_FOLDER) -> list[str]:
    """Return the lines of a diff from the recorded plans to those of today, or nothing."""
    texts = render_plans(statements, folder)
    paths = {*texts, *folder.glob("*.txt")}
    lines: list[str] = []
    for path in sorted(paths):
        recorded = path.read_text("utf-8") if path.is_file() else ""
        lines += unified_diff(
            recorded.splitlines(),
            texts.get(path, "").splitlines(),
            fromfile=f"{path}, recorded",
            tofile=f"{path}, now",
            n=2,
            lineterm="",
        )
    return lines


def render_plans(statements: Statements, folder: Path) -> dict[Path, str]:
    """Return the text of each slice's file."""
    plans: dict[Path, list[str]] = defaultdict(list)
    for statement in sorted(statements, key=attrgetter("name")):
        path = folder / f"{statement.slice_name}.txt"
        plans[path].append(render_plan(statement))
    return {path: "\n".join(plans[path]) for path in plans}


def render_plan(statement: Statement) -> str:
    """Return a plan without its costs: they change with every release of PostgreSQL."""
    text = COSTS.sub("", statement.plan_text) or "has no plan"
    plan = indent(text, "  ")
    return f"{statement.name}\n{plan}\n"
