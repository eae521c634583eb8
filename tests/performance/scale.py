"""Which limit comes first beyond one machine, by arithmetic: `uv run python -m tests.performance.scale`.

Puts no load on anything: it takes what the other measurements found from docs/capacity.md and docs/figures, and
what nobody has measured here from the constants below. It prints at which rate each limit is full and what takes over
there, what some rates take, what changes with the number of pods, and how long a request waits.
"""

import argparse
from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

from tests.performance.capacity import show_share, tabulate
from tests.performance.costs import MEASURED_CREATES, Costs, read_costs
from tests.performance.queueing import find_mean_wait, simulate

RATES = (1_000, 10_000, 100_000)
PODS = (1, 2, 5, 10, 20, 50, 100, 200)
UTILISATIONS = (0.5, 0.7, 0.8, 0.9, 0.95)

SHARES = (MEASURED_CREATES, 0.5)
"""How many of all requests are creates: those of the example, and of a service that mostly writes."""

PLANNED = 0.7
"""How much of a core, a disk or a network is planned for: the last table shows what waits beyond."""

MAX_CONNECTIONS, RESERVED = 100, 3
"""The defaults of PostgreSQL."""

POOL_SIZE = 4
"""Connections of a worker on one core."""

WORKER_CONNECTIONS, SPARE_CONNECTIONS = 11, 10
"""Of a job worker, and for migrations and people: docs/production.md adds them up."""

CREATE_STATEMENTS = 4
"""`begin`, the order, its job, `commit`."""

PRIMARY_CORES = 16
"""Assumed: a common size; the largest have some ten times as many."""

WAL_BYTES = 125_000_000
"""Assumed: a network of 1 Gbit/s to a replica, in bytes a second."""

ROWS_A_DAY = 10_000_000
"""Assumed: rows that can be deleted in a day, one by one and while autovacuum follows, when they are too old."""

ROOM = 99
"""Requests that may wait in a worker beside the one that has its core: `EDGE_CONCURRENCY` admits 100."""

BACKGROUND = 2 / 1 + 1 / 2 + 1 / 2
"""Statements a second of an idle worker, with DATABASE_REPLICA_MAX_LAG: the lag at both servers each second, and, every
two seconds, its readiness and revoked tokens."""

RATE, KEPT = 10, 10
"""Of the examples: requests that a route lets in, and the seconds for which a value is cached."""


class Limit(NamedTuple):
    """What is full at a rate of requests, what takes over there, and what that changes in a service."""

    name: str
    full_at: float
    engine: str
    change: str


def count_pods(rate: float, creates: float, costs: Costs) -> int:
    """Return how many pods of one core carry a rate."""
    return ceil(round(rate * costs.mix(creates).worker / PLANNED, 6))


def count_connections(pods: int) -> int:
    """Return what all of them and a job worker may open without a pooler, during a rollout."""
    return (pods + 1) * (POOL_SIZE + 1) + 2 * WORKER_CONNECTIONS + SPARE_CONNECTIONS


def count_workers(rate: float, creates: float, costs: Costs) -> int:
    """Return how many job workers run the jobs of a rate, if a job does next to nothing."""
    return ceil(rate * creates / (costs.run * PLANNED))


def count_admitted() -> int:
    """Return how many pods PostgreSQL has connections for, without a pooler."""
    return max(pods for pods in range(MAX_CONNECTIONS) if count_connections(pods) <= MAX_CONNECTIONS - RESERVED)


