# kit: updated by the template; extend it from app.py
"""`service perf load`: find the rate that the service can carry, or measure it at one rate."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

import click
import msgspec

from service.kit.commands.definition import ServiceDefinition
from service.kit.commands.printing import json_option
from service_tools.pages import Page
from service_tools.perf import generator, report
from service_tools.perf.charts import plot_lines
from service_tools.perf.commands import TARGET, add_options, add_seconds
from service_tools.perf.report import Report
from service_tools.perf.requests import prepare_calls
from service_tools.perf.runs import measure, run_scenario
from service_tools.perf.scenario import Scenario, find_scenarios
from service_tools.perf.target import Target, provide_target

SHARES = (0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0, 1.1)
"""The rates, as shares of what is answered at full speed over CONNECTIONS."""

CONNECTIONS = 16
PROBE_SECONDS = 3.0

MAX_MISSES = 2
"""Rates in a row that were not carried: a single one may have met a busy moment of the machine."""

# A rate is carried while its p99 is within five times that of the first rate, or within 100 ms.
KNEE_FACTOR = 5
KNEE_MS = 100.0

PLOTS = {
    "Latency, ms": {"p50": "total.p50", "p95": "total.p95", "p99": "total.p99"},
    "Answered as expected, per second": {"answers": "total.answered"},
    "Unexpected answers, %": {"errors": "total.wrong_percent"},
    "CPU, cores": {"cores": "cores"},
    "Memory, MB": {"memory": "usage.memory_mb"},
    "Pool, connections and requests": {
        "in use": "usage.pool_in_use",
        "waiting": "usage.pool_waiting",
    },
    "Event loop lag, ms, p99 at most": {"lag": "usage.lag_p99_ms"},
}
"""Titles, and the attribute of a report that each line shows."""

COLUMNS = {
    "rate": ",g",
    "p50": ",.1f",
    "p95": ",.1f",
    "p99": ",.1f",
    "max": ",.1f",
    "errors": ",",
    "cores": ".2f",
    "MB": ".0f",
    "pool": ".0f",
    "waiting": ".0f",
    "lag, p99": ".0f",
    "CPU µs": ",.0f",
}
read_cells = attrgetter(
    "rate",
    "total.p50",
    "total.p95",
    "total.p99",
    "total.most",
    "total.wrong",
    "cores",
    "usage.memory_mb",
    "usage.pool_in_use",
    "usage.pool_waiting",
    "usage.lag_p99_ms",
    "total.cpu_us",
)
"""Returns the cells of a report's row."""

ADVICE = (
    "The dashed line is the knee: beyond it, latency grows with every request that waits. Leave "
    "alone whatever is far below the other lines here: it limits nothing at these rates."
)


class Ramp(msgspec.Struct, frozen=True):
    """The reports of all rates. `knee` is the highest rate that was carried; 0 if none was."""

    scenario: str
    knee: float
    stages: Sequence[Report]


@click.command(name="load")
@add_options(TARGET, add_seconds(5.0))
@click.option(
    "--rate",
    type=click.FloatRange(0.1, 100_000),
    help="Send this many requests a second, instead of rising rates.",
)
@click.option(
    "--check", is_flag=True, help="Exit with 1 on an unexpected answer or an exceeded budget."
)
@json_option
@click.pass_obj
def show_load(
    definition: ServiceDefinition,
    /,
    names: Sequence[str],
    seconds: float,
    rate: float | None,
    check: bool,
    as_json: bool,
    **target: Any,
) -> None:
    """Find what the service can carry: SCENARIO, or each one in perf/scenarios/ in turn.

    Rates rise until requests wait or fail; a report shows latency, errors, CPU, memory, pool, lag
    and layers at each. With `--rate`, one rate is sent and printed. Requests are sent when they are
    due, however late the answers are: the times are those that clients would see. Budgets are
    checked at the first rate.

    Scenarios that create rows leave them there.
    """
    scenarios = find_scenarios(names)
    page = Page("load", "Load", as_json)
    stages: defaultdict[str, list[Report]] = defaultdict(list)
    with provide_target(definition, **target) as service, page.until_interrupted(stages):
        for name, scenario in scenarios.items():
            send = partial(run_scenario, name, scenario, service, seconds)
            if rate:
                stages[name].append(send(rate))
                continue
            for stage in send_rising_rates(send, find_full_speed(scenario, service)):
                stages[name].append(stage)

    ramps = [conclude_ramp(name, reports) for name, reports in stages.items()]
    first = [ramp.stages[0] for ramp in ramps]
    for ramp in ramps:
        page.show(ramp.scenario)
        if not rate:
            show_ramp(ramp, page)
        report.show_steps(ramp.stages[0], page)
    page.finish(first if rate else ramps)
    if check and any(stage.exceeded for stage in first):
        raise SystemExit(1)


