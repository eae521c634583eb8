"""The packages of services: resolved once for each pyproject.toml, and compiled once for each machine."""

import os
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path

from tests.harness import sharing, shell, temporary

LOCKS = "TEMPLATE_TEST_LOCKS"
"""Names the folder of the locks that this run has made, for the commands that it starts as well."""


def install(folder: Path, *options: str) -> None:
    """Install the packages of a service, as `uv sync` does with some options."""
    lock(folder)
    if os.environ.get("UV_CACHE_DIR") == str(temporary.PACKAGES):
        compile_once(folder)
    shell.run("uv", "sync", "--quiet", *options, cwd=folder)


def lock(folder: Path) -> None:
    """Lock the packages of a service that has no lock, as `uv lock` does. Each lock costs 2 s of processor time."""
    if (folder / "uv.lock").exists():
        return
    if LOCKS not in os.environ:
        shell.run("uv", "lock", "--quiet", cwd=folder)
        return
    key = sha256((folder / "pyproject.toml").read_bytes()).hexdigest()
    made = sharing.make_once(Path(os.environ[LOCKS], key), lambda place: make_lock(folder, place))
    shutil.copy2(made / "uv.lock", folder)


def make_lock(folder: Path, place: Path) -> None:
    shell.run("uv", "lock", "--quiet", cwd=folder)
    place.mkdir(exist_ok=True)
    shutil.copy2(folder / "uv.lock", place)


def compile_once(folder: Path) -> None:
    """Compile packages where uv keeps them, so that no venv has to: it is made of links to the files there.

    In each new venv, the first run of pytest would spend 1.5 s of processor time on it.
    """
    sharing.make_once(temporary.PACKAGES / "compiled", lambda place: compile_packages(folder, place))


def compile_packages(folder: Path, place: Path) -> None:
    """Each compiled file gets to its place in one step: another process may be making links to all that is there."""
    shell.run("uv", "sync", "--quiet", cwd=folder)
    archive = temporary.PACKAGES / "archive-v0"
    with tempfile.TemporaryDirectory(prefix="compiled-", dir=temporary.FOLDER) as name:
        python = (folder / ".venv/bin/python", "-X", f"pycache_prefix={name}")
        # It fails for files that are no Python of this version, as some packages have: they stay as they are.
        shell.attempt(*python, "-m", "compileall", "-q", archive, cwd=folder)
        for compiled in Path(name, *archive.parts[1:]).rglob("*.pyc"):
            source = Path("/", compiled.relative_to(name)).parent
            (source / "__pycache__").mkdir(exist_ok=True)
            compiled.rename(source / "__pycache__" / compiled.name)
    shutil.rmtree(folder / ".venv")
    place.mkdir(exist_ok=True)
