# kit: updated by the template; extend it from app.py
"""`service perf compare`: whether this tree costs more CPU for each request than another commit."""

import asyncio
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any

import click

from service.kit import PACKAGE
from service.kit.commands.definition import ServiceDefinition
from service.kit.commands.printing import json_option
from service.kit.server.settings import read_settings
from service.kit.work.command_error import CommandError
from service_tools.dev import credentials, database
from service_tools.dev.revisions import check_out
from service_tools.pages import Page
from service_tools.perf.commands import DEFAULT_ROWS, ROWS, SCENARIOS, add_options
from service_tools.perf.generator import Sample, run_load, send_at_full_speed
from service_tools.perf.ratios import (
    MIN_ROUNDS,
    SAME,
    Costs,
    is_decided,
    judge_rounds,
    take_medians,
)
from service_tools.perf.requests import prepare_calls
from service_tools.perf.scenario import Scenario, find_scenarios
from service_tools.perf.target import Target, start_service

CONNECTIONS = 8
TURN_TIMEOUT = 120
"""Seconds that a turn may take."""

REPEATS = 8
"""How often a round measures A, B, B, A, where B is this tree: drift affects both alike."""

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

type Start = dict[str, Any]
"""How a tree's service is started."""


type RunRound = Callable[[Mapping[str, Scenario]], Mapping[str, Costs]]


@click.command(name="compare")
@click.argument("ref")
@add_options(SCENARIOS, ROWS, json_option)
@click.option(
    "--rounds",
    "max_rounds",
    default=16,
    show_default=True,
    type=click.IntRange(MIN_ROUNDS, 50),
    help="Start each tree at most this often.",
)
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
    could change it. Both use the packages that are installed here.
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
    columns = {**COLUMNS, f"µs in {ref}": ",.0f"}
    page.tabulate(columns, [*map(read_cells, ratios)])
    page.remark(
        f"CPU for each request, over {max_rounds} rounds at most: a ratio of 1.2 is a fifth more "
        f"here. Leave alone what says “{SAME}”; more rounds show smaller ones."
    )
    page.finish(ratios)
    if check and any(it.verdict == "slower" for it in ratios):
        raise SystemExit(1)


@contextmanager
def prepare_trees(
    definition: ServiceDefinition, trees: Sequence[Path], rows: int | None
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


def run_rounds(
    run: RunRound,
    scenarios: Mapping[str, Scenario],
    max_rounds: int,
    done: dict[str, list[Costs]],
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
