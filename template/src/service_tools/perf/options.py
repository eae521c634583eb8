# kit: updated by the template; extend it from app.py
"""The options that commands of `service perf` share."""

from collections.abc import Callable
from typing import TypedDict

import click

DEFAULT_ROWS = 10_000


class Where(TypedDict):
    """The options WHERE: which requests are sent, and to which service."""

    names: tuple[str, ...]
    url: str | None
    token: str | None
    rows: int | None


class Subject(TypedDict):
    """The options WORKERS: which workers are looked at, and under which load."""

    names: tuple[str, ...]
    pid: int | None
    rate: float
    rows: int | None


type Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def apply(*options: Decorator) -> Decorator:
    """Return a decorator that gives a command several options."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


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
