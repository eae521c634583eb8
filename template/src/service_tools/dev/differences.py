# kit: updated by the template; extend it from app.py
"""Compare the template's files here with those that it rendered."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote

from service_tools.dev import template
from service_tools.dev.programs import ProgramError
from service_tools.dev.results import Findings

MARK = b"kit: updated by the template"

UNMARKED = (".json", ".tmpl", "py.typed")
"""Endings of the template's files that cannot have the mark in a comment."""


def find_changes(rendered: Path, changed_answers: Sequence[str]) -> Findings:
    """Yield what was deleted or edited here since the template rendered it to a folder.

    If something was edited, it tries the next update on the folder, to see which edits that drops.
    """
    yield from find_deleted(rendered)
    present = list_present(rendered)
    yield from find_line_endings(present)

    edited = [name for name in present if is_edited(rendered, name)]
    if not edited:
        return
    going = {}
    try:
        with tempfile.TemporaryDirectory(prefix="service-doctor-") as folder:
            copy = shutil.copytree(rendered, Path(folder, "copy"))
            going = template.try_update(copy, changed_answers)
    except ProgramError as error:
        fix = f"Fix the answers in {template.ANSWERS_FILE}, or that of `--data`."
        yield f"An update cannot be tried: {error}", fix
    for name in edited:
        yield describe_edit(name, going)


def list_template_files(rendered: Path) -> Iterator[str]:
    """Yield the files in a folder that are the template's, and not the team's."""
    for path in sorted(rendered.rglob("*")):
        if path.is_file() and (has_mark(path) or path.name.endswith(UNMARKED)):
            yield path.relative_to(rendered).as_posix()


def has_mark(path: Path) -> bool:
    """Return whether a file has the mark in its first two lines."""
    first_lines = path.read_bytes().split(b"\n")[:2]
    return any(MARK in line for line in first_lines)


def list_present(rendered: Path) -> list[str]:
    """Return the template's files that are here."""
    return [name for name in list_template_files(rendered) if Path(name).is_file()]


def find_deleted(rendered: Path) -> Findings:
    """Yield the template's files that are not here, and should be."""
    for name in list_template_files(rendered):
        if is_needed(name) and not Path(name).is_file():
            last = f'"$(git log -1 --diff-filter=AMR --format=%h -- {quote(name)})"'
            says = f"{name} was deleted here, and no update brings it back."
            yield says, f"Run `git checkout {last} -- {quote(name)}`."


def is_needed(name: str) -> bool:
    """Return whether a file is code, a test, a check, or a setting of a tool.

    A team may delete the rest, if something else updates or deploys the service.
    """
    if "/" not in name:
        return not name.endswith(".json")
    return name.startswith(("src/", "tests/")) or name.endswith("/checks.yml")


def find_line_endings(names: Sequence[str]) -> Findings:
    """Yield Windows line endings, as one finding: git may have made all of them."""
    found = [name for name in names if b"\r\n" in Path(name).read_bytes()]
    if found:
        more = len(found) - 1
        subject = f"{found[0]} and {more} more have" if more else f"{found[0]} has"
        says = f"{subject} Windows line endings, so an update conflicts in every line."
        fix = (
            "Run `git ls-files --eol` to list them, `sed -i 's/\\r$//' FILE` for each, and"
            " `git config core.autocrlf input`."
        )
        yield says, fix


def is_edited(rendered: Path, name: str) -> bool:
    """Return whether a file is different here in more than its line endings."""
    here = Path(name).read_bytes().replace(b"\r\n", b"\n")
    return here != (rendered / name).read_bytes()


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
