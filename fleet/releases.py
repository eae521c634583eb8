"""The releases of the template, as this clone knows them."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
from service_tools.dev.programs import ProgramError, run_program

TEMPLATE = Path(__file__).resolve().parents[1]

SUBJECT = re.compile(r"Release (v\d+\.\d+\.\d+)")
"""The subject of a release's commit: a clone may lack the tags."""

COMMIT = re.compile(r"(v\d+\.\d+\.\d+)?(?:(?:-\d+-g|^)([0-9a-f]{7,40}))?")
"""What `_commit` of a service can be: v2.1.0, v2.1.0-57-g6f71fa4c, or 6f71fa4c."""


class Release(msgspec.Struct, frozen=True):
    """A release: its version, its commit, and the day of that."""

    version: str
    commit: str
    day: date

    @property
    def number(self) -> tuple[int, ...]:
        """The version as numbers, by which versions are in order."""
        return number(self.version)


class Behind(msgspec.Struct, frozen=True):
    """How many releases a service lacks, and the days since the first of them."""

    releases: int
    days: int


def find_releases() -> dict[str, Release]:
    """Return the releases by version, lowest first: those that are tagged, and those of the history."""
    found = {}
    log = run_git("log", "--all", "--grep=^Release v", "--format=%H %cs %s")
    for line in log.splitlines():
        commit, day, subject = line.split(" ", 2)
        if match := SUBJECT.fullmatch(subject):
            found[match[1]] = Release(match[1], commit, date.fromisoformat(day))
    tags = run_git("for-each-ref", "--format=%(refname:short) %(objectname) %(creatordate:short)", "refs/tags/v*")
    for line in tags.splitlines():
        version, commit, day = line.split()
        if SUBJECT.fullmatch(f"Release {version}"):
            found[version] = Release(version, commit, date.fromisoformat(day))
    return dict(sorted(found.items(), key=lambda item: item[1].number))


def number(version: str) -> tuple[int, ...]:
    """Return a version as numbers, by which versions are in order."""
    return tuple(map(int, version[1:].split(".")))


def find_version(commit: str) -> str | None:
    """Return the release that a service's `_commit` names or follows, or None if it names none."""
    match = COMMIT.fullmatch(commit)
    return match[1] if match else None


def find_commit(commit: str, releases: dict[str, Release]) -> str | None:
    """Return the commit of this clone that a service's `_commit` names, or None if it is not here."""
    if commit in releases:
        return releases[commit].commit
    match = COMMIT.fullmatch(commit)
    if not match or not match[2]:
        return None
    try:
        return run_git("rev-parse", "--verify", "--quiet", f"{match[2]}^{{commit}}").strip()
    except ProgramError:
        return None


def count_missing(version: str, releases: dict[str, Release]) -> Behind:
    """Return which part of the releases is newer than a version."""
    newer = [it.day for it in releases.values() if it.number > number(version)]
    return Behind(len(newer), count_days(min(newer)) if newer else 0)


def count_days(since: date) -> int:
    """Return the days from a day to today."""
    return max(0, (datetime.now(UTC).date() - since).days)


def run_git(*arguments: str) -> str:
    """Run git in this clone, and return what it prints."""
    return run_program("git", "-C", str(TEMPLATE), *arguments)
