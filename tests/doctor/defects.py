"""Defects of a project, each of which `service doctor` finds, and what is none."""

from collections.abc import Callable
from pathlib import Path

from tests.harness import service

type Plant = Callable[[Path], object]


def append(text: str) -> Plant:
    """Return what appends a text to a file."""

    def plant(path: Path) -> None:
        with path.open("a") as file:
            file.write(text)

    return plant


def write(text: str) -> Plant:
    """Return what writes a file anew."""
    return lambda path: path.write_text(text)


def swap(old: str, new: str) -> Plant:
    """Return what replaces a text in a file."""
    return lambda path: service.replace(path, (old, new))


def use_windows(path: Path) -> None:
    """Give a file the line endings of Windows."""
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


KEY = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"

DEFECTS: dict[str, tuple[Plant, str, str, str]] = {
    "src/service/kit/db/pool.py": (
        append("# edited\n"),
        "kit",
        "src/service/kit/db/pool.py was edited here, so an update may conflict.",
        "Revert the edit (`git log -p src/service/kit/db/pool.py`)",
    ),
    "src/service/kit/db/query.py": (
        use_windows,
        "kit",
        "Files with Windows line endings: 1, such as src/service/kit/db/query.py. An update conflicts",
        "Run `git ls-files --eol` to list them, `sed -i 's/\\r$//' FILE` for each",
    ),
    ".github/workflows/checks.yml": (
        Path.unlink,
        "kit",
        ".github/workflows/checks.yml was deleted here, and no update brings it back.",
        'Run `git checkout "$(git log -1 --diff-filter=AMR --format=%h -- .github/workflows/checks.yml)" -- .git',
    ),
    "tests/kit/test_contract.py": (
        Path.unlink,
        "kit",
        "tests/kit/test_contract.py was deleted here",
        "Run `git checkout",
    ),
    ".squawk.toml": (Path.unlink, "kit", ".squawk.toml was deleted here", "Run `git checkout"),
    "pyproject.toml": (
        swap('    "pgqueuer>=1.6,<1.7",\n', '    "pgqueuer>=1.6",\n'),
        "pins",
        "pyproject.toml says `pgqueuer>=1.6`, but the template is tested with `pgqueuer>=1.6,<1.7`.",
        "Write `pgqueuer>=1.6,<1.7` again, and run `uv lock`.",
    ),
    "uv.lock": (
        swap('name = "pgqueuer", specifier = ">=1.6,<1.7"', 'name = "pgqueuer", specifier = ">=1.5"'),
        "packages",
        "uv: The lockfile at `uv.lock` needs to be updated",
        "Run `uv lock`, and commit uv.lock.",
    ),
    "README.md": (
        append("<<<<<<< before updating\nold\n=======\nnew\n>>>>>>> after updating\n"),
        "conflicts",
        "README.md has the markers of a conflict.",
        "Resolve the conflict (`git diff README.md`), remove the markers, and commit.",
    ),
    "ruff.toml.rej": (
        write("@@ -1 +1 @@\n"),
        "conflicts",
        "ruff.toml.rej is a change that an update could not apply.",
        "Apply it by hand, and delete it.",
    ),
    ".env.production": (
        write("A=b\n"),
        "git",
        ".env.production is committed: everyone with access to the repository can read it.",
        "Run `git rm --cached .env.production`, commit, and replace every secret",
    ),
    "key.pem": (write("secret\n"), "git", "key.pem is committed", "Run `git rm --cached key.pem`"),
    "notes for us.txt": (
        write(KEY),
        "git",
        "notes for us.txt is committed",
        "Run `git rm --cached 'notes for us.txt'`",
    ),
    ".env": (
        write("SERVER_PORT=x\n"),
        "settings",
        "SERVER_PORT: ",
        "Fix it where it is set",
    ),
    "src/service/__init__.py": (
        append('\nNAME = "another"\n'),
        "team",
        "src/service/__init__.py calls the service another, but pyproject.toml my-service.",
        "Remove NAME from both files: ",
    ),
}
"""What is planted in which file, which check finds it, and how what it says and its fix begin."""

ALSO = {
    "pyproject.toml": {("packages", "uv: The lockfile at `uv.lock` needs to be updated")},
    ".env": {("git", ".env is committed: everyone with access to the repository can read it.")},
}
"""What another check finds in the same file: the check, and what it says."""

GOOD: dict[str, Plant] = {
    "renovate.json": Path.unlink,
    ".github/workflows/update.yml": Path.unlink,
    "deploy/compose.yaml": Path.unlink,
    "src/service/app.py": append("# the team's\n"),
    "ca.pem": write("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ".env.staging.example": write("A=\n"),
}
"""What a team may do, and is no finding."""
