# kit: updated by the template; extend it from app.py
"""`service perf compare`: whether this tree costs more CPU for each request than another commit."""

import asyncio
import math
import os
import subprocess
import sys
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from itertools import accumulate, islice
from pathlib import Path
from statistics import median
from typing import Any

import click
import msgspec

from service.kit import PACKAGE
from service.kit.edge import CommandError
from service.kit.server import Wiring, read_settings
from service_tools.dev import credentials, database, programs
from service_tools.pages import Page
from service_tools.perf.commands import AS_JSON, DEFAULT_ROWS, ROWS, SCENARIOS, add_options
from service_tools.perf.load import Sample, run_load, send_at_full_speed
from service_tools.perf.requests import prepare_calls
from service_tools.perf.scenario import Scenario, find_scenarios
from service_tools.perf.target import Target, start_service

CONNECTIONS, TURN_TIMEOUT = 8, 120
"""How many send at once, and the seconds that a turn may take."""

TOLERANCE = 1.01
"""Ratios within this, or its inverse, are no difference."""

MIN_ROUNDS, RISK = 8, 0.01
"""RISK is how often one look tells equal trees apart. Fewer rounds could all agree by chance."""

SAME = "no difference"

REPEATS = 8
"""In a round: A, B, B, A, where B is this tree. Drift and other load reach both alike."""

COLUMNS = {
    "scenario": "",
    "verdict": "",
    "rounds": "",
    "CPU ratio": ".3f",
    "99 % interval": "",
    "µs here": ",.0f",
}

type Round = list[tuple[float, float]]
"""Costs of the other tree, and of this one meanwhile."""

type Start = dict[str, Any]
"""How a tree's service is started."""

type RunRound = Callable[[Mapping[str, Scenario]], Mapping[str, Round]]


class Ratio(msgspec.Struct, frozen=True):
    """How the CPU of a request of this tree compares with the other's: 1.2 is a fifth more.

    The true ratio is between `low` and `high`, but for RISK.
    """

    scenario: str
    verdict: str
    rounds: int
    ratio: float
    low: float
    high: float
    this_us: float
    other_us: float


@click.command(name="compare")
@click.argument("ref")
@add_options(SCENARIOS, ROWS, AS_JSON)
@click.option(
    "--rounds",
    "max_rounds",
    default=16,
    show_default=True,
    type=click.IntRange(MIN_ROUNDS, 50),
    help="Maximum starts of each tree.",
)
@click.option(
    "--requests",
    "size",
    default=300,
    show_default=True,
    type=click.IntRange(50),
    help="Sent in each turn.",
)
@click.option("--check", is_flag=True, help="Exit with 1 when this tree is slower.")
@click.pass_obj
def show_comparison(
    wiring: Wiring,
    ref: str,
    names: Sequence[str],
    rows: int | None,
    as_json: bool,
    max_rounds: int,
    size: int,
    check: bool,
) -> None:
    """Compare this tree, with uncommitted changes, with a commit REF, by CPU for each request.

    Each runs on a database of its own, with its own migrations. They get load in turn, at full
    speed, and start anew each round: two processes of the same program differ by some percent. If
    the first 8 rounds agree, that is the verdict; otherwise more follow until none could change it.
    Both use the packages that are installed here.
    """
    scenarios = find_scenarios(names)
    done: defaultdict[str, list[Round]] = defaultdict(list)
    page = Page("compare", f"Compared with {ref}", as_json)
    with (
        check_out(ref) as other,
        prepare_trees(wiring, [other, Path.cwd()], rows) as starts,
        page.until_interrupted(done),
    ):
        token = credentials.sign(wiring.settings)
        run_rounds(lambda left: run_round(token, starts, left, size), scenarios, max_rounds, done)

    ratios = [judge_rounds(name, rounds) for name, rounds in done.items()]
    lines = []
    for it in ratios:
        interval = f"{it.low:.3f} to {it.high:.3f}"
        cpu = it.this_us, it.other_us
        lines.append([it.scenario, it.verdict, it.rounds, it.ratio, interval, *cpu])
    page.tabulate({**COLUMNS, f"µs in {ref}": ",.0f"}, lines)
    page.remark(
        f"CPU for each request, over {max_rounds} rounds at most: a ratio of 1.2 is a fifth more "
        f"here. Leave alone what says “{SAME}”; more rounds tell smaller ones."
    )
    page.finish(ratios)
    if check and any(it.verdict == "slower" for it in ratios):
        raise SystemExit(1)


