"""The releases of this template, found by the subjects of their commits: a clone may lack the tags."""

import re
from pathlib import Path

from tests import shell

SUBJECT = re.compile(r"Release (v\d+\.\d+\.\d+)")

WITHDRAWN = {"v0.1.0"}
"""Releases that no service stands on. Updates are proven from all others."""


def find(root: Path) -> dict[str, str]:
    """Return the commit of each release in the history of HEAD, by version, oldest first."""
    if shell.attempt("git", "rev-parse", "--verify", "--quiet", "HEAD", cwd=root)[0]:
        return {}  # nothing is committed yet
    log = shell.run("git", "log", "--reverse", "--grep=^Release v", "--format=%H %s", cwd=root)
    found = [line.split(" ", 1) for line in log.splitlines()]
    return {
        match[1]: commit
        for commit, subject in found
        if (match := SUBJECT.fullmatch(subject)) and match[1] not in WITHDRAWN
    }
