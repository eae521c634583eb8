# kit: updated by the template; extend it from app.py
"""`service perf compare`: whether this tree costs more CPU for each request than another commit,
measured in turn.
"""

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
from functools import partial
from itertools import accumulate, islice, starmap
from pathlib import Path
from statistics import median
from typing import Any

import click
import msgspec

from service.kit import PACKAGE
from service.kit.commands.definition import ServiceDefinition
from service.kit.server.settings import read_settings
from service.kit.work.command_error import CommandError
from service_tools.dev import credentials, database, programs
from service_tools.pages import Page
from service_tools.perf import load, requests, runs, scenario, target
from service_tools.perf.commands import AS_JSON, DEFAULT_ROWS, NAMES, ROWS, apply
from service_tools.perf.scenario import Scenario
from service_tools.perf.target import Target

CONNECTIONS, PATIENCE = 8, 120
"""How many send at once, and the seconds that a turn may take."""

TOLERANCE = 1.01
"""Ratios within this, or its inverse, are no difference."""

LEAST_ROUNDS, RISK, SAME = 8, 0.01, "no difference"
"""How often a look may tell equal trees apart. Fewer rounds cannot exclude that chance sorted all
of them."""

TURNS = 8
"""In a round: A, B, B, A, where B is this tree. Whatever else the machine does, and any drift,
reaches both alike."""

type Round = list[tuple[float, float]]
"""Costs of the other tree, and of this one meanwhile."""

type Run = Callable[[Mapping[str, Scenario]], Mapping[str, Round]]


class Ratio(msgspec.Struct, frozen=True):
    """How the CPU of a request of this tree compares with the other's: 1.2 is a fifth more. `low`
    to `high`: 99 %.
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
@apply(NAMES, ROWS, AS_JSON)
@click.option(
    "--rounds",
    default=16,
    show_default=True,
    type=click.IntRange(LEAST_ROUNDS, 50),
    help="Most starts of each tree.",
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
def command(
    definition: ServiceDefinition,
    ref: str,
    names: Sequence[str],
    rows: int | None,
    as_json: bool,
    rounds: int,
    size: int,
    check: bool,
) -> None:
    """Compare this tree, uncommitted changes included, with a commit REF, by CPU for each request
    of a scenario.

    Each runs on a database of its own, with its own migrations. They get load in turn, at full
    speed, and start anew each round: two processes of the same program differ by some percent. If
    the first 8 rounds agree, that is the verdict; otherwise more follow until none could change it.
    Both use the packages that are installed here.
    """
    chosen, done = scenario.find(names), defaultdict[str, list[Round]](list)
    page = Page("compare", f"Compared with {ref}", as_json)
    with (
        check_out(ref) as other,
        prepare(definition, {"A": other, "B": Path.cwd()}, rows) as trees,
        page.until_interrupted(done),
    ):
        run_rounds(
            lambda left: run_round(credentials.sign(definition.settings), trees, left, size),
            chosen,
            rounds,
            done,
        )
    ratios = list(starmap(judge, done.items()))
    titles = [
        "scenario",
        "verdict",
        "rounds",
        "CPU ratio",
        "99 % interval",
        "µs here",
        f"µs in {ref}",
    ]
    page.tabulate(titles, [*map(show, ratios)])
    advice = f"Leave alone what says “{SAME}”; more rounds tell smaller ones."
    page.remark(
        f"CPU for each request, over {rounds} rounds at most: a ratio of 1.2 is a fifth more here. {advice}"
    )
    page.finish(ratios)
    if check and any(it.verdict == "slower" for it in ratios):
        raise SystemExit(1)


@contextmanager
def check_out(ref: str) -> Generator[Path]:
    """Yield this project as it was at a commit, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="perf-compare-") as folder:
        archive, tree = Path(folder, "tree.tar"), Path(folder, "tree")
        try:
            programs.run("git", "archive", f"--output={archive}", "--end-of-options", ref)
        except programs.ProgramError as error:
            raise CommandError(f"{error} (in CI, fetch the whole history).") from None
        with tarfile.open(archive) as files:
            files.extractall(tree, filter="data")
        yield tree


