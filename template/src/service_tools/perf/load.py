# kit: updated by the template; extend it from app.py
"""`service perf load`: find the rate that the service can carry, or measure it at one rate."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from operator import attrgetter
from statistics import median, mode
from typing import Any

import click
import msgspec

from service.kit.commands.definition import ServiceDefinition
from service_tools.pages import Page
from service_tools.perf import generator, limits, report
from service_tools.perf.charts import plot_lines
from service_tools.perf.commands import URL, measure_options
from service_tools.perf.report import Report
from service_tools.perf.requests import prepare_calls
from service_tools.perf.runs import measure, run_scenario
from service_tools.perf.scenario import Scenario, find_scenarios
from service_tools.perf.target import Target, provide_target
from service_tools.tables import TEXT

START_SHARE = 0.1
"""The first rate, as a share of what is answered at full speed over CONNECTIONS."""

CONNECTIONS = 16
PROBE_SECONDS = 3.0

MAX_MISSES = 3
"""How often a rate that fails while they rise is sent."""

STEP = 1.12
"""The factor between rates around the knee."""

RATES_AROUND = 12
"""Rates that are sent around the knee."""

LAST = 8
"""The last of these have the knee in their middle: by then, the search has come to it."""

# A rate is carried while its tail is within five times the least of all, or within 100 ms.
KNEE_FACTOR = 5
KNEE_MS = 100.0

MAX_WRONG_SHARE = 0.001
"""The share of unexpected answers with which a rate is still carried; a few are allowed always."""

X_TITLE = "requests a second"

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
    "Busiest process, share of time": {"ran": "usage.ran", "waited for a core": "usage.starved"},
}
"""Titles, and the attribute of a report that each line shows."""

COLUMNS = {
    "a second": ",g",
    "p50, ms": ",.1f",
    "p95, ms": ",.1f",
    "p99, ms": ",.1f",
    "max, ms": ",.1f",
    "errors": ",",
    "cores": ".2f",
    "MB": ".0f",
    "connections": ".0f",
    "waiting for one": ".0f",
    "lag, ms": ".0f",
    "CPU µs": ",.0f",
    "fullest": TEXT,
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
    "limit",
)
"""Returns the cells of a report's row."""

ADVICE = (
    "The shaded rates are where the knee is: it carried those below, and not those beyond. Leave "
    "alone whatever is far below the other lines here: it limits nothing at these rates."
)


class Ramp(msgspec.Struct, frozen=True):
    """The reports of all rates, in their order.

    `knee` is the highest rate that is carried: the median of the last ones that were sent, which go
    from `low` to `high`. That is None if all rates were carried. `limit` is what was full where one
    was not, and `reason` says how that shows.
    """

    scenario: str
    knee: float
    low: float
    high: float | None
    limit: str
    reason: str
    stages: Sequence[Report]


