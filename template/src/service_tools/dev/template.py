# kit: updated by the template; extend it from app.py
"""The template of the project: its release, its files as they were rendered, and its next update.

All of it comes from Copier itself.
"""

import json
import re
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import msgspec

from service_tools.dev.programs import ProgramError, run_program
from service_tools.dev.results import CheckResult

ANSWERS_FILE = Path(".copier-answers.yml")
COPIER = ("uvx", "--quiet", "copier")

PAST_RELEASE = ".post"
"""Marks Copier's version for a commit that is not a release, like 2.1.0.post57.dev0+6f71fa4c."""

TAG_RELEASES = (
    "In a clone of the template, run `python3 run.py tags` and `git push --tags`; then update."
)

FORGE = re.compile(
    r"(?:[\w+]+://)?(?:[^@/]+@)?(?P<host>[\w.-]*(?P<forge>github|gitlab)[\w.-]*)(?::\d+)?"
    r"[:/](?P<path>.+?)(?:\.git)?/?"
)
"""The address of a repository at a forge whose links are known."""

FORGES = {"gh": "https://github.com/", "gl": "https://gitlab.com/"}
"""What stands behind Copier's short forms of addresses."""

RESTORE = f"Restore it from git (`git log -p {ANSWERS_FILE}`)"


class OriginError(Exception):
    """The project's origin is unknown. The arguments are what is wrong, and how to fix it."""


class Origin(msgspec.Struct, rename={"commit": "_commit", "source": "_src_path"}):
    """The commit of the template that the project was rendered from, and where the template is."""

    commit: str
    source: str
    project_name: str | None = None


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


def check_release(origin: Origin) -> CheckResult:
    """Check that this is a release of the template, and say whether there is a newer one.

    Raises `OriginError` if the template does not have the commit.
    """
    try:
        answer = json.loads(run_program(*COPIER, "check-update", "--output-format", "json"))
    except ProgramError as error:
        if "Unknown revision" not in str(error):
            raise
        says = f"{ANSWERS_FILE} names {origin.commit}, which {origin.source} does not have."
        fix = (
            "Set `_commit` to the release that this was rendered from, or `_src_path` to the"
            " template's present address."
        )
        raise OriginError(says, fix) from None

    latest = answer["latest_version"]
    if PAST_RELEASE in latest:
        says = f"{origin.source} has no tags, so each update follows its newest commit."
        return CheckResult("template", "finding", says, TAG_RELEASES, "template-untagged")
    if PAST_RELEASE in answer["current_version"]:
        says = f"This is {origin.commit}, which is no release."
        fix = f"Update to {latest} with `uvx copier update --defaults`."
        if not answer["update_available"]:
            fix = f"Update when there is a release after {latest}: until then, Copier refuses."
        return CheckResult("template", "finding", says, fix, "template-commit")

    says = f"This is {origin.commit}; there is no newer release."
    if answer["update_available"]:
        says = f"This is {origin.commit}; update to {latest} with `uvx copier update --defaults`."
    return CheckResult("template", "ok", f"{says} Its documents: {locate_documents(origin)}")


def find_commit_before_update() -> str:
    """Return the commit before the last update of the template came, or "" without a history."""
    changed = ("-G", "^_commit:", "--", str(ANSWERS_FILE))
    try:
        if run_program("git", "diff", "--name-only", "HEAD", *changed):
            return "HEAD"
        return run_program("git", "log", "-1", "--format=%H^", *changed).strip()
    except ProgramError:
        return ""


def locate_documents(origin: Origin) -> str:
    """Return where the documents of the project's release are: a link, if the forge is known."""
    found = FORGE.fullmatch(find_address(origin))
    if not found:
        return f"docs/index.md of {origin.source}, tag {origin.commit}"
    folder = "blob" if found["forge"] == "github" else "-/blob"
    return f"https://{found['host']}/{found['path']}/{folder}/{origin.commit}/docs/index.md"


def find_address(origin: Origin) -> str:
    """Return the address of the template as git knows it, without Copier's `gh:` and `gl:`."""
    return re.sub("^(gh|gl):", lambda short: FORGES[short[1]], origin.source)


def find_release_date(origin: Origin) -> date | None:
    """Return the day on which a release was made, or None if it is no release or out of reach."""
    with tempfile.TemporaryDirectory(prefix="service-doctor-") as name:
        folder = Path(name)
        try:
            run_git(folder, "init", "--quiet", "--bare")
            options = ("--quiet", "--depth=1", "--filter=tree:0")
            run_git(folder, "fetch", *options, find_address(origin), f"refs/tags/{origin.commit}")
            day = run_git(folder, "show", "--no-patch", "--format=%cs", "FETCH_HEAD^{commit}")
        except ProgramError:
            return None
    return date.fromisoformat(day.strip())


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
