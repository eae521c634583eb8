# kit: updated by the template; extend it from app.py
"""`service perf compare`: whether this tree costs more CPU for each request than another commit, measured in turn."""

import asyncio
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import click
import msgspec

from service.kit import PACKAGE
from service.kit.server import read_settings
from service_tools.dev import credentials, database
from service_tools.perf import load, pages, requests, runs, scenario, target
from service_tools.perf.estimate import estimate
from service_tools.perf.options import AS_JSON, DEFAULT_ROWS, NAMES, ROWS, apply
from service_tools.perf.scenario import Scenario
from service_tools.perf.target import Target, TargetError

if TYPE_CHECKING:
    from service.kit.server.cli import Wiring

CONNECTIONS = 8
TOLERANCE = 1.01
"""A ratio counts as a difference when its interval lies beyond this, or below its inverse."""

LEAST_ROUNDS = 2
ORDER = "ABBA"
"""B is this tree. Whatever else the machine does, and any drift, reaches both alike."""


class Ratio(msgspec.Struct, frozen=True):
    """How the CPU of a request of this tree compares with the other's: 1.2 is a fifth more. `low` to `high`: 95 %."""

    scenario: str
    ratio: float
    low: float
    high: float
    this_us: float
    other_us: float

    @property
    def verdict(self) -> str:
        if self.low > TOLERANCE:
            return "slower"
        return "faster" if self.high < 1 / TOLERANCE else "no difference"


@click.command(name="compare")
@click.argument("ref")
@apply(NAMES, ROWS, AS_JSON)
@click.option("--rounds", default=8, show_default=True, type=click.IntRange(2, 50), help="Starts of both services.")
@click.option("--slices", default=6, show_default=True, type=click.IntRange(1, 50), help="Turns (ABBA) in a round.")
@click.option("--seconds", default=0.3, show_default=True, type=click.FloatRange(0.1, 60), help="Each load of a turn.")
@click.option("--check", is_flag=True, help="Exit with 1 when this tree is slower.")
@click.pass_obj
def command(
    wiring: "Wiring",
    ref: str,
    names: tuple[str, ...],
    rows: int | None,
    as_json: bool,
    rounds: int,
    slices: int,
    seconds: float,
    check: bool,
) -> None:
    """Compare this tree, uncommitted changes included, with a commit REF, by CPU for each request of a scenario.

    Both run on one database server, each on a database of its own with its own migrations, and get load in turn, at
    full speed. Between rounds both start anew: two processes of the same program differ by some percent. A difference
    is told when its 95 % interval is beyond 1 %. Both use the packages that are installed here.
    """
    chosen, done = scenario.find(names), list[dict[str, tuple[float, float]]]()
    with ExitStack() as stack:
        other = stack.enter_context(check_out(ref))
        urls = stack.enter_context(prepare(wiring, {"B": Path.cwd(), "A": other}, rows))
        try:
            for number in range(rounds):
                trees = {"A": other, "B": Path.cwd()}
                done.append(run_round(wiring, trees, urls, chosen, slices, seconds))
                click.echo(f"Round {number + 1} of {rounds} is done.", err=True)
        except KeyboardInterrupt:
            if len(done) < LEAST_ROUNDS:
                raise
            click.echo("Interrupted: this is what was measured.", err=True)
    ratios = [judge(name, [costs[name] for costs in done]) for name in chosen]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(ratios), indent=2))
    else:
        click.echo("\n".join(f"{it.scenario}: {describe(it)}" for it in ratios))
    click.echo(f"Report: {write_report(ref, ratios, len(done))}", err=as_json)
    if check and any(it.verdict == "slower" for it in ratios):
        raise SystemExit(1)


@contextmanager
def check_out(ref: str) -> Generator[Path]:
    """Yield this project as it was at a commit, in a worktree that is removed afterwards."""
    inside = run_git("rev-parse", "--show-prefix")
    commit = run_git("rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
    with tempfile.TemporaryDirectory(prefix="perf-compare-") as folder:
        place = Path(folder, "tree")
        run_git("worktree", "add", "--quiet", "--detach", str(place), commit)
        try:
            yield place / inside
        finally:
            run_git("worktree", "remove", "--force", str(place))


def run_git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607
    except FileNotFoundError:
        raise TargetError("git is needed, and not installed.") from None
    if done.returncode:
        advice = "in CI, fetch the whole history" if arguments[0] == "rev-parse" else "see `git worktree list`"
        raise TargetError(f"git {arguments[0]}: {done.stderr.strip()} ({advice}).")
    return done.stdout.strip()


@contextmanager
def prepare(wiring: "Wiring", trees: Mapping[str, Path], rows: int | None) -> Generator[dict[str, str]]:
    """Yield the URL of a new database for each tree, with its own migrations and the same sample rows."""
    credentials.provide(wiring.settings)
    urls = {}
    with redirect_stdout(sys.stderr), database.provide("perf") as server:
        for mark, tree in trees.items():
            urls[mark] = asyncio.run(database.create(server, f"perf_compare_{mark.lower()}", anew=True))
            env = os.environ | make_environment(tree, urls[mark])
            command = [sys.executable, "-m", PACKAGE, "migrate"]
            done = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, check=False)  # noqa: S603
            if done.returncode:
                raise TargetError(f"`service migrate` failed in {tree}: {done.stderr.strip()[-1000:]}")
            settings = read_settings(wiring.settings, database={"url": urls[mark]})
            asyncio.run(database.fill_all(settings, wiring.slices, DEFAULT_ROWS if rows is None else rows))
        yield urls