@contextmanager
def check_out(ref: str) -> Generator[Path]:
    """Yield this project as it was at a commit, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="perf-compare-") as folder:
        archive = Path(folder, "tree.tar")
        tree = Path(folder, "tree")
        try:
            programs.run("git", "archive", f"--output={archive}", "--end-of-options", ref)
        except programs.ProgramError as error:
            raise CommandError(f"{error} (in CI, fetch the whole history).") from None
        with tarfile.open(archive) as files:
            files.extractall(tree, filter="data")
        yield tree


@contextmanager
def prepare_trees(
    wiring: Wiring, trees: Sequence[Path], rows: int | None
) -> Generator[list[Start]]:
    """Yield how each tree's service is started, on a new database with its own migrations.

    All have the same sample rows. PYTHONPATH lets Python find the service of a tree before the one
    that is installed.
    """
    credentials.provide(wiring.settings)
    starts: list[Start] = []
    with ExitStack() as stack, redirect_stdout(sys.stderr):
        server = stack.enter_context(database.provide("perf"))
        for tree in trees:
            url = stack.enter_context(database.lend(server))
            settings = {"PYTHONPATH": str(tree / "src"), "PYTHONHASHSEED": "0", "DATABASE_URL": url}
            migrate_tree(tree, settings)
            own = read_settings(wiring.settings, database={"url": url})
            wanted = DEFAULT_ROWS if rows is None else rows
            asyncio.run(database.fill_all(own, wiring.slices, wanted))
            starts.append({"cwd": tree, **settings})
        yield starts


def migrate_tree(tree: Path, settings: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-m", PACKAGE, "migrate"],
        cwd=tree,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip()[-1000:]
        raise CommandError(f"`service migrate` failed in {tree}: {said}")


def run_rounds(
    run: RunRound,
    scenarios: Mapping[str, Scenario],
    max_rounds: int,
    done: dict[str, list[Round]],
) -> None:
    """Add rounds to each scenario until it is decided. From then on it takes no turns."""
    left = {**scenarios}
    while left:
        for name, costs in run(left).items():
            done[name].append(costs)
            said = f"{name}: {len(done[name])} of at most {max_rounds} rounds are done."
            if is_decided(done[name], max_rounds):
                del left[name]
                agree = "too few" if judge_rounds(name, done[name]).verdict == SAME else "enough"
                said += f" That decides it: {agree} agree."
            click.echo(said, err=True)


def run_round(
    token: str | None, starts: Sequence[Start], scenarios: Mapping[str, Scenario], size: int
) -> dict[str, Round]:
    """Start both services, and return what a request of each costs in turns, in µs, by scenario."""
    with ExitStack() as stack:
        other, this = [stack.enter_context(start_service(token, **start)) for start in starts]
        pairs = {}
        for name, scenario in scenarios.items():
            pairs[name] = Turn(other, scenario, size), Turn(this, scenario, size)
        costs: dict[str, Round] = {name: [] for name in scenarios}
        for name in REPEATS * [*scenarios]:
            costs[name].append(take_turns(*pairs[name]))
    return costs


class Turn:
    """Sends some requests of a scenario at full speed, the same ones to both services."""

    def __init__(self, target: Target, scenario: Scenario, size: int) -> None:
        self.target = target
        self.size = size
        self.calls = prepare_calls(scenario, target)
        self.expected = {step.name: step.expect for step in scenario.steps}
        self.measure()  # connections are opened, statements prepared, bytecode is specialised

    def measure(self) -> float:
        """Return the CPU of a request, in µs."""
        samples: list[Sample] = []
        calls = islice(self.calls, self.size)
        before = self.target.read_cpu()
        run_load(
            send_at_full_speed(self.target.url, calls, CONNECTIONS, TURN_TIMEOUT, samples.append)
        )
        cpu = self.target.read_cpu() - before
        for sample in samples:
            if sample.status != self.expected[sample.step]:
                raise CommandError(f"{sample.step} was answered {sample.status}: see `perf load`.")
        return cpu / len(samples) * 1e6


def take_turns(other: Turn, this: Turn) -> tuple[float, float]:
    """Return the costs of both in the order A, B, B, A."""
    first = other.measure()
    cost = this.measure() + this.measure()
    return first + other.measure(), cost


def is_decided(rounds: Sequence[Round], max_rounds: int) -> bool:
    """Return whether the first rounds agree on a difference, or no further one could change it."""
    if len(rounds) < MIN_ROUNDS:
        return False
    if len(rounds) == MIN_ROUNDS and judge_rounds("", rounds).verdict != SAME:
        return True
    left = max_rounds - len(rounds)
    lowest = judge_rounds("", [*rounds, *left * [[(1.0, 0.0)]]])
    highest = judge_rounds("", [*rounds, *left * [[(1.0, math.inf)]]])
    return lowest.verdict == highest.verdict


def judge_rounds(name: str, rounds: Sequence[Round]) -> Ratio:
    """Return the median ratio of the rounds, and its interval."""
    ratios = []
    others: list[float] = []
    these: list[float] = []
    for pairs in rounds:
        ratios.append(median(this / other for other, this in pairs))
        others += [other / 2 for other, _ in pairs]
        these += [this / 2 for _, this in pairs]
    low, high = bound_median(ratios, RISK)
    verdict = SAME
    if len(rounds) < MIN_ROUNDS:
        verdict = f"not known: fewer than {MIN_ROUNDS} rounds"
    elif low > TOLERANCE:
        verdict = "slower"
    elif high < 1 / TOLERANCE:
        verdict = "faster"
    count = len(rounds)
    return Ratio(name, verdict, count, median(ratios), low, high, median(these), median(others))


def bound_median(values: Sequence[float], risk: float) -> tuple[float, float]:
    """Return the two of the values that the true median lies between, but for a risk.

    A value is above the median or below it as a coin falls: so many ends may be cut as the risk
    allows.
    """
    ordered = sorted(values)
    count = len(values)
    ways = accumulate(math.comb(count, ends) for ends in range(count))
    allowed = [total for total in ways if 2 * total / 2**count <= risk]
    cut = max(0, len(allowed) - 1)
    return ordered[cut], ordered[-1 - cut]
