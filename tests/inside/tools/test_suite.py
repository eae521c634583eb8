"""How the tests of a service are run: where their PostgreSQL is, and in how many processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit import fixtures
from tests.kit.processes import ROOT


def test_the_server_of_the_tests_is_in_memory_only_if_that_has_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(fixtures, "MEMORY", tmp_path)
    monkeypatch.setattr(fixtures, "ROOM", 0)
    assert fixtures.find_memory() == tmp_path
    monkeypatch.setattr(fixtures, "ROOM", 2**60)
    assert fixtures.find_memory() is None
    monkeypatch.setattr(fixtures, "MEMORY", tmp_path / "missing")
    assert fixtures.find_memory() is None


def run_suite(folder: Path, place: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run one test in a folder as the tests of a service are run."""
    (folder / "test_it.py").write_text("def test_it():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pytest.toml"), "--rootdir", str(ROOT), *options]
    return subprocess.run([*command, str(folder / place)], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "processes"), [(["."], 2), (["test_it.py"], 0), ([".", "-k", "it"], 0), (["test_it.py", "-n1"], 1)]
)
def test_a_folder_of_tests_runs_in_two_processes_and_less_in_one(tmp_path: Path, arguments: list[str], processes: int):
    ran = run_suite(tmp_path, *arguments)
    assert ran.returncode == 0, ran.stdout
    assert (f"created: {processes}/{processes} worker" in ran.stdout) == (processes > 0), ran.stdout
    assert ("worker" in ran.stdout) == (processes > 0), ran.stdout


def test_a_plug_in_that_is_left_out_comes_back_where_a_conftest_names_it(tmp_path: Path):
    option = "--hypothesis-profile=default"
    assert "unrecognized arguments" in run_suite(tmp_path, "test_it.py", option).stderr
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["_hypothesis_pytestplugin"]\n')
    ran = run_suite(tmp_path, "test_it.py", option)
    assert ran.returncode == 0, ran.stdout + ran.stderr
