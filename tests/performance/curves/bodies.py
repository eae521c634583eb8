"""The cost of a request by the bytes of its body: a list of orders, which is checked field by field."""

import json
from argparse import Namespace
from pathlib import Path

from tests.performance import servers
from tests.performance.curves.curve import Column, Curve, Points, take_turns
from tests.performance.curves.loads import PATIENT, measure_load
from tests.performance.writes import NEW_ORDER

SIZES = 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000
"""The last is what EDGE_BODY_BYTES admits."""

ORDER = NEW_ORDER | {"reference": "SO-2026-0001"}


def measure(folder: Path, options: Namespace) -> Points:
    """Post lists of orders to a route that counts them."""
    with (
        servers.provide_database(folder, 1, program="tables") as described,
        servers.start("bodies", folder, described["databases"]["1"]["url"], **PATIENT) as server,
    ):

        def measure_size(size: int) -> dict[str, float]:
            cost = measure_load(folder, server, options.seconds, paths=["/v1/lists"], body=make_body(size), clients=8)
            return {"a list of orders": cost.service, "1,000 bytes of it": cost.service / size * 1000}

        return take_turns(options.choose(SIZES), options.rounds, measure_size)


def make_body(size: int) -> str:
    """Return a list of orders that has so many bytes, by spaces at its end."""
    one = json.dumps(ORDER)
    count = (size - len("[]") + len(", ")) // (len(one) + len(", "))
    return f"[{', '.join([one] * count)}]".ljust(size)


COLUMNS = {"a list of orders": Column("µs"), "1,000 bytes of it": Column("µs", is_cost=False, digits=1)}
CURVE = Curve("Bytes of a body", "bytes", COLUMNS, measure)
