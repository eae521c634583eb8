"""What a request costs each part behind it, as the other measurements found it."""

import re
from typing import NamedTuple

from tests.harness.snapshot import ROOT

DOCS = ROOT / "docs"

MEASURED_CREATES = 0.05
"""The share of creates in the mix of docs/capacity.md: perf/scenarios/orders.toml."""

KNEE = r" (\S+) \(.*?\) \| [\d.]+ ms \| [\d.]+ ms \| (\d+) % \| (\d+) %"
"""Of a row there: the rate that one worker carries, and how much of a core it and PostgreSQL use."""


class Cost(NamedTuple):
    """Processor seconds for one request, of a worker and of PostgreSQL."""

    worker: float
    database: float


class Costs(NamedTuple):
    """What was measured. Times are processor seconds, rates are for each second."""

    read: Cost
    """of a read by key or of a page, as many as the scenario has of each"""
    create: Cost
    statement: float
    """of PgBouncer, for a statement"""
    replay: float
    """of the replica's one process that replays, for a create with its job"""
    wal: float
    """bytes, for a create with its job"""
    enqueued: float
    """transactions with a job"""
    run: float
    """jobs, by one worker with default settings"""

    def mix(self, creates: float) -> Cost:
        """Return the mean cost of a request, if `creates` of all, a share of 1, are creates."""
        worker = self.read.worker + (self.create.worker - self.read.worker) * creates
        database = self.read.database + (self.create.database - self.read.database) * creates
        return Cost(worker, database)


def unmix(mixed: Cost, create: Cost, creates: float) -> Cost:
    """Return the cost of the reads in a mix."""
    worker = (mixed.worker - create.worker * creates) / (1 - creates)
    database = (mixed.database - create.database * creates) / (1 - creates)
    return Cost(worker, database)


def read_costs() -> Costs:
    """Return what the documents have. Raises ValueError if a measurement no longer prints it."""
    replica, jobs = ((DOCS / "figures" / f"{name}.txt").read_text() for name in ("replica", "jobs"))
    capacity = (DOCS / "capacity.md").read_text()
    create = read_cost("a create", capacity)
    return Costs(
        read=unmix(read_cost("a mix", capacity), create, MEASURED_CREATES),
        create=create,
        statement=find_number(r"(\S+) µs of PgBouncer's processor time for each statement", replica) / 1e6,
        replay=find_number(r"(\S+) µs of the replica's processor time", replica) / 1e6,
        wal=find_number(r"(\S+) bytes of WAL", replica),
        enqueued=find_number(r"16 clients, one job in each transaction +(\S+)", jobs),
        run=find_number(r"one worker, +10 jobs at once +(\S+)", jobs),
    )


def read_cost(name: str, text: str) -> Cost:
    """Return what a request costs, from its row in docs/capacity.md."""
    rate, worker, database = find_numbers(rf"\| {name} \|{KNEE}", text)
    return Cost(worker / 100 / rate, database / 100 / rate)


def find_numbers(pattern: str, text: str) -> list[float]:
    """Return the numbers that a pattern finds. Raises ValueError if it finds nothing."""
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"nothing matches {pattern}: correct it, or record that measurement anew")
    return [float(number.replace(",", "")) for number in found.groups()]


def find_number(pattern: str, text: str) -> float:
    return find_numbers(pattern, text)[0]
