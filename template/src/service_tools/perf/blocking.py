# kit: updated by the template; extend it from app.py
"""`service perf blocking`: the lines that blocked an event loop."""

from collections import defaultdict
from collections.abc import Sequence
from html import escape
from typing import Any

import click

from service.kit.commands.definition import ServiceDefinition
from service_tools.pages import Page
from service_tools.perf.commands import WORKERS, add_options, add_seconds
from service_tools.perf.stacks import find_line, read_source, shorten
from service_tools.perf.workers import observe_workers
from service_tools.tables import TEXT

COLUMNS = {
    "times": "",
    "seconds, at least": ".2f",
    "route": TEXT,
    "line": TEXT,
    "source": TEXT,
}
MAX_STACKS = 5

type Stall = dict[str, Any]
"""A report of the watchdog on a time when the loop was blocked."""


@click.command(name="blocking")
@add_options(WORKERS, add_seconds(10.0))
@click.option(
    "--lag",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0.01),
    help="Report when the loop is blocked for this many seconds.",
)
@click.pass_obj
def show_blocking(
    definition: ServiceDefinition, /, seconds: float, lag: float, **subject: Any
) -> None:
    """Show what blocks the event loop: the lines that blocked it for `--lag` seconds or longer.

    With `--pid`, shows what the watchdog has reported since the start, with its own WATCHDOG_LAG,
    and sends nothing: that is safe in production. The service needs WATCHDOG_CONSOLE=true.
    """
    page = Page("blocking", "What blocks the event loop")
    stalls: list[Stall] = []
    with observe_workers(definition, **subject, WATCHDOG_LAG=str(lag)) as observed:
        with page.until_interrupted():
            observed.note(seconds)
        for worker in observed.workers:
            stalls += worker.ask("blocked")
    page.say(f"The event loop was blocked {len(stalls)} times, under {observed.load}.")
    lines = group_by_line(stalls)
    rows = []
    for line, found in lines:
        lost = sum(float(stall["seconds"]) for stall in found)
        routes = sorted(set(map(name_work, found)))
        row = [
            len(found),
            lost,
            ", ".join(routes),
            shorten(line),
            read_source(line),
        ]
        rows.append(row)
    page.tabulate(COLUMNS, rows)
    page.remark(
        "A line that was found once or twice may only have run while the machine was busy: leave "
        "it alone. The watchdog runs in every worker. It costs two wake-ups for each quarter of "
        "the lag, too little to measure."
    )
    for line, found in lines[:MAX_STACKS]:
        page.show(shorten(line), f"<pre>{escape(found[0]['stack'])}</pre>")
    page.finish()


def group_by_line(stalls: Sequence[Stall]) -> list[tuple[str, list[Stall]]]:
    """Return the lines of the service that blocked the loop, the most frequent first."""
    lines: defaultdict[str, list[Stall]] = defaultdict(list)
    for stall in stalls:
        frames = [frame.partition(": ")[0] for frame in stall["stack"].splitlines()]
        lines[find_line(frames)].append(stall)
    return sorted(lines.items(), key=lambda item: -len(item[1]))


def name_work(stall: Stall) -> str:
    """Return what the loop was busy with: a route, or a task."""
    return f"{stall['method']} {stall['route']}" if "route" in stall else stall["task"]
