# kit: updated by the template; extend it from app.py
"""`service perf blocking`: the lines that blocked an event loop."""

from collections import defaultdict
from collections.abc import Sequence
from html import escape
from typing import Any

import click

from service.kit.commands.definition import ServiceDefinition
from service_tools.pages import Page
from service_tools.perf.commands import PID, measure_options
from service_tools.perf.stacks import LINE, describe_line, find_line, shorten
from service_tools.perf.workers import observe_workers
from service_tools.tables import TEXT

COLUMNS = {
    "times": "",
    "seconds": ".2f",
    "CPU seconds": ".2f",
    "route": TEXT,
    **LINE,
}
MAX_STACKS = 5

type Stall = dict[str, Any]
"""A report of the watchdog on a time when the loop was blocked."""


@click.command(name="blocking")
@measure_options(PID, 10.0)
@click.option(
    "--lag",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0.01),
    help="Report when the loop is blocked for this many seconds.",
)
@click.pass_obj
def show_blocking(
    definition: ServiceDefinition,
    /,
    seconds: float,
    lag: float,
    as_json: bool,
    **subject: Any,
) -> None:
    """Show what blocks the event loop: the lines that blocked it for `--lag` seconds or longer.

    Each time counts in full, from the tick that the loop missed to the next. Many short calls are
    for `service perf cpu`.

    With `--pid`, shows the last 500 reports of the watchdog, by its own WATCHDOG_LAG, and sends
    nothing: that is safe in production. The service needs WATCHDOG_CONSOLE=true.
    """
    page = Page("blocking", "What blocks the event loop", as_json)
    stalls: list[Stall] = []
    with observe_workers(definition, **subject, WATCHDOG_LAG=str(lag)) as observed:
        with page.until_interrupted():
            observed.note(seconds)
        stalls += observed.ask_all("blocked")
    total = add_up(stalls, "seconds")
    page.say(
        f"The event loop was blocked {len(stalls)} times, for {total:.2f} s, under {observed.load}."
    )
    missed = [stall for stall in stalls if "stack" not in stall]
    if missed:
        page.say(
            f"{len(missed)} of these times, {add_up(missed, 'seconds'):.2f} s, have no line: the "
            "loop came late, but by then it did something else."
        )
    lines = group_by_line([stall for stall in stalls if "stack" in stall])
    rows = []
    for line, found in lines:
        blocked = add_up(found, "seconds")
        cpu = add_up(found, "cpu_seconds")
        routes = sorted(set(map(name_work, found)))
        place = describe_line(line)
        rows.append([len(found), blocked, cpu, ", ".join(routes), *place])
    page.tabulate(COLUMNS, rows)
    page.remark(
        "A line that was found once or twice may only have run while the machine was busy: leave "
        "it alone. So may one with little CPU, unless it sleeps or waits. The watchdog runs in "
        "every worker. It costs two wake-ups for each quarter of the lag, too little to measure."
    )
    page.suggest("service perf cpu", "calls shorter than the lag add up as CPU time")
    for line, found in lines[:MAX_STACKS]:
        stack = escape(found[0]["stack"])
        page.show(shorten(line), f"<pre>{stack}</pre>")
    page.finish()


def add_up(stalls: Sequence[Stall], what: str) -> float:
    return sum(float(stall[what]) for stall in stalls)


def group_by_line(stalls: Sequence[Stall]) -> list[tuple[str, list[Stall]]]:
    """Return the lines of the service that blocked the loop, the longest in total first."""
    lines: defaultdict[str, list[Stall]] = defaultdict(list)
    for stall in stalls:
        frames = []
        for frame in stall["stack"].splitlines():
            place, _, _ = frame.partition(": ")
            frames.append(place)
        lines[find_line(frames)].append(stall)
    return sorted(lines.items(), key=lambda item: -add_up(item[1], "seconds"))


def name_work(stall: Stall) -> str:
    """Return what the loop was busy with: a route, or a task."""
    if "route" in stall:
        return f"{stall['method']} {stall['route']}"
    task: str = stall["task"]
    return task
