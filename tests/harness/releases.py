"""The releases of this template, found by the subjects of their commits: a clone may lack the tags."""

import re
from pathlib import Path

from tests.harness import shell

SUBJECT = re.compile(r"Release (v\d+\.\d+\.\d+)")

WITHDRAWN = {"v0.1.0"}
"""Releases that no service stands on. Updates are proven from all others."""


def find(root: Path) -> dict[str, str]:
    """Return the commit of each release in the history of HEAD, by version, lowest first.

    A patch release of an older major is younger than the major after it.
    """
    if shell.attempt("git", "rev-parse", "--verify", "--quiet", "HEAD", cwd=root)[0]:
        return {}  # nothing is committed yet
    log = shell.run("git", "log", "--grep=^Release v", "--format=%H %s", cwd=root)
    found: dict[str, str] = {}
    for commit, subject in (line.split(" ", 1) for line in log.splitlines()):
        if (match := SUBJECT.fullmatch(subject)) and match[1] not in WITHDRAWN:
            found[match[1]] = commit
    return dict(sorted(found.items(), key=lambda release: number(release[0])))


def number(version: str) -> tuple[int, ...]:
    """Return a version as numbers, by which versions are in order."""
    return tuple(map(int, version[1:].split(".")))
