# kit: updated by the template; extend it from app.py
"""`service perf memory`: the memory that a worker still holds, traced by tracemalloc."""

import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import click

from service.kit.commands.definition import ServiceDefinition
from service_tools.pages import Page
from service_tools.perf import stacks
from service_tools.perf.commands import WORKERS, add_options, add_seconds
from service_tools.perf.workers import Observed, observe_workers

# Objects that a line must keep to be named: fewer are a cache that still fills.
MIN_OBJECTS = 20
MIN_PER_REQUEST = 0.1

MARKS = 6
"""How many snapshots of what is held are compared."""

type Allocation = dict[str, Any]
"""A stack, and the objects and bytes that it held at each mark."""


class Growth(NamedTuple):
    """A line of the service, and by how many objects and bytes it grew."""

    line: str
    objects: int
    size: int


@click.command(name="memory")
@add_options(WORKERS, add_seconds(20.0))
@click.pass_obj
def show_memory(definition: ServiceDefinition, /, seconds: float, **subject: Any) -> None:
    """Show which lines allocated what a worker still holds, and which keep growing.

    Six snapshots are taken: what grew each time may be a leak. Tracing makes the worker several
    times slower, and each snapshot stops it for a moment: on a service in production, take a few
    seconds. With `--pid`, the service needs WATCHDOG_CONSOLE=true.
    """
    page = Page("memory", "What a worker holds")
    with observe_workers(definition, **subject) as observed:
        worker = observed.workers[0]
        observed.note()
        observed.note(seconds / 4)
        before = worker.process.memory_info().rss
        worker.ask("memory start")
        try:
            answered = take_marks(observed, seconds, page)
            cost = observed.compare_costs()
        finally:
            held = worker.ask("memory stop")
        after = worker.process.memory_info().rss
    page.say(
        f"Worker {worker.process.pid} under {observed.load}. Its memory went from "
        f"{before / 1e6:.0f} to {after / 1e6:.0f} MB, tracing included. {cost}"
    )
    page.show("What grew from each snapshot to the next")
    grown = find_growth(held, max(MIN_OBJECTS, MIN_PER_REQUEST * answered))
    for growth in grown:
        page.say(describe_growth(growth, answered))
    if not grown:
        page.say("Nothing grew with the requests.")
    total = {}
    for allocation in held:
        stack = tuple(allocation["stack"])
        total[stack] = allocation["bytes"][-1]
    stacks.show_flame_graph(page, "All that was allocated and is still held", total, "bytes")
    stacks.show_lines(page, "bytes", total)
    page.remark("Leave alone what does not grow: a worker holds its modules and caches once.")
    page.finish()


def take_marks(observed: Observed, seconds: float, page: Page) -> int:
    """Take snapshots of what is held, and return how many requests came meanwhile."""
    worker = observed.workers[0]
    worker.ask("memory mark")
    first = len(observed.samples)
    with page.until_interrupted():
        for number in range(2, MARKS + 1):
            time.sleep(seconds / MARKS)
            worker.ask("memory mark")
            click.echo(f"{number} of {MARKS} snapshots are taken.", err=True)
    return len(observed.samples) - first


def find_growth(held: Sequence[Allocation], min_objects: float) -> list[Growth]:
    """Return the lines that held more objects at each mark than before, the largest first."""
    lines: defaultdict[str, list[Allocation]] = defaultdict(list)
    for allocation in held:
        lines[stacks.find_line(allocation["stack"])].append(allocation)
    # What the server holds of requests that wait, below no frame of Python, has no line.
    lines.pop(stacks.UNKNOWN, None)

    grown = []
    for line, allocations in lines.items():
        objects = add_up(allocations, "objects")
        sizes = add_up(allocations, "bytes")
        # A cache gains less and less, a leak does not: its smallest gain, at every mark.
        gains = [after - before for before, after in pairwise(objects)]
        steady = min(gains, default=0) * len(gains)
        if steady > min_objects:
            grown.append(Growth(line, steady, sizes[-1] - sizes[0]))
    return sorted(grown, key=lambda growth: -growth.objects)


def add_up(allocations: Sequence[Allocation], what: str) -> list[int]:
    """Return the sum at each mark."""
    series = [allocation[what] for allocation in allocations]
    return [sum(values) for values in zip(*series, strict=True)]


def describe_growth(growth: Growth, answered: int) -> str:
    held = f"{growth.objects:,} objects more at least, {growth.size / 1e3:,.0f} kB"
    if answered:
        held += f", {growth.objects / answered:.2f} for each request"
    return f"{held}: {stacks.quote(growth.line)}"
