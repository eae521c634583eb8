# kit: updated by the template; extend it from app.py
"""The template of the project: its release, its files as they were rendered, and its next update.

All of it comes from Copier itself.
"""

import json
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from service_tools.dev.programs import ProgramError, run_program

ANSWERS_FILE = Path(".copier-answers.yml")
COPIER = ("uvx", "--quiet", "copier")

RESTORE = f"Restore it from git (`git log -p {ANSWERS_FILE}`)"


class OriginError(Exception):
    """The project's origin is unknown. The arguments are what is wrong, and how to fix it."""


class Origin(msgspec.Struct, rename={"commit": "_commit", "source": "_src_path"}):
    """The commit of the template that the project was rendered from, and where the template is."""

    commit: str
    source: str


def read_origin() -> Origin:
    """Return what the project was rendered from. Raises `OriginError`."""
    try:
        return msgspec.yaml.decode(ANSWERS_FILE.read_bytes(), type=Origin)
    except FileNotFoundError:
        says = f"There is no {ANSWERS_FILE} here, so no update is possible."
        fix = "Go to the project's folder, or restore the file from git."
    except msgspec.ValidationError:
        says = (
            f"{ANSWERS_FILE} does not say where the project comes from, so no update is possible."
        )
        fix = (
            f"{RESTORE}, or add `_src_path: URL`, the template's git repository, and"
            " `_commit: vX.Y.Z`, the release that it was rendered from."
        )
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        says = f"{ANSWERS_FILE} cannot be read, so no update is possible: {reason}"
        fix = (
            f"{RESTORE}, or remove the markers of the conflict, and keep the lines of the release"
            " that the files are from."
        )
    raise OriginError(says, fix)


def describe_release(origin: Origin) -> str:
    """Return which release of the template this is, and whether there is a newer one.

    Raises `OriginError` if the template has no such release.
    """
    try:
        answer = json.loads(run_program(*COPIER, "check-update", "--output-format", "json"))
    except ProgramError as error:
        if "Unknown revision" not in str(error):
            raise
        says = f"{ANSWERS_FILE} names {origin.commit}, which {origin.source} does not have."
        fix = "Set `_commit` to the release that this was rendered from."
        raise OriginError(says, fix) from None
    if not answer["update_available"]:
        return f"This is {origin.commit}; there is no newer release."
    latest = answer["latest_version"]
    return f"This is {origin.commit}; update to {latest} with `uvx copier update --defaults`."


@contextmanager
def render_again(origin: Origin) -> Generator[Path]:
    """Yield a folder with the template's files as this project got them, from the same answers."""
    with tempfile.TemporaryDirectory(prefix="service-doctor-") as folder:
        options = ("--quiet", "--defaults", "--vcs-ref", origin.commit)
        answers = ("--data-file", str(ANSWERS_FILE))
        run_program(*COPIER, "copy", *options, *answers, origin.source, folder)
        yield Path(folder)


def try_update(folder: Path, changed_answers: Sequence[str]) -> dict[str, str]:
    """Update a rendered folder. Return the files that are gone, with new names of moved ones."""
    answers = [f"--data={answer}" for answer in changed_answers]
    run_git(folder, "init", "--quiet")
    run_git(folder, "add", "--all", "--force")
    run_git(folder, "commit", "--quiet", "--no-verify", "--no-gpg-sign", "--message", "Rendered")
    run_program(*COPIER, "update", "--quiet", "--defaults", *answers, str(folder))

    run_git(folder, "add", "--all", "--force")
    options = ("--cached", "--name-status", "--find-renames", "--diff-filter=DR")
    status = run_git(folder, "diff", *options)
    going = {}
    for line in status.splitlines():
        _, name, *moved = line.split("\t")
        going[name] = "".join(moved)
    return going


def run_git(folder: Path, *arguments: str) -> str:
    user = ("-c", "user.name=doctor", "-c", "user.email=doctor@localhost")
    return run_program("git", "-C", str(folder), *user, *arguments)
