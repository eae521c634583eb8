"""What a process has logged, as the tests look for it."""

import json
from pathlib import Path
from typing import Any


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Return the JSON lines of a process that writes into folder/output."""
    return parse_log((folder / "output").read_text())


def parse_log(text: str) -> list[dict[str, Any]]:
    """Return the JSON lines of a text. Of the last one, only the first half may be written yet."""
    lines = [line for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return [json.loads(line) for line in lines if line.startswith("{")]
