# kit: updated by the template; extend it from app.py
"""`service perf`: a command for each question about speed, and the options that they share."""

import signal
import sys
from collections.abc import Callable

import click

from service.kit.commands import cli
from service.kit.commands.printing import json_option

MODULES = {
    "bench": "service_tools.perf.bench",
    "blocking": "service_tools.perf.blocking",
    "budget": "service_tools.perf.budget",
    "compare": "service_tools.perf.compare",
    "cpu": "service_tools.perf.cpu",
    "load": "service_tools.perf.load",
    "memory": "service_tools.perf.memory",
    "tasks": "service_tools.perf.tasks",
    "waiting": "service_tools.perf.waiting",
}


@click.group(cls=cli.LazyGroup, modules=MODULES)
def perf() -> None:
    """Measure the service: its capacity, where time, CPU and memory go, and what blocks it.

    Each command starts the service as in production, on a database of its own in the PostgreSQL of
    `service dev`, and sends it the requests in perf/scenarios/. With DATABASE_URL set, it uses that
    database, and adds rows only if you pass `--rows`. Reports are written to perf/reports/.
    """
    # Each block ends what it started, so no signal must end this process by itself: SIGHUP comes
    # when a terminal or a connection is gone.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))


DEFAULT_ROWS = 10_000

type Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def add_options(*options: Decorator) -> Decorator:
    """Return a decorator that gives a command several options."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


SCENARIOS = click.argument("names", nargs=-1, metavar="[SCENARIO]…")
ROWS = click.option(
    "--rows",
    type=click.IntRange(0),
    help=f"Minimum sample rows per slice. [default: {DEFAULT_ROWS}]",
)

URL = add_options(
    click.option("--url", help="Measure a running service, without its CPU and memory."),
    click.option(
        "--token", help="The token to send with `--url`, as a bearer unless it has a scheme."
    ),
)
PID = add_options(
    click.option(
        "--pid",
        type=click.IntRange(1),
        help="Observe the running service of this process, and send it nothing.",
    ),
    click.option(
        "--rate",
        default=100.0,
        show_default=True,
        type=click.FloatRange(0.1),
        help="Send this many requests a second.",
    ),
)


def measure_options(which: Decorator, seconds: float) -> Decorator:
    """Return the options of a command that measures a service for some seconds.

    `which` is URL for a service that is started here, or one at a URL; or PID for the workers of
    one that is started here and put under load, or of a running one.
    """
    span = click.option(
        "--seconds",
        default=seconds,
        show_default=True,
        type=click.FloatRange(0.1, 3600),
        help="Measure for this many seconds.",
    )
    return add_options(SCENARIOS, which, ROWS, span, json_option)
