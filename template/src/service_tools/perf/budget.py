# kit: updated by the template; extend it from app.py
"""Where the time of each kind of request goes, and what halving each part would gain: `service perf budget`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click
import msgspec

from service_tools.perf import charts, pages, runs, scenario, target
from service_tools.perf.options import AS_JSON, NAMES, REMOTE, ROWS, apply, last
from service_tools.perf.report import ALL, Report

if TYPE_CHECKING:
    from service.kit.server.cli import Wiring

PARTS = ("network", "pool", "database", "handler", "encoding", "compression", "offload")
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
@apply(NAMES, REMOTE, ROWS, last(10.0))
@click.option("--rate", default=50.0, show_default=True, type=click.FloatRange(0.1), help="Requests a second: few.")
@AS_JSON
@click.pass_obj
def command(
    wiring: "Wiring",
    names: tuple[str, ...],
    url: str | None,
    token: str | None,
    rows: int | None,
    seconds: float,
    rate: float,
    as_json: bool,
) -> None:
    """Show where the time of each kind of request goes, what halving a part would gain, and what to leave alone.

    At a rate that leaves the service idle between requests: under more load, each part also holds its queue.
    """
    reports = []
    with target.provide(wiring, url, rows, token) as service:
        for name, described in scenario.find(names).items():
            reports.append(runs.run(name, described, service, rate, seconds))
            if not as_json:
                click.echo("\n".join(draw(reports[-1])))
    if as_json:
        parts = {report.scenario: split(report) for report in reports}
        click.echo(msgspec.json.format(msgspec.json.encode(parts), indent=2))
    click.echo(f"Report: {write_report(reports)}", err=as_json)


def split(report: Report) -> dict[str, Split]:
    """Return the mean milliseconds of each part by step. What the service does not account for is the network."""
    routes = {}
    for row in report.rows:
        if row.requests and row.layers:
            layers = {name: ms for name, ms in row.layers.items() if name != "total"}
            routes[row.step] = {"network": max(0.0, row.mean - sum(layers.values())), **layers}
    return routes


def list_parts(routes: Mapping[str, Split]) -> list[str]:
    """Return the names of all parts that take time, the known ones first."""
    found = {name for parts in routes.values() for name in parts}
    return [*(name for name in PARTS if name in found), *sorted(found.difference(PARTS))]


def judge(parts: Split) -> tuple[str, str]:
    """Return what to look at first, and what to leave alone."""
    total = sum(parts.values())
    gains = {name: ms / 2 for name, ms in sorted(parts.items(), key=lambda item: -item[1])}
    first, gain = next((name, ms) for name, ms in gains.items() if name != "network")
    look = f"Look at {first} first: half of it is {gain:.2f} of {total:.2f} ms ({gain / total:.0%})."
    idle = {name: ms for name, ms in gains.items() if ms / total < WORTHWHILE}
    if not idle:
        return look, "Every part is large enough to matter."
    saved = sum(idle.values())
    leave = f"Leave {join(idle)} alone: halving all of that would save {saved:.3f} ms ({saved / total:.1%})."
    return look, leave


def join(names: Sequence[str] | Mapping[str, float]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def draw(report: Report) -> Iterator[str]:
    """Yield the lines of a table: each part in ms, as a share, and as a gain."""
    routes = split(report)
    names = list_parts(routes)
    yield f"{report.scenario}: {report.load}; mean ms and share of each part"
    if not routes:
        yield "  No answer had Server-Timing: set EDGE_TIMING=true in the service."
        return
    width = max(map(len, routes))
    yield f"  {'':{width}}{'total':>9}" + "".join(f"{name:>16}" for name in names)
    for step, parts in routes.items():
        total = sum(parts.values())
        cells = (f"{parts.get(name, 0):.3f} ({parts.get(name, 0) / total:4.0%})" for name in names)
        yield f"  {step:{width}}{total:9.3f}" + "".join(f"{cell:>16}" for cell in cells)
    for step, parts in routes.items():
        yield f"  {step}: {' '.join(judge(parts))}"


def write_report(reports: Sequence[Report]) -> str:
    """Write the page of all scenarios, and return its path."""
    parts = []
    for report in reports:
        routes = split(report)
        names = list_parts(routes)
        parts += [pages.heading(report.scenario), pages.paragraph(f"{report.load}.")]
        parts.append(f'<div class="scroll bars">{charts.bars(routes, names, "ms")}</div>')
        parts.append(pages.paragraph("Mean ms, and what halving the part would save of the whole:"))
        rows = [(step, f"{sum(it.values()):.2f}", *(show(it, name) for name in names)) for step, it in routes.items()]
        parts.append(pages.table(["step", "total", *names], rows))
        for step, it in routes.items():
            parts.append(pages.paragraph(f"{'All together' if step == ALL else step}: {' '.join(judge(it))}"))
    parts.append(pages.heading("What the parts are"))
    parts.append(pages.table(["part", "meaning"], MEANINGS.items(), texts=[1]))
    return str(pages.write("budget", "Where the time goes", parts))


def show(parts: Split, name: str) -> str:
    ms = parts.get(name, 0)
    return f"{ms:.3f} (-{ms / 2 / sum(parts.values()):.0%})"
