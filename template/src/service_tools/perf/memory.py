# kit: updated by the template; extend it from app.py
"""`service perf memory`: what a worker holds of what it allocated meanwhile, and what grows, traced
by tracemalloc.
"""

import time
from collections.abc import Sequence
from itertools import pairwise
from operator import add
from typing import Any

import click

from service.kit.commands.definition import ServiceDefinition
from service_tools.pages import Page
from service_tools.perf import stacks
from service_tools.perf.commands import WORKERS, apply, last
from service_tools.perf.running import Running, Worker, observe

type Place = dict[str, Any]

LEAST, PER_REQUEST = 20, 0.1
"""Objects that a line must keep, in all and for each request, to be named: less is a cache that
still fills."""

MARKS = 6
"""How often what is held is noted. What grows from each to the next may be a leak; a cache or a
batch does not."""


@click.command(name="memory")
@apply(WORKERS, last(20.0))
@click.pass_obj
def command(definition: ServiceDefinition, /, seconds: float, **subject: Any) -> None:
    """Show which lines allocated what a worker still holds, and which hold more and more.

    What is held is noted six times: what grew each time may be a leak. Tracing makes the worker
    several times slower, and each note stops it for a moment: on a service in production, take a
    few seconds. With `--pid`, the service needs WATCHDOG_CONSOLE=true.
    """
    page = Page("memory", "What a worker holds")
    with observe(definition, **subject) as running:
        worker = running.workers[0]
        running.note()
        running.note(seconds / 4)
        resident = [worker.process.memory_info().rss]
        worker.ask("memory start")
        try:
            answered = mark(running, worker, seconds, page)
            cost = running.tell_cost()
        finally:
            held = worker.ask("memory stop")
        resident.append(worker.process.memory_info().rss)
    page.say(
        f"Worker {worker.process.pid} under {running.load}. Its memory went from {resident[0] / 1e6:.0f} to "
        f"{resident[1] / 1e6:.0f} MB, tracing included. {cost}"
    )
    leaks = find_growth(held, max(LEAST, PER_REQUEST * answered))
    page.show("What grew from each note to the next")
    page.say(*([describe(leak, answered) for leak in leaks] or ["Nothing grew with the requests."]))
    total = {tuple(it["stack"]): it["bytes"][-1] for it in held}
    stacks.show_flame(page, "All that was allocated and is still held", total, "bytes")
    stacks.show_lines(page, "bytes", total)
    page.remark("Leave alone what does not grow: a worker holds its modules and caches once.")
    page.finish()


def mark(running: Running, worker: Worker, seconds: float, page: Page) -> int:
    """Note what is held some times, and return how many requests there were between the first and
    the last.
    """
    worker.ask("memory mark")
    first = len(running.samples)
    with page.until_interrupted():
        for number in range(2, MARKS + 1):
            time.sleep(seconds / MARKS)
            worker.ask("memory mark")
            click.echo(f"{number} of {MARKS} notes are taken.", err=True)
    return len(running.samples) - first


def find_growth(held: Sequence[Place], least: float) -> list[tuple[str, int, int]]:
    """Return the lines whose objects were more at each mark than before, with how many at least,
    and the bytes.

    What the server holds of requests that wait, below no frame of Python, has no line.
    """
    sums: dict[str, list[list[int]]] = {}
    for place in held:
        kinds = sums.setdefault(
            stacks.find_line(place["stack"]), [[0] * len(place["objects"]) for _ in range(2)]
        )
        for sums_of, values in zip(kinds, (place["objects"], place["bytes"]), strict=True):
            sums_of[:] = map(add, sums_of, values)
    grown = []
    for line, (objects, sizes) in sums.items():
        # What a cache gains gets less and less, what leaks does not: the smallest gain of all
        # tells.
        steady = min((after - before for before, after in pairwise(objects)), default=0) * (
            len(objects) - 1
        )
        if steady > least and line != stacks.UNKNOWN:
            grown.append((line, steady, sizes[-1] - sizes[0]))
    return sorted(grown, key=lambda leak: -leak[1])


def describe(leak: tuple[str, int, int], answered: int) -> str:
    line, objects, size = leak
    each = f", {objects / answered:.2f} for each request" if answered else ""
    return f"{objects:,} objects more at least, {size / 1e3:,.0f} kB{each}: {stacks.quote(line)}"