def list_limits(creates: float, costs: Costs) -> list[Limit]:
    """Return all limits, the one that is full first at the head."""
    mixed = costs.mix(creates)
    statements = 1 + creates * (CREATE_STATEMENTS - 1)
    primary = PRIMARY_CORES * PLANNED
    shards = "Citus", "the account in each key"
    limits = [
        Limit("connections", count_admitted() * PLANNED / mixed.worker, "PgBouncer", "`DATABASE_DIRECT_URL`"),
        Limit("one PgBouncer", PLANNED / (statements * costs.statement), "more of them", "nothing"),
        Limit("the primary", primary / mixed.database, "read replicas", "`db.replica` for reads"),
        Limit("writes on the primary", primary / (creates * costs.create.database), *shards),
        Limit("replay on a replica", PLANNED / (creates * costs.replay), *shards),
        Limit("WAL", WAL_BYTES * PLANNED / (creates * costs.wal), *shards),
        Limit("the queue", costs.enqueued * PLANNED / creates, "a broker", "an outbox, and consumers"),
        Limit("old rows", ROWS_A_DAY / 86_400 / creates, "partitions by time", "the time in each key"),
    ]
    return sorted(limits, key=lambda limit: limit.full_at)


def describe_limits(costs: Costs) -> Iterator[list[str]]:
    """Yield each limit with the rate at which it is full, for both shares of creates."""
    usual, writing = (list_limits(creates, costs) for creates in SHARES)
    full_at = {limit.name: limit.full_at for limit in writing}
    for limit in usual:
        yield [limit.name, f"{limit.full_at:,.0f}", f"{full_at[limit.name]:,.0f}", limit.engine, limit.change]


def describe_rate(rate: int, creates: float, costs: Costs) -> list[str]:
    """Return what a rate takes, and which limits are full by then."""
    limits = list_limits(creates, costs)
    full = [limit.name for limit in limits if limit.full_at <= rate]
    following = limits[len(full) :]
    share = f"{rate / following[0].full_at * 100:.0f} % of {following[0].name}" if following else ""
    writes = f"{rate * creates * costs.wal / 1e6:.1f} MB/s"
    sizes = [str(count(rate, creates, costs)) for count in (count_pods, count_workers)]
    return [f"{rate:,}", show_share(creates), *sizes, writes, ", ".join(full) or "none", share]


def describe_pods(pods: int, costs: Costs) -> list[str]:
    """Return what a number of pods carries, and what grows with it whatever they are asked for."""
    rate = pods * PLANNED / costs.mix(MEASURED_CREATES).worker
    background = f"{pods * BACKGROUND:,g}"
    return [
        str(pods),
        f"{rate:,.0f}",
        f"{count_connections(pods):,}",
        f"{pods * RATE:,}",
        f"{pods / KEPT:g}",
        background,
    ]


def describe_wait(utilisation: float) -> list[str]:
    """Return how long requests wait for the one core of a pod, and for a connection of its pool."""
    core = simulate(1, utilisation, room=ROOM)
    pool = simulate(POOL_SIZE, utilisation)
    waits = [find_mean_wait(1, utilisation), core.mean, core.p99, find_mean_wait(POOL_SIZE, utilisation), pool.mean]
    return [show_share(utilisation), *(f"{it:.1f}" for it in waits), f"{core.refused * 100:.2f} %"]


def draw(costs: Costs) -> Iterator[str]:
    """Yield the lines of all tables."""
    shares = " | ".join(f"full at, with {show_share(creates)} creates" for creates in SHARES)
    yield from tabulate(f"| limit | {shares} | what takes over | in the service |", describe_limits(costs))
    yield ""
    head = "| requests a second | creates | pods | job workers | WAL | full | next |"
    cases = [(rate, creates) for creates in SHARES for rate in RATES]
    yield from tabulate(head, (describe_rate(*case, costs) for case in cases))
    yield ""
    grown = f"a rate of {RATE} lets in | a value kept {KEPT} s is computed, a second | idle statements, a second"
    head = f"| pods | carry, a second | connections | {grown} |"
    yield from tabulate(head, (describe_pods(pods, costs) for pods in PODS))
    yield ""
    head = (
        f"| in use | a core: mean wait | simulated | p99 | {POOL_SIZE} connections: mean wait | simulated | refused |"
    )
    yield from tabulate(head, map(describe_wait, UTILISATIONS))


def main() -> None:
    """Print the tables."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print("\n".join(draw(read_costs())))


if __name__ == "__main__":
    main()
