# kit: updated by the template; extend it from app.py
"""What an update leaves behind where an answer takes a room of the kit away: imports in the team's
files.
"""

import re
from importlib import import_module
from pathlib import Path

from service.kit import PACKAGE


def explain(error: ImportError) -> str | None:
    """Return which imports to take out after a room of the kit was not found; None if that is not
    the reason.
    """
    source = Path(import_module(PACKAGE).__file__ or "").parents[1]
    room = ".".join((error.name or "").split(".")[:3])
    # Its folder may be left, with what Python compiled of it.
    if (
        not room.startswith(f"{PACKAGE}.kit.")
        or (source / room.replace(".", "/") / "__init__.py").is_file()
    ):
        return None
    using = re.compile(
        rf"\s*(?:from|import) (?:{PACKAGE}|tests)\.{re.escape(room.partition('.')[2])}\b.*"
    )
    lines = [
        f"  {path.relative_to(source.parent)}:{number}: {line.strip()}"
        for path in sorted(
            [*(source / PACKAGE).rglob("*.py"), *(source.parent / "tests").rglob("*.py")]
        )
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if using.match(line)
    ]
    advice = (
        "Take out these imports and what `uv run ruff check` then finds, or change the answer back:"
    )
    return "\n".join([f"{room} is no part of this service. {advice}", *lines])
