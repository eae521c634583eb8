"""What a process has logged, as the tests look for it."""

import json
from pathlib import Path
from typing import Any


def read_lines(folder: Path) -> list[str]:
    """Return what a process has written into folder/output, by line."""
    return split_lines((folder / "output").read_text())


def split_lines(text: str) -> list[str]:
    """Return the lines of a text. Of the last one, only the first half may be written yet."""
    return [line for line in text.splitlines(keepends=True) if line.endswith("\n")]


def parse_log(lines: list[str]) -> list[dict[str, Any]]:
    """Return the lines that are JSON, beside what else a process prints."""
    return [json.loads(line) for line in lines if line.startswith("{")]


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Return what a process has logged into folder/output."""
    return parse_log(read_lines(folder))


def find_lines(folder: Path, event: str) -> list[dict[str, Any]]:
    """Return what a process has logged of one event."""
    return [line for line in read_log(folder) if line["event"] == event]
