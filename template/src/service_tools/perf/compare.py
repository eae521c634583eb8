# kit: updated by the template; extend it from app.py
"""`service perf compare`: whether this tree costs more CPU for each request than another commit."""

import asyncio
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any

import click
import msgspec

from service.kit import PACKAGE
from service.kit.commands.definition import ServiceDefinition
from service.kit.commands.printing import json_option
from service.kit.server.settings import read_settings
from service.kit.work.command_error import CommandError
from service_tools.dev import credentials, database
from service_tools.dev.revisions import check_out
from service_tools.pages import Page, read_reports
from service_tools.perf.charts import plot_runs
from service_tools.perf.commands import DEFAULT_ROWS, ROWS, SCENARIOS, add_options
from service_tools.perf.generator import Sample, run_load, send_at_full_speed
from service_tools.perf.ratios import (
    MAX_ROUNDS,
    MIN_ROUNDS,
    SAME,
    Costs,
    Ratio,
    is_decided,
    judge_rounds,
    take_medians,
)
from service_tools.perf.requests import prepare_calls
from service_tools.perf.scenario import Scenario, find_scenarios
from service_tools.perf.target import Target, start_service
from service_tools.tables import TEXT

CONNECTIONS = 8
TURN_TIMEOUT = 120
"""Seconds that a turn may take."""

REPEATS = 8
"""How often a round measures A, B, B, A, where B is this tree: drift affects both alike."""

MAX_EARLIER = 20

WIDE = 0.05
"""An interval beyond which more rounds are worth their time."""

COLUMNS = {
    "scenario": "",
    "verdict": "",
    "rounds": "",
    "CPU ratio": ".3f",
    "99 % interval": "",
    "µs here": ",.0f",
}

read_cells = attrgetter(
    "scenario",
    "verdict",
    "rounds",
    "ratio",
    "interval",
    "this_us",
    "other_us",
)
"""Returns the cells of a ratio's row."""

HISTORY = {"time": "", "commit": TEXT, "report": TEXT, **COLUMNS, "µs there": ",.0f"}

type Start = dict[str, Any]
"""How a tree's service is started."""


type RunRound[Work] = Callable[[Mapping[str, Work]], Mapping[str, Costs]]


ROUNDS = click.option(
    "--rounds",
    "max_rounds",
    default=16,
    show_default=True,
    type=click.IntRange(MIN_ROUNDS, MAX_ROUNDS),
    help="Take at most this many rounds.",
)


