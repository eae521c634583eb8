"""`service perf bench`: functions in perf/benchmarks/ are timed in CPU time, here and on the code of another commit."""

import os
import subprocess
from pathlib import Path

import pytest
from inside import reports
from inside.tools.test_perf_faults import run_perf
from service.kit.work.command_error import CommandError
from service_tools.perf import bench

from tests.kit.processes import ROOT

BENCHMARKS = """
import asyncio
import time

def bench_count(): sum(range(100_000))
def bench_sleep(): time.sleep(0.05)
async def bench_wait(): await asyncio.sleep(0)
def helper(): raise RuntimeError
"""
WORK = "def work():\n    return sum(range({}))\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / bench.FOLDER).mkdir(parents=True)
    return tmp_path


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / bench.FOLDER / f"{name}.py"
    path.write_text(text)
    return path


def test_plain_and_async_functions_are_timed_in_cpu_time_and_others_are_left_alone(folder: Path):
    found = bench.run_file(write(folder, "sums", BENCHMARKS), ROOT)
    assert [*found] == ["sums.count", "sums.sleep", "sums.wait"]
    assert found["sums.count"][0] > found["sums.sleep"][0], "to wait takes no CPU"
    assert found["sums.wait"][0] < 1000


def test_a_file_that_fails_or_has_no_benchmark_is_said(folder: Path):
    with pytest.raises(CommandError, match=r"broken\.py: (?s:.*)No module named 'nowhere'"):
        bench.run_file(write(folder, "broken", "import nowhere"), ROOT)
    with pytest.raises(CommandError, match="it has no function `bench_…`"):
        bench.run_file(write(folder, "empty", ""), ROOT)


def test_without_a_benchmark_the_command_shows_one(tmp_path: Path):
    done = run_perf(tmp_path, "bench")
    assert done.returncode == 1
    assert "There is no benchmark in perf/benchmarks/." in done.stderr
    assert "def bench_report() -> object:" in done.stderr


def test_a_name_without_a_file_is_refused_also_beside_one_with_a_file(folder: Path):
    write(folder, "sums", BENCHMARKS)
    done = run_perf(folder, "bench", "sums", "sum")
    assert done.returncode == 1
    assert "There is no perf/benchmarks/sum.py. There are: sums." in done.stderr


def test_what_is_no_function_is_left_alone(folder: Path):
    found = bench.run_file(write(folder, "rows", "bench_rows = [1]\ndef bench_sum(): sum(bench_rows)\n"), ROOT)
    assert [*found] == ["rows.sum"]


def test_the_example_runs(monkeypatch: pytest.MonkeyPatch):
    example = ROOT / "perf/benchmarks/orders.py"
    assert [*bench.run_file(example, ROOT)] == ["orders.report"]


@pytest.mark.faults
def test_a_slower_function_fails_a_check_and_an_equal_one_and_one_that_is_new_do_not(folder: Path):
    package = folder / "src/work"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(WORK.format(100_000))
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    commit = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "One"]
    subprocess.run(commit, cwd=folder, check=True)
    write(folder, "work", "import work\n\ndef bench_work(): work.work()\ndef bench_same(): sum(range(50_000))\n")
    write(folder, "newer", "from work import newer\n\ndef bench_newer(): newer()\n")
    write(folder, "broken", "from work import nowhere\n")
    done = run_perf(folder, "bench", "--against", "HEAD", "--check", PYTHONPATH=os.fspath(ROOT / "src"))
    assert done.returncode == 1
    assert "perf/benchmarks/broken.py: " in done.stderr, "what fails here too is no new function"
    (folder / bench.FOLDER / "broken.py").unlink()
    (package / "__init__.py").write_text(WORK.format(300_000) + "\ndef newer():\n    pass\n")
    done = run_perf(folder, "bench", "--against", "HEAD", "--check", PYTHONPATH=os.fspath(ROOT / "src"))
    assert done.returncode == 1, done.stderr
    assert "Left out, as it does not run in HEAD: perf/benchmarks/newer.py:" in done.stdout
    verdicts = {ratio["scenario"]: ratio for ratio in reports.read_document(folder, "bench")["results"]}
    assert verdicts["work.work"]["verdict"] == "slower"
    assert 2.4 < verdicts["work.work"]["ratio"] < 3.6
    assert verdicts["work.same"]["verdict"] == "no difference"
    assert len(verdicts["work.same"]["costs"]) >= 8
    assert "work.work" in reports.read_page(folder, "bench")
