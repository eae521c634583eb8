"""The cost of a request by the connections that are open, and the memory of the worker that holds them."""

import resource
from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.performance import servers
from tests.performance.curves.curve import Column, Curve, Points, take_turns
from tests.performance.curves.loads import KEY, PATIENT, measure_load

SIZES = 32, 100, 320, 1_000, 2_000, 5_000
ASKING = 32

ROOMY: dict[str, Any] = PATIENT | {
    "SERVER_CONNECTIONS": "10000",
    "EDGE_CONCURRENCY": "10000",
    "DATABASE_POOL_WAITERS": "10000",
    "SERVER_IDLE_TIMEOUT": "600",
}
"""Settings that admit all of them: the defaults refuse most of such a load at once."""


def measure(folder: Path, options: Namespace) -> Points:
    """Open so many connections to a service of their own, for it keeps the memory, and let all or a few of them ask."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # what this process starts inherits it
    sizes = options.choose(SIZES)
    with ExitStack() as stack:
        described = stack.enter_context(servers.provide_database(folder, options.rows, program="tables"))
        filled = described["databases"][str(options.rows)]
        started = {
            size: stack.enter_context(servers.start(f"service-{size}", folder, filled["url"], "service", **ROOMY))
            for size in sizes
        }
        keys = [KEY.format(key) for key in filled["keys"]]

        def measure_size(size: int) -> dict[str, float]:
            all_ask = measure_load(folder, started[size], options.seconds, paths=keys, clients=size)
            few_ask = measure_load(folder, started[size], options.seconds, paths=keys, clients=size, asking=ASKING)
            return {
                "all ask": all_ask.service,
                f"{ASKING} ask": few_ask.service,
                "memory": few_ask.megabytes,
                "p50, all ask": all_ask.p50,
                "p99, all ask": all_ask.p99,
                f"p99, {ASKING} ask": few_ask.p99,
            }

        return take_turns(sizes, options.rounds, measure_size)


COLUMNS = {
    "all ask": Column("µs"),
    f"{ASKING} ask": Column("µs"),
    "memory": Column("MB"),
    "p50, all ask": Column("ms", is_cost=False),
    "p99, all ask": Column("ms", is_cost=False),
    f"p99, {ASKING} ask": Column("ms", is_cost=False),
}
CURVE = Curve("Open connections", "connections", COLUMNS, measure)