@click.command(name="load")
@measure_options(URL, 5.0)
@click.option(
    "--rate",
    type=click.FloatRange(0.1, 100_000),
    help="Send this many requests a second, instead of rising rates.",
)
@click.option(
    "--check", is_flag=True, help="Exit with 1 on an unexpected answer or an exceeded budget."
)
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

    Rates rise until requests wait or fail, and then go up and down around that knee, for some two
    minutes: it prints the interval of the knee, and what is full beyond it. With `--rate`, one rate
    is sent and printed. Requests are sent when they are due, however late the answers are: the
    times are those that clients would see. Budgets are checked at the first rate.

    Scenarios that create rows leave them there. Where the time of one request goes is shown by
    `service perf budget`; whether a change made it slower, by `service perf compare`.
    """
    scenarios = find_scenarios(names)
    page = Page("load", "Load", as_json)
    stages: defaultdict[str, list[Report]] = defaultdict(list)
    with provide_target(definition, **target) as service, page.until_interrupted(stages):
        for name, scenario in scenarios.items():
            found = stages[name]
            send = partial(run_scenario, name, scenario, service, seconds)
            if rate:
                found.append(send(rate))
            else:
                search_knee(send, START_SHARE * find_full_speed(scenario, service), found)

    if not any(stages.values()):
        raise click.Abort  # Ctrl-C came before the first rate was done
    last = [*stages][-1]
    ramps = []
    for name, reports in stages.items():
        if reports:
            is_cut_short = page.is_cut_short and name == last
            ramps.append(conclude_ramp(name, reports, is_cut_short=is_cut_short))
    first = [ramp.stages[0] for ramp in ramps]
    for ramp in ramps:
        page.show(ramp.scenario)
        if not rate:
            show_ramp(ramp, page)
        else:
            page.say(f"Fullest: {ramp.reason}")
        page.show_charts(plot_statuses(ramp.stages))
        report.show_steps(ramp.stages[0], page)
        suggest_next(ramp, page)
    page.finish(first if rate else ramps)
    if check and any(stage.exceeded for stage in first):
        raise SystemExit(1)


def suggest_next(ramp: Ramp, page: Page) -> None:
    """Name the command that looks into what was full, if there is one."""
    command = limits.COMMANDS.get(ramp.limit)
    if command is None:
        return
    if command.startswith("service perf"):
        command += f" {ramp.scenario}"
    page.suggest(command, f"{ramp.scenario}: {ramp.reason}")


def find_full_speed(scenario: Scenario, target: Target) -> float:
    """Return how many requests a second are answered at full speed."""
    calls = prepare_calls(scenario, target)
    send = partial(generator.send_at_full_speed, target.url, calls, CONNECTIONS)
    measured = generator.run_load(measure(send, target, PROBE_SECONDS))
    return len(measured.samples) / measured.seconds


def search_knee(send: Callable[[float], Report], rate: float, stages: list[Report]) -> None:
    """Double the rate until it is not carried, and then follow the knee. Adds each report.

    A rate that failed while they rise is sent again: a busy moment of the machine may have spoilt
    it. Afterwards, such a moment costs one step down, and the next steps lead up again.
    """

    def send_next() -> bool:
        """Send the rate, print the progress, and return whether it was carried."""
        stage = send(round_rate(rate))
        stages.append(stage)
        click.echo(
            f"{len(stages)} of some {RATES_AROUND + 8}: {stage.scenario} at {stage.rate:,g} "
            f"requests a second: all but 1 % took up to {stage.tail_ms:,.0f} ms, "
            f"{stage.total.wrong:,} answers were unexpected",
            err=True,
        )
        return is_carried(stage, stages)

    rate = max(0.1, rate)
    misses = 0
    while misses < MAX_MISSES:
        if send_next():
            rate *= 2
            misses = 0
        else:
            misses += 1
    rate /= 2**0.5
    for _ in range(RATES_AROUND):
        rate *= STEP if send_next() else 1 / STEP


def round_rate(rate: float) -> float:
    return float(f"{rate:.2g}")


def conclude_ramp(name: str, stages: Sequence[Report], *, is_cut_short: bool = False) -> Ramp:
    """Return where the knee is, by the last rates of the search, and what was full beyond it.

    Of a search that was cut short, it is between the highest rate that was carried and the next.
    """
    carried = [stage.rate for stage in stages if is_carried(stage, stages)]
    failed = [stage for stage in stages if not is_carried(stage, stages)]
    around = [stage.rate for stage in stages[-LAST if failed else -1 :]]
    knee = round_rate(median(around)) if carried else 0.0
    if is_cut_short and carried:
        knee = max(carried)
        around = [knee, *(stage.rate for stage in failed if stage.rate > knee)]
    limit = mode(stage.limit for stage in failed or stages)
    return Ramp(
        scenario=name,
        knee=knee,
        low=min(around),
        high=max(around) if failed else None,
        limit=limit,
        reason=next(stage.reason for stage in failed or stages if stage.limit == limit),
        stages=stages,
    )


def is_carried(stage: Report, stages: Sequence[Report]) -> bool:
    """Return whether a rate was carried, by what the fastest of all took."""
    wrong = max(report.MAX_OUTLIERS, MAX_WRONG_SHARE * stage.total.requests)
    least = min(each.tail_ms for each in stages)
    return stage.total.wrong <= wrong and stage.tail_ms <= max(KNEE_FACTOR * least, KNEE_MS)


def show_ramp(ramp: Ramp, page: Page) -> None:
    page.say(f"{ramp.scenario}: {explain_ramp(ramp)}")
    page.remark(ADVICE)
    page.show_charts(draw_plots(ramp))
    rows = [read_cells(stage) for stage in ramp.stages]
    page.tabulate(COLUMNS, rows)
    if max(stage.late_ms for stage in ramp.stages) > report.MAX_LATE_MS:
        page.say("At some rates this machine was too busy to send requests when they were due.")


def explain_ramp(ramp: Ramp) -> str:
    """Return a sentence on what the service carries."""
    first = ramp.stages[0]
    if not ramp.knee:
        return f"not even {first.rate:,g} requests a second were answered as expected."
    if ramp.high is None:
        return f"it carried {ramp.knee:,g} requests a second, the highest rate that was sent."
    return (
        f"it carries {ramp.knee:,g} requests a second ({ramp.low:,g} to {ramp.high:,g} in this "
        f"search). What limits it: {ramp.reason}"
    )


def draw_plots(ramp: Ramp) -> str:
    """Return a plot of each resource, and one of the layers, over the rates."""
    stages = sorted(ramp.stages, key=attrgetter("rate"))
    rates = [stage.rate for stage in stages]
    knee = [(ramp.low, ramp.high or ramp.low)]
    plots = ""
    for title, attributes in PLOTS.items():
        series = {}
        for name, attribute in attributes.items():
            series[name] = [*map(attrgetter(attribute), stages)]
        plots += plot_lines(title, rates, series, X_TITLE, knee)

    tables = [stage.total.layers for stage in stages]
    layers = {}
    for layer in report.list_layers(tables):
        layers[layer] = [times.get(layer, 0.0) for times in tables]
    layers.pop("statements", None)
    return plots + plot_lines("Server-Timing, mean ms", rates, layers, X_TITLE, knee)


def plot_statuses(stages: Sequence[Report]) -> str:
    """Return a plot of the answers in each second of load, by status."""
    seconds = [*chain.from_iterable(stage.statuses for stage in stages)]
    statuses = sorted(set(chain.from_iterable(seconds)))
    series = {}
    for status in statuses:
        series[status] = [second.get(status, 0) for second in seconds]
    xs = range(1, len(seconds) + 1)
    return plot_lines(
        "Answers by status, per second", xs, series, "seconds of load", is_joined=True
    )
