# kit: updated by the template; extend it from app.py
"""`service perf load`: what the service carries as rates rise to beyond that, or what it does at
one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import click
import msgspec

from service.kit.commands.definition import ServiceDefinition
from service_tools.pages import Page
from service_tools.perf import charts, load, report, requests, runs, scenario, target
from service_tools.perf.commands import AS_JSON, WHERE, apply, last
from service_tools.perf.report import Report
from service_tools.perf.scenario import Scenario
from service_tools.perf.target import Target

SHARES = (0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0, 1.1)
"""The rates, as shares of what is answered at full speed over CONNECTIONS."""

CONNECTIONS, PROBE_SECONDS = 16, 3.0
PATIENCE = 2
"""Rates in a row that were not carried: one may only have met a busy moment of the machine."""
KNEE_FACTOR, KNEE_MS = 5, 100.0
"""A rate is carried while its p99 is within five times that of the first rate, or within 100 ms."""

TITLES = [
    "rate",
    "p50",
    "p95",
    "p99",
    "max",
    "errors",
    "cores",
    "MB",
    "pool",
    "waiting",
    "lag, p99",
    "CPU µs",
]
ADVICE = (
    "The dashed line is the knee: beyond it, times grow with every request that waits. Leave alone whatever is far "
    "below the other lines here: it limits nothing at these rates."
)


class Ramp(msgspec.Struct, frozen=True):
    """All rates of a scenario. `knee` is the highest that was carried, in requests a second; 0 if
    none was.
    """

    scenario: str
    knee: float
    stages: Sequence[Report]


@click.command(name="load")
@apply(WHERE, last(5.0))
@click.option(
    "--rate",
    type=click.FloatRange(0.1, 100_000),
    help="Requests a second, instead of rising rates.",
)
@click.option(
    "--check", is_flag=True, help="Exit with 1 on an unexpected answer or an exceeded budget."
)
@AS_JSON
@click.pass_obj
def command(
    definition: ServiceDefinition,
    /,
    names: Sequence[str],
    seconds: float,
    rate: float | None,
    check: bool,
    as_json: bool,
    **where: Any,
) -> None:
    """Find what the service can carry: SCENARIO, or each one in perf/scenarios/ in turn.

    Rates rise until requests wait or fail; a report shows latency, errors, CPU, memory, pool, lag
    and layers at each. With `--rate`, one rate is sent and printed. Requests are sent when they are
    due, whatever the answers do: the times are those that clients would see. Budgets are checked at
    the first rate.

    Scenarios that create rows leave them there.
    """
    chosen, page = scenario.find(names), Page("load", "Load", as_json)
    measured: defaultdict[str, list[Report]] = defaultdict(list)
    with target.provide(definition, **where) as service, page.until_interrupted(measured):
        for name, described in chosen.items():
            send = partial(runs.run, name, described, service, seconds)
            for stage in [send(rate)] if rate else climb(send, probe(name, described, service)):
                measured[name].append(stage)
    ramps = [conclude(name, stages) for name, stages in measured.items()]
    for ramp in ramps:
        page.show(ramp.scenario)
        if not rate:
            show(ramp, page)
        report.show(ramp.stages[0], page)
    page.finish([ramp.stages[0] for ramp in ramps] if rate else ramps)
    if check and any(ramp.stages[0].exceeded for ramp in ramps):
        raise SystemExit(1)


def probe(name: str, described: Scenario, service: Target) -> float:
    """Return how many requests a second are answered at full speed."""
    calls = requests.prepare(service.url, described, service.token)
    send = partial(load.over_connections, service.url, calls, CONNECTIONS)
    measured = load.run(runs.measure(f"{name} at full speed", send, service, PROBE_SECONDS))
    return len(measured.samples) / measured.seconds


def climb(send: Callable[[float], Report], most: float) -> Iterator[Report]:
    """Send rising rates, and yield the report of each, until two in a row are not carried."""
    stages: list[Report] = []
    for share in SHARES:
        stages.append(stage := send(float(f"{max(1, most * share):.2g}")))
        click.echo(
            f"{stage.scenario}: {stage.rate:,g} requests a second, p99 {stage.total.p99:,.1f} ms",
            err=True,
        )
        yield stage
        if len(stages) >= PATIENCE and not any(
            is_carried(it, stages[0]) for it in stages[-PATIENCE:]
        ):
            return


def conclude(name: str, stages: Sequence[Report]) -> Ramp:
    return Ramp(
        name, max((it.rate for it in stages if is_carried(it, stages[0])), default=0), stages
    )


def is_carried(stage: Report, first: Report) -> bool:
    return not stage.total.errors and stage.total.p99 <= max(KNEE_FACTOR * first.total.p99, KNEE_MS)


def explain(ramp: Ramp) -> str:
    """Return a sentence on what the service carries."""
    last, row = ramp.stages[-1], ramp.stages[-1].total
    if not ramp.knee:
        return f"{ramp.scenario}: not even {ramp.stages[0].rate:,g} requests a second were answered as expected."
    if last.rate == ramp.knee:
        return f"{ramp.scenario}: it carried {ramp.knee:,g} requests a second, the highest rate that was sent."
    wrong = f" and {row.wrong:,} answers were not as expected" if row.errors else ""
    return (
        f"{ramp.scenario}: it carries {ramp.knee:,g} requests a second. At {last.rate:,g} the p99 was {row.p99:,.0f} ms"
        f"{wrong}, with {last.cores:.2f} cores in use."
    )


def show(ramp: Ramp, page: Page) -> None:
    page.say(explain(ramp))
    page.remark(ADVICE)
    page.parts += ['<div class="charts">', *plot(ramp), "</div>"]
    rows = []
    for stage in ramp.stages:
        row, used = stage.total, stage.usage
        held = [
            f"{it:.0f}"
            for it in (used.memory_mb or 0, used.pool_in_use, used.pool_waiting, used.lag_p99_ms)
        ]
        rows.append(
            [
                f"{stage.rate:,g}",
                *row.show_times(),
                f"{row.wrong:,}",
                f"{stage.cores:.2f}",
                *held,
                row.show_cpu(),
            ]
        )
    page.tabulate(TITLES, rows)
    if max(stage.late_ms for stage in ramp.stages) > report.MOST_LATE_MS:
        page.say("At some rates this machine was too busy to send requests when they were due.")


def plot(ramp: Ramp) -> Iterator[str]:
    rates, totals = [stage.rate for stage in ramp.stages], [stage.total for stage in ramp.stages]
    used = [stage.usage for stage in ramp.stages]
    layers = list(
        dict.fromkeys(layer for row in totals for layer in row.layers if layer != "total")
    )
    plots: Mapping[str, Mapping[str, Sequence[float]]] = {
        "Latency, ms": {
            name: [getattr(row, name) for row in totals] for name in ("p50", "p95", "p99")
        },
        "Answered as expected, per second": {
            "answers": [row.per_second * (1 - row.wrong / row.requests) for row in totals]
        },
        "Unexpected answers, %": {"errors": [100 * row.wrong / row.requests for row in totals]},
        "Server-Timing, mean ms": {
            name: [row.layers.get(name, 0) for row in totals] for name in layers
        },
        "CPU, cores": {"cores": [stage.cores for stage in ramp.stages]},
        "Memory, MB": {"memory": [it.memory_mb or 0 for it in used]},
        "Pool, connections and requests": {
            "in use": [it.pool_in_use for it in used],
            "waiting": [it.pool_waiting for it in used],
        },
        "Event loop lag, ms, p99 at most": {"lag": [it.lag_p99_ms for it in used]},
    }
    yield from (
        charts.lines(title, rates, series, ramp.knee or None) for title, series in plots.items()
    )
