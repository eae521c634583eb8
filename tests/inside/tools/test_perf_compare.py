"""`service perf compare` and `bench`: a tree against itself shows no difference, and a slower one is found."""

import os
import random
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest
from inside.tools.test_perf_faults import SCENARIO, plant, run
from service_tools.perf import bench, compare
from service_tools.perf.bench import Time
from service_tools.perf.compare import Round

from tests.kit import processes
from tests.kit.processes import ROOT


def simulate(factor: float, seed: int, rounds: int = 8, noise: float = 0.04) -> list[Round]:
    """Return the costs of some rounds on a noisy machine: each start of a service differs by `noise`."""
    draw = random.Random(seed)
    return [
        [(300 * draw.lognormvariate(0, noise), factor * 300 * draw.lognormvariate(0, noise))] for _ in range(rounds)
    ]


def test_a_tree_against_itself_shows_no_difference_and_a_fifth_more_is_found():
    same = [compare.judge("orders", simulate(1, seed)).verdict for seed in range(100)]
    assert same.count("no difference") >= 99
    slower = [compare.judge("orders", simulate(1.2, seed)).verdict for seed in range(100)]
    assert slower.count("slower") >= 99
    assert compare.judge("orders", simulate(0.8, 1)).verdict == "faster"


def test_on_a_busy_machine_more_rounds_find_a_fifth_and_8_find_two():
    fifth = [compare.judge("orders", simulate(1.2, seed, 16, noise=0.07)).verdict for seed in range(100)]
    two = [compare.judge("orders", simulate(1.4, seed, 8, noise=0.07)).verdict for seed in range(100)]
    assert fifth.count("slower") >= 90
    assert two.count("slower") >= 90


def test_few_rounds_tell_nothing_and_more_may_have_an_exception():
    up, down = [(300.0, 330.0)], [(300.0, 290.0)]
    assert compare.judge("orders", [up] * 7).verdict == "not known: fewer than 8 rounds"
    assert compare.judge("orders", [up] * 8).verdict == "slower"
    assert compare.judge("orders", [down, *[up] * 7]).verdict == "no difference"
    assert compare.judge("orders", [down, *[up] * 11]).verdict == "slower"


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


def make_variables(repository: Path, url: str) -> dict[str, str]:
    """Return variables that let the service of a folder be measured on a database."""
    path = os.pathsep.join([str(repository / "src"), str(ROOT / "src")])
    return {"PYTHONPATH": path, "DATABASE_URL": url, "MIGRATIONS_FOLDER": "migrations"}


@pytest.mark.faults
def test_another_commit_is_checked_out_and_a_slower_tree_fails_a_check(repository: Path, database_url: str):
    plant(repository, "    sum(range(10_000))")  # two fifths: on a busy machine, 8 rounds may miss one fifth
    options = ["HEAD", "--rows", "200", "--requests", "50", "--check"]
    done = run(repository, "compare", *options, **make_variables(repository, database_url))
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[1].split()[:2] == ["orders", "slower"], done.stderr
    report = (repository / "perf/reports/compare.html").read_text()
    assert "slower" in report
    assert "Bearer" not in report


@pytest.mark.faults
def test_a_comparison_that_is_terminated_leaves_no_process_and_no_file(repository: Path, database_url: str):
    temporary = repository / "temporary"
    temporary.mkdir()
    variables = make_variables(repository, database_url) | {"TMPDIR": str(temporary)}
    line = [*processes.COMMAND, "perf", "compare", "HEAD", "--rows", "200"]
    env = processes.make_environment(variables)
    with subprocess.Popen(line, cwd=repository, env=env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert next((line for line in process.stderr if line.startswith("1 of 8 rounds")), None)
        started = psutil.Process(process.pid).children(recursive=True)
        assert [*temporary.iterdir()]
        process.terminate()
        assert process.wait(60) == 143
    assert psutil.wait_procs(started, 10)[1] == []
    assert [*temporary.iterdir()] == []


def test_an_unknown_commit_is_said(repository: Path, database_url: str):
    done = run(repository, "compare", "nothing", DATABASE_URL=database_url)
    assert done.returncode == 1
    assert "git archive" in done.stderr
    assert "Traceback" not in done.stderr
