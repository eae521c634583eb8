# kit: updated by the template; extend it from app.py
"""What a checkout of the service stands on: the template, the packages, and what git keeps."""

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from shlex import quote

from service_tools.dev import packages, team_files, template
from service_tools.dev.programs import ProgramError, list_files, run
from service_tools.dev.report import Report, guard, report

SECRET = (
    *(".env", ".env.*", "prod.env", "production.env", "secrets.env"),
    *(".signing-key", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"),
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx"),
    *(".netrc", ".pgpass", ".pypirc"),
)
"""How files are called that hold secrets."""

HARMLESS = (".env.development", ".env.test", "*.example", "*.sample", "*.template")
"""How files are called that look like those, and hold none."""

PRIVATE_KEY = r"^-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----"
PUBLIC = re.compile(rb"-----BEGIN ((TRUSTED |X509 )?CERTIFICATE|([A-Z0-9]+ )*PUBLIC KEY)")
MARKERS = "^(<<<<<<<|>>>>>>>) "


def examine(changed: Sequence[str] = ()) -> Iterator[Report]:
    """Yield what can be said without the settings of the service."""
    yield from guard("template", template.examine(changed))
    good = "uv.lock fits pyproject.toml, and is installed."
    yield from report("packages", good, packages.find_unfit)
    yield from report("conflicts", "No conflict of an update is left.", find_conflicts)
    yield from report("git", "uv.lock is committed, and no secret is.", find_leaks)
    yield from report("team", "Your own files fit the kit.", find_in_team_files)


def find_in_team_files() -> Iterator[tuple[str, str]]:
    """Find what each check of the team's files finds."""
    for find in team_files.CHECKS:
        yield from find()


def find_conflicts() -> Iterator[tuple[str, str]]:
    """Find what an update left to be resolved by hand."""
    grep = ("git", "grep", "--untracked", "-I", "-z", "--name-only", "-E", MARKERS)
    for name in run(*grep, accepted=(0, 1)).split("\0")[:-1]:
        fix = f"Resolve the conflict (`git diff {quote(name)}`), take the markers out, and commit."
        yield f"{name} has the markers of a conflict.", fix
    for name in list_files("--others", "--exclude-standard"):
        if name.endswith(".rej"):
            yield f"{name} is what an update could not apply.", "Apply it by hand, and delete it."


def find_leaks() -> Iterator[tuple[str, str]]:
    """Find secrets that git keeps, and a lock that it does not."""
    try:
        kept = list_files()
    except ProgramError as error:
        if "not a git repository" not in str(error):
            raise
        says = "This is not a git repository, so no update is possible."
        yield says, 'Run `git init && git add --all && git commit --message "Begin"`.'
        return
    grep = ("git", "grep", "--cached", "-I", "-z", "--name-only", "-E", PRIVATE_KEY)
    keys = set(run(*grep, accepted=(0, 1)).split("\0")[:-1])
    for name in kept:
        if name in keys or is_secret(Path(name)):
            says = f"{name} is committed, for all who can read the repository."
            advice = "commit, and replace every secret in it: git's history keeps them."
            yield says, f"Run `git rm --cached {quote(name)}`, {advice}"
    if "uv.lock" not in kept:
        says = "uv.lock is not committed, so others get other packages."
        yield says, "Run `git add uv.lock`, and commit."


def is_secret(path: Path) -> bool:
    """Return whether a file is called like one with secrets, and holds no public key."""
    if not any(fnmatchcase(path.name, pattern) for pattern in SECRET):
        return False
    if any(fnmatchcase(path.name, pattern) for pattern in HARMLESS):
        return False
    return not (path.is_file() and PUBLIC.search(path.read_bytes()))
