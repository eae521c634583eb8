# kit: updated by the template; extend it from app.py
"""Compare the template's files in this project with a fresh rendering."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from service_tools.dev import template
from service_tools.dev.programs import ProgramError
from service_tools.dev.results import Finding, Findings

MARK = b"kit: updated by the template"

UNMARKED = (".json", ".tmpl", "py.typed")
"""Endings of the template's files that have no room for the mark, such as JSON."""

EDITOR_FOLDER = ".vscode"
"""Its files are the team's, whatever their endings."""

DELETED = (
    "kit-deleted",
    "{name} was deleted here, and no update brings it back.",
    'Run `git checkout "$(git log -1 --diff-filter=AMR --format=%h -- {name})" -- {name}`.',
)
DROPPED = (
    "kit-deleted",
    "{name} was deleted here, as a team may; no update brings it back.",
    "",
)
WINDOWS = (
    "kit-windows",
    "Files with Windows line endings: {count}, such as {name}. An update conflicts in each line.",
    "Run `git ls-files --eol` to list them, `sed -i 's/\\r$//' FILE` for each, and"
    " `git config core.autocrlf input`.",
)
EDITED = (
    "kit-edited",
    "{name} was edited here, so an update may conflict.",
    "Revert the edit (`git log -p {name}`) and extend the kit from app.py, or bring the edit to"
    " the template.",
)
REMOVED = (
    "kit-edit-removed",
    "{name} was edited here, and the next update removes it: the edit is lost silently.",
    "Keep the edit (`git log -p {name}`), and move what you need of it into your own files.",
)
MOVED = (
    "kit-edit-moved",
    "{name} was edited here, and the next update moves it to {moved}: the edit is lost silently.",
    "Keep the edit (`git log -p {name}`), and repeat it in {moved} after the update.",
)

EDIT_IDS = {EDITED[0], REMOVED[0], MOVED[0]}


class Differences(NamedTuple):
    """The template's files that are not here, that have Windows line endings, and were edited."""

    deleted: list[str]
    windows: list[str]
    edited: list[str]


def find_changes(rendered: Path, changed_answers: Sequence[str]) -> Findings:
    """Yield how the template's files here differ from those rendered to a folder.

    If some were edited, tries the next update on a copy, to see which edits it drops.
    """
    found = compare_files(rendered)
    for name in found.deleted:
        yield format_finding(DELETED if is_needed(name) else DROPPED, name)
    if found.windows:
        yield format_finding(WINDOWS, found.windows[0], count=len(found.windows))
    if not found.edited:
        return
    going: dict[str, str] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="service-doctor-") as folder:
            copy = shutil.copytree(rendered, Path(folder, "copy"))
            going = template.try_update(copy, changed_answers)
    except ProgramError as error:
        if "downgrading" not in str(error):  # no release yet to update to
            fix = f"Fix the answers in {template.ANSWERS_FILE}, or in `--data`."
            yield Finding("kit-update", f"An update cannot be tried: {error}", fix)
    for name in found.edited:
        if name not in going:
            yield format_finding(EDITED, name)
        elif going[name]:
            yield format_finding(MOVED, name, moved=going[name])
        else:
            yield format_finding(REMOVED, name)


def compare_files(rendered: Path) -> Differences:
    """Compare the files of this folder with the template's among those that were rendered."""
    found = Differences([], [], [])
    for path in sorted(rendered.rglob("*")):
        if not path.is_file() or not belongs_to_template(path):
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


def belongs_to_template(path: Path) -> bool:
    """Return whether a file is the template's: it has the mark in its first two lines."""
    if path.parent.name == EDITOR_FOLDER:
        return False
    first_lines = path.read_bytes().split(b"\n")[:2]
    return path.name.endswith(UNMARKED) or any(MARK in line for line in first_lines)


def is_needed(name: str) -> bool:
    """Return whether a file is code, a test, a check, or a setting of a tool.

    A team may delete the rest, such as deployment files that it does not use.
    """
    if "/" not in name:
        return not name.endswith(".json")
    return name.startswith(("src/", "tests/")) or name.endswith("/checks.yml")


def format_finding(text: tuple[str, str, str], name: str, **values: object) -> Finding:
    """Return a finding about a file, with its fix and these values."""
    kind, *texts = text
    says, fix = [part.format(name=name, **values) for part in texts]
    return Finding(kind, says, fix, name)