@click.command(name="compare")
@click.argument("ref")
@add_options(SCENARIOS, ROWS, json_option)
@ROUNDS
@click.option(
    "--requests",
    "size",
    default=300,
    show_default=True,
    type=click.IntRange(50),
    help="Send this many in each turn.",
)
@click.option("--check", is_flag=True, help="Exit with 1 if this tree is slower.")
@click.pass_obj
def show_comparison(
    definition: ServiceDefinition,
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
    speed, and start anew each round: two processes of the same program differ by a few percent. If
    the first 8 rounds agree, that is the verdict; otherwise more follow until no further round
    could change it. Both use the packages that are installed here. Says what is not excluded, too.

    To see which lines make it slower, use `service perf cpu`; for one function, `service perf bench
    --against REF`; for the database, `service plans --check`.
    """
    scenarios = find_scenarios(names)
    done: defaultdict[str, list[Costs]] = defaultdict(list)
    page = Page("compare", f"Compared with {ref}", as_json)
    with (
        check_out(ref) as other,
        prepare_trees(definition, [other, Path.cwd()], rows) as starts,
        page.until_interrupted(done),
    ):
        token = credentials.make_authorization(definition.settings)
        run_rounds(lambda left: run_round(token, starts, left, size), scenarios, max_rounds, done)

    ratios = [judge_rounds(name, rounds) for name, rounds in done.items()]
    show_ratios(ratios, ref, page)
    page.remark(f"CPU for each request, over {max_rounds} rounds at most.")
    for ratio in ratios:
        if ratio.verdict == "slower":
            page.suggest(
                f"service perf cpu {ratio.scenario}", "shows its lines: run it in both trees"
            )
        elif ratio.high - ratio.low > WIDE and max_rounds < MAX_ROUNDS:
            more = f"service perf compare {ref} {ratio.scenario} --rounds {MAX_ROUNDS}"
            page.suggest(more, "excludes smaller differences")
    show_history(page)
    page.finish(ratios)
    fail_if_slower(ratios, check)


def fail_if_slower(ratios: Sequence[Ratio], check: bool) -> None:
    """End with 1 if a check was asked for, and this tree is slower."""
    if check and any(ratio.verdict == "slower" for ratio in ratios):
        raise SystemExit(1)


def show_ratios(ratios: Sequence[Ratio], ref: str, page: Page) -> None:
    """Show how trees compare, round by round."""
    columns = {**COLUMNS, f"µs in {ref}": ",.0f"}
    rows = [read_cells(ratio) for ratio in ratios]
    page.tabulate(columns, rows)
    for ratio in ratios:
        page.say(ratio.explain())
    page.remark("A ratio of 1.2 is a fifth more here. The interval is shaded, equality is a line.")
    page.show_charts(*map(plot_rounds, ratios))


def plot_rounds(ratio: Ratio) -> str:
    rounds = [costs.ratio for costs in ratio.costs]
    spans = [(1.0, 1.0), (ratio.low, ratio.high)]
    return plot_runs(ratio.scenario, rounds, "round", "CPU here / there", spans)


def show_history(page: Page) -> None:
    """Show earlier comparisons whose reports are still there, on whatever machine."""
    rows = []
    for document in read_reports(page.name)[:MAX_EARLIER]:
        origin = [document[name] for name in ("time", "commit", "title")]
        with suppress(msgspec.ValidationError):  # of another release
            ratios = msgspec.convert(document["results"], list[Ratio])
            rows += [[*origin, *read_cells(ratio)] for ratio in ratios]
    if rows:
        page.show("Earlier")
        page.tabulate(HISTORY, rows)


@contextmanager
def prepare_trees(
    definition: ServiceDefinition,
    trees: Sequence[Path],
    rows: int | None,
) -> Generator[list[Start]]:
    """Yield how each tree's service is started, on a new database with its own migrations.

    All have the same sample rows. PYTHONPATH lets Python find the service of a tree before the one
    that is installed.
    """
    credentials.accept_development_tokens(definition.settings)
    starts: list[Start] = []
    with ExitStack() as stack, redirect_stdout(sys.stderr):
        server = stack.enter_context(database.open_database("perf"))
        for tree in trees:
            url = stack.enter_context(database.temporary_database(server))
            settings = {
                "PYTHONPATH": str(tree / "src"),
                "PYTHONHASHSEED": "0",
                "DATABASE_URL": url,
                "DATABASE_URL_FILE": "",
            }
            migrate_tree(tree, settings)
            own = read_settings(definition.settings, database={"url": url})
            wanted = DEFAULT_ROWS if rows is None else rows
            asyncio.run(database.fill_all(own.database, definition.slices, wanted))
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


def run_rounds[Work](
    run: RunRound[Work],
    works: Mapping[str, Work],
    max_rounds: int,
    done: dict[str, list[Costs]],
) -> None:
    """Add rounds to each scenario or benchmark until it is decided. Then it takes no more turns."""
    left = {**works}
    while left:
        for name, costs in run(left).items():
            done[name].append(costs)
            rounds = done[name]
            said = f"{name}: {len(rounds)} of at most {max_rounds} rounds are done."
            if is_decided(rounds, max_rounds):
                del left[name]
                verdict = judge_rounds(name, rounds).verdict
                agree = "too few" if verdict == SAME else "enough"
                said += f" That decides it: {agree} agree."
            click.echo(said, err=True)


def run_round(
    token: str | None,
    starts: Sequence[Start],
    scenarios: Mapping[str, Scenario],
    size: int,
) -> dict[str, Costs]:
    """Start both services, and return the median costs of turns, by scenario."""
    with ExitStack() as stack:
        other, this = [stack.enter_context(start_service(token, **start)) for start in starts]
        pairs = {}
        for name, scenario in scenarios.items():
            pairs[name] = Turn(other, scenario, size), Turn(this, scenario, size)
            for turn in pairs[name]:
                turn.measure()  # warms up connections, statements and bytecode
        turns = defaultdict(list)
        for name in REPEATS * [*scenarios]:
            turns[name].append(take_turns(*pairs[name]))
    return {name: take_medians(costs) for name, costs in turns.items()}


class Turn:
    """Sends some requests of a scenario at full speed, the same ones to both services."""

    def __init__(self, target: Target, scenario: Scenario, size: int) -> None:
        self.target = target
        self.size = size
        self.calls = prepare_calls(scenario, target)

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
            if not sample.is_expected:
                raise CommandError(f"{sample.step} was answered {sample.status}: see `perf load`.")
        return cpu / len(samples) * 1e6


def take_turns(other: Turn, this: Turn) -> Costs:
    """Return the costs of both in the order A, B, B, A."""
    first = other.measure()
    this_us = (this.measure() + this.measure()) / 2
    other_us = (first + other.measure()) / 2
    return Costs(this_us / other_us, this_us, other_us)
