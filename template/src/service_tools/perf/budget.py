# kit: updated by the template; extend it from app.py
"""Where the time of each kind of request goes, and what halving each part would gain: `service perf
budget`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from service.kit.commands.definition import ServiceDefinition
from service_tools.pages import Page
from service_tools.perf import runs, scenario, target
from service_tools.perf.commands import AS_JSON, WHERE, apply, last
from service_tools.perf.report import Report

MEANINGS = {
    "network": "the client, the server's own threads, and waiting for the event loop: little that code can change",
    "pool": "waiting for a connection",
    "database": "statements: PostgreSQL, the way there, and decoding the rows",
    "handler": "everything else in the worker: the edge, the framework and the handler",
    "encoding": "from results to JSON",
    "compression": "zstd, brotli or gzip",
    "offload": "calls in threads and processes, and waiting for them",
}
WORTHWHILE = 0.05
"""What halving a part must save of a request's time to be worth a look."""

type Split = dict[str, float]


@click.command(name="budget")
@apply(WHERE, last(10.0))
@click.option(
    "--rate",
    default=50.0,
    show_default=True,
    type=click.FloatRange(0.1),
    help="Requests a second: few.",
)
@AS_JSON
@click.pass_obj
def command(
    definition: ServiceDefinition,
    /,
    names: Sequence[str],
    seconds: float,
    rate: float,
    as_json: bool,
    **where: Any,
) -> None:
    """Show where the time of each kind of request goes, what halving a part would gain, and what to
    leave alone.

    At a rate that leaves the service idle between requests: under more load, each part also holds
    its queue.
    """
    page = Page("budget", "Where the time goes", as_json)
    found: dict[str, dict[str, Split]] = {}
    with target.provide(definition, **where) as service, page.until_interrupted(found):
        for name, described in scenario.find(names).items():
            report = runs.run(name, described, service, seconds, rate)
            found[name] = split(report)
            page.show(name)
            page.say(f"{name}: {report.load}; mean ms and share of each part")
            show(found[name], page)
    page.show("What the parts are")
    page.remark(*(f"{part}: {meaning}." for part, meaning in MEANINGS.items()))
    page.finish(found)


def split(report: Report) -> dict[str, Split]:
    """Return the mean milliseconds of each part by step. What the service does not account for is
    the network.
    """
    routes = {}
    for row in report.rows:
        if row.requests and row.layers:
            layers = {name: ms for name, ms in row.layers.items() if name != "total"}
            routes[row.step] = {"network": max(0.0, row.mean - sum(layers.values())), **layers}
    return routes


def show(routes: Mapping[str, Split], page: Page) -> None:
    """Show what each part takes, as a share, and what it would gain."""
    if not routes:
        return page.say("No answer had Server-Timing: set EDGE_TIMING=true in the service.")
    found = {name for parts in routes.values() for name in parts}
    names = [*(name for name in MEANINGS if name in found), *sorted(found - MEANINGS.keys())]
    rows = []
    for step, parts in routes.items():
        total = sum(parts.values())
        rows.append(
            [
                step,
                f"{total:.2f}",
                *(f"{(ms := parts.get(it, 0)):.3f} ({ms / total:.0%})" for it in names),
            ]
        )
    page.tabulate(["step", "total", *names], rows)
    page.say(*(f"{step}: {' '.join(judge(parts))}" for step, parts in routes.items()))


def judge(parts: Split) -> tuple[str, str]:
    """Return what to look at first, and what to leave alone."""
    total = sum(parts.values())
    gains = {name: ms / 2 for name, ms in sorted(parts.items(), key=lambda item: -item[1])}
    first, gain = next((name, ms) for name, ms in gains.items() if name != "network")
    half = f"half of it is {gain:.2f} of {total:.2f} ms ({gain / total:.0%})"
    if gain / total < WORTHWHILE:
        return "Nothing but the network is worth a look.", f"The largest part is {first}: {half}."
    look = f"Look at {first} first: {half}."
    idle = {name: ms for name, ms in gains.items() if ms / total < WORTHWHILE}
    if not idle:
        return look, "Every part is large enough to matter."
    saved = sum(idle.values())
    return (
        look,
        f"Leave {join([*idle])} alone: halving all of that would save {saved:.3f} ms ({saved / total:.1%}).",
    )


def join(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
