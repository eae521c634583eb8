"""Services as the template renders them, and as a team keeps them in git."""

import json
import os
import re
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import copier
import yaml

from tests.harness import sharing, shell
from tests.harness.snapshot import CURRENT, ROOT

type Answers = dict[str, Any]
type Tree = dict[str, tuple[bytes, bool]]

ANSWERS: dict[str, Answers] = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "tests/answers").glob("*.yml"))
}

PASSED = re.compile(r"^(?:=+ )?(\d+) passed(, \d+ warnings?)? in ", re.MULTILINE)
"""The last line of a suite in which nothing failed and nothing was skipped."""


OTHER_PYTHONS = "/opt/pythons/usr/bin"
"""Where .ci/install puts the versions of Python that the system does not have."""


def find_python(version: str) -> str | None:
    """Return the path of an installed Python of this version."""
    path = f"{shell.environment()['PATH']}{os.pathsep}{OTHER_PYTHONS}"
    command = ["uv", "python", "find", "--no-python-downloads", version]
    code, printed = shell.attempt(*command, cwd=Path.cwd(), PATH=path)
    return printed.splitlines()[-1] if code == 0 else None


def render(template: Path, folder: Path, answers: Answers, version: str = CURRENT) -> Path:
    """Render without trust, as `copier copy --defaults` does, and return the folder."""
    copier.run_copy(str(template), folder, answers, vcs_ref=version, defaults=True, unsafe=False, quiet=True)
    return folder


def render_once(shared: Path, template: Path, answers: Answers, version: str = CURRENT) -> Path:
    """Render in a folder that processes share, unless one of them has. The render is not to be changed."""
    key = json.dumps([version, answers], sort_keys=True)
    folder = shared / "renders" / sha256(key.encode()).hexdigest()
    return sharing.make_once(folder, lambda place: render(template, place, answers, version))


def adopt(rendered: Path, folder: Path) -> Path:
    """Copy a render to `folder` and commit it there, as a team does; return the folder."""
    shutil.copytree(rendered, folder)
    shell.run("git", "init", "--quiet", cwd=folder)
    save(folder)
    return folder


def save(folder: Path) -> None:
    """Commit everything in a service."""
    shell.run("git", "add", "--all", cwd=folder)
    shell.run("git", "commit", "--quiet", "--message", "Work", cwd=folder)


def update(folder: Path, version: str | None = CURRENT, changed: Answers | None = None) -> None:
    """Update without trust, as `copier update --defaults` does with some answers changed; fail on a conflict."""
    copier.run_update(folder, changed, vcs_ref=version, defaults=True, overwrite=True, unsafe=False)
    assert shell.run("git", "ls-files", "--unmerged", cwd=folder) == ""
    assert [path for path in read(folder) if path.endswith((".rej", ".orig"))] == []


def changes(folder: Path) -> str:
    """Return what git sees as changed since the last commit; nothing, if nothing is."""
    return shell.run("git", "status", "--porcelain", cwd=folder)


def read(folder: Path) -> Tree:
    """Return the content of every file, by its path in the service, and whether it is executable."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    inside = {path.relative_to(folder): path for path in files}
    return {
        str(name): (path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for name, path in sorted(inside.items())
        if name.parts[0] != ".git"
    }


def replace(path: Path, *edits: tuple[str, str]) -> None:
    """Replace texts that each stand in a file exactly once."""
    text = path.read_text()
    for old, new in edits:
        assert text.count(old) == 1, f"{path}: {old!r} stands there {text.count(old)} times"
        text = text.replace(old, new)
    path.write_text(text)
