# kit: updated by the template; extend it from app.py
"""`service perf`: what the requests of a slice cost, and how long clients wait, measured on the real service."""

import asyncio
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING

import click
import msgspec

from service.kit.server import read_settings
from service_tools.dev import credentials, run

if TYPE_CHECKING:
    from service.kit.server.cli import Wiring
    from service_tools.perf.target import Target

DEFAULT_ROWS = 10_000


@click.command(name="perf")
@click.argument("names", nargs=-1, metavar="[SCENARIO]…")
@click.option(
    "--rate", default=100.0, show_default=True, type=click.FloatRange(0.1, 100_000), help="Requests a second."
)
@click.option("--connections", type=click.IntRange(1, 500), help="Send each step alone, as fast as so many can.")
@click.option(
    "--seconds", default=10.0, show_default=True, type=click.FloatRange(0.1, 3600), help="How long to measure."
)
@click.option(
    "--rows", type=click.IntRange(0), help=f"Made-up rows that each slice has at least. [default: {DEFAULT_ROWS}]"
)
@click.option("--url", help="Measure the service that answers there, without its CPU and memory.")
@click.option("--token", help="The token to send along with `--url`.")
@click.option("--check", is_flag=True, help="Exit with 1 when an answer or a budget is not met.")
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
    """Put the load of a scenario on the service, or of each in perf/scenarios/ in turn.

    Starts the service as for production, on a database of its own in the PostgreSQL of `service dev`, and sends
    requests at a rate: the times are those that clients would see. With `--connections` it sends each step alone, as
    fast as it goes: that shows what a request costs, and how many there can be.

    With DATABASE_URL set, it uses that database instead, and adds rows only if `--rows` asks for them. Scenarios that
    create rows leave them there.
    """
    try:
        from service_tools.perf import report, runs, scenario
    except ImportError as error:
        raise click.ClickException(f"{error.name} is not installed: run `uv sync`.") from None
    try:
        chosen = scenario.find(names)
        reports = []
        with provide(wiring, url, rows, token) as target:
            for name, described in chosen.items():
                reports.append(runs.run(name, described, target, runs.Plan(rate, seconds, connections)))
                if not as_json:
                    click.echo("\n".join(report.draw(reports[-1])))
    except scenario.ScenarioError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(reports), indent=2))
    if check and any(done.exceeded for done in reports):
        raise SystemExit(1)


@contextmanager
def provide(wiring: "Wiring", url: str | None, rows: int | None, token: str | None) -> Generator["Target"]:
    """Yield what is measured: the service at a URL, or one that runs for as long as it is measured."""
    from service_tools.perf import target

    if url:
        yield target.Target(url.rstrip("/"), token=token)
        return
    credentials.provide(wiring.settings)
    token = token or credentials.sign(wiring.settings)
    own = "DATABASE_URL" not in os.environ
    with target.provide_database() as database:
        os.environ["DATABASE_URL"] = database
        wanted = (DEFAULT_ROWS if own else 0) if rows is None else rows
        with redirect_stdout(sys.stderr):
            prepare(wiring, wanted)
        with target.start(os.environ, token) as started:
            yield started


def prepare(wiring: "Wiring", rows: int) -> None:
    """Bring the schema up to date, and let each slice have rows."""
    settings = read_settings(wiring.settings)
    asyncio.run(run.apply_migrations(settings))
    asyncio.run(run.add_rows(settings, wiring.slices, rows))
