# kit: updated by the template; extend it from app.py
"""How files of the template differ here from those that it made."""

from collections.abc import Iterator
from pathlib import Path
from shlex import quote

MARK = b"kit: updated by the template"
UNMARKED = (".json", ".tmpl", "py.typed")
"""How those files of the template end that allow no comment with the mark."""


def list_kit(folder: Path) -> Iterator[str]:
    """Yield the template's own files among those that were rendered into a folder."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.startswith(".git/") or not path.is_file():
            continue
        if MARK in b"".join(path.read_bytes().split(b"\n")[:2]) or name.endswith(UNMARKED):
            yield name


def list_present(folder: Path) -> list[str]:
    """Return the template's files that are here."""
    return [name for name in list_kit(folder) if Path(name).is_file()]


def is_needed(name: str) -> bool:
    """Return whether a project needs a file of the template: its code, its tests and its checks.

    A team may delete the rest, where something else updates or deploys the service.
    """
    is_setting = "/" not in name and not name.endswith(".json")
    return is_setting or name.startswith(("src/", "tests/")) or name.endswith("/checks.yml")


def find_missing(folder: Path) -> Iterator[tuple[str, str]]:
    """Find the template's files that are not here."""
    for name in list_kit(folder):
        if is_needed(name) and not Path(name).is_file():
            last = f'"$(git log -1 --diff-filter=AMR --format=%h -- {quote(name)})"'
            says = f"{name} was deleted here, and no update brings it back."
            yield says, f"Run `git checkout {last} -- {quote(name)}`."


def find_line_endings(names: list[str]) -> Iterator[tuple[str, str]]:
    """Find line endings of Windows, in one finding: git may have made all of them."""
    if found := [name for name in names if b"\r\n" in Path(name).read_bytes()]:
        subject = f"{found[0]} and {len(found) - 1} more have" if found[1:] else f"{found[0]} has"
        yield (
            f"{subject} line endings of Windows, so an update conflicts in every line.",
            "Run `git ls-files --eol` to list them, `sed -i 's/\\r$//' FILE` for each, and"
            " `git config core.autocrlf input`.",
        )


def is_edited(folder: Path, name: str) -> bool:
    """Return whether a file is different here in more than its line endings."""
    return Path(name).read_bytes().replace(b"\r\n", b"\n") != (folder / name).read_bytes()


def describe_edited(name: str) -> tuple[str, str]:
    """Say what an edit means for the next update."""
    advice = f"Take the edit out (`git log -p {name}`) and extend the kit from app.py"
    says = f"{name} was edited here, so an update may conflict."
    return says, f"{advice}, or bring it to the template."


def describe_going(name: str, moved: str) -> tuple[str, str]:
    """Say that the next update drops an edit, without a conflict."""
    fate = f"moves it to {moved}" if moved else "removes it"
    says = f"{name} was edited here, and the next update {fate}: it drops the edit without a word."
    edit = f"Keep the edit (`git log -p {name}`)"
    if moved:
        return says, f"{edit}, and make it again in {moved} after the update."
    return says, f"{edit}, and put what you need of it into a file of your own."
