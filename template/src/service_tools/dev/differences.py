# kit: updated by the template; extend it from app.py
"""Compare the template's files here with those that it rendered."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from service_tools.dev import template
from service_tools.dev.programs import ProgramError
from service_tools.dev.results import Findings

MARK = b"kit: updated by the template"

UNMARKED = (".json", ".tmpl", "py.typed")
"""Endings of the template's files that cannot have the mark in a comment."""


class Differences(NamedTuple):
    """The template's files that are not here, that have Windows line endings, and were edited."""

    deleted: list[str]
    windows: list[str]
    edited: list[str]


def find_changes(rendered: Path, changed_answers: Sequence[str]) -> Findings:
    """Yield how the template's files here differ from those that it rendered to a folder.

    If some were edited, it tries the next update on the folder, to see which edits that drops.
    """
    found = compare_files(rendered)
    for name in found.deleted:
        if is_needed(name):
            yield describe_deletion(name)
    if found.windows:
        yield describe_line_endings(found.windows)
    if not found.edited:
        return
    going = {}
    try:
        with tempfile.TemporaryDirectory(prefix="service-doctor-") as folder:
            copy = shutil.copytree(rendered, Path(folder, "copy"))
            going = template.try_update(copy, changed_answers)
    except ProgramError as error:
        fix = f"Fix the answers in {template.ANSWERS_FILE}, or that of `--data`."
        yield f"An update cannot be tried: {error}", fix
    for name in found.edited:
        yield describe_edit(name, going)


def compare_files(rendered: Path) -> Differences:
    """Compare the files of this folder with the template's among those that were rendered."""
    found = Differences([], [], [])
    for path in sorted(rendered.rglob("*")):
        if not path.is_file() or not is_templates(path):
            continue
        name = path.relative_to(rendered).as_posix()
        if not Path(name).is_file():
            found.deleted.append(name)
            continue
        here = Path(name).read_bytes()
        text = here.replace(b"\r\n", b"\n")
        if text != here:
            found.windows.append(name)
        if text != path.read_bytes():
            found.edited.append(name)
    return found


def is_templates(path: Path) -> bool:
    """Return whether a file is the template's: it has the mark in its first two lines."""
    first_lines = path.read_bytes().split(b"\n")[:2]
    return path.name.endswith(UNMARKED) or any(MARK in line for line in first_lines)


def describe_deletion(name: str) -> tuple[str, str]:
    last = f'"$(git log -1 --diff-filter=AMR --format=%h -- {quote(name)})"'
    says = f"{name} was deleted here, and no update brings it back."
    return says, f"Run `git checkout {last} -- {quote(name)}`."


def is_needed(name: str) -> bool:
    """Return whether a file is code, a test, a check, or a setting of a tool.

    A team may delete the rest, if something else updates or deploys the service.
    """
    if "/" not in name:
        return not name.endswith(".json")
    return name.startswith(("src/", "tests/")) or name.endswith("/checks.yml")


def describe_line_endings(names: list[str]) -> tuple[str, str]:
    """Return one finding for all files: git may have made all of these line endings."""
    more = len(names) - 1
    subject = f"{names[0]} and {more} more have" if more else f"{names[0]} has"
    says = f"{subject} Windows line endings, so an update conflicts in every line."
    fix = (
        "Run `git ls-files --eol` to list them, `sed -i 's/\\r$//' FILE` for each, and"
        " `git config core.autocrlf input`."
    )
    return says, fix


def describe_edit(name: str, going: dict[str, str]) -> tuple[str, str]:
    """Return what the next update does to an edited file, and what to do about it."""
    log = f"`git log -p {name}`"
    if name not in going:
        says = f"{name} was edited here, so an update may conflict."
        advice = "extend the kit from app.py, or bring the edit to the template"
        return says, f"Take the edit out ({log}) and {advice}."
    moved = going[name]
    fate = f"moves it to {moved}" if moved else "removes it"
    says = f"{name} was edited here, and the next update {fate}: the edit is lost without a word."
    if moved:
        return says, f"Keep the edit ({log}), and repeat it in {moved} after the update."
    return says, f"Keep the edit ({log}), and move what you need of it to a file of your own."
