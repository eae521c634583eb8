"""The cost of a request by the number of workers, which share all cores with the database and the load."""

from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.performance import servers
from tests.performance.curves.curve import Column, Curve, Points, take_turns
from tests.performance.curves.loads import KEY, PATIENT, measure_load
from tests.performance.servers import Server

SIZES = 1, 2, 3, 4
CORES = servers.SERVER_CORE, servers.OTHER_CORE
POOL_SIZE = "4"
"""Connections of a worker: PostgreSQL admits 100, and all services run at once."""


def measure(folder: Path, options: Namespace) -> Points:
    """Start a service with each number of workers, and load them in turn."""
    with ExitStack() as stack:
        described = stack.enter_context(servers.provide_database(folder, options.rows, program="tables"))
        filled = described["databases"][str(options.rows)]
        started: dict[int, Server] = {}
        for size in options.choose(SIZES):
            settings: dict[str, Any] = {**PATIENT, "DATABASE_POOL_SIZE": POOL_SIZE, "SERVER_WORKERS": str(size)}
            running = servers.start(f"service-{size}", folder, filled["url"], "service", cores=CORES, **settings)
            started[size] = stack.enter_context(running)
        keys = [KEY.format(key) for key in filled["keys"]]

        def measure_size(size: int) -> dict[str, float]:
            cost = measure_load(folder, started[size], options.seconds, paths=keys)
            return {"an order by key": cost.service, "requests": cost.rate, "p50": cost.p50, "p99": cost.p99}

        return take_turns(list(started), options.rounds, measure_size)


COLUMNS = {
    "an order by key": Column("µs"),
    "requests": Column("a second", is_cost=False),
    "p50": Column("ms", is_cost=False, digits=1),
    "p99": Column("ms", is_cost=False, digits=1),
}
CURVE = Curve("Workers", "workers", COLUMNS, measure)
