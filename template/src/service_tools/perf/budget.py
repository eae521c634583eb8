# kit: updated by the template; extend it from app.py
"""`service perf budget`: where the time of each kind of request goes, and what is worth a look."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from service.kit import PACKAGE
from service.kit.commands.definition import ServiceDefinition
from service.kit.commands.queries import locate_query
from service.kit.db.query import find_queries
from service_tools.pages import Page, Record
from service_tools.perf.charts import stack_bars
from service_tools.perf.commands import URL, measure_options
from service_tools.perf.report import Report, Row, list_layers, show_remarks
from service_tools.perf.runs import run_scenario
from service_tools.perf.scenario import find_scenarios
from service_tools.perf.target import provide_target
from service_tools.tables import TEXT

PARTS = {
    "machine": "waiting for a core that other programs have",
    "network": "the client, the server's own threads, and the way to the event loop",
    "receiving": "the body of the request, until it is complete",
    "pool": "waiting for a connection",
    "round trip": "to PostgreSQL and back, once: what a statement takes that does nothing",
    "database": "all else of statements: PostgreSQL, further round trips, and decoding the rows",
    "handler": "CPU time of everything else in the worker: edge, framework and handler",
    "waiting": "waits of the handler: sleeps, locks, and calls that no other part accounts for",
    "encoding": "from results to JSON",
    "compression": "zstd, brotli or gzip",
    "calls": "answers of other services",
    "cache": "values that were not cached, until they are computed",
    "offload": "calls in threads and processes, and waiting for them",
}
LITTLE_TO_CHANGE = ("machine", "network", "receiving", "round trip")
"""The parts that the service's code has little influence on."""

CALCULATED = ("handler", "encoding", "compression")
"""The parts that take CPU time of the event loop, and do not wait."""

NO_PARTS = ("cpu", "network", "statements", "total")
"""What the service tells beside its layers."""

NEXT = {
    "pool": ("service perf load", "whether the pool is full, and because of what"),
    "database": ("service plans", "how PostgreSQL runs the statement"),
    "handler": ("service perf cpu", "which lines use the CPU"),
    "encoding": ("service perf cpu", "which lines make bodies so large"),
    "compression": ("service perf cpu", "which lines compress, and how much"),
}
OTHER_NEXT = ("service perf waiting", "on which lines requests wait")
"""The commands that look into a part, and what they show."""

MIN_GAIN = 0.05
"""The share of a request's time that halving a part must save to be worth a look."""

MAX_STATEMENTS = 3
STATEMENT_COLUMNS = {
    "statement": "",
    "for each request": ".1f",
    "ms each": ".3f",
    "share": ".0%",
    "place": TEXT,
}

type Times = dict[str, float]
"""Milliseconds by part."""