def make_environment(tree: Path, url: str) -> dict[str, str]:
    """Return variables by which Python finds the service of a tree before the one that is installed."""
    return {"PYTHONPATH": str(tree / "src"), "PYTHONHASHSEED": "0", "DATABASE_URL": url}


def run_round(
    wiring: "Wiring",
    trees: Mapping[str, Path],
    urls: Mapping[str, str],
    chosen: Mapping[str, Scenario],
    slices: int,
    seconds: float,
) -> dict[str, tuple[float, float]]:
    """Start both services, and return the least CPU of a request of each, in µs, (other, this), by scenario.

    What else the machine does only ever adds to it, by emptying caches, so the least is nearest to the truth.
    """
    token = credentials.sign(wiring.settings)
    with ExitStack() as stack:
        measured: dict[str, dict[str, Callable[[], float]]] = {}
        for mark, tree in trees.items():
            service = stack.enter_context(target.start(token, tree, **make_environment(tree, urls[mark])))
            measured[mark] = {name: make_turn(service, described, seconds) for name, described in chosen.items()}
        for turns in measured.values():
            for turn in turns.values():
                turn()  # connections are opened, statements prepared, bytecode is specialised
        costs: dict[str, dict[str, list[float]]] = {name: {"A": [], "B": []} for name in chosen}
        for name, mark in product(chosen, ORDER * slices):
            costs[name][mark].append(measured[mark][name]())
    return {name: (min(them["A"]), min(them["B"])) for name, them in costs.items()}


def make_turn(service: Target, described: Scenario, seconds: float) -> Callable[[], float]:
    """Return what sends a scenario for some seconds at full speed, and returns the CPU of a request in µs."""
    writer = requests.Writer(described, requests.take(service.url, described, service.token), service.token)
    calls = requests.mix(described.steps, writer, service.url)
    send = partial(load.over_connections, service.url, calls, CONNECTIONS)
    expected = {step.name: step.expect for step in described.steps}

    def turn() -> float:
        part = load.run(runs.take_samples("", send, service, seconds))
        wrong = [sample for sample in part.samples if sample.status != expected[sample.step]]
        if wrong or not part.samples or part.cpu is None:
            advice = f"answered {wrong[0].status}" if wrong else "answered nothing"
            raise TargetError(f"{wrong[0].step if wrong else described.steps[0].name} was {advice}: see `perf load`.")
        return part.cpu / len(part.samples) * 1e6

    return turn


def judge(name: str, rounds: Sequence[tuple[float, float]]) -> Ratio:
    """Return the median ratio of the rounds, with the interval in which it lies for 95 % of resamples."""
    ratio, low, high = map(math.exp, estimate([math.log(this / other) for other, this in rounds]))
    other, this = (median(costs[place] for costs in rounds) for place in (0, 1))
    return Ratio(name, ratio, low, high, this, other)


def describe(it: Ratio) -> str:
    return (
        f"{it.verdict}: {it.ratio:.3f} ({it.low:.3f} to {it.high:.3f}) of the CPU for each request, "
        f"{it.this_us:,.0f} against {it.other_us:,.0f} µs"
    )


def write_report(ref: str, ratios: Sequence[Ratio], rounds: int) -> Path:
    rows = [
        (
            it.scenario,
            it.verdict,
            f"{it.ratio:.3f}",
            f"{it.low:.3f} to {it.high:.3f}",
            f"{it.this_us:,.0f}",
            f"{it.other_us:,.0f}",
        )
        for it in ratios
    ]
    titles = ["scenario", "verdict", "ratio", "95 % interval", "this tree, µs", f"{ref}, µs"]
    parts = [
        pages.paragraph(f"CPU of the service for each request, this tree against {ref}, over {rounds} rounds."),
        pages.table(titles, rows),
        pages.paragraph("Leave alone what says “no difference”: no more than 1 % can be told apart here."),
    ]
    return pages.write("compare", f"Compared with {ref}", parts)
