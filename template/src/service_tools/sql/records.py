# kit: updated by the template; extend it from app.py
"""Plans kept as text in perf/plans/, one file for each slice, so that a change of plan shows in review."""

from collections.abc import Sequence
from difflib import unified_diff
from itertools import groupby
from pathlib import Path

from service_tools.sql import plans
from service_tools.sql.survey import Entry

FOLDER = Path("perf/plans")


def write(entries: Sequence[Entry], folder: Path = FOLDER) -> list[Path]:
    """Write the plans of all slices, and return the files that changed. A slice that is gone takes its file along."""
    for path in set(folder.glob("*.txt")) - render(entries, folder).keys():
        path.unlink()
    return add(entries, folder)


def add(entries: Sequence[Entry], folder: Path = FOLDER) -> list[Path]:
    """Write the plans of some slices, and return the files that changed."""
    texts = render(entries, folder)
    folder.mkdir(parents=True, exist_ok=True)
    changed = [path for path, text in texts.items() if not path.is_file() or path.read_text("utf-8") != text]
    for path in changed:
        path.write_text(texts[path], "utf-8")
    return changed


def compare(entries: Sequence[Entry], folder: Path = FOLDER) -> list[str]:
    """Return the lines of a diff from the recorded plans to those of today; nothing when they are the same."""
    texts = render(entries, folder)
    lines: list[str] = []
    for path in sorted(texts.keys() | set(folder.glob("*.txt"))):
        recorded = path.read_text("utf-8").splitlines() if path.is_file() else []
        lines += unified_diff(
            recorded, texts.get(path, "").splitlines(), f"{path}, recorded", f"{path}, now", "", "", 2, ""
        )
    return lines


def render(entries: Sequence[Entry], folder: Path) -> dict[Path, str]:
    """Return the text of each slice's file. Costs are left out: they change with every release of PostgreSQL."""
    by_part = sorted(entries, key=lambda entry: (name_part(entry), entry.name))
    return {
        folder / f"{part}.txt": "\n\n".join(map(describe, members)) + "\n"
        for part, members in groupby(by_part, name_part)
    }


def name_part(entry: Entry) -> str:
    """Return the slice of a statement."""
    return entry.name.partition(".")[0]


def describe(entry: Entry) -> str:
    """Return a statement's name and the lines of its plan."""
    drawn = plans.draw(entry.plan) if entry.plan else ["has no plan"]
    return "\n".join([entry.name, *(f"  {line}" for line in drawn)])
