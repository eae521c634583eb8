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


@pytest.mark.parametrize(
    ("arguments", "processes"), [(["."], 2), (["test_it.py"], 0), ([".", "-k", "it"], 0), (["test_it.py", "-n1"], 1)]
)
def test_a_folder_of_tests_runs_in_two_processes_and_less_in_one(tmp_path: Path, arguments: list[str], processes: int):
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n")
    place, *options = arguments
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pytest.toml"), "--rootdir", str(ROOT), *options]
    ran = subprocess.run([*command, str(tmp_path / place)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    assert (f"created: {processes}/{processes} worker" in ran.stdout) == (processes > 0), ran.stdout
    assert ("worker" in ran.stdout) == (processes > 0), ran.stdout
