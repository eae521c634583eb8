"""Who owns a path of a generated service, by the list in copier.yml: the team, the template, or both."""

import jinja2
import yaml
from pathspec import PathSpec

from tests.harness.snapshot import ROOT

CONFIG = yaml.safe_load((ROOT / "copier.yml").read_text())

MERGED = {"pyproject.toml"}
"""What the team edits, and the template updates."""


def excluded(operation: str) -> list[str]:
    """Return the patterns that copier leaves alone in an operation, `copy` or `update`, whatever the answers are."""
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, autoescape=False)  # as in copier.yml
    listed = [entry for entry in CONFIG["_exclude"] if "_copier_operation == 'update'" in entry]
    entries = [environment.from_string(entry).render(_copier_operation=operation) for entry in listed]
    return [line for entry in entries for line in entry.splitlines() if line.strip()]


def matches(patterns: list[str], path: str) -> bool:
    """Tell whether patterns match a path, the way copier does it."""
    return PathSpec.from_lines("gitignore", patterns).match_file(path)


def owner(path: str) -> str:
    """Return `yours`, `merged` or `kit`."""
    if matches(excluded("update"), path):
        return "yours"
    return "merged" if path in MERGED else "kit"
