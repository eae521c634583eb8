# kit: updated by the template; extend it from app.py
"""`service perf budget`: where the time of each kind of request goes, and what is worth a look."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from service.kit.commands.definition import ServiceDefinition
from service.kit.commands.printing import json_option
from service_tools.pages import Page
from service_tools.perf.commands import TARGET, add_options, add_seconds
from service_tools.perf.report import Report, list_layers
from service_tools.perf.runs import run_scenario
from service_tools.perf.scenario import find_scenarios
from service_tools.perf.target import provide_target

PARTS = {
    "network": "the client, the server's own threads, and waiting for the event loop: "
    "little that code can change",
    "pool": "waiting for a connection",
    "database": "statements: PostgreSQL, the way there, and decoding the rows",
    "handler": "everything else in the worker: the edge, the framework and the handler",
    "encoding": "from results to JSON",
    "compression": "zstd, brotli or gzip",
    "offload": "calls in threads and processes, and waiting for them",
}
MIN_GAIN = 0.05
"""The share of a request's time that halving a part must save to be worth a look."""

type Times = dict[str, float]
"""Mean milliseconds by part."""


@click.command(name="budget")
@add_options(TARGET, add_seconds(10.0))
@click.option(
    "--rate",
    default=50.0,
    show_default=True,
    type=click.FloatRange(0.1),
    help="Send this many requests a second; few, so that none waits.",
)
@json_option
@click.pass_obj
def show_budget(
    definition: ServiceDefinition,
    /,
    names: Sequence[str],
    seconds: float,
    rate: float,
    as_json: bool,
    **target: Any,
) -> None:
    """Show where the time of each kind of request goes, and what halving a part would gain.

    Also says what to leave alone. The rate leaves the service idle between requests: under more
    load, each part includes time in a queue.
    """
    page = Page("budget", "Where the time goes", as_json)
    found: dict[str, dict[str, Times]] = {}
    with provide_target(definition, **target) as service, page.until_interrupted(found):
        for name, scenario in find_scenarios(names).items():
            report = run_scenario(name, scenario, service, seconds, rate)
            found[name] = split_times(report)
            page.show(name)
            page.say(f"{name}: {report.load}; mean ms and share of each part")
            show_times(found[name], page)
    page.show("What the parts are")
    page.remark(*(f"{part}: {meaning}." for part, meaning in PARTS.items()))
    page.finish(found)


def split_times(report: Report) -> dict[str, Times]:
    """Return the times of each step. What the service does not account for is the network."""
    steps = {}
    for row in report.rows:
        if row.requests and row.layers:
            layers = {**row.layers}
            layers.pop("total", None)
            network = row.mean - sum(layers.values())
            steps[row.step] = {
                "network": max(0.0, network),
                **layers,
            }
    return steps


def show_times(steps: Mapping[str, Times], page: Page) -> None:
    """Show the time and share of each part, and what halving it would save."""
    if not steps:
        page.say("No answer had Server-Timing: set EDGE_TIMING=true in the service.")
        return
    parts = list_layers(steps.values())
    rows = []
    for step, times in steps.items():
        total = sum(times.values())
        cells = [show_share(times.get(part, 0.0), total) for part in parts]
        rows.append([step, total, *cells])
    columns = {
        "step": "",
        "total": ".2f",
        **dict.fromkeys(parts, ""),
    }
    page.tabulate(columns, rows)
    page.say(*(f"{step}: {give_advice(times)}" for step, times in steps.items()))


def show_share(milliseconds: float, total: float) -> str:
    return f"{milliseconds:.3f} ({milliseconds / total:.0%})"


def give_advice(times: Times) -> str:
    """Return what to look at first, and what to leave alone."""
    total = sum(times.values())
    gains = {part: milliseconds / 2 for part, milliseconds in times.items()}
    first = max(gains.keys() - {"network"}, key=gains.__getitem__)
    gain = gains[first]
    half = f"half of it is {gain:.2f} of {total:.2f} ms ({gain / total:.0%})"
    if gain / total < MIN_GAIN:
        return f"Nothing but the network is worth a look. The largest part is {first}: {half}."
    small = [part for part, gain in gains.items() if gain / total < MIN_GAIN]
    if not small:
        return f"Look at {first} first: {half}. Every part is large enough to matter."
    saved = sum(gains[part] for part in small)
    return (
        f"Look at {first} first: {half}. "
        f"Leave {', '.join(small)} alone: "
        f"halving all of that would save {saved:.3f} ms ({saved / total:.1%})."
    )
