# kit: updated by the template; extend it from app.py
"""`service perf blocking`: the lines that kept the event loop of a worker from its other
requests.
"""

import time
from collections import defaultdict
from html import escape
from typing import Any

import click

from service.kit.commands.definition import ServiceDefinition
from service_tools.pages import Page
from service_tools.perf import stacks
from service_tools.perf.commands import WORKERS, apply, last
from service_tools.perf.running import observe


@click.command(name="blocking")
@apply(WORKERS, last(10.0))
@click.option(
    "--lag",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0.01),
    help="Seconds to tolerate.",
)
@click.pass_obj
def command(definition: ServiceDefinition, /, seconds: float, lag: float, **subject: Any) -> None:
    """Show what blocks the event loop: each time it stood still for `--lag`, the watchdog noted on
    which line.

    With `--pid`, shows what the watchdog has reported since the start, with its own WATCHDOG_LAG,
    and sends nothing: that is safe in production. The service needs WATCHDOG_CONSOLE=true.
    """
    page = Page("blocking", "What blocks the event loop")
    with observe(definition, **subject, WATCHDOG_LAG=str(lag)) as running:
        if running.sending:
            with page.until_interrupted():
                time.sleep(seconds)
        running.note()
        reports = [report for worker in running.workers for report in worker.ask("blocked")]
    places = group(reports)
    page.say(f"{len(reports)} times the loop stood still, under {running.load}.")
    rows = [
        (
            str(len(them)),
            f"{sum_seconds(them):.2f}",
            list_routes(them),
            stacks.shorten(line),
            stacks.read_source(line),
        )
        for line, them in places
    ]
    page.tabulate(["times", "seconds, at least", "route", "line", "source"], rows, texts=[2, 3, 4])
    page.remark(
        "A line that was found once or twice may only have been at work when the machine was busy: leave it alone. "
        "The watchdog runs in every worker: its cost is two wake-ups for each quarter of the lag, which no measurement "
        "has shown."
    )
    for line, them in places[:5]:
        page.show(stacks.shorten(line), f"<pre>{escape(str(them[0]['stack']))}</pre>")
    page.finish()


def group(reports: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the reports by the line of the service that each stood on, the most frequent first."""
    places: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for report in reports:
        frames = [line.partition(": ")[0] for line in report["stack"].splitlines()]
        places[stacks.find_line(frames)].append(report)
    return sorted(places.items(), key=lambda item: -len(item[1]))


def sum_seconds(found: list[dict[str, Any]]) -> float:
    return sum(float(report["seconds"]) for report in found)


def list_routes(found: list[dict[str, Any]]) -> str:
    routes = {
        f"{report['method']} {report['route']}" if "route" in report else report["task"]
        for report in found
    }
    return ", ".join(sorted(routes))