def find_full_speed(scenario: Scenario, target: Target) -> float:
    """Return how many requests a second are answered at full speed."""
    calls = prepare_calls(scenario, target)
    send = partial(generator.send_at_full_speed, target.url, calls, CONNECTIONS)
    measured = generator.run_load(measure(send, target, PROBE_SECONDS))
    return len(measured.samples) / measured.seconds


def send_rising_rates(send: Callable[[float], Report], full_speed: float) -> Iterator[Report]:
    """Send rising rates, and yield the report of each, until some in a row are not carried."""
    first: Report | None = None
    misses = 0
    for share in SHARES:
        rate = max(1, full_speed * share)
        stage = send(float(f"{rate:.2g}"))
        click.echo(
            f"{stage.scenario}: {stage.rate:,g} requests a second, p99 {stage.total.p99:,.1f} ms",
            err=True,
        )
        yield stage
        first = first or stage
        misses = 0 if is_carried(stage, first) else misses + 1
        if misses == MAX_MISSES:
            return


def conclude_ramp(name: str, stages: Sequence[Report]) -> Ramp:
    carried = [stage.rate for stage in stages if is_carried(stage, stages[0])]
    return Ramp(name, max(carried, default=0), stages)


def is_carried(stage: Report, first: Report) -> bool:
    max_p99 = max(KNEE_FACTOR * first.total.p99, KNEE_MS)
    return not stage.total.errors and stage.total.p99 <= max_p99


def show_ramp(ramp: Ramp, page: Page) -> None:
    page.say(f"{ramp.scenario}: {explain_ramp(ramp)}")
    page.remark(ADVICE)
    page.parts.append(f'<div class="charts">{draw_plots(ramp)}</div>')
    page.tabulate(COLUMNS, [*map(read_cells, ramp.stages)])
    if max(stage.late_ms for stage in ramp.stages) > report.MAX_LATE_MS:
        page.say("At some rates this machine was too busy to send requests when they were due.")


def explain_ramp(ramp: Ramp) -> str:
    """Return a sentence on what the service carries."""
    first, last = ramp.stages[0], ramp.stages[-1]
    if not ramp.knee:
        return f"not even {first.rate:,g} requests a second were answered as expected."
    if last.rate == ramp.knee:
        return f"it carried {ramp.knee:,g} requests a second, the highest rate that was sent."
    return (
        f"it carries {ramp.knee:,g} requests a second. "
        f"At {last.rate:,g} the p99 was {last.total.p99:,.0f} ms, "
        f"{last.total.wrong:,} answers were not as expected, "
        f"and {last.cores:.2f} cores were in use."
    )


def draw_plots(ramp: Ramp) -> str:
    """Return a plot of each resource, and one of the layers, over the rates."""
    rates = [stage.rate for stage in ramp.stages]
    plots = ""
    for title, attributes in PLOTS.items():
        series = {}
        for name, attribute in attributes.items():
            values = map(attrgetter(attribute), ramp.stages)
            series[name] = [value or 0.0 for value in values]
        plots += plot_lines(title, rates, series, ramp.knee)

    tables = [stage.total.layers for stage in ramp.stages]
    layers = {}
    for layer in report.list_layers(tables):
        layers[layer] = [times.get(layer, 0.0) for times in tables]
    layers.pop("total", None)
    return plots + plot_lines("Server-Timing, mean ms", rates, layers, ramp.knee)
