# kit: updated by the template; extend it from app.py
"""`service perf`: what the requests of a slice cost, and how long clients wait, measured on the real service."""

import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import TYPE_CHECKING

import click
import msgspec

from service_tools.dev import credentials, database

if TYPE_CHECKING:
    from service.kit.server.cli import Wiring
    from service_tools.perf.runs import Target

DEFAULT_ROWS = 10_000


@click.command(name="perf")
@click.argument("names", nargs=-1, metavar="[SCENARIO]…")
@click.option(
    "--rate", default=100.0, show_default=True, type=click.FloatRange(0.1, 100_000), help="Requests a second."
)
@click.option(
    "--connections", type=click.IntRange(1, 500), help="Send each step alone, at full speed over N connections."
)
@click.option(
    "--seconds", default=10.0, show_default=True, type=click.FloatRange(0.1, 3600), help="How long to measure."
)
@click.option("--rows", type=click.IntRange(0), help=f"Minimum sample rows per slice. [default: {DEFAULT_ROWS}]")
@click.option("--url", help="Measure a service that is already running, without its CPU and memory.")
@click.option("--token", help="The token to send with `--url`.")
@click.option("--check", is_flag=True, help="Exit with 1 on an unexpected answer or an exceeded budget.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_obj
def perf(
    wiring: "Wiring",
    names: tuple[str, ...],
    rate: float,
    connections: int | None,
    seconds: float,
    rows: int | None,
    url: str | None,
    token: str | None,
    check: bool,
    as_json: bool,
) -> None:
    """Put load on the service: SCENARIO, or each one in perf/scenarios/ in turn.

    Starts the service as in production, on a database of its own in the PostgreSQL of `service dev`, and sends requests
    at a fixed rate: the times are those that clients would see. With `--connections` it sends each step alone, at full
    speed: that shows what a request costs, and how many are possible.

    With DATABASE_URL set, it uses that database, and adds rows only if you pass `--rows`. Scenarios that create rows
    leave them there.
    """
    try:
        from service_tools.perf import report, runs, scenario
    except ImportError as error:
        raise click.ClickException(f"{error.name} is not installed: run `uv sync`.") from None
    chosen, reports = scenario.find(names), []
    with provide(wiring, url, rows, token) as target:
        for name, described in chosen.items():
            reports.append(runs.run(name, described, target, rate, seconds, connections))
            if not as_json:
                click.echo("\n".join(report.draw(reports[-1])))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(reports), indent=2))
    if check and any(done.exceeded for done in reports):
        raise SystemExit(1)


@contextmanager
def provide(wiring: "Wiring", url: str | None, rows: int | None, token: str | None) -> Generator["Target"]:
    """Yield the service at a URL, or one that runs for as long as it is measured."""
    from service_tools.perf.runs import Target, start

    if url:
        yield Target(url.rstrip("/"), token)
        return
    credentials.provide(wiring.settings)
    token = token or credentials.sign(wiring.settings)
    with ExitStack() as stack:
        with redirect_stdout(sys.stderr):
            stack.enter_context(database.prepare(wiring, rows, DEFAULT_ROWS, "perf"))
        yield stack.enter_context(start(token))
