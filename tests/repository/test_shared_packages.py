"""Services with the same packages share one lock, and the files of the packages."""

import os

import pytest

from tests.harness import packages, temporary


def declare(folder, *dependencies):
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.12"\ndependencies = {list(dependencies)}\n'
    )
    return folder


def test_what_declares_the_same_is_locked_once(tmp_path, monkeypatch):
    first, second, other = (declare(tmp_path / name, *needed) for name, needed in (("1", ()), ("2", ()), ("3", ["x"])))
    packages.lock(first)
    monkeypatch.setenv("PATH", str(tmp_path))  # no uv is there
    packages.lock(second)
    assert (second / "uv.lock").read_bytes() == (first / "uv.lock").read_bytes()
    with pytest.raises(FileNotFoundError, match="uv"):
        packages.lock(other)


def test_packages_in_memory_are_links_to_compiled_files(synced):
    compiled = synced.glob(".venv/lib/python3.*/site-packages/starlette/__pycache__/*.pyc")
    linked = [path for path in compiled if path.stat().st_nlink > 1]
    is_in_memory = os.environ.get("UV_CACHE_DIR") == str(temporary.PACKAGES)
    assert bool(linked) == is_in_memory
