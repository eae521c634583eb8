# kit: updated by the template; extend it from app.py
"""Check the files of the checkout: conflicts of an update, secrets in git, and the lock."""

import re
from fnmatch import fnmatchcase
from pathlib import Path
from shlex import quote

from service_tools.dev.programs import ProgramError, list_files, list_files_with
from service_tools.dev.results import Finding, Findings

SECRET_NAMES = (
    ".env",
    ".env.*",
    "prod.env",
    "production.env",
    "secrets.env",
    ".signing-key",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    ".netrc",
    ".pgpass",
    ".pypirc",
)
"""Names of files that hold secrets."""

HARMLESS_NAMES = (".env.development", ".env.test", "*.example", "*.sample", "*.template")
"""Names that look alike, of files without secrets."""

PRIVATE_KEY = r"^-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY( BLOCK)?-----"
PUBLIC_KEY = re.compile(rb"-----BEGIN ((TRUSTED |X509 )?CERTIFICATE|([A-Z0-9]+ )*PUBLIC KEY)")
CONFLICT_MARKER = "^(<<<<<<<|>>>>>>>) "


def find_conflicts() -> Findings:
    """Yield conflicts that an update left behind."""
    for name in list_files_with(CONFLICT_MARKER, "--untracked"):
        says = f"{name} has the markers of a conflict."
        fix = f"Resolve the conflict (`git diff {quote(name)}`), remove the markers, and commit."
        yield Finding("conflicts-markers", says, fix, name)
    for name in list_files("--others", "--exclude-standard"):
        if name.endswith(".rej"):
            says = f"{name} is a change that an update could not apply."
            yield Finding("conflicts-rejected", says, "Apply it by hand, and delete it.", name)


def find_leaks() -> Findings:
    """Yield secrets that are committed, and a lock that is not."""
    try:
        committed = list_files()
    except ProgramError as error:
        if "not a git repository" not in str(error):
            raise
        says = "This is not a git repository, so no update is possible."
        fix = (
            'Run `git init --initial-branch main && git add --all && git commit --message "Begin"`.'
        )
        yield Finding("git-none", says, fix)
        return
    with_keys = list_files_with(PRIVATE_KEY, "--cached")
    for name in committed:
        if name in with_keys or is_secret(Path(name)):
            says = f"{name} is committed: everyone with access to the repository can read it."
            advice = "commit, and replace every secret in it: git's history keeps them."
            fix = f"Run `git rm --cached {quote(name)}`, {advice}"
            yield Finding("git-secret", says, fix, name)
    if "uv.lock" not in committed:
        says = "uv.lock is not committed, so others get other packages."
        yield Finding("git-lock", says, "Run `git add uv.lock`, and commit.", "uv.lock")


def is_secret(path: Path) -> bool:
    """Return whether a file is named like one with secrets, and holds no public key."""
    if not has_name(path, SECRET_NAMES) or has_name(path, HARMLESS_NAMES):
        return False
    return not (path.is_file() and PUBLIC_KEY.search(path.read_bytes()))


def has_name(path: Path, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path.name, pattern) for pattern in patterns)
