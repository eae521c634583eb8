# kit: updated by the template; extend it from app.py
"""`service perf load`: what the service can carry, as lines and as a page of plots."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click
import msgspec

from service_tools.perf import charts, pages, report, runs, scenario, stages, target
from service_tools.perf.options import AS_JSON, NAMES, REMOTE, ROWS, apply, last
from service_tools.perf.report import ALL
from service_tools.perf.scenario import Scenario
from service_tools.perf.stages import Ramp, Stage
from service_tools.perf.target import Target

if TYPE_CHECKING:
    from service.kit.server.cli import Wiring


@click.command(name="load")
@apply(NAMES, REMOTE, ROWS, last(5.0))
@click.option("--rate", type=click.FloatRange(0.1, 100_000), help="Requests a second, instead of rising rates.")
@click.option(
    "--connections", type=click.IntRange(1, 500), help="Send each step alone, at full speed over N connections."
)
@click.option("--check", is_flag=True, help="Exit with 1 on an unexpected answer or an exceeded budget.")
@AS_JSON
@click.pass_obj
def command(
    wiring: "Wiring",
    names: tuple[str, ...],
    url: str | None,
    token: str | None,
    rows: int | None,
    seconds: float,
    rate: float | None,
    connections: int | None,
    check: bool,
    as_json: bool,
) -> None:
    """Find what the service can carry: SCENARIO, or each one in perf/scenarios/ in turn.

    Rates rise until requests wait or fail; a report shows latency, errors, CPU, memory, pool, lag and layers at each.
    With `--rate`, one rate is sent and printed. Requests are sent when they are due, whatever the answers do: the times
    are those that clients would see. With `--connections`, each step goes alone, at full speed: that shows what a
    request costs, and how many are possible. Budgets are checked at the first rate.

    Scenarios that create rows leave them there.
    """
    chosen, exceeded, results = scenario.find(names), [], []
    with target.provide(wiring, url, rows, token) as service:
        for name, described in chosen.items():
            if rate or connections:
                done = runs.run(name, described, service, rate or 1, seconds, connections)
                said, result = "\n".join(report.draw(done)), done
                exceeded += done.exceeded
            else:
                result = climb(name, described, service, seconds, as_json)
                exceeded += result.stages[0].report.exceeded
                said = "\n".join([explain(result), *result.stages[0].report.exceeded])
            results.append(result)
            if not as_json:
                click.echo(said)
    if not (rate or connections):
        click.echo(f"Report: {write_report(results)}", err=as_json)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(results), indent=2))
    if check and exceeded:
        raise SystemExit(1)


def climb(name: str, described: Scenario, service: Target, seconds: float, quiet: bool) -> Ramp:
    """Send rising rates. Ctrl-C ends them, and keeps those that were measured."""
    done: list[Stage] = []
    try:
        for stage in stages.run(name, described, service, seconds):
            done.append(stage)
            click.echo(draw_line(stage), err=quiet)
    except KeyboardInterrupt:
        if not done:
            raise
    return stages.finish(name, done)


def explain(ramp: Ramp) -> str:
    """Return a sentence on what the service carries."""
    last = ramp.stages[-1]
    if not ramp.knee:
        return f"{ramp.scenario}: not even {last.rate:,g} requests a second were answered as expected."
    if last.rate == ramp.knee:
        return f"{ramp.scenario}: it carried {ramp.knee:,g} requests a second, the highest rate that was sent."
    row = last.total
    wrong = f" and {sum(row.errors.values()):,} answers were not as expected" if row.errors else ""
    return (
        f"{ramp.scenario}: it carries {ramp.knee:,g} requests a second. At {last.rate:,g} the p99 was {row.p99:,.0f} ms"
        f"{wrong}, with {last.state.cores:.2f} cores in use."
    )


def draw_line(stage: Stage) -> str:
    row, state = stage.total, stage.state
    return (
        f"  {stage.rate:>8,g} a second: p50 {row.p50:.1f}, p95 {row.p95:.1f}, p99 {row.p99:.1f} ms; "
        f"{sum(row.errors.values())} errors; {state.cores:.2f} cores, {state.memory_mb:.0f} MB; "
        f"pool {state.pool_in_use:.0f} in use, {state.pool_waiting:.0f} waiting; lag {state.lag_mean_ms:.1f} ms"
    )


def write_report(ramps: Sequence[Ramp]) -> str:
    """Write the page of all scenarios, and return its path."""
    parts = []
    for ramp in ramps:
        parts += [pages.heading(ramp.scenario), pages.paragraph(explain(ramp)), '<div class="charts">']
        parts += [*plot(ramp), "</div>", pages.paragraph("All requests, rate by rate; times in ms:"), tabulate(ramp)]
        steps = [row for row in ramp.stages[0].report.rows if row.step != ALL]
        parts.append(pages.paragraph(f"Each step at {ramp.stages[0].rate:,g} requests a second; times in ms:"))
        parts.append(
            pages.table(
                ["step", "requests", "p50", "p95", "p99", "max"],
                [
                    (row.step, f"{row.requests:,}", *(f"{ms:.1f}" for ms in (row.p50, row.p95, row.p99, row.most)))
                    for row in steps
                ],
            )
        )
        parts += [pages.paragraph(f"{line}.") for line in ramp.stages[0].report.exceeded]
        if max(stage.report.late_ms for stage in ramp.stages) > report.MOST_LATE_MS:
            parts.append(
                pages.paragraph("At some rates this machine was too busy to send requests when they were due.")
            )
    parts.append(
        pages.paragraph(
            "The dashed line is the knee: beyond it, times grow with every request that waits. Leave alone whatever is"
            " far below the other lines here: it limits nothing at these rates."
        )
    )
    return str(pages.write("load", "Load", parts))


def plot(ramp: Ramp) -> Iterator[str]:
    rates, totals = [stage.rate for stage in ramp.stages], [stage.total for stage in ramp.stages]
    states, knee = [stage.state for stage in ramp.stages], ramp.knee or None
    layers = list(dict.fromkeys(layer for row in totals for layer in row.layers if layer != "total"))

    def show(title: str, series: Mapping[str, Sequence[float]]) -> str:
        return charts.lines(title, rates, series, knee)

    yield show("Latency, ms", {name: [getattr(row, name) for row in totals] for name in ("p50", "p95", "p99")})
    yield show(
        "Answered as expected, per second",
        {"answers": [row.per_second * (1 - sum(row.errors.values()) / row.requests) for row in totals]},
    )
    yield show("Unexpected answers, %", {"errors": [100 * sum(row.errors.values()) / row.requests for row in totals]})
    yield show("Server-Timing, mean ms", {name: [row.layers.get(name, 0) for row in totals] for name in layers})
    yield show("CPU, cores", {"cores": [state.cores for state in states]})
    yield show("Memory, MB", {"memory": [state.memory_mb for state in states]})
    yield show(
        "Pool, connections and requests",
        {"in use": [state.pool_in_use for state in states], "waiting": [state.pool_waiting for state in states]},
    )
    yield show(
        "Event loop lag, ms",
        {"mean": [state.lag_mean_ms for state in states], "p99, at most": [state.lag_p99_ms for state in states]},
    )


def tabulate(ramp: Ramp) -> str:
    titles = ["rate", "p50", "p95", "p99", "max", "errors", "cores", "MB", "pool", "waiting", "lag", "CPU µs"]
    rows = []
    for stage in ramp.stages:
        row, state = stage.total, stage.state
        times = (f"{ms:,.1f}" for ms in (row.p50, row.p95, row.p99, row.most))
        used = (f"{state.cores:.2f}", f"{state.memory_mb:.0f}", f"{state.pool_in_use:.0f}", f"{state.pool_waiting:.0f}")
        cpu = "-" if row.cpu_us is None else f"{row.cpu_us:,.0f}"
        rows.append((f"{stage.rate:,g}", *times, sum(row.errors.values()), *used, f"{state.lag_mean_ms:.1f}", cpu))
    return pages.table(titles, rows)