@contextmanager
def prepare(
    definition: ServiceDefinition, trees: Mapping[str, Path], rows: int | None
) -> Generator[dict[str, dict[str, Any]]]:
    """Yield how each tree's service is started, on a new database with its own migrations and the
    same sample rows.

    PYTHONPATH lets Python find the service of a tree before the one that is installed.
    """
    credentials.provide(definition.settings)
    starts = {}
    with ExitStack() as stack, redirect_stdout(sys.stderr):
        server = stack.enter_context(database.provide("perf"))
        for mark, tree in trees.items():
            url = stack.enter_context(database.lend(server))
            settings = {"PYTHONPATH": str(tree / "src"), "PYTHONHASHSEED": "0", "DATABASE_URL": url}
            starts[mark] = {"cwd": tree, **settings}
            command, env = [sys.executable, "-m", PACKAGE, "migrate"], os.environ | settings
            done = subprocess.run(  # noqa: S603
                command, cwd=tree, env=env, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise CommandError(
                    f"`service migrate` failed in {tree}: {done.stderr.strip()[-1000:]}"
                )
            own = read_settings(definition.settings, database={"url": url})
            asyncio.run(
                database.fill_all(own, definition.slices, DEFAULT_ROWS if rows is None else rows)
            )
        yield starts


def run_rounds(
    run: Run, chosen: Mapping[str, Scenario], most: int, done: dict[str, list[Round]]
) -> None:
    """Add rounds to each scenario until it is decided. From then on it takes no turns."""
    left = {**chosen}
    while left:
        for name, costs in run(left).items():
            done[name].append(costs)
            said = f"{name}: {len(done[name])} of at most {most} rounds are done."
            if is_decided(done[name], most):
                del left[name]
                said += f" That decides it: {'too few' if judge(name, done[name]).verdict == SAME else 'enough'} agree."
            click.echo(said, err=True)


def run_round(
    token: str | None,
    trees: Mapping[str, dict[str, Any]],
    chosen: Mapping[str, Scenario],
    count: int,
) -> dict[str, Round]:
    """Start both services, and return what a request costs each in turns beside each other, in µs,
    by scenario.
    """
    turns: dict[tuple[str, str], Callable[[], float]] = {}
    costs: dict[str, Round] = {name: [] for name in chosen}
    with ExitStack() as stack:
        for mark, tree in trees.items():
            service = stack.enter_context(target.start(token, **tree))
            for name, described in chosen.items():
                turns[name, mark] = turn = make_turn(service, described, count)
                turn()  # connections are opened, statements prepared, bytecode is specialised
        for name in TURNS * [*chosen]:
            first, *these, last = (turns[name, mark]() for mark in "ABBA")
            costs[name].append((first + last, sum(these)))
    return costs


def make_turn(service: Target, described: Scenario, count: int) -> Callable[[], float]:
    """Return what sends some requests of a scenario at full speed, and returns the CPU of one in
    µs.

    Both services get the same ones, however busy the machine is.
    """
    calls = requests.prepare(service.url, described, service.token)
    expected = {step.name: step.expect for step in described.steps}

    def turn() -> float:
        send = partial(load.over_connections, service.url, islice(calls, count), CONNECTIONS)
        part = load.run(runs.measure("", send, service, PATIENCE, warm_up=0))
        wrong = [sample for sample in part.samples if sample.status != expected[sample.step]]
        if wrong or not part.samples or part.cpu is None:
            advice = f"answered {wrong[0].status}" if wrong else "answered nothing"
            raise CommandError(
                f"{wrong[0].step if wrong else described.steps[0].name} was {advice}: see `perf load`."
            )
        return part.cpu / len(part.samples) * 1e6

    return turn


def is_decided(rounds: Sequence[Round], most: int) -> bool:
    """Return whether the first rounds agree on a difference, or the verdict would stay whatever the
    others say.
    """
    agree = len(rounds) == LEAST_ROUNDS and judge("", rounds).verdict != SAME
    ends = {
        judge("", [*rounds, *(most - len(rounds)) * [[(1.0, ratio)]]]).verdict
        for ratio in (0.0, math.inf)
    }
    return agree or (len(rounds) >= LEAST_ROUNDS and len(ends) == 1)


def judge(name: str, rounds: Sequence[Round]) -> Ratio:
    """Return the median ratio of the rounds, and the interval that it lies in but for RISK."""
    ratios = [median(this / other for other, this in pairs) for pairs in rounds]
    low, high = bound(ratios, RISK)
    verdict = "slower" if low > TOLERANCE else "faster" if high < 1 / TOLERANCE else SAME
    verdict = (
        verdict if len(rounds) >= LEAST_ROUNDS else f"not known: fewer than {LEAST_ROUNDS} rounds"
    )
    other, this = (
        median(pair[place] / 2 for pairs in rounds for pair in pairs) for place in (0, 1)
    )
    return Ratio(name, verdict, len(rounds), median(ratios), low, high, this, other)


def bound(values: Sequence[float], risk: float) -> tuple[float, float]:
    """Return the two of the values that the true median lies between, but for a risk.

    A value is above the median or below it as a coin falls: so many ends may be cut as the risk
    allows.
    """
    ordered, count = sorted(values), len(values)
    chances = [
        2 * chance / 2**count
        for chance in accumulate(math.comb(count, ends) for ends in range(count))
    ]
    cut = max(0, sum(chance <= risk for chance in chances) - 1)
    return ordered[cut], ordered[-1 - cut]


def show(it: Ratio) -> list[str]:
    interval = f"{it.low:.3f} to {it.high:.3f}"
    numbers = [
        f"{it.rounds}",
        f"{it.ratio:.3f}",
        interval,
        f"{it.this_us:,.0f}",
        f"{it.other_us:,.0f}",
    ]
    return [it.scenario, it.verdict, *numbers]
