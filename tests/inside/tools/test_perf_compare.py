"""`service perf compare` and `bench`: a tree against itself shows no difference, and a slower one is found."""

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from inside.tools.test_perf_faults import SCENARIO, plant, run
from service_tools.perf import bench, compare
from service_tools.perf.bench import Time

from tests.kit.processes import ROOT


def simulate(factor: float, seed: int) -> list[tuple[float, float]]:
    """Return the costs of 8 rounds on a noisy machine: each start of a service differs by 4 %."""
    draw = random.Random(seed)
    return [(300 * draw.lognormvariate(0, 0.04), factor * 300 * draw.lognormvariate(0, 0.04)) for _ in range(8)]


def test_a_tree_against_itself_shows_no_difference_and_a_fifth_more_is_found():
    same = [compare.judge("orders", simulate(1, seed)).verdict for seed in range(100)]
    assert same.count("no difference") >= 90
    slower = [compare.judge("orders", simulate(1.2, seed)).verdict for seed in range(100)]
    assert slower == ["slower"] * 100
    assert compare.judge("orders", simulate(0.8, 1)).verdict == "faster"


def test_a_saved_time_is_exceeded_only_beyond_the_noise():
    saved = Time(100, 98, 102)
    assert not bench.is_slower(Time(110, 108, 112), saved)
    assert bench.is_slower(Time(130, 125, 135), saved)
    assert bench.judge(Time(130, 125, 135), saved) == "slower: 1.30 times the saved time"
    assert bench.judge(Time(130, 125, 135), None) == "new"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a folder with the service, committed."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    (tmp_path / "perf/scenarios").mkdir(parents=True)
    (tmp_path / "perf/scenarios/orders.toml").write_text(SCENARIO)
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "One"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *command], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.faults
def test_another_commit_is_checked_out_and_a_slower_tree_fails_a_check(repository: Path, database_url: str):
    plant(repository, "    sum(range(60_000))")
    options = ["HEAD", "--rows", "200", "--rounds", "2", "--slices", "1", "--seconds", "0.3", "--check"]
    path = os.pathsep.join([str(repository / "src"), str(ROOT / "src")])
    environment = {"PYTHONPATH": path, "DATABASE_URL": database_url, "MIGRATIONS_FOLDER": "migrations"}
    done = run(repository, "compare", *options, **environment)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("orders: slower: "), done.stderr
    report = (repository / "perf/reports/compare.html").read_text()
    assert "slower" in report
    assert "Bearer" not in report
    left = subprocess.run(["git", "worktree", "list"], cwd=repository, capture_output=True, text=True, check=True)
    assert left.stdout.count("\n") == 1, "the worktree of the other commit is removed"


def test_an_unknown_commit_is_said(repository: Path, database_url: str):
    done = run(repository, "compare", "nothing", DATABASE_URL=database_url)
    assert done.returncode == 1
    assert "git rev-parse" in done.stderr
    assert "Traceback" not in done.stderr
