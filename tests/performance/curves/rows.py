"""The cost of a request by the rows of the table: one by key, a page and a create, each on tables of several sizes."""

from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path

from tests.performance import servers
from tests.performance.curves.curve import Column, Curve, Points, take_turns
from tests.performance.curves.loads import KEY, ORDER, PAGE, PATIENT, find_number, measure_load

SIZES = 200_000, 1_000_000, 2_000_000
"""More by `--sizes`: 20 million take 9 GB of disk, and ten minutes to fill."""


def measure(folder: Path, options: Namespace) -> Points:
    """Serve each table by a service of its own, and load them in turn."""
    sizes = options.choose(SIZES)
    with ExitStack() as stack:
        filled = stack.enter_context(servers.provide_database(folder, *sizes, program="tables"))["databases"]
        started = {
            size: stack.enter_context(
                servers.start(f"service-{size}", folder, filled[str(size)]["url"], "service", **PATIENT)
            )
            for size in sizes
        }

        def measure_size(size: int) -> dict[str, float]:
            keys = [KEY.format(key) for key in filled[str(size)]["keys"]]
            works = {
                "an order by key": {"paths": keys},
                "a page of 20": {"paths": [PAGE.format(20)]},
                "a create": {"paths": ["/v1/orders"], "body": ORDER, "first": find_number()},
            }
            costs = {name: measure_load(folder, started[size], options.seconds, **it) for name, it in works.items()}
            both = {name: cost.both for name, cost in costs.items()}
            return both | {f"{name}, in PostgreSQL": cost.database for name, cost in costs.items()}

        return take_turns(sizes, options.rounds, measure_size)


WORKS = "an order by key", "a page of 20", "a create"
COLUMNS = {name: Column("µs") for name in WORKS}
COLUMNS |= {f"{name}, in PostgreSQL": Column("µs", is_cost=False) for name in WORKS}
CURVE = Curve("Rows of the table", "orders", COLUMNS, measure)
