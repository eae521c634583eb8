"""A template repository made from the working tree: the releases are tagged, and the working tree is committed."""

import filecmp
import shutil
from pathlib import Path

from tests.harness import releases, shell

ROOT = Path(__file__).parents[2]

OLDER, CURRENT, NEWER = "v9998.0.0", "v9999.0.0", "v10000.0.0"
"""CURRENT is the working tree. In the two around it, every file of the template is different."""

BY_HAND = "- Write `await` before `newer()`:\n\n  ```diff\n  -newer()\n  +await newer()\n  ```"
"""What NEWER asks of a team."""


def take(path: Path) -> Path:
    """Make the repository, with CURRENT checked out, and return its path."""
    shell.run("git", "clone", "--quiet", "--no-checkout", "--no-tags", ROOT, path, cwd=ROOT)
    for version, released in releases.find(ROOT).items():
        shell.run("git", "tag", version, released, cwd=path)
    for version, word in ((OLDER, "older"), (CURRENT, None), (NEWER, "newer")):
        fill(path)
        if word:
            alter(path / "template", word)
        if version == NEWER:
            announce(path / "CHANGELOG.md")
        commit(path, version)
    shell.run("git", "reset", "--quiet", "--hard", CURRENT, cwd=path)
    return path


def fill(path: Path) -> None:
    """Make the content of `path` that of the working tree, uncommitted files included."""
    listed = shell.run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    names = {name for name in listed.rstrip("\0").split("\0") if (ROOT / name).is_file()}
    for old in [it for it in path.rglob("*") if it.is_file()]:
        name = old.relative_to(path)
        if name.parts[0] != ".git" and str(name) not in names:
            old.unlink()
    for name in sorted(names):
        if not (path / name).exists() or not filecmp.cmp(ROOT / name, path / name):
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, path / name)


def alter(template: Path, word: str) -> None:
    """Append a line to every file of the template, and add one file to the kit that no other version has.

    Recorded plans stay as they are: the suite of a service compares them letter by letter.
    """
    for file in [path for path in template.rglob("*") if path.is_file() and path.parent.name != "plans"]:
        with file.open("ab") as stream:
            stream.write(f"{'--' if file.suffix == '.sql' else '#'} {word}\n".encode())
    (template / f"src/service/kit/{word}.py").write_text(f'# kit: updated by the template\n"""Only in {word}."""\n')


def announce(changelog: Path) -> None:
    """Write into the changelog what NEWER asks of a team."""
    title, others = changelog.read_text().split("\n## ", 1)
    changelog.write_text(f"{title}\n## {NEWER}\n\n### By hand\n\n{BY_HAND}\n\n## {others}")


def commit(path: Path, version: str) -> None:
    """Commit everything, and tag it."""
    shell.run("git", "add", "--all", "--force", cwd=path)
    shell.run("git", "commit", "--quiet", "--allow-empty", "--message", version, cwd=path)
    shell.run("git", "tag", version, cwd=path)
