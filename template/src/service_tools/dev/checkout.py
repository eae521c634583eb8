# kit: updated by the template; extend it from app.py
"""What a checkout of the service stands on: the template, the packages, and what git keeps."""

import json
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from service.kit.edge import CommandError
from service_tools.dev import credentials, exposures

ANSWERS = Path(".copier-answers.yml")
COPIER = ("uvx", "--quiet", "copier")
DEADLINE = 60.0
"""Seconds that a program may take: it may wait for the network."""

MARK = "kit: updated by the template"
UNMARKED = (".json", ".tmpl", "py.typed")
"""How those files of the template end that allow no comment with the mark."""

type Findings = list[tuple[str, str]]
"""What is wrong, and what to do about it."""


class Report(msgspec.Struct, frozen=True):
    """What a check says. A finding has a fix; what could not be checked is `unknown`."""

    check: str
    state: str
    says: str
    fix: str | None = None


class ProgramError(CommandError):
    """A program failed, or did not end in time. The message is its own."""


def examine() -> Iterator[Report]:
    """Yield what can be said without the settings of the service."""
    if ANSWERS.is_file():
        yield from report("template", lambda: (describe_release(), []))
        yield from report("kit", lambda: ("Files of the template are as it made them.", find_edited()))
    else:
        says = f"There is no {ANSWERS} here, so no update is possible."
        yield Report("template", "finding", says, "Go to the folder of the project, or restore the file from git.")
    yield from report("team", lambda: ("No file of yours exposes anybody.", [*exposures.find()]))
    yield from report("packages", lambda: ("uv.lock fits pyproject.toml, and is installed.", find_unfit()))
    yield from report("git", lambda: ("uv.lock is committed, and no secret is.", find_leaks()))


def report(check: str, find: Callable[[], tuple[str, Findings]]) -> Iterator[Report]:
    """Yield the findings, or what is said where there is none."""
    try:
        good, findings = find()
    except ProgramError as error:
        yield Report(check, "unknown", str(error))
        return
    yield from [Report(check, "finding", *it) for it in findings] or [Report(check, "ok", good)]


def read_origin() -> list[str]:
    """Return the commit of the template that this was rendered from, and where the template is."""
    return re.findall(r"^_(?:commit|src_path): '?(.*?)'?$", ANSWERS.read_text("utf-8"), re.MULTILINE)


def describe_release() -> str:
    """Say which release of the template this is, and whether there is a newer one."""
    found = json.loads(run(*COPIER, "check-update", "--output-format", "json"))
    newer = f"{found['latest_version']} is there, by `uvx copier update --defaults`"
    return f"This is {read_origin()[0]}; {newer if found['update_available'] else 'there is no newer release'}."


def find_edited() -> Findings:
    """Render the template's files again as they were, and compare. A deleted one stays deleted, and is no finding."""
    commit, origin = read_origin()
    with tempfile.TemporaryDirectory(prefix="service-doctor-") as name:
        run(*COPIER, "copy", "--quiet", "--defaults", "--vcs-ref", commit, "--data-file", str(ANSWERS), origin, name)
        edited = [path.relative_to(name) for path in sorted(Path(name).rglob("*")) if is_edited(path, Path(name))]
    advice = "Take the edit out (`git log -p {0}`) and extend the kit from app.py, or bring it to the template."
    return [(f"{path} was edited here, so an update may conflict.", advice.format(path)) for path in edited]


def is_edited(rendered: Path, root: Path) -> bool:
    """Tell whether a file that was rendered into `root` is the template's, and different here."""
    here = rendered.relative_to(root)
    if rendered.is_dir() or not here.is_file():
        return False
    text = rendered.read_text("utf-8")
    is_kits = MARK in "".join(text.split("\n")[:2]) or here.name.endswith(UNMARKED)
    return is_kits and here.read_text("utf-8", "replace") != text


def find_unfit() -> Findings:
    """Find a lock that does not fit pyproject.toml, or packages that do not fit the lock."""
    try:
        run("uv", "lock", "--check")
    except ProgramError as error:
        return [(str(error), "Run `uv lock`, and commit uv.lock.")]
    try:
        run("uv", "sync", "--check", "--frozen", "--inexact")
    except ProgramError as error:
        return [(str(error), "Run `uv sync`.")]
    return []


def find_leaks() -> Findings:
    """Find secrets that git keeps, and a lock that it does not."""
    kept = run("git", "ls-files").splitlines()
    advice = "Run `git rm --cached {0}`, commit, and replace every secret in it: git's history keeps them."
    secrets = [name for name in (".env", str(credentials.FILE)) if name in kept]
    found = [(f"{name} is committed, for all who can read the repository.", advice.format(name)) for name in secrets]
    if "uv.lock" not in kept:
        found.append(("uv.lock is not committed, so others get other packages.", "Run `git add uv.lock`, and commit."))
    return found


def run(*command: str) -> str:
    """Return what a program prints. There is nobody to type a password. Raises `ProgramError`."""
    pipe, env = subprocess.PIPE, os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    try:
        process = subprocess.Popen(  # noqa: S603 - ours
            command, env=env, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, start_new_session=True
        )
    except FileNotFoundError:
        raise ProgramError(f"{command[0]} is not installed.") from None
    with process:
        try:
            output, errors = process.communicate(timeout=DEADLINE)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)  # and what it started
            if isinstance(error, subprocess.TimeoutExpired):
                raise ProgramError(f"{command[0]} took longer than {DEADLINE:g} s.") from None
            raise
    if process.returncode:
        said = re.findall(r"(?:fatal|[Ee]rror): (.*)", errors) or errors.splitlines() or ["it failed"]
        raise ProgramError(f"{command[0]}: {said[-1]}")
    return output
