# kit: updated by the template; extend it from app.py
"""The options that commands of `service perf` share."""

from collections.abc import Callable
from functools import reduce

import click

DEFAULT_ROWS = 10_000


type Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def apply(*options: Decorator) -> Decorator:
    """Return a decorator that gives a command several options."""
    return lambda function: reduce(lambda made, option: option(made), reversed(options), function)


NAMES = click.argument("names", nargs=-1, metavar="[SCENARIO]…")
ROWS = click.option("--rows", type=click.IntRange(0), help=f"Minimum sample rows per slice. [default: {DEFAULT_ROWS}]")
WHERE = apply(
    NAMES,
    click.option("--url", help="Measure a service that is already running, without its CPU and memory."),
    click.option("--token", help="The token to send with `--url`."),
    ROWS,
)
WORKERS = apply(
    NAMES,
    click.option("--pid", type=int, help="Look at the running service of this process, and send it nothing."),
    click.option("--rate", default=100.0, show_default=True, type=click.FloatRange(0.1), help="Requests a second."),
    ROWS,
)
"""For commands that look at workers, started here and loaded, or running."""


def last(seconds: float) -> Decorator:
    return click.option(
        "--seconds", default=seconds, show_default=True, type=click.FloatRange(0.1, 3600), help="How long to measure."
    )


AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
