"""The reports that a command wrote: each run has a page and JSON of its own, named by its time."""

import json
from pathlib import Path
from typing import Any


def find_pages(folder: Path, name: str) -> list[Path]:
    """Return the pages of a command, the first one first."""
    return sorted((folder / "perf/reports").glob(f"{name}-[0-9]*.html"), key=lambda path: path.stat().st_mtime_ns)


def read_page(folder: Path, name: str) -> str:
    """Return the last page of a command."""
    return find_pages(folder, name)[-1].read_text()


def read_document(folder: Path, name: str) -> dict[str, Any]:
    """Return the JSON beside the last page: `results`, `next`, and where they come from."""
    document: dict[str, Any] = json.loads(find_pages(folder, name)[-1].with_suffix(".json").read_text())
    return document
