"""Read one service: where it stands, how the template's files changed in it, and what is wrong."""

import re
import tempfile
from contextlib import ExitStack, chdir
from pathlib import Path

import copier
import msgspec
from service_tools.dev import checkout, differences, packages, results, team_files, template
from service_tools.dev.programs import ExitError, ProgramError, run_program

from fleet.releases import TEMPLATE, Behind, Release, count_days, count_missing, find_commit, find_version

UPDATE_BRANCH = re.compile(r"(\w+)\trefs/heads/(update-\d{4}-\d{2})")
ADDRESS = re.compile(r"[\w+]+://|[^/]+:")
"""How an address begins, and no path: https://host/, or host:path over SSH."""

KIT = "src/service/kit"
"""The folder that every service of this template has."""

CREDENTIALS = re.compile(r"://[^/@\s]+@")


class Update(msgspec.Struct, frozen=True):
    """The newest branch of a weekly update at the service's remote.

    `version` is the release that it brings, `conflicts` are the files with markers of a conflict, and `day` is that of
    its last commit.
    """

    branch: str
    version: str | None
    conflicts: list[str]
    day: str


class Service(msgspec.Struct):
    """A service. What cannot be told is null, and `notes` say why; with an `error`, nothing could be read.

    `age` is in days. `findings` are those of `service doctor` that take nothing but files.
    """

    repository: str
    error: str | None = None
    name: str | None = None
    version: str | None = None
    age: int | None = None
    behind: Behind | None = None
    edited: list[str] | None = None
    deleted: list[str] | None = None
    update: Update | None = None
    findings: list[results.CheckResult] = []
    python: str | None = None
    source: str | None = None
    notes: list[str] = []


def read_service(repository: str, releases: dict[str, Release]) -> Service:
    """Return what is known of a service, at a path or at an address that git can clone. Never raises."""
    found = Service(hide_credentials(repository), findings=[], notes=[])
    try:
        with ExitStack() as stack:
            folder = open_repository(repository, stack)
            stack.enter_context(chdir(folder))
            read_origin(found, releases)
            read_files(found, releases)
            find_update(found, folder)
    except template.OriginError as error:
        found.error = str(error.args[0])
    except (ProgramError, OSError) as error:
        found.error = hide_credentials(str(error))
    except Exception as error:
        found.error = f"{type(error).__name__}: {error}"
    return found


def open_repository(repository: str, stack: ExitStack) -> Path:
    """Return the folder of a service: the one that is given, or a clone until the stack is closed."""
    folder = Path(repository).expanduser()
    if folder.is_dir() and not (folder / "HEAD").is_file():
        return folder.resolve()
    if not folder.exists() and not ADDRESS.match(repository):
        raise ProgramError("There is no such folder, and it is no address of a repository.")
    clone = stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-clone-"))
    run_program("git", "clone", "--quiet", "--depth=1", "--no-tags", "--", repository, clone)
    return Path(clone)


def read_origin(found: Service, releases: dict[str, Release]) -> None:
    """Read which service the current folder has, and of which release."""
    origin = template.read_origin()
    if not Path(KIT).is_dir():
        raise template.OriginError(f"It is no service of this template: there is no {KIT}.")
    found.name = origin.project_name
    found.version = origin.commit
    found.source = hide_credentials(origin.source)
    version = find_version(origin.commit)
    if origin.commit in releases:
        found.age = count_days(releases[origin.commit].day)
    if version in releases:
        found.behind = count_missing(version, releases)
    if origin.commit not in releases:
        found.notes.append(f"{origin.commit} is no release that this clone of the template knows.")


def read_files(found: Service, releases: dict[str, Release]) -> None:
    """Compare the template's files with the current folder's, and check these."""
    checks = {
        "conflicts": results.report_findings("conflicts", "", checkout.find_conflicts()),
        "git": results.report_findings("git", "", checkout.find_leaks()),
        "team": results.report_findings("team", "", team_files.find_outdated_code()),
    }
    with tempfile.TemporaryDirectory(prefix="fleet-render-") as name:
        rendered = Path(name)
        if render_again(found, releases, rendered):
            changed = differences.compare_files(rendered)
            found.edited, found.deleted = changed.edited, changed.deleted
            pins = packages.find_loosened_pins(rendered)
            checks["pins"] = results.report_findings("pins", "", pins)
        for result in results.run_checks(checks):
            if result.state == "finding":
                found.findings.append(result)
            elif result.state == "unknown":
                found.notes.append(result.says)
    try:
        found.python = packages.read_project()["project"]["requires-python"]
    except (ProgramError, KeyError):
        found.notes.append("Its pyproject.toml does not say which Python it needs.")


def render_again(found: Service, releases: dict[str, Release], folder: Path) -> bool:
    """Render what the service was rendered from, by this clone. Returns whether that is possible."""
    commit = find_commit(found.version or "", releases)
    if not commit:
        found.notes.append("Its files cannot be compared: `git fetch --tags` in this clone, or add the tags of a fork.")
        return False
    answers = msgspec.yaml.decode(template.ANSWERS_FILE.read_bytes(), type=dict)
    given = {name: answer for name, answer in answers.items() if not name.startswith("_")}
    try:
        copier.run_copy(str(TEMPLATE), folder, given, vcs_ref=commit, defaults=True, quiet=True)
    except Exception as error:
        found.notes.append(f"Its files cannot be compared: {' '.join(str(error).split())}")
        return False
    return True


def find_update(found: Service, folder: Path) -> None:
    """Look for the branch of a weekly update at the remote of a service."""
    try:
        remote = run_program("git", "ls-remote", "--get-url", "origin").strip()
        if remote == "origin":
            found.notes.append("It has no remote `origin`, so whether an update is open is unknown.")
            return
        if not ADDRESS.match(remote):
            remote = str(folder / remote)
        heads = run_program("git", "ls-remote", "--heads", "origin", "update-*")
        branches = sorted(match[2] for line in heads.splitlines() if (match := UPDATE_BRANCH.fullmatch(line)))
        if branches:
            found.update = read_update(remote, branches[-1])
    except ProgramError as error:
        why = hide_credentials(str(error))
        found.notes.append(f"Its remote cannot be read, so whether an update is open is unknown: {why}")


def read_update(remote: str, branch: str) -> Update:
    """Return what a branch brings, without writing to the service's repository."""
    with tempfile.TemporaryDirectory(prefix="fleet-branch-") as store:
        git = ("git", "-C", store)
        run_program(*git, "init", "--quiet", "--bare")
        run_program(*git, "fetch", "--quiet", "--depth=1", "--no-tags", remote, f"refs/heads/{branch}")
        day = run_program(*git, "show", "--no-patch", "--format=%cs", "FETCH_HEAD").strip()
        grep = ("grep", "-I", "-z", "--name-only", "-E", checkout.CONFLICT_MARKER, "FETCH_HEAD")
        marked = run_program(*git, *grep, accepted=(0, 1)).split("\0")[:-1]
        conflicts = [name.removeprefix("FETCH_HEAD:") for name in marked]
        try:
            answers = run_program(*git, "show", f"FETCH_HEAD:{template.ANSWERS_FILE}")
            version = msgspec.yaml.decode(answers, type=template.Origin).commit
        except (ExitError, msgspec.DecodeError):
            version = None
    return Update(branch, version, conflicts, day)


def hide_credentials(text: str) -> str:
    """Return a text without the users and passwords in its addresses."""
    return CREDENTIALS.sub("://", text)