@click.command(name="budget")
@measure_options(URL, 10.0)
@click.option(
    "--rate",
    default=50.0,
    show_default=True,
    type=click.FloatRange(0.1),
    help="Send this many requests a second; few, so that none waits.",
)
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

    Names the statements that take the most time, the command that looks into the largest part, and
    what to leave alone. The rate leaves the service idle between requests: for what happens under
    more load, take `service perf load`.
    """
    page = Page("budget", "Where the time goes", as_json)
    found: dict[str, dict[str, Any]] = {}
    with provide_target(definition, **target) as service, page.until_interrupted(found):
        for name, scenario in find_scenarios(names).items():
            report = run_scenario(name, scenario, service, seconds, rate)
            found[name] = {"first": None, "report": report}
            page.show(name)
            page.say(f"{name}: {report.load}; ms and share of each part: means of the middle half")
            found[name] |= show_scenario(report, page)
            if report.total.wrong:
                page.say(*service.find_traceback())
    page.show("What the parts are")
    for part, meaning in PARTS.items():
        page.remark(f"{part}: {meaning}.")
    page.finish(found)


def show_scenario(report: Report, page: Page) -> dict[str, Any]:
    """Show the budget of a scenario, and return it."""
    show_remarks(report, page)
    trip = report.usage.round_trip_ms
    steps = {row.step: split_times(row, trip) for row in report.rows if row.layers}
    show_times(report, steps, page)
    statements = show_statements(report, page)
    first = find_first(steps[report.total.step]) if steps else None
    if first:
        command, shows = NEXT.get(first, OTHER_NEXT)
        named = [found["statement"] for found in statements if found["place"]]
        subject = report.scenario
        if first == "database" and named:
            subject = named[0]
        reason = f"{shows}; {first} is the largest part that the service can change"
        page.suggest(f"{command} {subject}", reason)
    return {"first": first, "statements": statements, "parts": steps}


def show_statements(report: Report, page: Page) -> list[Record]:
    """Show the statements that took the most time, as the service counted them.

    Those that no slice names come last, like `begin` and `commit`.
    """
    places = {name: locate_query(known) for name, known in find_queries(import_module(PACKAGE))}
    uses = report.usage.statements
    total = sum(seconds for _, seconds in uses.values())
    rows = []
    slowest = sorted(uses, key=lambda name: (name not in places, -uses[name][1]))
    for name in slowest[:MAX_STATEMENTS]:
        count, seconds = uses[name]
        each = count / report.total.requests
        ms = seconds / count * 1000
        share = seconds / total
        rows.append([name, each, ms, share, places.get(name)])
    return page.tabulate(STATEMENT_COLUMNS, rows)


def split_times(row: Row, round_trip: float) -> Times:
    """Return the times of a step, with those that the service does not account for."""
    told = row.layers
    times = {part: told[part] for part in told if part not in NO_PARTS}
    if "cpu" in told:
        # While a part took longer than its CPU time, other processes had the core.
        calculated = {part: times[part] for part in CALCULATED if part in times}
        computed = sum(calculated.values())
        share = min(1.0, told["cpu"] / computed) if computed else 1.0
        times |= {part: spent * share for part, spent in calculated.items()}
    if "database" in times:
        trip = min(round_trip * min(1.0, told.get("statements", 1.0)), times["database"])
        times["database"] -= trip
        times = {"round trip": trip, **times}
    rest = max(0.0, row.mean - sum(times.values()))
    network = min(rest, told["network"])
    return {"machine": rest - network, "network": network, **times}


def show_times(report: Report, steps: Mapping[str, Times], page: Page) -> None:
    """Show the time and share of each part, and what halving it would save."""
    if not steps:
        page.say("No expected answer had Server-Timing: set EDGE_TIMING=true in the service.")
        return
    totals = {step: sum(times.values()) for step, times in steps.items()}
    rows = []
    for part in list_layers(steps.values()):
        cells = []
        for step, times in steps.items():
            spent = times.get(part, 0.0)
            share = spent / totals[step]
            cells.append(f"{spent:.3f} ({share:.0%})")
        rows.append([f"{part}, ms", *cells])
    measured = [row for row in report.rows if row.step in steps]
    statements = [row.layers.get("statements", 0) for row in measured]
    wrong = [row.wrong for row in measured]
    rows += [
        ["total, ms", *(f"{total:.3f}" for total in totals.values())],
        ["statements", *(f"{count:.1f}" for count in statements)],
        ["errors", *(f"{count:,}" for count in wrong)],
    ]
    page.tabulate(dict.fromkeys(["part", *steps], ""), rows)
    page.show_charts(stack_bars("Time of a request", steps, "ms"))
    for step, times in steps.items():
        page.say(f"{step}: {give_advice(times)}")


def find_gains(times: Times) -> Times:
    """Return the share of a request's time that halving a part would save, the largest first."""
    total = sum(times.values()) - times["machine"]
    gains = {}
    for part in sorted(times, key=times.__getitem__, reverse=True):
        if part not in LITTLE_TO_CHANGE:
            gains[part] = times[part] / 2 / total
    return gains


def find_first(times: Times) -> str | None:
    """Return the part to look at first, or None if none is large enough."""
    part, gain = next(iter(find_gains(times).items()))
    return part if gain >= MIN_GAIN else None


def give_advice(times: Times) -> str:
    """Return what to look at first, and what to leave alone."""
    gains = find_gains(times)
    first = find_first(times)
    if not first:
        return "No part of the service is worth a look: halving one would gain less than 5 %."
    small = [part for part, gain in gains.items() if gain < MIN_GAIN]
    return (
        f"Look at {first} first: halving its {times[first]:.2f} ms would gain {gains[first]:.0%}. "
        f"Leave alone: {', '.join(small) or 'nothing'}."
    )
