# kit: updated by the template; extend it from app.py
"""`service perf`: each question about speed has a command, imported when it is called. What options
they share.
"""

import signal
import sys
from collections.abc import Callable
from functools import reduce

import click

from service.kit.commands import cli

COMMANDS = {
    name: f"service_tools.perf.{name}"
    for name in ("bench", "blocking", "budget", "compare", "cpu", "memory", "tasks")
} | {"load": "service_tools.perf.ramp"}


@click.group(cls=cli.LazyGroup, modules=COMMANDS)
def perf() -> None:
    """Measure the service: what it carries, where its time, CPU and memory go, and what blocks it.

    Each command starts the service as in production, on a database of its own in the PostgreSQL of
    `service dev`, and sends it the requests in perf/scenarios/. With DATABASE_URL set, it uses that
    database, and adds rows only if you pass `--rows`. Reports are written to perf/reports/.
    """
    # What was started ends with the block that started it, so SIGTERM must not end this process by
    # itself.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


DEFAULT_ROWS = 10_000

type Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def apply(*options: Decorator) -> Decorator:
    """Return a decorator that gives a command several options."""
    return lambda function: reduce(lambda made, option: option(made), reversed(options), function)


NAMES = click.argument("names", nargs=-1, metavar="[SCENARIO]…")
ROWS = click.option(
    "--rows",
    type=click.IntRange(0),
    help=f"Minimum sample rows per slice. [default: {DEFAULT_ROWS}]",
)
WHERE = apply(
    NAMES,
    click.option(
        "--url", help="Measure a service that is already running, without its CPU and memory."
    ),
    click.option("--token", help="The token to send with `--url`."),
    ROWS,
)
WORKERS = apply(
    NAMES,
    click.option(
        "--pid", type=int, help="Look at the running service of this process, and send it nothing."
    ),
    click.option(
        "--rate",
        default=100.0,
        show_default=True,
        type=click.FloatRange(0.1),
        help="Requests a second.",
    ),
    ROWS,
)
"""For commands that look at workers, started here and loaded, or running."""


def last(seconds: float) -> Decorator:
    return click.option(
        "--seconds",
        default=seconds,
        show_default=True,
        type=click.FloatRange(0.1, 3600),
        help="How long to measure.",
    )


AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
