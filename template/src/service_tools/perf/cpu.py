# kit: updated by the template; extend it from app.py
"""`service perf cpu`: the lines that event loops spend their CPU time on, and a flame graph."""

import re
import time
from collections import Counter
from typing import Any

import click

from service.kit.commands.definition import ServiceDefinition
from service.kit.work.command_error import CommandError
from service_tools.pages import Page
from service_tools.perf import stacks
from service_tools.perf.commands import PID, measure_options
from service_tools.perf.flame import Stack
from service_tools.perf.workers import observe_workers

WANTED = 1000
"""Samples, with which the interval of a share of 10 % is 8 to 12 %."""

MAX_EXTENSION = 4
"""How many times `--seconds` it may take to have the wanted samples."""

LOOP = re.compile(r"/(granian/.+|asyncio/runners|uvloop/__init__)\.py:")
LOOP_ITSELF = "the event loop and the server themselves"


@click.command(name="cpu", context_settings={"default_map": {"rate": 300.0}})
@measure_options(PID, 10.0)
@click.pass_obj
def show_cpu(
    definition: ServiceDefinition,
    /,
    seconds: float,
    as_json: bool,
    **subject: Any,
) -> None:
    """Show which lines the event loops spend their CPU time on, as a flame graph.

    Counts CPU time, also that of C code that releases the GIL, such as hashing, so a busy machine
    does not matter. Takes longer than `--seconds` if there are few samples. Where tasks wait is for
    `service perf waiting`.

    Costs some hundredths of a worker's time: that is safe in production. With `--pid`, the service
    needs WATCHDOG_CONSOLE=true.
    """
    page = Page("cpu", "Where the CPU time goes", as_json)
    found: Counter[Stack] = Counter()
    with observe_workers(definition, **subject) as observed:
        observed.note()
        observed.note(seconds / 2)
        ends_at = time.monotonic() + seconds
        latest_end = ends_at + (MAX_EXTENSION - 1) * seconds
        with page.until_interrupted():
            while time.monotonic() < (ends_at if found.total() >= WANTED else latest_end):
                for stack, count in observed.ask_all("cpu"):
                    is_idle = LOOP.search(stack[-1])
                    found[(LOOP_ITSELF,) if is_idle else tuple(stack)] += count
                click.echo(f"{found.total():,} samples are taken.", err=True)
        cost = observed.compare_costs()
    if not found:
        raise CommandError(
            "The workers used no CPU meanwhile: put load on the service, or raise `--rate` or "
            "`--seconds`."
        )
    page.say(
        f"{found.total():,} samples of {observed.describe_workers()} under {observed.load}, by "
        "line of the service:"
    )
    stacks.show_lines(page, found)
    page.say(cost)
    page.remark(
        "Leave alone what has less than 5 %: without it, a request would cost almost as much."
    )
    stacks.show_flame_graph(page, "Flame graph", found, "samples")
    page.suggest(
        "service perf bench", "times a function of yours alone, here and in another commit"
    )
    page.finish()
