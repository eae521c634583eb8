# kit: updated by the template; extend it from app.py
"""`service perf bench`: the CPU time of the functions in perf/benchmarks/, here or in two trees."""

import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median, stdev

import click
import pyperf

from service.kit.commands.printing import json_option
from service.kit.work.command_error import CommandError
from service_tools.dev.revisions import check_out
from service_tools.pages import Page
from service_tools.perf import benchmark_runner
from service_tools.perf.charts import plot_runs
from service_tools.perf.compare import ROUNDS, fail_if_slower, run_rounds, show_ratios
from service_tools.perf.ratios import Costs, Ratio, bound_median, judge_rounds

FOLDER = Path("perf/benchmarks")
RISK = 0.05
PROCESSES = 12
"""Processes that a benchmark is timed in: two of the same program differ by some percent."""

COLUMNS = {
    "benchmark": "",
    "µs of CPU": ",.1f",
    "95 % interval from": ",.1f",
    "to": ",.1f",
    "standard deviation": ",.1f",
}

EXAMPLE = """There is no benchmark in {folder}/. Write one in a file like {folder}/orders.py:

def bench_report() -> object:
    return report.summarize(ORDERS)
"""

type Medians = dict[str, list[float]]
"""µs of CPU for a call, by benchmark: the median of each process."""


@click.command(name="bench")
@click.argument("names", nargs=-1, metavar="[NAME]…")
@click.option("--against", "ref", metavar="REF", help="Compare with the functions of this commit.")
@ROUNDS
@click.option("--check", is_flag=True, help="With `--against`, exit with 1 if one is slower.")
@json_option
def show_benchmarks(
    names: Sequence[str],
    ref: str | None,
    max_rounds: int,
    check: bool,
    as_json: bool,
) -> None:
    """Time your own functions: those of the files NAME, or of all in perf/benchmarks/, in CPU time.

    A benchmark is a function `bench_…` without parameters, plain or async. pyperf calls it in
    several processes. With `--against main`, the benchmarks of this tree call the functions of both
    trees in turn, and the rounds decide, as in `service perf compare`.

    Which function is worth it is shown by `service perf cpu`; whole requests are compared by
    `service perf compare`.
    """
    files = find_files(names)
    page = Page("bench", "Benchmarks", as_json)
    page.remark("Leave alone what takes microseconds where a statement takes hundreds of them.")
    if ref:
        fail_if_slower(compare_trees(files, ref, max_rounds, page), check)
    else:
        time_tree(files, page)


def find_files(names: Sequence[str]) -> list[Path]:
    """Return the files of benchmarks with these names, or all. Raises `CommandError`."""
    files = {path.stem: path for path in sorted(FOLDER.glob("*.py"))}
    if not files:
        raise CommandError(EXAMPLE.format(folder=FOLDER))
    unknown = [name for name in names if name not in files]
    if unknown:
        raise CommandError(f"There is no {FOLDER}/{unknown[0]}.py. There are: {', '.join(files)}.")
    return [files[name] for name in names or files]


def time_tree(files: Iterable[Path], page: Page) -> None:
    """Show what each benchmark takes. Ctrl-C ends with the files that are done."""
    found: Medians = {}
    with page.until_interrupted(found):
        for path in files:
            click.echo(f"{path}: {PROCESSES} processes for each benchmark", err=True)
            found |= run_file(path, Path.cwd(), PROCESSES)
    rows = []
    plots = []
    for name, medians in found.items():
        interval = bound_median(medians, RISK)
        rows.append([name, median(medians), *interval, stdev(medians)])
        plots.append(plot_runs(name, medians, "process", "µs of CPU, median", [interval]))
    table = page.tabulate(COLUMNS, rows)
    page.show_charts(*plots)
    page.suggest("service perf bench --against main", "compares them with another commit")
    for row in table:
        row["processes"] = found[row["benchmark"]]
    page.finish(table)


def compare_trees(files: Iterable[Path], ref: str, max_rounds: int, page: Page) -> list[Ratio]:
    """Show how each benchmark compares. What the other tree cannot run is left out."""
    done: defaultdict[str, list[Costs]] = defaultdict(list)
    with check_out(ref) as other, page.until_interrupted(done):

        def run_round(left: Mapping[str, Path]) -> dict[str, Costs]:
            costs = {}
            for path in {*left.values()}:
                other_us = run_file(path, other)
                for name, (this,) in run_file(path, Path.cwd()).items():
                    (other_one,) = other_us[name]
                    costs[name] = Costs(this / other_one, this, other_one)
            return {name: costs[name] for name in left}

        works: dict[str, Path] = {}
        for path in files:
            run_file(path, Path.cwd())  # one that fails here is a fault
            try:
                works |= dict.fromkeys(run_file(path, other), path)
            except CommandError as error:
                page.say(f"Left out, as it does not run in {ref}: {error}")
        run_rounds(run_round, works, max_rounds, done)
    ratios = [judge_rounds(name, rounds) for name, rounds in done.items()]
    show_ratios(ratios, ref, page)
    page.finish(ratios)
    return ratios


def run_file(path: Path, tree: Path, processes: int = 1) -> Medians:
    """Return what the benchmarks of a file take, on the code of a tree. Raises `CommandError`."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "times.json")
        options = f"--copy-env --quiet --processes {processes} --output {output}".split()
        if processes == 1:
            options.append("--in-process")  # this one is new already
        done = subprocess.run(  # noqa: S603 - ours
            [sys.executable, "-P", benchmark_runner.__file__, str(path), *options],
            env=os.environ | {"PYTHONPATH": str(tree / "src"), "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not output.exists():
            said = done.stderr.strip()[-400:] or "it has no function `bench_…`"
            raise CommandError(f"{path}: {said}")
        suite = pyperf.BenchmarkSuite.load(str(output))
    medians = {}
    for benchmark in suite.get_benchmarks():
        runs = [run.values for run in benchmark.get_runs() if run.values]
        name = f"{path.stem}.{benchmark.get_name()}"
        medians[name] = [median(values) * 1e6 for values in runs]
    return medians
