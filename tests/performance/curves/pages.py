"""The cost of a page of a list: by how deep it is in the list, and by its rows."""

from argparse import Namespace
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.performance import servers
from tests.performance.curves.curve import Column, Curve, Points, take_turns
from tests.performance.curves.loads import PAGE, PATIENT, Cost, measure_load

DEPTHS = 1, 10, 100, 1_000, 10_000
LIMITS = 1, 5, 10, 20, 50, 100


def measure_depth(folder: Path, options: Namespace) -> Points:
    """Ask for pages that are more or less deep in one list."""
    with serve(folder, options) as (cursors, ask):
        paths = {int(page): f"{PAGE.format(20)}&cursor={quote(it)}" if it else PAGE.format(20) for page, it in cursors}
        depths = options.choose([depth for depth in DEPTHS if depth in paths])
        return take_turns(depths, options.rounds, lambda page: {"a page of 20": ask(paths[page]).both})


def measure_limit(folder: Path, options: Namespace) -> Points:
    """Ask for pages with more or less rows."""
    with serve(folder, options) as (_, ask):

        def measure(limit: int) -> dict[str, float]:
            cost = ask(PAGE.format(limit))
            return {"a page": cost.both, "a row of it": cost.both / limit}

        return take_turns(options.choose(LIMITS), options.rounds, measure)


@contextmanager
def serve(folder: Path, options: Namespace) -> Generator[tuple[Any, Callable[[str], Cost]]]:
    """Yield pages with their cursors, and what asks a service for one path and returns what that costs."""
    with (
        servers.provide_database(folder, options.rows, program="tables") as described,
        servers.start("service", folder, described["databases"][str(options.rows)]["url"], **PATIENT) as server,
    ):
        cursors = described["databases"][str(options.rows)]["cursors"].items()
        yield cursors, lambda path: measure_load(folder, server, options.seconds, paths=[path])


DEPTH = Curve("Depth of a page", "page", {"a page of 20": Column("µs")}, measure_depth)
LIMIT = Curve(
    "Rows of a page",
    "rows",
    {"a page": Column("µs"), "a row of it": Column("µs", is_cost=False, digits=1)},
    measure_limit,
)
