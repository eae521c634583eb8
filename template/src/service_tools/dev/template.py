# kit: updated by the template; extend it from app.py
"""The template that a project comes from: its release, and its files as it made them."""

import json
import shutil
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from service_tools.dev import differences, packages
from service_tools.dev.programs import ProgramError, run
from service_tools.dev.report import Report, report

ANSWERS = Path(".copier-answers.yml")
COPIER = ("uvx", "--quiet", "copier")


class OriginError(Exception):
    """It is not known what the project was rendered from. `fix` says what to do."""

    def __init__(self, says: str, fix: str) -> None:
        super().__init__(says)
        self.fix = fix


class Origin(msgspec.Struct, rename={"commit": "_commit", "source": "_src_path"}):
    """Which commit of the template a project was rendered from, and where the template is."""

    commit: str
    source: str


def examine(changed: Sequence[str] = ()) -> Iterator[Report]:
    """Check the template's files. `changed` are answers that the next update is to change."""
    try:
        origin = read_origin()
        release = describe_release(origin)
    except OriginError as error:
        yield Report("template", "finding", str(error), error.fix)
        yield Report("kit", "unknown", "Not compared: it is not known what the template made.")
        return
    except ProgramError as error:
        yield Report("template", "unknown", str(error))
        yield Report("kit", "unknown", "Not compared: the template is out of reach.")
        return
    yield Report("template", "ok", release)
    try:
        with render(origin) as folder:
            good = "Files of the template are as it made them."
            yield from report("kit", good, lambda: find_changes(folder, changed))
            good = "pyproject.toml lets in what the template is tested with."
            yield from report("pins", good, lambda: packages.find_loosened(folder))
    except ProgramError as error:
        fix = f"Correct the answers in {ANSWERS}; the template's copier.yml says what each may be."
        yield Report("kit", "finding", f"The template cannot be rendered again: {error}", fix)


def read_origin() -> Origin:
    """Return what the project was rendered from. Raises `OriginError`."""
    if not ANSWERS.is_file():
        raise OriginError(
            f"There is no {ANSWERS} here, so no update is possible.",
            "Go to the folder of the project, or restore the file from git.",
        )
    try:
        answers: dict[str, Any] = msgspec.yaml.decode(ANSWERS.read_bytes(), type=dict)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OriginError(
            f"{ANSWERS} cannot be read, so no update is possible: {' '.join(str(error).split())}",
            f"Restore it from git (`git log -p {ANSWERS}`), or take the conflict's markers out, and"
            " keep the lines of the release that the files are from.",
        ) from None
    try:
        return msgspec.convert(answers, Origin)
    except msgspec.ValidationError:
        raise OriginError(
            f"{ANSWERS} does not say where the project comes from, so no update is possible.",
            "Add `_src_path: URL`, the template's git repository, and `_commit: vX.Y.Z`, the"
            " release that this was rendered from: a copy from an archive has none.",
        ) from None


def describe_release(origin: Origin) -> str:
    """Say which release of the template this is, and whether there is a newer one.

    Raises `OriginError` if the template knows no such release.
    """
    try:
        found = json.loads(run(*COPIER, "check-update", "--output-format", "json"))
    except ProgramError as error:
        if "Unknown revision" not in str(error):
            raise
        raise OriginError(
            f"{ANSWERS} names {origin.commit}, which {origin.source} does not have.",
            "Write as `_commit` the release that this was rendered from.",
        ) from None
    newer = f"{found['latest_version']} is there, by `uvx copier update --defaults`"
    newer = newer if found["update_available"] else "there is no newer release"
    return f"This is {origin.commit}; {newer}."


@contextmanager
def render(origin: Origin) -> Generator[Path]:
    """Yield a folder with the files as the template made them, by the same release and answers."""
    with tempfile.TemporaryDirectory(prefix="service-doctor-") as name:
        options = ("--quiet", "--defaults", "--vcs-ref", origin.commit, "--data-file", str(ANSWERS))
        run(*COPIER, "copy", *options, origin.source, name)
        yield Path(name)


def find_changes(folder: Path, changed: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Find what is different here from the files that were rendered into a folder.

    Where something was edited, update that folder, and see what becomes of the edited files.
    """
    yield from differences.find_missing(folder)
    present = differences.list_present(folder)
    yield from differences.find_line_endings(present)
    edited = [name for name in present if differences.is_edited(folder, name)]
    going: dict[str, str] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="service-doctor-") as name:
            if edited:
                going = find_going(shutil.copytree(folder, Path(name, "tried")), changed)
    except ProgramError as error:
        fix = f"Correct the answers in {ANSWERS}, or that given by `--data`."
        yield f"An update cannot be tried: {error}", fix
    for name in edited:
        if name in going:
            yield differences.describe_going(name, going[name])
        else:
            yield differences.describe_edited(name)


def find_going(folder: Path, changed: Sequence[str]) -> dict[str, str]:
    """Update what was rendered into a folder. Return what goes, with where it moves to."""
    git = ("git", "-C", str(folder))
    user = ("-c", "user.name=doctor", "-c", "user.email=doctor@localhost")
    answers: list[str] = []
    for answer in changed:
        answers += ["--data", answer]
    run(*git, "init", "--quiet")
    run(*git, "add", "--all", "--force")
    run(*git, *user, "commit", "--quiet", "--no-verify", "--no-gpg-sign", "--message", "Rendered")
    run(*COPIER, "update", "--quiet", "--defaults", *answers, str(folder))
    run(*git, "add", "--all", "--force")
    diff = ("diff", "--cached", "--name-status", "-z", "--find-renames", "--diff-filter=DR")
    status = run(*git, *diff)
    fields = iter(status.split("\0")[:-1])
    return {next(fields): next(fields) if kind.startswith("R") else "" for kind in fields}
